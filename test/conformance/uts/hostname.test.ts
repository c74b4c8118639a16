// config.md#hostname and #domainname.

import { expect } from "bun:test";
import { hostname } from "node:os";
import { withoutNamespace } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

conformance("hostname is what processes of the container see", async (world) => {
	expect(await world.sh("hostname; cat /proc/sys/kernel/hostname", (config) => (config.hostname = "mrsdalloway"))).toBe(
		"mrsdalloway\nmrsdalloway",
	);
});

conformance("hostname does not change the host's", async (world) => {
	const before = hostname();
	await world.sh("true", (config) => (config.hostname = "otherwise"));
	expect(hostname()).toBe(before);
});

conformance("without hostname the container has the runtime's", async (world) => {
	expect(await world.sh("hostname")).toBe(hostname());
});

conformance("hostname without a new uts namespace is refused", async (world) => {
	await world.refused((config) => {
		withoutNamespace(config, "uts");
		config.hostname = "nobodys";
	});
	expect(hostname()).not.toBe("nobodys");
});

conformance(
	"domainname is what processes of the container see",
	async (world) => {
		expect(await world.sh("cat /proc/sys/kernel/domainname", (config) => (config.domainname = "foobarbaz.test"))).toBe("foobarbaz.test");
	},
	{ not: { runc: "1.1.5 does not know domainname" } },
);

conformance(
	"domainname without a new uts namespace is refused",
	async (world) => {
		await world.refused((config) => {
			withoutNamespace(config, "uts");
			config.domainname = "nobodys";
		});
	},
	{ not: { runc: "1.1.5 does not know domainname", crun: "1.8.1 sets the host's" } },
);
