// exec, as runc's command line has it: another process in a running container.

import { expect } from "bun:test";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { type Document, withSleep } from "../../support/bundle.ts";
import { conformance, type World } from "../../support/conformance.ts";
import type { Container } from "../../support/container.ts";
import { alive } from "../../support/container.ts";

async function sleeping(world: World, change: (config: Document) => void = () => undefined): Promise<Container> {
	const container = world.container((config) => {
		withSleep(config);
		change(config);
	});
	await container.launch();
	return container;
}

conformance("exec runs a program in the container and has its status and output", async (world) => {
	const container = await sleeping(world);
	expect(await container.exec(["sh", "-c", "echo out; echo err >&2; exit 7"])).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });
});

conformance("exec's process is in all of the container's namespaces and in its root", async (world) => {
	const container = await sleeping(world);
	const pid = await container.pid();
	const ended = await container.exec(["sh", "-c", "for k in pid net ipc uts mnt; do readlink /proc/self/ns/$k; done; ls /"]);
	for (const kind of ["pid", "net", "ipc", "uts", "mnt"]) expect(ended.stdout).toContain(readlinkSync(`/proc/${pid}/ns/${kind}`));
	expect(ended.stdout).toContain("bin\n");
});

conformance("exec's process is in the container's cgroup", async (world) => {
	const container = await sleeping(world);
	const path = readFileSync(`/proc/${await container.pid()}/cgroup`, "utf8")
		.split("\n")
		.find((line) => line.includes(container.id));
	const ended = await container.exec(["cat", "/proc/self/cgroup"]);
	expect(ended.stdout).toContain(path ?? "?");
});

conformance(
	"exec has the document's environment, user, capabilities and limits",
	async (world) => {
		const container = await sleeping(world, (config) => {
			config.process.env = ["PATH=/bin", "FROM=document"];
			config.process.user = { uid: 1000, gid: 2000, additionalGids: [3000] };
			config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 60, hard: 61 }];
			config.process.noNewPrivileges = true;
		});
		const ended = await container.exec([
			"sh",
			"-c",
			"echo $FROM; id -u; id -g; id -G; ulimit -n; grep -E 'CapBnd|NoNewPrivs' /proc/self/status",
		]);
		expect(ended.stdout).toBe("document\n1000\n2000\n2000 3000\n60\nCapBnd:\t0000000020000420\nNoNewPrivs:\t1\n");
	},
	{ not: { crun: "1.8.1 has the document's environment alone" } },
);

for (const [options, script, out] of [
	[["--cwd", "/etc"], "pwd", "/etc"],
	[["--env", "A=1", "--env", "B=2 3"], "echo $A $B", "1 2 3"],
	[["-e", "A=1"], "echo $A", "1"],
	[["--user", "1000"], "id -u; id -g", "1000\n0"],
	[["--user", "1000:2000"], "id -u; id -g", "1000\n2000"],
	[["--user", "5:6", "--additional-gids", "7", "--additional-gids", "8"], "id -G", "6 7 8"],
	[["--cap", "CAP_SYS_ADMIN"], "grep CapBnd /proc/self/status", "CapBnd:\t0000000020200420"],
	[["--no-new-privs"], "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"],
] as const) {
	const crun = /^(--env|-e|--cap|--user 5:6)/.test(options.join(" "))
		? { not: { crun: "1.8.1 takes what exec names in place of the document's" } }
		: {};
	conformance(
		`exec ${options.join(" ")}`,
		async (world) => {
			const container = await sleeping(world);
			const ended = await container.exec(["sh", "-c", script], options);
			expect(ended).toEqual({ status: 0, stdout: `${out}\n`, stderr: "" });
		},
		crun,
	);
}

conformance("exec --process takes the whole process from a file", async (world) => {
	const container = await sleeping(world);
	const process = { args: ["sh", "-c", "pwd; echo $A; id -u"], cwd: "/tmp", env: ["PATH=/bin", "A=file"], user: { uid: 9, gid: 9 } };
	writeFileSync(`${container.bundle}/process.json`, JSON.stringify(process));
	const ended = await container.exec([], ["--process", `${container.bundle}/process.json`]);
	expect(ended.stdout).toBe("/tmp\nfile\n9\n");
});

conformance("exec --detach returns at once, and --pid-file has the process' pid", async (world) => {
	const container = await sleeping(world);
	const file = `${container.bundle}/exec.pid`;
	const ended = await container.detached(["exec", "--detach", "--pid-file", file, container.id, "sleep", "1000"]);
	expect(ended.status).toBe(0);
	const pid = Number(readFileSync(file, "utf8"));
	expect(alive(pid)).toBe(true);
	expect(readlinkSync(`/proc/${pid}/ns/pid`)).toBe(readlinkSync(`/proc/${await container.pid()}/ns/pid`));
});

conformance("exec passes standard input on", async (world) => {
	const container = await sleeping(world);
	const ended = await world.runtime.call(["exec", container.id, "cat"], { input: "through" });
	expect(ended.stdout).toBe("through");
});

conformance("exec in a container that is not running, or not there, fails", async (world) => {
	const container = world.container();
	await container.launch();
	await container.stopped();
	expect((await container.exec(["true"])).status).not.toBe(0);
	expect((await world.runtime.call(["exec", "nobody", "true"])).status).not.toBe(0);
});

conformance("exec of a program that is not there fails with its name", async (world) => {
	const container = await sleeping(world);
	const ended = await container.exec(["/nowhere/program"]);
	expect(ended.status).not.toBe(0);
	expect(ended.stderr).toMatch(/nowhere\/program.*(no such file|not found)/i);
});

conformance("exec has the document's seccomp filter", async (world) => {
	const container = await sleeping(world, (config) => {
		config.linux.seccomp = {
			defaultAction: "SCMP_ACT_ALLOW",
			syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
		};
	});
	expect((await container.exec(["mkdir", "/tmp/x"])).stderr).toContain("No space left");
});

conformance("exec works in a created container", async (world) => {
	const container = world.container((config) => withSleep(config));
	await container.create();
	expect((await container.exec(["echo", "early"])).stdout).toBe("early\n");
});
