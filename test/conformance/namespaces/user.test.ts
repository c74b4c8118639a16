// config-linux.md#user-namespace-mappings, #time offsets.

import { expect } from "bun:test";
import { chownSync, readFileSync, readlinkSync } from "node:fs";
import { type Document, withNamespace, withScript, withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

const mapping = [{ containerID: 0, hostID: 100000, size: 65536 }];

function withUser(config: Document, bundle: string): void {
	withNamespace(config, "user");
	config.linux.uidMappings = mapping;
	config.linux.gidMappings = mapping;
	// The user of the container owns its root.
	for (const folder of ["", "/tmp", "/mnt", "/etc"]) chownSync(`${bundle}/rootfs${folder}`, 100000, 100000);
}

conformance("a new user namespace has the document's mappings", async (world) => {
	const container = world.container((config, bundle) => {
		withUser(config, bundle);
		withSleep(config);
	});
	await container.launch();
	const pid = await container.pid();
	expect(readlinkSync(`/proc/${pid}/ns/user`)).not.toBe(readlinkSync("/proc/self/ns/user"));
	for (const name of ["uid_map", "gid_map"]) {
		expect(readFileSync(`/proc/${pid}/${name}`, "utf8").trim().split(/\s+/)).toEqual(["0", "100000", "65536"]);
	}
});

conformance("root of a user namespace is its host id outside", async (world) => {
	const container = world.container((config, bundle) => {
		withUser(config, bundle);
		withScript(config, "id -u; id -g; touch /tmp/file; sleep 1000");
	});
	await container.launch();
	const status = readFileSync(`/proc/${await container.pid()}/status`, "utf8");
	expect(status).toContain("Uid:\t100000\t100000");
});

conformance("uid and gid are those of the user namespace", async (world) => {
	const container = world.container((config, bundle) => {
		withUser(config, bundle);
		config.process.user = { uid: 1000, gid: 1000, additionalGids: [7] };
		withSleep(config);
	});
	await container.launch();
	const status = readFileSync(`/proc/${await container.pid()}/status`, "utf8");
	expect(status).toContain("Uid:\t101000\t101000");
	expect(status).toMatch(/Groups:\s100007 *\n/);
});

conformance("several mappings are all written", async (world) => {
	const out = await world.sh("cat /proc/self/uid_map | tr -s ' '", (config, bundle) => {
		withUser(config, bundle);
		config.linux.uidMappings = [...mapping, { containerID: 70000, hostID: 300000, size: 5 }];
	});
	expect(out.trim().split(/\s+/)).toEqual(["0", "100000", "65536", "70000", "300000", "5"]);
});

conformance("default devices and mounts work in a user namespace", async (world) => {
	const out = await world.sh("echo text >/dev/null && head -c 3 /dev/zero | wc -c; ls -d /proc/1", (config, bundle) =>
		withUser(config, bundle),
	);
	expect(out).toBe("3\n/proc/1");
});

conformance(
	"a mount's idmap takes the user namespace's mapping",
	async (world) => {
		const out = await world.sh("stat -c %u /mnt/passwd", (config, bundle) => {
			withUser(config, bundle);
			config.mounts.push({ destination: "/mnt", type: "bind", source: "/etc", options: ["rbind", "idmap"] });
		});
		expect(out).toBe("0");
	},
	{ not: { runc: "1.1.5 does not know idmap" } },
);

conformance("the container's other namespaces belong to its user namespace", async (world) => {
	const out = await world.sh("hostname changed && hostname", (config, bundle) => {
		withUser(config, bundle);
		config.process.capabilities = { bounding: ["CAP_SYS_ADMIN"], permitted: ["CAP_SYS_ADMIN"], effective: ["CAP_SYS_ADMIN"] };
	});
	expect(out).toBe("changed");
});

conformance(
	"a user namespace can be joined by path",
	async (world) => {
		const owner = world.container((config, bundle) => {
			withUser(config, bundle);
			withSleep(config);
		});
		await owner.launch();
		const pid = await owner.pid();
		const guest = world.container((config, bundle) => {
			withUser(config, bundle);
			withNamespace(config, "user", `/proc/${pid}/ns/user`);
			Reflect.deleteProperty(config.linux, "uidMappings");
			Reflect.deleteProperty(config.linux, "gidMappings");
			withSleep(config);
		});
		await guest.launch();
		expect(readlinkSync(`/proc/${await guest.pid()}/ns/user`)).toBe(readlinkSync(`/proc/${pid}/ns/user`));
	},
	{ not: { runc: "1.1.5 asks for the mappings again" } },
);

conformance(
	"a new user namespace without mappings is refused",
	async (world) => {
		await world.refused((config) => withNamespace(config, "user"));
	},
	{ not: { crun: "1.8.1 makes a mapping" } },
);

conformance(
	"mappings without a user namespace are refused",
	async (world) => {
		await world.refused((config) => {
			config.linux.uidMappings = mapping;
			config.linux.gidMappings = mapping;
		});
	},
	{ not: { runc: "1.1.5 passes them over", crun: "1.8.1 passes them over" } },
);

conformance(
	"timeOffsets are those of the new time namespace",
	async (world) => {
		const out = await world.sh("cat /proc/self/timens_offsets | tr -s ' '; cut -d. -f1 /proc/uptime", (config) => {
			withNamespace(config, "time");
			config.linux.timeOffsets = { monotonic: { secs: 172800, nanosecs: 1 }, boottime: { secs: 604800, nanosecs: 2 } };
		});
		expect(out).toMatch(/monotonic 172800 1\nboottime 604800 2/);
		expect(Number(out.split("\n").at(-1))).toBeGreaterThan(604800);
	},
	{ not: { runc: "1.1.5 does not know time namespaces", crun: "1.8.1 has them in newer documents alone" } },
);

conformance(
	"timeOffsets without a time namespace are refused",
	async (world) => {
		await world.refused((config) => (config.linux.timeOffsets = { monotonic: { secs: 1 } }));
	},
	{ not: { runc: "1.1.5 does not know time namespaces", crun: "1.8.1 passes them over" } },
);
