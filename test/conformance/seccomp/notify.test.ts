// config-linux.md#seccomp: SCMP_ACT_NOTIFY, listenerPath, listenerMetadata, the container process state.

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import type { Document } from "../../support/bundle.ts";
import { withScript } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import { until } from "../../support/container.ts";

/** Accepts one connection, writes what came (text, number of descriptors, whether the peer closed) and answers calls with an errno. */
const agent = `
import array, fcntl, json, os, socket, struct, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM); server.bind(sys.argv[1]); server.listen(1)
peer, _ = server.accept(); fds = array.array("i")
data, ancillary, _, _ = peer.recvmsg(65536, socket.CMSG_LEN(4 * 8))
for level, kind, value in ancillary:
    if kind == socket.SCM_RIGHTS: fds.frombytes(value[: len(value) // 4 * 4])
while True:
    more = peer.recv(65536)
    if not more: break
    data += more
open(sys.argv[2] + ".part", "w").write(json.dumps({"state": json.loads(data), "fds": len(fds)})); os.rename(sys.argv[2] + ".part", sys.argv[2])
while True:
    notice = bytearray(80)
    try: fcntl.ioctl(fds[0], 0xC0502100, notice)
    except OSError: break
    number, = struct.unpack_from("=Q", notice)
    try: fcntl.ioctl(fds[0], 0xC0182101, bytearray(struct.pack("=QqiI", number, 0, -28, 0)))
    except OSError: pass
`;

const notify = (config: Document, more: object) => {
	config.linux.seccomp = {
		defaultAction: "SCMP_ACT_ALLOW",
		architectures: ["SCMP_ARCH_X86_64"],
		syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" }],
		...more,
	};
};
const x64 = [process.arch === "x64", "not x86_64"] as const;

conformance(
	"the listener receives one state and the filter's descriptor, and answers for the kernel",
	async (world) => {
		const container = world.container((config, bundle) => {
			notify(config, { listenerPath: `${bundle}/listener`, listenerMetadata: "for the agent" });
			withScript(config, "mkdir /tmp/x 2>&1; true");
		});
		const agentProcess = Bun.spawn(["python3", "-c", agent, `${container.bundle}/listener`, `${container.bundle}/told`], {
			stdin: "ignore",
			stdout: "ignore",
			stderr: "inherit",
		});
		try {
			await until("the listener listens", () => existsSync(`${container.bundle}/listener`));
			await container.launch();
			await container.stopped();
			const told = JSON.parse(readFileSync(`${container.bundle}/told`, "utf8")) as {
				fds: number;
				state: { ociVersion: string; fds: string[]; pid: number; metadata: string; state: { id: string; status: string; pid: number } };
			};
			expect(told.fds).toBe(1);
			expect(told.state.fds).toEqual(["seccompFd"]);
			expect(told.state.ociVersion).toMatch(/^\d+\.\d+\.\d+/);
			expect(told.state.metadata).toBe("for the agent");
			expect(told.state.pid).toBeGreaterThan(0);
			expect(told.state.state.id).toBe(container.id);
			expect(container.output()).toContain("No space left");
		} finally {
			agentProcess.kill();
		}
	},
	{ needs: x64 },
);

conformance(
	"a listener that is not there is an error",
	async (world) => {
		const ended = await world.run((config, bundle) => notify(config, { listenerPath: `${bundle}/nobody` }));
		expect(ended.status).not.toBe(0);
	},
	{ needs: x64 },
);

conformance(
	"SCMP_ACT_NOTIFY without a listener is refused",
	async (world) => {
		await world.refused((config) => notify(config, {}));
	},
	{ needs: x64, not: { crun: "1.8.1 sends to nobody" } },
);

conformance(
	"listenerMetadata without listenerPath is refused",
	async (world) => {
		await world.refused((config) => {
			config.linux.seccomp = {
				defaultAction: "SCMP_ACT_ALLOW",
				syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }],
				listenerMetadata: "x",
			};
		});
	},
	{ needs: x64, not: { runc: "1.1.5 passes it over", crun: "1.8.1 passes it over" } },
);
