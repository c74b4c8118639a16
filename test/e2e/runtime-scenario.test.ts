// corten-runtime in runc's place: one scenario (runtime-scenario.sh) with each of runc, crun and corten-runtime, and what a caller observes
// of each step. Where runc and crun agree, corten-runtime must do the same. Where they differ the step is listed below with the reason, and
// corten-runtime must do as one of them. What is its own has its reason as well.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	rmdirSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { rootConfig } from "../../src/runtime/commands/spec.ts";
import { cgroupsOf, mountsOf, processesOf } from "../support/leftovers.ts";
import { type Observed, readSteps } from "../support/scenario.ts";
import { ourOwn, peersDiffer } from "../support/scenario-differences.ts";
import { installed, testWhen } from "../support/skip.ts";

const cgroup = `corten-scenario-${process.pid}`;
let folder = "";
const left: string[] = [];
const seen = new Map<string, Map<string, Observed>>();
const possible = process.geteuid?.() === 0 && existsSync("/bin/busybox") && ["runc", "crun", "python3", "unshare"].every(installed);

function makeBundles(bundles: string): void {
	const root = `${bundles}/root`;
	for (const name of ["bin", "etc", "tmp", "proc", "dev"]) mkdirSync(`${root}/${name}`, { recursive: true });
	copyFileSync("/bin/busybox", `${root}/bin/busybox`);
	for (const applet of ["sh", "echo", "cat", "sleep", "id", "pwd", "tty", "stty", "true", "kill"])
		symlinkSync("busybox", `${root}/bin/${applet}`);
	writeFileSync(`${root}/etc/passwd`, "root:x:0:0:root:/:/bin/sh\n");
	chmodSync(`${root}/etc/passwd`, 0o644);
	writeFileSync(`${bundles}/three`, "three\n");
	writeFileSync(`${bundles}/four`, "four\n");
	const sleep = ["/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.05; done"];
	const add = (name: string, text: string) => {
		mkdirSync(`${bundles}/${name}`);
		writeFileSync(`${bundles}/${name}/config.json`, text);
	};
	const bundle = (name: string, args: readonly string[] | undefined, change: (config: Config) => void = () => undefined) => {
		const config = makeConfig(root, name, args);
		change(config);
		add(name, JSON.stringify(config));
	};
	mkdirSync(`${bundles}/empty`);
	add("not-json", "{");
	bundle("sleeper", sleep, (config) => {
		config.annotations = { "org.example.key": "value" };
	});
	bundle("sleeper2", sleep);
	bundle("no-args", undefined);
	bundle("relative-cwd", sleep, (config) => {
		config.process.cwd = "tmp";
	});
	bundle("no-rootfs", sleep, (config) => {
		config.root.path = `${bundles}/absent`;
	});
	bundle("unknown-namespace", sleep, (config) => {
		config.linux.namespaces = [{ type: "frob" }];
	});
	bundle("failing-hook", sleep, (config) => {
		config.hooks = { createRuntime: [{ path: "/bin/false" }] };
	});
	bundle("terminal", ["/bin/sh", "-c", "tty; echo done"], (config) => {
		config.process.terminal = true;
	});
	bundle("absent-program", ["absent"]);
	bundle("unexecutable", ["/etc/passwd"]);
	bundle("exit3", ["/bin/sh", "-c", "exit 3"]);
	bundle("killed", ["/bin/sh", "-c", "kill -9 $$; sleep 5"], (config) => {
		config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
	});
	bundle("echo", ["/bin/echo", "hello", "there"]);
	bundle("reads-fds", ["/bin/sh", "-c", "cat <&3; cat <&4"]);
	const spec = rootConfig();
	add(
		"spec",
		JSON.stringify({ ...spec, root: { ...spec.root, path: root }, process: { ...spec.process, terminal: false, args: ["echo", "hi"] } }),
	);
	writeFileSync(
		`${bundles}/process.json`,
		JSON.stringify({ user: { uid: 7, gid: 8 }, args: ["/bin/sh", "-c", "id -u; pwd; echo $A"], env: ["PATH=/bin", "A=b"], cwd: "/etc" }),
	);
}

type Config = ReturnType<typeof makeConfig>;

function makeConfig(root: string, name: string, args: readonly string[] | undefined) {
	const capabilities = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID"];
	return {
		ociVersion: "1.0.2",
		process: {
			terminal: false,
			user: { uid: 0, gid: 0 },
			args,
			env: ["PATH=/bin", "TERM=xterm"],
			cwd: "/",
			capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
			noNewPrivileges: true,
		},
		root: { path: root },
		hostname: name,
		mounts: [
			{ destination: "/proc", type: "proc", source: "proc" },
			{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
			{
				destination: "/dev/pts",
				type: "devpts",
				source: "devpts",
				options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
			},
		],
		annotations: {} as Record<string, string>,
		hooks: {} as Record<string, readonly { readonly path: string }[]>,
		linux: {
			cgroupsPath: `/${cgroup}/${name}`,
			namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
		},
	};
}

/** Debian's crun gives up on a host with v1 hierarchies and a v2 one beside them: it gets a mount namespace without the latter. */
function observe(name: string, program: string): Map<string, Observed> {
	const work = `${folder}/${name}`;
	mkdirSync(work);
	const script = [new URL("runtime-scenario.sh", import.meta.url).pathname, program, `${folder}/bundles`, work, cgroup];
	const hidden = name === "crun" && existsSync("/sys/fs/cgroup/unified");
	const command = hidden ? ["unshare", "-m", "sh", "-c", `umount /sys/fs/cgroup/unified; exec "$@"`, "sh", ...script] : script;
	const { stderr, exitCode } = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
	if (exitCode !== 0) throw new Error(`the scenario with ${name}: status ${exitCode}\n${stderr}`);
	return readSteps(work, `${folder}/bundles`);
}

beforeAll(() => {
	if (!possible) return;
	folder = mkdtempSync(`${tmpdir()}/corten-scenario-`);
	makeBundles(`${folder}/bundles`);
	const programs = { runc: "runc", crun: "crun", corten: new URL("../../build/corten-runtime", import.meta.url).pathname };
	for (const [name, program] of Object.entries(programs)) seen.set(name, observe(name, program));
	const cgroups = cgroupsOf([cgroup]).flatMap((path) =>
		readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [`${path}/${entry.name}`] : [])),
	);
	left.push(...processesOf(`${folder}/corten`).map((pid) => `process ${pid}`), ...mountsOf(folder), ...cgroups);
}, 300_000);
afterAll(() => {
	for (const path of cgroupsOf([cgroup])) rmdirSync(path);
	if (folder !== "" && process.env.KEEP_SCENARIO === undefined) rmSync(folder, { recursive: true, force: true });
});

const when = testWhen(possible, "it needs root, busybox, python3, runc and crun");

/** Steps of a run as one can read them in a difference. */
function table(name: string): Record<string, string> {
	return Object.fromEntries([...(seen.get(name) ?? [])].map(([step, { status, out, errors }]) => [step, `${status} [${errors}] ${out}`]));
}

const own = Object.values(ourOwn).flat();

describe("runc, crun and corten-runtime, one scenario", () => {
	when("runc and crun differ only where the list says so", () => {
		const [runc, crun] = [table("runc"), table("crun")];
		const listed = Object.values(peersDiffer).flat();
		expect(Object.keys(runc).filter((step) => runc[step] !== crun[step] && !listed.includes(step))).toEqual([]);
	});

	when("corten-runtime does as both, or as one of them where they differ", () => {
		const [runc, crun, corten] = [table("runc"), table("crun"), table("corten")];
		expect(Object.keys(corten)).toEqual(Object.keys(runc));
		const wrong = Object.keys(runc).filter((step) => !own.includes(step) && corten[step] !== runc[step] && corten[step] !== crun[step]);
		expect(wrong.map((step) => ({ step, runc: runc[step], crun: crun[step], corten: corten[step] }))).toEqual([]);
	});

	when("what is corten-runtime's own is really so", () => {
		const [runc, crun, corten] = [table("runc"), table("crun"), table("corten")];
		expect(own.filter((step) => corten[step] === runc[step] || corten[step] === crun[step])).toEqual([]);
	});

	when("corten-runtime leaves no process, mount or cgroup", () => {
		expect(left).toEqual([]);
	});
});
