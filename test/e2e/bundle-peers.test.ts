// The config.json that corten makes is one that other runtimes run: each case goes through runc and crun on a root of static busybox.
// What the payload then sees is what the options asked for.
// @see runtime-spec config.md

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBundle } from "../../src/bundle/bundle.ts";
import { encodeConfig } from "../../src/bundle/config-encode.ts";
import { parseOptions } from "../../src/commands/options.ts";
import { runOptions } from "../../src/commands/run-options.ts";
import { decodeRunRequest } from "../../src/commands/run-request.ts";
import { readHostFacts } from "../../src/linux/host.ts";
import type { Config } from "../../src/spec/runtime.ts";
import { must } from "../support/must.ts";
import { installed, testWhen } from "../support/skip.ts";

const busybox = "/bin/busybox";
const applets = ["sh", "id", "env", "cat", "hostname", "pwd", "mount", "touch", "grep", "ls", "echo", "true", "ulimit", "wc", "stat"];
let scratch = "";
let root = "";
let init = "";
let count = 0;

beforeAll(() => {
	scratch = mkdtempSync(join(tmpdir(), "corten-peers-"));
	root = join(scratch, "root");
	for (const folder of ["bin", "etc", "tmp"]) mkdirSync(join(root, folder), { recursive: true });
	if (existsSync(busybox)) copyFileSync(busybox, join(root, "bin/busybox"));
	for (const applet of applets) symlinkSync("busybox", join(root, "bin", applet));
	init = join(scratch, "init");
	const source = new URL("../../src/init/init.c", import.meta.url).pathname;
	must(["gcc", "-O2", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie", "-nostdlib", "-static", source, "-o", init]);
	writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001:Bob:/home/bob:/bin/sh\n");
	writeFileSync(join(root, "etc/group"), "root:x:0:root\nwheel:x:10:root,bob\nbob:x:1001:\n");
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Debian's crun gives up on a host with v1 hierarchies and a v2 one beside them: it gets a mount namespace without the latter. */
function commandOf(runtime: string, id: string, bundle: string): string[] {
	const run = [runtime, "run", "--bundle", bundle, id];
	if (runtime !== "crun" || !existsSync("/sys/fs/cgroup/unified")) return run;
	return ["unshare", "-m", "sh", "-c", `umount /sys/fs/cgroup/unified; exec "$@"`, "sh", ...run];
}

/** Debian's runtimes are older than version 1.2 of the specification, and say so before they look further. */
function forPeers(config: Config): Config {
	return { ...config, ociVersion: "1.0.2" };
}

function run(runtime: string, line: string, script: string): { readonly status: number; readonly out: string; readonly err: string } {
	const id = `peers${process.pid}x${count++}x`.padEnd(64, "f");
	const folder = join(scratch, id);
	mkdirSync(folder);
	const words = line === "" ? [] : line.split(" ");
	const parsed = parseOptions("run", { options: runOptions, operands: { min: 0, max: 99 }, optionsFirst: true, usage: "" }, [
		...words,
		"sh",
		"-c",
		script,
	]);
	if (parsed.kind !== "run") throw new Error("help");
	const options = decodeRunRequest(parsed.options);
	const host = readHostFacts();
	const initPath = options.init ? init : undefined;
	const bundle = createBundle({ id, image: undefined, rootfsPath: root, operands: parsed.operands, options, folder, host, initPath });
	for (const file of bundle.files) writeFileSync(join(folder, file.path), file.content, { mode: file.mode });
	writeFileSync(join(folder, "config.json"), encodeConfig(forPeers(bundle.config)));
	const ended = Bun.spawnSync(commandOf(runtime, id, folder), { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
	return { status: ended.exitCode, out: ended.stdout.toString().trim(), err: ended.stderr.toString().trim() };
}

/** options, script, what it prints */
const cases: readonly (readonly [options: string, script: string, out: string | RegExp])[] = [
	["", "echo $$; hostname | wc -c; pwd", "1\n13\n/"],
	["", "id", "uid=0(root) gid=0(root) groups=0(root),10(wheel)"],
	["-u bob", "id; echo $HOME", "uid=1000(bob) gid=1001(bob) groups=10(wheel),1001(bob)\n/home/bob"],
	["-u 7:8 --group-add wheel", "id -u; id -g; id -G; echo $HOME", "7\n8\n8 10\n/"],
	["-e A=1 -w /some/where -h name", "echo $A; pwd; hostname; cat /etc/hostname", "1\n/some/where\nname\nname"],
	["", "grep CapEff /proc/self/status", "CapEff:\t00000000a80425fb"],
	["--cap-drop ALL --cap-add kill", "grep Cap /proc/self/status", /CapPrm:\t0{14}20\nCapEff:\t0{14}20\nCapBnd:\t0{14}20\nCapAmb:\t0{16}/],
	["--security-opt no-new-privileges", "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status", "NoNewPrivs:\t1\nSeccomp:\t2"],
	["--security-opt seccomp=unconfined", "grep Seccomp: /proc/self/status", "Seccomp:\t0"],
	["--ulimit nofile=100:200 --ulimit core=0", "ulimit -Sn; ulimit -Hn; ulimit -c", "100\n200\n0"],
	["--tmpfs /t:size=1m,mode=700", "grep -c ' /t tmpfs rw,nosuid,nodev,noexec,.*size=1024k' /proc/mounts; stat -c %a /t", "1\n700"],
	["--read-only", "touch /x 2>&1 | grep -c Read-only; touch /dev/shm/x && echo yes", "1\nyes"],
	["--sysctl net.core.somaxconn=77", "cat /proc/sys/net/core/somaxconn", "77"],
	["--add-host a:1.2.3.4 --dns 9.9.9.9", "grep -c '^1.2.3.4.a$' /etc/hosts; cat /etc/resolv.conf", "1\nnameserver 9.9.9.9"],
	["--shm-size 1m", "grep -c '/dev/shm .*size=1024k' /proc/mounts", "1"],
	["--network host", "hostname; grep -c : /proc/net/dev", /^\S+\n\d+$/],
	["", "cat /proc/interrupts | wc -c; touch /proc/sys/kernel/x 2>&1 | grep -c .", "0\n1"],
	["-v /usr/share:/mnt:ro", "touch /mnt/x 2>&1 | grep -c Read-only; ls /mnt | grep -c '^man$'", "1\n1"],
	["--device /dev/kmsg:/dev/log2:r", "stat -c %t:%T /dev/log2", "1:b"],
	["--privileged --cgroupns host", "grep -c ' /sys sysfs rw' /proc/mounts; grep Seccomp: /proc/self/status", "1\nSeccomp:\t0"],
	["--init", "cat /proc/1/cmdline | grep -c /dev/init; echo $PPID; (sh -c 'exit 5' &); exit 0", "1\n1"],
	["--init -u bob", "id -un; ls -l /proc/self/exe | grep -c busybox", "bob\n1"],
	["--pids-limit 50 -m 64m --cpu-shares 300 --cpus 0.5", "true; echo done", "done"],
];

const isRoot = process.getuid?.() === 0;
for (const runtime of ["runc", "crun"]) {
	const reason = !isRoot ? "it needs root" : !existsSync(busybox) ? "there is no static busybox" : `${runtime} is not installed`;
	describe(runtime, () => {
		for (const [options, script, out] of cases) {
			testWhen(isRoot && existsSync(busybox) && installed(runtime), reason)(`${options || "no options"}: ${script}`, () => {
				const ended = run(runtime, options, script);
				expect(`${ended.status} ${ended.err}`).toBe("0 ");
				if (typeof out === "string") expect(ended.out).toBe(out);
				else expect(ended.out).toMatch(out);
			});
		}
	});
}

test("the cases are as many for both runtimes", () => {
	expect(cases.length).toBeGreaterThan(15);
});
