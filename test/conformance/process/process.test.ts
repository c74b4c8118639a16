// config.md#process: args, env, cwd, and what a process of the container is like.

import { expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { conformance } from "../../support/conformance.ts";

conformance("args are the program's argv", async (world) => {
	const ended = await world.run((config) => (config.process.args = ["printf", "<%s>", "a b", "", "$c", "*"]));
	expect(ended).toEqual({ status: 0, stdout: "<a b><><$c><*>", stderr: "" });
});

conformance("the first of args is looked up in PATH of the container's environment", async (world) => {
	const ended = await world.run((config, bundle) => {
		mkdirSync(`${bundle}/rootfs/other`);
		writeFileSync(`${bundle}/rootfs/other/hello`, "#!/bin/sh\necho found\n");
		chmodSync(`${bundle}/rootfs/other/hello`, 0o755);
		config.process.env = ["PATH=/nowhere:/other"];
		config.process.args = ["hello"];
	});
	expect(ended.stdout).toBe("found\n");
});

conformance("a first of args with a slash is a path, relative to cwd", async (world) => {
	const ended = await world.run((config) => {
		config.process.cwd = "/bin";
		config.process.args = ["./echo", "here"];
	});
	expect(ended.stdout).toBe("here\n");
});

conformance("a document without args is refused", async (world) => {
	const ended = await world.run((config) => (config.process.args = []));
	expect(ended.status).not.toBe(0);
});

conformance("a program that is not there makes run fail with its name", async (world) => {
	const ended = await world.run((config) => (config.process.args = ["/nowhere/program"]));
	expect(ended.status).not.toBe(0);
	expect(ended.stderr).toMatch(/nowhere\/program.*(no such file|not found|ENOENT)/i);
});

conformance("a program that may not be executed makes run fail", async (world) => {
	const ended = await world.run((config, bundle) => {
		writeFileSync(`${bundle}/rootfs/plain`, "text");
		config.process.args = ["/plain"];
	});
	expect(ended.status).not.toBe(0);
	expect(ended.stderr).toMatch(/permission denied|EACCES/i);
});

conformance("run ends with the program's status", async (world) => {
	for (const status of [0, 1, 7, 255]) {
		const ended = await world.run((config) => (config.process.args = ["sh", "-c", `exit ${status}`]));
		expect(ended.status).toBe(status);
	}
});

conformance("run of a program that a signal ended has status 128 and the signal", async (world) => {
	const ended = await world.run((config) => (config.process.args = ["sh", "-c", "sh -c 'kill -9 $$'; exit $?"]));
	expect(ended.status).toBe(137);
});

conformance("env is the program's environment", async (world) => {
	const out = await world.sh("env", (config) => (config.process.env = ["PATH=/bin", "ONE=1", "EMPTY=", "TWO=a=b c"]));
	const lines = out.split("\n").filter((line) => !/^(PWD|SHLVL|_|OLDPWD|HOME|LISTEN_\w+)=/.test(line));
	expect(lines.sort()).toEqual(["EMPTY=", "ONE=1", "PATH=/bin", "TWO=a=b c"]);
});

conformance("nothing of the runtime's environment reaches the program", async (world) => {
	const container = world.container((config) => (config.process.args = ["env"]));
	const ended = await world.runtime.call(["run", "--bundle", container.bundle, container.id], {
		env: { ...process.env, SECRET: "of the host" },
	});
	expect(ended.status).toBe(0);
	expect(ended.stdout).not.toContain("SECRET");
});

conformance("cwd is the program's working directory", async (world) => {
	expect(await world.sh("pwd", (config) => (config.process.cwd = "/etc"))).toBe("/etc");
});

conformance(
	"a cwd that is not absolute is refused",
	async (world) => {
		await world.refused((config) => (config.process.cwd = "etc"));
	},
	{ not: { crun: "1.8.1 takes it" } },
);

conformance(
	"a document without cwd is refused",
	async (world) => {
		await world.refused((config) => Reflect.deleteProperty(config.process, "cwd"));
	},
	{ not: { crun: "1.8.1 takes it for /" } },
);

conformance("a cwd that is missing is made", async (world) => {
	const container = world.container((config) => {
		config.process.cwd = "/made/here";
		config.process.args = ["pwd"];
	});
	expect((await container.run()).stdout).toBe("/made/here\n");
	expect(existsSync(`${container.rootfs}/made/here`)).toBe(true);
});

conformance("the program has only the standard descriptors, and those of --preserve-fds", async (world) => {
	const out = await world.sh("ls /proc/self/fd | tr '\\n' ' '");
	// ls itself has the folder open.
	expect(out.trim()).toBe("0 1 2 3");
});

conformance("the program starts with no signal blocked", async (world) => {
	expect(await world.sh("grep ^SigBlk /proc/self/status")).toBe("SigBlk:\t0000000000000000");
});

conformance("the program is the first of its pid namespace and a session's leader", async (world) => {
	expect(await world.sh("echo $$; cut -d' ' -f4,5,6 /proc/self/stat | cut -d' ' -f2,3 ; cut -d' ' -f6 /proc/1/stat")).toMatch(/^1\n/);
});

conformance("standard input, output and error are the runtime's", async (world) => {
	const container = world.container((config) => (config.process.args = ["sh", "-c", "cat; echo error >&2"]));
	const ended = await world.runtime.call(["run", "--bundle", container.bundle, container.id], { input: "through" });
	expect(ended).toEqual({ status: 0, stdout: "through", stderr: "error\n" });
});
