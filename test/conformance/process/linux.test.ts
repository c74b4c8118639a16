// config.md#linux-process: oomScoreAdj, scheduler, ioPriority, execCPUAffinity, apparmorProfile, selinuxLabel.

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { withSleep } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

/** Whether v1 cgroups divide the time of real-time processes. */
const grouped = existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us");
const old = (what: string) => ({ runc: `1.1.5 does not know ${what}`, crun: `1.8.1 does not know ${what}` });

conformance("oomScoreAdj is the process'", async (world) => {
	expect(await world.sh("cat /proc/self/oom_score_adj", (config) => (config.process.oomScoreAdj = 333))).toBe("333");
	expect(await world.sh("cat /proc/self/oom_score_adj", (config) => (config.process.oomScoreAdj = 0))).toBe("0");
});

conformance("without oomScoreAdj the process has the runtime's", async (world) => {
	const container = world.container((config) => (config.process.args = ["cat", "/proc/self/oom_score_adj"]));
	const command = world.runtime.command("run", "--bundle", container.bundle, container.id);
	const ended = Bun.spawnSync(["sh", "-c", 'echo 123 >/proc/self/oom_score_adj; exec "$@"', "sh", ...command]);
	expect(ended.stdout.toString()).toBe("123\n");
});

conformance("oomScoreAdj out of its range is refused", async (world) => {
	const ended = await world.run((config) => (config.process.oomScoreAdj = 2000));
	expect(ended.status).not.toBe(0);
});

for (const [policy, more, number] of [
	["SCHED_BATCH", {}, "3"],
	["SCHED_IDLE", {}, "5"],
	["SCHED_OTHER", { nice: 5 }, "0"],
	["SCHED_FIFO", { priority: 7 }, "1"],
	["SCHED_RR", { priority: 9 }, "2"],
] as const) {
	conformance(
		`scheduler ${policy}`,
		async (world) => {
			// proc(5): fields 18 priority, 19 nice, 40 rt_priority, 41 policy; the name in parentheses has no space here.
			const out = await world.sh("cut -d' ' -f19,40,41 /proc/self/stat", (config) => {
				config.process.scheduler = { policy, ...more };
				// Where the kernel groups real-time processes, a cgroup has a budget for them, or none.
				if (grouped) config.linux.resources = { cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 2000 } };
			});
			const { nice = 0, priority = 0 }: { nice?: number; priority?: number } = more;
			expect(out).toBe(`${nice} ${priority} ${number}`);
		},
		{ not: { runc: "1.1.5 does not know scheduler", crun: "1.8.1 does not know scheduler in an older document" } },
	);
}

conformance(
	"a scheduling policy that there is not is refused",
	async (world) => {
		await world.refused((config) => (config.process.scheduler = { policy: "SCHED_NOSUCH" }));
	},
	{ not: old("scheduler") },
);

for (const [word, level] of [
	["IOPRIO_CLASS_BE", 3],
	["IOPRIO_CLASS_IDLE", 0],
	["IOPRIO_CLASS_RT", 2],
] as const) {
	conformance(
		`ioPriority ${word}`,
		async (world) => {
			const out = await world.sh("ionice -p $$", (config) => (config.process.ioPriority = { class: word, priority: level }));
			expect(out).toBe({ IOPRIO_CLASS_BE: "best-effort: prio 3", IOPRIO_CLASS_IDLE: "idle", IOPRIO_CLASS_RT: "realtime: prio 2" }[word]);
		},
		{ not: old("ioPriority") },
	);
}

conformance(
	"an ioPriority class that there is not is refused",
	async (world) => {
		await world.refused((config) => (config.process.ioPriority = { class: "IOPRIO_CLASS_NOSUCH", priority: 1 }));
	},
	{ not: old("ioPriority") },
);

conformance("execCPUAffinity does not apply to the container's own process", async (world) => {
	const own = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
	const out = await world.sh(
		"grep Cpus_allowed_list /proc/self/status | cut -f2",
		(config) => (config.process.execCPUAffinity = { initial: "0", final: "0" }),
	);
	expect(out).toBe(own);
});

conformance(
	"execCPUAffinity.final is where exec's process runs",
	async (world) => {
		const container = world.container((config) => {
			config.process.execCPUAffinity = { initial: "0", final: "0" };
			withSleep(config);
		});
		await container.launch();
		const ended = await container.exec(["sh", "-c", "grep Cpus_allowed_list /proc/self/status | cut -f2"]);
		expect(ended.stdout).toBe("0\n");
	},
	{ not: old("execCPUAffinity") },
);

conformance(
	"an AppArmor profile on a machine without AppArmor is refused",
	async (world) => {
		const ended = await world.run((config) => (config.process.apparmorProfile = "acme_secure_profile"));
		expect(ended.status).not.toBe(0);
	},
	{ needs: [!existsSync("/sys/kernel/security/apparmor"), "this kernel has AppArmor"], not: { crun: "1.8.1 passes it over" } },
);

conformance(
	"an SELinux label on a machine without SELinux is refused",
	async (world) => {
		const ended = await world.run((config) => (config.process.selinuxLabel = "system_u:system_r:svirt_lxc_net_t:s0:c124,c675"));
		expect(ended.status).not.toBe(0);
	},
	{ needs: [!existsSync("/sys/fs/selinux/enforce"), "this kernel has SELinux"], not: { crun: "1.8.1 passes it over" } },
);
