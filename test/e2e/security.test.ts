// Attacks that worked against other engines, tried against corten. Every test names the CVE whose mechanism it repeats.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeLayout } from "../../scripts/lib/oci-layout.ts";
import { type TarEntry, writeTar } from "../../scripts/lib/tar.ts";
import { Home, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxEntries, busyboxName } from "../support/fixtures/busybox.ts";
import { debianName } from "../support/fixtures/debian.ts";

const home = new Home();
/** A folder of the host that attacks aim at, with one file in it. */
const target = `${home.folder}/target`;
const secret = "host's own\n";

beforeAll(async () => {
	await home.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
	await home.must("pull", `oci:${fixture("debian")}/oci:${debianName}`);
	mkdirSync(target);
	writeFileSync(`${target}/passwd`, secret);
});
afterEach(() => {
	expect(readdirSync(target)).toEqual(["passwd"]);
	expect(readFileSync(`${target}/passwd`, "utf8")).toBe(secret);
});
afterAll(() => home[Symbol.asyncDispose]());

let images = 0;
/** An image of busybox whose members of the given paths are replaced, with further layers on top. @returns its name, or what pull said */
async function attack(
	replaced: readonly TarEntry[],
	config: Readonly<Record<string, unknown>> = {},
	...more: readonly TarEntry[][]
): Promise<string | { refused: string }> {
	const name = `attack-${++images}`;
	const bare = (path: string) => path.replace(/\/$/, "");
	const kept = busyboxEntries().filter((entry) => !replaced.some((other) => bare(other.path) === bare(entry.path)));
	const folder = `${home.folder}/${name}`;
	writeLayout(folder, {
		refName: `docker.io/library/${name}:latest`,
		layers: [writeTar([...kept, ...replaced]), ...more.map(writeTar)],
		config: { Env: ["PATH=/bin"], Cmd: ["sh"], ...config },
	});
	const pulled = await home.corten(["pull", `oci:${folder}:docker.io/library/${name}:latest`]);
	rmSync(folder, { recursive: true });
	return pulled.status === 0 ? name : { refused: pulled.stderr };
}

/** Runs an attack's image: it must be refused as a whole, or behave as the check says. */
async function safely(
	image: string | { refused: string },
	script: string,
	check: (stdout: string) => void,
	options: readonly string[] = [],
): Promise<void> {
	if (typeof image !== "string") {
		expect(image.refused).toMatch(/^corten: /);
		return;
	}
	const result = await home.run(options, image, ["sh", "-c", script]);
	if (result.status === 125) expect(result.stderr).toMatch(/^corten: /);
	else check(result.stdout);
}

const link = (path: string, to: string): TarEntry => ({ path, kind: "symlink", target: to });

describe("setting up the root filesystem", () => {
	test("CVE-2026-41579: /dev as a link to a folder of the host", async () => {
		for (const to of [target, `../../../../../../../..${target}`, "/proc/1/cwd"]) {
			await safely(await attack([link("dev", to)]), "ls -l /dev/null", (out) => expect(out).toMatch(/^c/));
		}
	});
	test("CVE-2025-31133: /dev/null as a link, so that masking would bind something else over a masked path", async () => {
		const image = await attack([link("dev/null", `${target}/passwd`)]);
		await safely(image, "stat -c '%F %t:%T' /dev/null /proc/timer_list", (out) => {
			expect(out).toBe("character special file 1:3\ncharacter special file 1:3\n");
		});
	});
	test("CVE-2025-52565: /dev/console and /dev/pts as links", async () => {
		const image = await attack([link("dev/console", `${target}/passwd`), link("dev/pts", target)]);
		await safely(image, "ls -ld /dev/pts; echo x > /dev/console", (out) => expect(out).toMatch(/^d/), ["-t"]);
	});
	test("CVE-2019-16884, CVE-2019-19921: /proc as a link or with a fake below it", async () => {
		await safely(await attack([link("proc", "/tmp")]), "cat /proc/self/comm", (out) => expect(out).toBe("cat\n"));
		await safely(await attack([link("proc", target)]), "cat /proc/self/comm", (out) => expect(out).toBe("cat\n"));
		const fake = await attack([
			{ path: "proc/self/attr/", kind: "folder" },
			{ path: "proc/self/status", kind: "file", data: "fake" },
		]);
		await safely(fake, "grep -c ^Pid: /proc/self/status", (out) => expect(out).toBe("1\n"));
	});
	test("CVE-2025-52881: a volume over /proc moves no write of corten to another file", async () => {
		const folder = `${home.folder}/fakeproc`;
		mkdirSync(`${folder}/self/attr`, { recursive: true });
		writeFileSync(`${folder}/self/attr/exec`, "");
		const { status } = await home.run(["-v", `${folder}:/proc`], "busybox", ["true"]);
		expect([0, 125]).toContain(status);
		expect(readFileSync(`${folder}/self/attr/exec`, "utf8")).toBe("");
	});
	test("CVE-2021-30465: a volume's target is a link that leaves the root", async () => {
		const volume = `${home.folder}/volume`;
		mkdirSync(volume, { recursive: true });
		const image = await attack([link("escape", "/../../../../../.."), link("up", `../../../..${target}`)]);
		await safely(image, "echo x > /up/inside; ls /up", (out) => expect(out).toBe("inside\n"), ["-v", `${volume}:/up`]);
		await safely(image, "true", () => undefined, ["-v", `${volume}:/escape${target}`]);
	});
	test("/etc as a link to the host: hosts, hostname and resolv.conf are not written there", async () => {
		await safely(await attack([link("etc", target)]), "true", () => undefined);
		await safely(
			await attack([link("etc/hosts", `${target}/passwd`), link("etc/resolv.conf", `${target}/new`)]),
			"cat /etc/hosts",
			(out) => {
				expect(out).not.toContain(secret.trim());
			},
		);
	});
	test("the working directory as a link to the host is made inside the root", async () => {
		await safely(await attack([link("w", target)], { WorkingDir: "/w/made" }), "pwd -P", (out) => expect(out).toBe(`${target}/made\n`));
	});
});

describe("reading an image", () => {
	const outside = `${target}/escaped`;
	test("members that leave the root by .., by an absolute path or through a link stay inside or are refused", async () => {
		for (const entries of [
			[{ path: `../../../../../../../..${outside}`, kind: "file", data: "x" }],
			[{ path: outside, kind: "file", data: "x" }],
			[link("way", target), { path: "way/escaped", kind: "file", data: "x" }],
			[{ path: "hard", kind: "hardlink", target: `../../../../..${target}/passwd` }],
			[link("a", target), { path: "a/.wh.passwd", kind: "file" }],
			[{ path: ".wh...", kind: "file" }],
			[{ path: ".wh.", kind: "file" }],
		] as const satisfies readonly (readonly TarEntry[])[]) {
			await safely(await attack([], {}, [...entries]), "echo inside", (out) => expect(out).toBe("inside\n"));
			expect(readdirSync(target)).toEqual(["passwd"]);
		}
	});
	test("an image's /etc/passwd that is a link to the host's file names no user", async () => {
		const image = await attack([link("etc/passwd", "/proc/1/root/etc/passwd"), link("etc/group", `${target}/passwd`)]);
		await safely(image, "id -u", (out) => expect(out).toBe("0\n"), ["-u", "daemon"]);
	});
	test("a device node in a layer cannot be opened", async () => {
		const image = await attack([{ path: "disk", kind: "character", mode: 0o666, major: 1, minor: 11 }]);
		await safely(image, "cat /disk >/dev/null 2>&1 || echo refused", (out) => expect(out).toBe("refused\n"));
	});
});

describe("starting and entering", () => {
	const sum = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

	test("CVE-2024-21626: a working directory that is a descriptor of the host", async () => {
		for (let fd = 3; fd < 24; fd++) {
			for (const path of [`/proc/self/fd/${fd}`, `/proc/self/fd/${fd}/../../../../..`]) {
				const { status, stdout } = await home.run(["-w", path], "busybox", ["sh", "-c", `ls ../../../../../..${target} 2>/dev/null; true`]);
				expect([0, 125, 126, 127]).toContain(status);
				expect(stdout).toBe("");
			}
		}
	}, 60_000);
	test("CVE-2019-5736: an entrypoint that is /proc/self/exe gives the container no hold on launch", async () => {
		const before = [sum(`${top}/build/launch`), sum(`${top}/build/corten`)];
		const image = await attack([link("bin/evil", "/proc/self/exe")], { Entrypoint: ["/bin/evil"] });
		if (typeof image === "string") await home.corten(["run", "--rm", "--cap-add", "sys_ptrace", image, "x"]);
		await home.must("run", "-d", "--name", "watcher", "--cap-add", "sys_ptrace", "busybox", "sh", "-c", watch);
		for (let round = 0; round < 20; round++) await home.corten(["exec", "watcher", "/proc/self/exe", "true"]);
		expect(await home.must("logs", "watcher")).not.toContain("WROTE");
		await home.must("rm", "-f", "watcher");
		expect([sum(`${top}/build/launch`), sum(`${top}/build/corten`)]).toEqual(before);
	});
	test("CVE-2016-9962, CVE-2024-21626: a process that enters shows the container no descriptor of the host", async () => {
		const look = "while :; do for p in /proc/[0-9]*; do ls -l $p/fd $p/cwd $p/root 2>/dev/null; done; done";
		await home.must("run", "-d", "--name", "looker", "--cap-add", "sys_ptrace", "busybox", "sh", "-c", look);
		for (let round = 0; round < 20; round++) await home.must("exec", "looker", "true");
		const seen = await home.must("logs", "looker");
		await home.must("rm", "-f", "looker");
		expect(seen).toContain("/dev/null");
		expect(seen).not.toContain(home.folder);
	});
	test("CVE-2017-5226: characters cannot be pushed into the caller's terminal", async () => {
		const script = 'my $c = "x"; print ioctl(STDIN, 0x5412, $c) ? "PUSHED" : "refused"';
		const steps = JSON.stringify([["expect", "refused"], ["wait"]]);
		const command = home.command("run", "--rm", "-i", "debian", "perl", "-e", script);
		const played = Bun.spawnSync(["python3", `${top}/test/support/terminal.py`, steps, ...command], { stdout: "pipe", stderr: "pipe" });
		expect(JSON.parse(played.stdout.toString()).output).toBe("refused");
	});
	test("system calls that have no place in a container are refused", async () => {
		const calls = {
			keyctl: "syscall(250, 0, -3, 0)",
			add_key: 'syscall(248, my $a = "user", my $b = "x", my $c = "y", 1, -3)',
			bpf: "syscall(321, 0, 0, 0)",
			userfaultfd: "syscall(323, 0)",
			unshare: "syscall(272, 0x10000000)",
			mount: 'syscall(165, my $d = "", my $e = "/mnt", my $f = "tmpfs", 0, my $g = "")',
			io_uring_setup: "syscall(425, 1, 0)",
			kexec_load: "syscall(246, 0, 0, 0, 0)",
			AF_ALG: "syscall(41, 38, 5, 0)",
			AF_VSOCK: "syscall(41, 40, 1, 0)",
			clone3: "syscall(435, 0, 0)",
		};
		const script = Object.entries(calls).map(([name, call]) => `print "${name} ", ($r = ${call}) < 0 ? "refused" : "ALLOWED", "\\n";`);
		const { stdout } = await home.run([], "debian", ["perl", "-e", script.join("\n")]);
		expect(stdout).toBe(
			Object.keys(calls)
				.map((name) => `${name} refused\n`)
				.join(""),
		);
	});
	test("CVE-2022-0492 and its kin: cgroups and the kernel's helpers cannot be written", async () => {
		const script =
			"for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper $(find /sys/fs/cgroup -name release_agent -o -name cgroup.procs 2>/dev/null | head -n 20); do ( echo 0 > $f ) 2>/dev/null && echo WROTE $f; done; true";
		expect(await home.sh([], script)).toBe("");
	});
});

test("exec stays in the container also where corten was started in a chroot", async () => {
	// There the root of the mount namespace, to which setns leads, is the host's and not the container's.
	const chroot = `set -e; mkdir "$0"; mount --bind / "$0"; for d in dev proc sys; do mount --rbind /$d "$0/$d"; done; exec chroot "$0" "$@"`;
	const quoted = (...args: readonly string[]) =>
		home
			.command(...args)
			.map((arg) => `'${arg}'`)
			.join(" ");
	const script = [
		`${quoted("run", "-d", "--name", "caged", "busybox", "sh", "-c", "echo mine > /file; sleep 100")} >/dev/null`,
		`${quoted("exec", "caged", "sh", "-c", "until cat /file 2>/dev/null; do :; done; ls -d /lost+found /root/.. /usr/lib 2>/dev/null; pwd")}`,
		`${quoted("rm", "-f", "caged")} >/dev/null`,
	];
	const result = await run(["unshare", "-m", "bash", "-c", chroot, `${home.folder}/chroot`, "sh", "-c", script.join("\n")]);
	expect(result).toEqual({ status: 0, stdout: "mine\n/root/..\n/\n", stderr: "" });
});

// Waits for a process that is not busybox, and opens its executable for writing.
const watch = `while :; do for p in /proc/[0-9]*; do e=$(readlink $p/exe 2>/dev/null); case $e in /bin/busybox|"") ;; *) ( : >> $p/exe ) 2>/dev/null && echo WROTE $e;; esac; done; done`;
