// config-linux.md: sysctl, maskedPaths, readonlyPaths, rootfsPropagation, personality, mountLabel, intelRdt, memoryPolicy, netDevices.

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";
import { must } from "../../support/must.ts";

conformance("sysctl sets the container's values and not the host's", async (world) => {
	const before = readFileSync("/proc/sys/net/core/somaxconn", "utf8");
	const out = await world.sh("cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmni", (config) => {
		config.linux.sysctl = { "net.core.somaxconn": "77", "kernel.shmmni": "55" };
	});
	expect(out).toBe("77\n55");
	expect(readFileSync("/proc/sys/net/core/somaxconn", "utf8")).toBe(before);
});

conformance("a sysctl that is not there is refused", async (world) => {
	await world.refused((config) => (config.linux.sysctl = { "net.core.nosuch": "1" }));
});

conformance("a sysctl of no namespace is refused", async (world) => {
	const before = readFileSync("/proc/sys/vm/swappiness", "utf8");
	await world.refused((config) => (config.linux.sysctl = { "vm.swappiness": "61" }));
	expect(readFileSync("/proc/sys/vm/swappiness", "utf8")).toBe(before);
});

conformance("a sysctl of a namespace that is the host's is refused", async (world) => {
	await world.refused((config) => {
		config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "network");
		config.linux.sysctl = { "net.core.somaxconn": readFileSync("/proc/sys/net/core/somaxconn", "utf8").trim() };
	});
});

conformance("maskedPaths cannot be read", async (world) => {
	const out = await world.sh(
		"wc -c </proc/version; ls /proc/sys | wc -l",
		(config) => (config.linux.maskedPaths = ["/proc/version", "/proc/sys", "/proc/nosuch"]),
	);
	expect(out).toBe("0\n0");
});

conformance("readonlyPaths cannot be written", async (world) => {
	const out = await world.sh("echo x >/proc/sys/kernel/hostname; touch /etc/file; touch /tmp/file && echo written", (config) => {
		config.linux.readonlyPaths = ["/proc/sys", "/etc", "/nosuch"];
		config.process.args = ["sh", "-c", `(${config.process.args[2]}) 2>&1`];
	});
	expect(out).toMatch(/Read-only.*\n.*Read-only.*\nwritten/);
});

for (const [word, shown] of [
	["shared", / \/ [^-]*shared:/],
	["slave", / \/ rw/],
	["private", / \/ rw(?![^-]*(shared|master):)/],
	["unbindable", / \/ [^-]*unbindable/],
] as const) {
	conformance(
		`rootfsPropagation ${word}`,
		async (world) => {
			const out = await world.sh(
				"grep ' / / \\| / rw' /proc/self/mountinfo | head -1; grep -E '^[0-9]+ [0-9]+ [^ ]+ [^ ]+ / ' /proc/self/mountinfo",
				(config) => (config.linux.rootfsPropagation = word),
			);
			expect(out).toMatch(shown);
		},
		word === "unbindable"
			? { not: { runc: "1.1.5 cannot bind the root then" } }
			: word === "shared"
				? { not: { runc: "1.1.5 leaves the root private" } }
				: {},
	);
}

conformance(
	"a rootfsPropagation that there is not is refused",
	async (world) => {
		await world.refused((config) => (config.linux.rootfsPropagation = "nosuch"));
	},
	{ not: { crun: "1.8.1 passes it over" } },
);

conformance("without rootfsPropagation no mount of the container reaches the host", async (world) => {
	const before = readFileSync("/proc/self/mountinfo", "utf8").split("\n").length;
	const container = world.container((config) => {
		config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs" });
		withSleep(config);
	});
	await container.launch();
	const after = readFileSync("/proc/self/mountinfo", "utf8");
	expect(after).not.toContain(container.bundle);
	expect(before).toBeGreaterThan(0);
});

conformance(
	"personality LINUX32 is what uname says",
	async (world) => {
		const out = await world.sh("uname -m", (config) => (config.linux.personality = { domain: "LINUX32" }));
		expect(out).toMatch(/^i.86$/);
	},
	{ needs: [process.arch === "x64", "not x86_64"], not: { runc: "1.1.5 does not know personality" } },
);

conformance("personality LINUX is the default", async (world) => {
	expect(await world.sh("uname -m", (config) => (config.linux.personality = { domain: "LINUX" }))).toBe(await world.sh("uname -m"));
});

conformance(
	"a personality that there is not is refused",
	async (world) => {
		await world.refused((config) => (config.linux.personality = { domain: "NOSUCH" }));
	},
	{ not: { runc: "1.1.5 does not know personality" } },
);

const noResctrl = [!existsSync("/sys/fs/resctrl/schemata"), "this machine has resctrl"] as const;

conformance(
	"intelRdt without a resctrl filesystem is refused",
	async (world) => {
		await world.refused((config) => (config.linux.intelRdt = { closID: "guaranteed_group", l3CacheSchema: "L3:0=7f0;1=1f" }));
	},
	{ needs: noResctrl, not: { crun: "1.8.1 passes it over" } },
);

conformance(
	"a memory policy's mode that there is not is refused",
	async (world) => {
		await world.refused((config) => (config.linux.memoryPolicy = { mode: "MPOL_NOSUCH", nodes: "0" }));
	},
	{ not: { runc: "1.1.5 does not know memoryPolicy", crun: "1.8.1 does not know memoryPolicy" } },
);

conformance(
	"memoryPolicy is the process'",
	async (world) => {
		const out = await world.sh(
			"cut -d' ' -f2 /proc/self/numa_maps | sort -u | head -3",
			(config) => (config.linux.memoryPolicy = { mode: "MPOL_PREFERRED", nodes: "0" }),
		);
		expect(out).toContain("prefer:0");
	},
	{
		needs: [existsSync("/proc/self/numa_maps"), "this kernel has no NUMA"],
		not: { runc: "1.1.5 does not know memoryPolicy", crun: "1.8.1 does not know memoryPolicy" },
	},
);

/** Runs `fn` with a network device of its own on the host. */
async function withDevice(name: string, fn: () => Promise<void>): Promise<void> {
	must(["ip", "link", "add", name, "type", "ifb"]);
	try {
		must(["ip", "addr", "add", "10.99.0.7/24", "dev", name]);
		await fn();
	} finally {
		Bun.spawnSync(["ip", "link", "del", name], { stderr: "ignore" });
	}
}
const madeDevice = (() => {
	if (process.getuid?.() !== 0 || Bun.which("ip") === null || process.env.CORTEN_TEST_LIST !== undefined) return false;
	const made = Bun.spawnSync(["ip", "link", "add", "cfprobe", "type", "ifb"], { stderr: "ignore" }).exitCode === 0;
	if (made) Bun.spawnSync(["ip", "link", "del", "cfprobe"]);
	return made;
})();
const old = { runc: "1.1.5 does not know netDevices", crun: "1.8.1 does not know netDevices" };
const needsDevice = [madeDevice, "this kernel makes no network devices"] as const;

conformance(
	"netDevices moves a device in, with its addresses, and sets it up",
	async (world) => {
		const name = `cf${process.pid}a`;
		await withDevice(name, async () => {
			const out = await world.sh(`ip addr show ${name}`, (config) => (config.linux.netDevices = { [name]: {} }));
			expect(out).toContain("10.99.0.7/24");
			expect(out).toMatch(/<[^>]*\bUP\b/);
		});
	},
	{ needs: needsDevice, not: old },
);

conformance(
	"netDevices gives a device its name in the container",
	async (world) => {
		const name = `cf${process.pid}b`;
		await withDevice(name, async () => {
			expect(await world.sh("ip addr show inside0", (config) => (config.linux.netDevices = { [name]: { name: "inside0" } }))).toContain(
				"10.99.0.7/24",
			);
		});
	},
	{ needs: needsDevice, not: old },
);

conformance(
	"netDevices refuses a name that is taken in the container",
	async (world) => {
		const name = `cf${process.pid}c`;
		await withDevice(name, async () => {
			await world.refused((config) => (config.linux.netDevices = { [name]: { name: "lo" } }));
			expect(existsSync(`/sys/class/net/${name}`)).toBe(true);
		});
	},
	{ needs: needsDevice, not: old },
);

conformance(
	"netDevices refuses a device that is not there",
	async (world) => {
		await world.refused((config) => (config.linux.netDevices = { nosuch0: {} }));
	},
	{ not: old },
);

conformance(
	"netDevices takes a template, and the kernel chooses the number",
	async (world) => {
		const name = `cf${process.pid}d`;
		await withDevice(name, async () => {
			expect(
				await world.sh(
					"ls /sys/class/net | grep ^tpl; ip addr show tpl0",
					(config) => (config.linux.netDevices = { [name]: { name: "tpl%d" } }),
				),
			).toContain("10.99.0.7/24");
		});
	},
	{ needs: needsDevice, not: old },
);

conformance("without intelRdt nothing touches resctrl", async (world) => {
	const out = await world.sh("grep -c resctrl /proc/self/mounts || true; ls -d /sys/fs/resctrl/cf* 2>/dev/null || true");
	expect(out).toBe("0");
});

for (const key of ["maskedPaths", "readonlyPaths"]) {
	conformance(
		`a masked or read-only path that is not absolute is refused: ${key}`,
		async (world) => {
			await world.refused((config) => (config.linux[key] = ["proc/sys"]));
		},
		{ not: { runc: "1.1.5 takes it from the root", crun: "1.8.1 takes it from the root" } },
	);
}
