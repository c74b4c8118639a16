// config.md#process: terminal and consoleSize; the console socket that runc's command line receives the terminal by.

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Change, withScript } from "../../support/bundle.ts";
import { conformance, type World } from "../../support/conformance.ts";
import { until } from "../../support/container.ts";

const pts = {
	destination: "/dev/pts",
	type: "devpts",
	source: "devpts",
	options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
};

/** Receives a terminal by SCM_RIGHTS, writes what comes out of it to a file, until the other end is closed. */
const receiver = `
import os, socket, sys, array
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); server.bind(sys.argv[1]); server.listen(1)
peer, _ = server.accept(); fds = array.array("i"); data, ancillary, _, _ = peer.recvmsg(4096, socket.CMSG_LEN(4))
fds.frombytes(ancillary[0][2][:4]); out = open(sys.argv[2], "wb", 0)
try:
    while True:
        got = os.read(fds[0], 4096)
        if not got: break
        out.write(got)
except OSError: pass
out.close(); os.rename(sys.argv[2], sys.argv[3])
`;

/** Runs a container with a terminal; @returns what it wrote there. */
async function onTerminal(world: World, script: string, change: Change = () => undefined): Promise<string> {
	const container = world.container((config, bundle) => {
		config.process.terminal = true;
		config.mounts.push(pts);
		withScript(config, script);
		change(config, bundle);
	});
	const socket = `${container.bundle}/socket`;
	const done = `${container.bundle}/terminal`;
	const reader = Bun.spawn(["python3", "-c", receiver, socket, `${done}.part`, done], {
		stdin: "ignore",
		stdout: "ignore",
		stderr: "inherit",
	});
	try {
		await until("the socket is there", () => existsSync(socket));
		await container.launch(["--console-socket", socket]);
		await container.stopped();
		await until("the terminal is closed", () => existsSync(done));
	} finally {
		reader.kill();
	}
	return readFileSync(done, "utf8").replaceAll("\r\n", "\n");
}

conformance("with terminal the standard streams are one terminal, the container's own", async (world) => {
	const out = await onTerminal(world, "tty; test -t 0 && test -t 1 && test -t 2 && echo all");
	expect(out).toMatch(/^\/dev\/(pts\/0|console)\nall\n$/);
});

conformance("with terminal /dev/console is that terminal", async (world) => {
	expect(await onTerminal(world, "echo by console >/dev/console")).toBe("by console\n");
});

conformance("with terminal it controls the program's session", async (world) => {
	expect(await onTerminal(world, "echo by tty >/dev/tty")).toBe("by tty\n");
});

conformance("consoleSize is the terminal's size", async (world) => {
	expect(await onTerminal(world, "stty size", (config) => (config.process.consoleSize = { height: 37, width: 111 }))).toBe("37 111\n");
});

conformance("consoleSize is ignored without a terminal", async (world) => {
	expect(await world.sh("test -t 0 || echo none", (config) => (config.process.consoleSize = { height: 37, width: 111 }))).toBe("none");
});

conformance("terminal for a created container needs a console socket", async (world) => {
	await world.refused((config) => {
		config.process.terminal = true;
		config.mounts.push(pts);
	});
});

conformance(
	"a console socket without terminal is refused",
	async (world) => {
		const container = world.container();
		expect((await container.tryCreate(["--console-socket", `${container.bundle}/nobody`])).status).not.toBe(0);
	},
	{ not: { crun: "1.8.1 passes it over" } },
);
