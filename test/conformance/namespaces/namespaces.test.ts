// config-linux.md#namespaces: new, joined by path, inherited.

import { expect } from "bun:test";
import { readlinkSync, writeFileSync } from "node:fs";
import { withNamespace, withoutNamespace, withSleep } from "../../support/bundle.ts";
import { conformance, type Terms } from "../../support/conformance.ts";

const fileOf: Readonly<Record<string, string>> = { network: "net", mount: "mnt" };
const kinds = ["pid", "network", "ipc", "uts", "mount", "cgroup", "time"];
const own = (kind: string, pid: number | "self" = "self") => readlinkSync(`/proc/${pid}/ns/${fileOf[kind] ?? kind}`);
const time = (kind: string): Terms =>
	kind === "time" ? { not: { runc: "1.1.5 does not know time namespaces", crun: "1.8.1 has them in newer documents alone" } } : {};

for (const kind of kinds) {
	conformance(
		`a namespace of type ${kind} without a path is a new one`,
		async (world) => {
			const container = world.container((config) => {
				withNamespace(config, kind);
				withSleep(config);
			});
			await container.launch();
			expect(own(kind, await container.pid())).not.toBe(own(kind));
		},
		time(kind),
	);
}

for (const kind of ["pid", "network", "ipc", "uts", "cgroup", "time"]) {
	conformance(`a namespace of type ${kind} that is not listed is the runtime's`, async (world) => {
		const container = world.container((config) => {
			withoutNamespace(config, kind);
			withSleep(config);
		});
		await container.launch();
		expect(own(kind, await container.pid())).toBe(own(kind));
	});
}

for (const kind of ["pid", "network", "ipc", "uts", "cgroup", "time"]) {
	conformance(
		`a namespace of type ${kind} with a path is joined`,
		async (world) => {
			const owner = world.container((config) => {
				withNamespace(config, kind);
				withSleep(config);
			});
			await owner.launch();
			const pid = await owner.pid();
			const guest = world.container((config) => {
				withNamespace(config, kind, `/proc/${pid}/ns/${fileOf[kind] ?? kind}`);
				withSleep(config);
			});
			await guest.launch();
			expect(own(kind, await guest.pid())).toBe(own(kind, pid));
		},
		time(kind),
	);
}

conformance("two containers that share network, ipc and uts are a pod", async (world) => {
	const owner = world.container((config) => {
		config.hostname = "pod";
		withSleep(config);
	});
	await owner.launch();
	const pid = await owner.pid();
	const out = await world.sh("hostname; ls /sys/class/net", (config) => {
		for (const kind of ["network", "ipc", "uts"]) withNamespace(config, kind, `/proc/${pid}/ns/${fileOf[kind] ?? kind}`);
		config.mounts.push({ destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] });
	});
	expect(out).toStartWith("pod\nlo");
});

conformance("a path of another type of namespace is refused", async (world) => {
	await world.refused((config) => withNamespace(config, "network", "/proc/self/ns/uts"));
	await world.refused((config) => withNamespace(config, "ipc", "/proc/self/ns/net"));
});

conformance("a path that is no namespace, or not there, is refused", async (world) => {
	await world.refused((config, bundle) => {
		writeFileSync(`${bundle}/file`, "");
		withNamespace(config, "network", `${bundle}/file`);
	});
	await world.refused((config) => withNamespace(config, "network", "/nowhere/ns"));
});

conformance("a path that is not absolute is refused", async (world) => {
	await world.refused((config) => withNamespace(config, "network", "proc/self/ns/net"));
});

conformance(
	"two namespaces of one type are refused",
	async (world) => {
		await world.refused((config) => config.linux.namespaces.push({ type: "uts" }));
	},
	{ not: { crun: "1.8.1 takes the last" } },
);

conformance("a type of namespace that there is not is refused", async (world) => {
	await world.refused((config) => config.linux.namespaces.push({ type: "nosuch" }));
});

conformance("the program in a new pid namespace sees its own processes alone", async (world) => {
	expect(await world.sh("ls /proc 2>/dev/null | grep -c '^[0-9]'")).toMatch(/^[234]$/);
});

conformance("a new network namespace has the loopback device alone", async (world) => {
	expect(
		(await world.sh("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"))
			.split("\n")
			.filter((name) => name === "lo" || !/^(tunl|sit|gre|ip|erspan)/.test(name)),
	).toEqual(["lo"]);
});
