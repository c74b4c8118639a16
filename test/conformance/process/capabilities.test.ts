// config.md#linux-process: capabilities, noNewPrivileges.

import { expect } from "bun:test";
import { conformance } from "../../support/conformance.ts";

const kill = 1 << 5;
const netBind = 1 << 10;
const hex = (bits: number) => bits.toString(16).padStart(16, "0");
const show = "grep ^Cap /proc/self/status | sed 's/[[:space:]]/ /'";
const names = ["CAP_KILL", "CAP_NET_BIND_SERVICE"];

conformance("each of the five sets has what the document says", async (world) => {
	const out = await world.sh(show, (config) => {
		config.process.capabilities = { bounding: names, permitted: names, effective: names, inheritable: names, ambient: ["CAP_KILL"] };
		config.process.user = { uid: 1000, gid: 1000 };
	});
	const both = hex(kill | netBind);
	// The shell was executed by a user: it keeps what is ambient.
	expect(out).toBe(`CapInh: ${both}\nCapPrm: ${hex(kill)}\nCapEff: ${hex(kill)}\nCapBnd: ${both}\nCapAmb: ${hex(kill)}`);
});

conformance("root has the bounding set's", async (world) => {
	const out = await world.sh(show, (config) => (config.process.capabilities = { bounding: names, permitted: names, effective: names }));
	const both = hex(kill | netBind);
	expect(out).toContain(`CapPrm: ${both}\nCapEff: ${both}\nCapBnd: ${both}`);
	expect(out).toContain(`CapAmb: ${hex(0)}`);
});

conformance("without capabilities the process has none", async (world) => {
	const out = await world.sh(show, (config) => Reflect.deleteProperty(config.process, "capabilities"));
	expect(out).toContain(`CapPrm: ${hex(0)}\nCapEff: ${hex(0)}\nCapBnd: ${hex(0)}`);
});

conformance("empty sets are empty", async (world) => {
	const out = await world.sh(show, (config) => (config.process.capabilities = { bounding: [], permitted: [], effective: [] }));
	expect(out).toContain(`CapPrm: ${hex(0)}\nCapEff: ${hex(0)}\nCapBnd: ${hex(0)}`);
});

conformance("a capability that the process lacks is not granted by the kernel", async (world) => {
	const out = await world.sh("chown 5 /tmp 2>&1; mount -t tmpfs x /mnt 2>&1; true", (config) => {
		config.process.capabilities = { bounding: names, permitted: names, effective: names };
	});
	expect(out).toMatch(/Operation not permitted[\s\S]*(not permitted|denied)/);
});

conformance(
	"a capability that there is not is warned of, and the container runs",
	async (world) => {
		const container = world.container((config) => {
			config.process.capabilities = { bounding: ["CAP_NOSUCH", "CAP_KILL"], permitted: ["CAP_KILL"], effective: ["CAP_KILL"] };
			config.process.args = ["echo", "ran"];
		});
		const ended = await container.run();
		expect(ended.status).toBe(0);
		expect(ended.stdout).toContain("ran");
		expect(ended.stderr).toContain("CAP_NOSUCH");
	},
	{ not: { crun: "1.8.1 refuses it" } },
);

conformance("noNewPrivileges sets the kernel's flag", async (world) => {
	const script = "grep NoNewPrivs /proc/self/status";
	expect(await world.sh(script, (config) => (config.process.noNewPrivileges = true))).toBe("NoNewPrivs:\t1");
	expect(await world.sh(script, (config) => (config.process.noNewPrivileges = false))).toBe("NoNewPrivs:\t0");
	expect(await world.sh(script)).toBe("NoNewPrivs:\t0");
});
