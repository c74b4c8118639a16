// config-linux.md#cgroups-path and the resources: memory, cpu, pids, device rules, and the rest by what the machine has.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { type Document, withAllCapabilities, withSleep } from "../../support/bundle.ts";
import { conformance, type World } from "../../support/conformance.ts";

const v1 = existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes");
const onV1 = [v1, "this machine has no v1 memory hierarchy"] as const;

/** The path of a process in a v1 hierarchy, or in the v2 one by "". */
function pathOf(pid: number, controller: string): string {
	const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n");
	return (
		lines
			.find((line) => line.split(":")[1]?.split(",").includes(controller))
			?.split(":")
			.slice(2)
			.join(":") ?? ""
	);
}

/** Starts a sleeping container and reads files of its cgroup: `controller/file`. */
async function values(world: World, resources: Record<string, unknown>, files: readonly string[]): Promise<string[]> {
	const container = world.container((config) => {
		config.linux.resources = resources;
		withSleep(config);
	});
	await container.launch();
	const pid = await container.pid();
	return files.map((file) => {
		const [controller = "", name = ""] = file.split("/");
		return readFileSync(`/sys/fs/cgroup/${controller}${pathOf(pid, controller)}/${name}`, "utf8").trim();
	});
}

conformance(
	"an absolute cgroupsPath is below the cgroups' mount point",
	async (world) => {
		const name = `/conformance-${process.pid}/inner`;
		const container = world.container((config) => {
			config.linux.cgroupsPath = name;
			withSleep(config);
		});
		await container.launch();
		expect(pathOf(await container.pid(), "pids")).toBe(name);
		await container.delete("--force");
		expect(existsSync(`/sys/fs/cgroup/pids${name}`)).toBe(false);
		for (const top of ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified"]) {
			const folder = `/sys/fs/cgroup/${top}/conformance-${process.pid}`;
			if (existsSync(folder)) rmdirSync(folder);
		}
	},
	{ needs: onV1 },
);

conformance(
	"one cgroupsPath leads to one place, at every create",
	async (world) => {
		const places = [];
		for (let round = 0; round < 2; round++) {
			const container = world.container((config) => {
				config.linux.cgroupsPath = `relative-${process.pid}`;
				withSleep(config);
			});
			await container.launch();
			places.push(pathOf(await container.pid(), "pids"));
			await container.delete("--force");
		}
		expect(places[0]).toBe(places[1]);
		expect(places[0]).toEndWith(`/relative-${process.pid}`);
	},
	{ needs: onV1 },
);

conformance(
	"without cgroupsPath the container has a cgroup of its own",
	async (world) => {
		const container = world.container((config) => withSleep(config));
		await container.launch();
		expect(pathOf(await container.pid(), "pids")).toContain(container.id);
	},
	{ needs: onV1 },
);

conformance("a cgroupsPath of .. leads nowhere but below the hierarchies", async (world) => {
	const container = world.container((config) => {
		config.linux.cgroupsPath = `/../../../tmp/up-${process.pid}`;
		withSleep(config);
	});
	await container.tryCreate();
	expect(existsSync(`/tmp/up-${process.pid}`)).toBe(false);
	await container.delete("--force");
	for (const top of ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified"]) {
		for (const folder of [`/sys/fs/cgroup/${top}/tmp`]) if (existsSync(folder)) rmdirSync(folder);
	}
});

for (const [what, resources, expected] of [
	["memory.limit", { memory: { limit: 33554432 } }, { "memory/memory.limit_in_bytes": "33554432" }],
	["memory.reservation", { memory: { reservation: 16777216 } }, { "memory/memory.soft_limit_in_bytes": "16777216" }],
	["memory.swappiness", { memory: { swappiness: 60 } }, { "memory/memory.swappiness": "60" }],
	["memory.disableOOMKiller", { memory: { disableOOMKiller: true } }, { "memory/memory.oom_control": /oom_kill_disable 1/ }],
	["memory.limit -1", { memory: { limit: -1 } }, { "memory/memory.limit_in_bytes": /^9223372036854771712$/ }],
	["cpu.shares", { cpu: { shares: 300 } }, { "cpu/cpu.shares": "300" }],
	["cpu.quota and period", { cpu: { quota: 40000, period: 80000 } }, { "cpu/cpu.cfs_quota_us": "40000", "cpu/cpu.cfs_period_us": "80000" }],
	["cpu.cpus and mems", { cpu: { cpus: "0", mems: "0" } }, { "cpuset/cpuset.cpus": "0", "cpuset/cpuset.mems": "0" }],
	["pids.limit", { pids: { limit: 77 } }, { "pids/pids.max": "77" }],
	["pids.limit -1", { pids: { limit: -1 } }, { "pids/pids.max": "max" }],
] as const) {
	conformance(
		`resources ${what}`,
		async (world) => {
			const found = await values(world, resources as Record<string, unknown>, Object.keys(expected));
			for (const [index, value] of Object.values(expected).entries()) {
				if (typeof value === "string") expect(found[index]).toBe(value);
				else expect(found[index]).toMatch(value as RegExp);
			}
		},
		{ needs: onV1, ...(what === "pids.limit -1" ? { not: { crun: "1.8.1 writes -1" } } : {}) },
	);
}

conformance(
	"resources cpu.burst",
	async (world) => {
		const found = await values(world, { cpu: { quota: 50000, period: 100000, burst: 20000 } }, ["cpu/cpu.cfs_burst_us"]);
		expect(found).toEqual(["20000"]);
	},
	{
		needs: [v1 && existsSync("/sys/fs/cgroup/cpu/cpu.shares"), "no v1 cpu hierarchy"],
		not: { runc: "1.1.5 does not know burst", crun: "1.8.1 does not know burst" },
	},
);

conformance("the pids limit is enforced", async (world) => {
	const ended = await world.run((config) => {
		config.linux.resources = { pids: { limit: 3 } };
		config.process.args = ["sh", "-c", "sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait"];
	});
	expect(ended.stderr).toContain("fork");
});

const rules =
	(...entries: object[]) =>
	(config: Document) => {
		config.linux.resources = { devices: entries };
		withAllCapabilities(config);
	};

conformance("device rules are applied in the listed order: the last that fits decides", async (world) => {
	const script = "mknod /tmp/fuse c 10 229; (: </tmp/fuse) && echo open || echo closed";
	const deny = { allow: false, access: "rwm" };
	const allow = { allow: true, type: "c", major: 10, minor: 229, access: "rwm" };
	expect(await world.sh(`(${script}) 2>/dev/null`, rules(deny, allow))).toBe("open");
	expect(await world.sh(`(${script}) 2>/dev/null`, rules(allow, deny))).toBe("closed");
});

conformance(
	"a denied device cannot be opened, although its node is there",
	async (world) => {
		const out = await world.sh("head -c 1 /dev/mine 2>&1 || true", (config) => {
			rules({ allow: false, access: "rwm" })(config);
			config.linux.devices = [{ path: "/dev/mine", type: "c", major: 10, minor: 229, fileMode: 0o666 }];
			config.linux.resources = {
				devices: [
					{ allow: false, access: "rwm" },
					{ allow: false, type: "c", major: 10, minor: 229, access: "rwm" },
				],
			};
		});
		expect(out).toContain("not permitted");
	},
	{ not: { runc: "1.1.5 allows what devices lists", crun: "1.8.1 allows what devices lists" } },
);

conformance("the default devices stay usable under a rule that denies all", async (world) => {
	const out = await world.sh(
		"echo >/dev/null && head -c 2 /dev/zero | wc -c; head -c 1 /dev/urandom | wc -c",
		rules({ allow: false, access: "rwm" }),
	);
	expect(out).toBe("2\n1");
});

conformance(
	"a controller that the machine lacks is refused",
	async (world) => {
		await world.refused((config) => (config.linux.resources = { hugepageLimits: [{ pageSize: "2MB", limit: 4194304 }] }));
	},
	{ needs: [!existsSync("/sys/fs/cgroup/hugetlb") && v1, "this machine has hugetlb"] },
);

conformance(
	"resources.unified is refused where the controller is not in the v2 hierarchy",
	async (world) => {
		await world.refused((config) => (config.linux.resources = { unified: { "memory.high": "1000000" } }));
	},
	{ needs: onV1 },
);

conformance(
	"a resource's value that the kernel refuses fails create",
	async (world) => {
		await world.refused((config) => (config.linux.resources = { cpu: { cpus: "9999" } }));
	},
	{ needs: onV1 },
);

conformance("a new cgroup namespace has the container's cgroup as its root", async (world) => {
	const out = await world.sh("cut -d: -f3 /proc/self/cgroup | sort -u", (config) => config.linux.namespaces.push({ type: "cgroup" }));
	expect(out.split("\n").filter((path) => path !== "/" && !path.startsWith("/.."))).toEqual([]);
});

conformance(
	"a cgroup that is frozen is refused",
	async (world) => {
		const name = `frozen-${process.pid}`;
		const folder = `/sys/fs/cgroup/freezer/${name}`;
		mkdirSync(folder);
		writeFileSync(`${folder}/freezer.state`, "FROZEN");
		try {
			await world.refused((config) => (config.linux.cgroupsPath = `/${name}`));
		} finally {
			writeFileSync(`${folder}/freezer.state`, "THAWED");
			for (const top of ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified"]) {
				if (existsSync(`/sys/fs/cgroup/${top}/${name}`)) rmdirSync(`/sys/fs/cgroup/${top}/${name}`);
			}
		}
	},
	{ needs: onV1, not: { crun: "1.8.1 waits for ever" } },
);
