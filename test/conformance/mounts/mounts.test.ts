// config.md#mounts: destinations, sources, types, order.

import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { withAllCapabilities, withScript } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

const tmpfs = (destination: string, ...options: string[]) => ({ destination, type: "tmpfs", source: "tmpfs", options });

conformance("mounts are made in the listed order, a later one over an earlier one", async (world) => {
	const out = await world.sh("cat /mnt/name; ls /mnt/inner", (config, bundle) => {
		mkdirSync(`${bundle}/one/inner`, { recursive: true });
		mkdirSync(`${bundle}/two`);
		writeFileSync(`${bundle}/one/name`, "one\n");
		writeFileSync(`${bundle}/two/file`, "");
		config.mounts.push({ destination: "/mnt", type: "bind", source: `${bundle}/one`, options: ["bind"] });
		config.mounts.push({ destination: "/mnt/inner", type: "bind", source: `${bundle}/two`, options: ["bind"] });
	});
	expect(out).toBe("one\nfile");
});

conformance("a mount listed after one below it hides that", async (world) => {
	const out = await world.sh("ls /mnt", (config) => config.mounts.push(tmpfs("/mnt/inner"), tmpfs("/mnt")));
	expect(out).toBe("");
});

conformance("a destination that is missing is made, folders on the way too", async (world) => {
	const out = await world.sh("grep -c ' /a/b/c tmpfs ' /proc/mounts", (config) => config.mounts.push(tmpfs("/a/b/c")));
	expect(out).toBe("1");
});

conformance("a relative destination is one below /", async (world) => {
	const out = await world.sh("grep -c ' /some/where tmpfs ' /proc/mounts", (config) => config.mounts.push(tmpfs("some/where")));
	expect(out).toBe("1");
});

conformance("a file can be bound, and its destination is made as a file", async (world) => {
	const out = await world.sh("cat /etc/config/name", (config, bundle) => {
		writeFileSync(`${bundle}/name`, "text");
		config.mounts.push({ destination: "/etc/config/name", type: "bind", source: `${bundle}/name`, options: ["bind", "ro"] });
	});
	expect(out).toBe("text");
});

conformance("a bind mount's source may be relative to the bundle", async (world) => {
	const out = await world.sh("cat /name", (config, bundle) => {
		writeFileSync(`${bundle}/name`, "text");
		config.mounts.push({ destination: "/name", type: "bind", source: "name", options: ["bind"] });
	});
	expect(out).toBe("text");
});

conformance(
	"a bind mount's type does not matter",
	async (world) => {
		for (const type of ["none", "bind", "tmpfs", undefined]) {
			const out = await world.sh("cat /name", (config, bundle) => {
				writeFileSync(`${bundle}/name`, "text");
				const entry = { destination: "/name", source: `${bundle}/name`, options: ["rbind"] };
				config.mounts.push(type === undefined ? entry : { ...entry, type });
			});
			expect([type, out]).toEqual([type, "text"]);
		}
	},
	{ not: { runc: "1.1.5 mounts a tmpfs by its type" } },
);

conformance("what the container writes into a bind mount is in its source", async (world) => {
	const container = world.container((config, bundle) => {
		mkdirSync(`${bundle}/data`);
		config.mounts.push({ destination: "/mnt", type: "bind", source: `${bundle}/data`, options: ["bind"] });
		withScript(config, "echo text >/mnt/file");
	});
	expect((await container.run()).status).toBe(0);
	expect(readFileSync(`${container.bundle}/data/file`, "utf8")).toBe("text\n");
});

conformance("a destination whose path climbs by a link stays inside the root", async (world) => {
	const out = await world.sh("grep -c ' /b tmpfs ' /proc/mounts", (config, bundle) => {
		symlinkSync("../../../../..", `${bundle}/rootfs/up`);
		config.mounts.push(tmpfs("/up/b"));
	});
	expect(out).toBe("1");
	expect(existsSync("/b")).toBe(false);
});

conformance("a destination whose path has an absolute link is never made on the host", async (world) => {
	const container = world.container((config, bundle) => {
		mkdirSync(`${bundle}/outside`);
		symlinkSync(`${bundle}/outside`, `${bundle}/rootfs/link`);
		config.mounts.push(tmpfs("/link/a"));
		withScript(config, "grep -c '/outside/a tmpfs ' /proc/mounts");
	});
	// runc makes the link's target inside of the root, the others refuse a link to what is not there.
	const ended = await container.run();
	if (ended.status === 0) expect(ended.stdout).toBe("1\n");
	expect(existsSync(`${container.bundle}/outside/a`)).toBe(false);
});

for (const [type, source, words] of [
	["proc", "proc", " /there proc "],
	["sysfs", "sysfs", " /there sysfs "],
	["tmpfs", "tmpfs", " /there tmpfs "],
	["mqueue", "mqueue", " /there mqueue "],
	["devpts", "devpts", " /there devpts "],
	["ramfs", "ramfs", " /there ramfs "],
] as const) {
	conformance(
		`a mount of type ${type}`,
		async (world) => {
			const out = await world.sh(`grep -c '${words}' /proc/mounts`, (config) =>
				config.mounts.push({ destination: "/there", type, source }),
			);
			expect(out).toBe("1");
		},
		type === "proc"
			? { not: { runc: "1.1.5 mounts proc at /proc alone" } }
			: type === "sysfs"
				? { not: { runc: "1.1.5 mounts sysfs at /sys alone" } }
				: {},
	);
}

conformance("a type that the kernel does not have is refused", async (world) => {
	const said = await world.refused((config) => config.mounts.push({ destination: "/mnt", type: "nosuchfs", source: "none" }));
	expect(said).toMatch(/mount/);
});

conformance("a mount of an overlay has its options passed on", async (world) => {
	const out = await world.sh("cat /mnt/lower; touch /mnt/new && ls /mnt", (config, bundle) => {
		for (const name of ["lower", "upper", "work"]) mkdirSync(`${bundle}/${name}`);
		writeFileSync(`${bundle}/lower/lower`, "below\n");
		const options = ["lower", "upper", "work"].map((name) => `${name}dir=${bundle}/${name}`);
		config.mounts.push({ destination: "/mnt", type: "overlay", source: "overlay", options });
	});
	expect(out).toBe("below\nlower\nnew");
});

conformance("an unknown option goes to the filesystem, which may refuse it", async (world) => {
	const out = await world.sh("grep ' /mnt ' /proc/mounts", (config) => config.mounts.push(tmpfs("/mnt", "nr_inodes=77")));
	expect(out).toContain("nr_inodes=77");
	await world.refused((config) => config.mounts.push(tmpfs("/mnt", "nosuchoption=1")));
});

conformance(
	"tmpcopyup brings the folder's content into the tmpfs",
	async (world) => {
		const out = await world.sh("cat /data/name; touch /data/new", (config, bundle) => {
			mkdirSync(`${bundle}/rootfs/data`);
			writeFileSync(`${bundle}/rootfs/data/name`, "copied");
			config.mounts.push(tmpfs("/data", "tmpcopyup"));
			withAllCapabilities(config);
		});
		expect(out).toBe("copied");
	},
	{ not: { runc: "1.1.5 needs /tmp of the host's to be private" } },
);

conformance("a cgroup mount shows the container's own cgroup, read-only when asked", async (world) => {
	const out = await world.sh("ls -d /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs 2>/dev/null | head -1", (config) => {
		config.mounts.push({ destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] });
		config.mounts.push({
			destination: "/sys/fs/cgroup",
			type: "cgroup",
			source: "cgroup",
			options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
		});
	});
	expect(out).toContain("cgroup.procs");
});

for (const words of [["idmap"], ["ridmap"]]) {
	conformance(
		`${words[0]} without mappings and without a user namespace is refused`,
		async (world) => {
			await world.refused((config, bundle) => {
				config.mounts.push({ destination: "/mnt", type: "bind", source: `${bundle}/rootfs/etc`, options: ["rbind", ...words] });
			});
		},
		{ not: { runc: "1.1.5 does not know idmap", ...(words[0] === "ridmap" ? { crun: "1.8.1 does not know ridmap" } : {}) } },
	);
}

conformance(
	"an idmapped mount shows its files to the ids of its mapping",
	async (world) => {
		const out = await world.sh("stat -c %u:%g /mnt/passwd", (config, bundle) => {
			config.mounts.push({
				destination: "/mnt",
				type: "bind",
				source: `${bundle}/rootfs/etc`,
				options: ["rbind", "idmap"],
				uidMappings: [{ containerID: 0, hostID: 5000, size: 10 }],
				gidMappings: [{ containerID: 0, hostID: 6000, size: 10 }],
			});
		});
		expect(out).toBe("5000:6000");
	},
	{ not: { runc: "1.1.5 does not know idmap", crun: "1.8.1 knows mappings by an annotation" } },
);

for (const [given, missing] of [
	["uidMappings", "gidMappings"],
	["gidMappings", "uidMappings"],
] as const) {
	conformance(
		`a mount's ${given} without ${missing} are refused`,
		async (world) => {
			await world.refused((config, bundle) => {
				const mapping = [{ containerID: 0, hostID: 5000, size: 10 }];
				config.mounts.push({
					destination: "/mnt",
					type: "bind",
					source: `${bundle}/rootfs/etc`,
					options: ["rbind", "idmap"],
					[given]: mapping,
				});
			});
		},
		{ not: { runc: "1.1.5 does not know mappings of mounts" } },
	);
}
