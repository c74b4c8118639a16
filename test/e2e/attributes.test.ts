// What a process is beside its user, seen from inside: scheduling, I/O priority, memory policy, personality, CPU affinity of an exec,
// capabilities, limits, labels, and network devices of the host.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { run } from "../support/corten.ts";
import { installed, testWhen } from "../support/skip.ts";
import { capabilities, fresh, World } from "../support/small-bundle.ts";

/** Fields of /proc/PID/stat: nice, real-time priority, policy. */
const scheduling = `read -r line </proc/self/stat; set -- \${line##*) }; echo nice=\${17} priority=\${38} policy=\${39}`;

/** The payload's output, or what the runtime said. */
async function outcome(world: World, change: Parameters<World["run"]>[0]): Promise<string> {
	const result = await world.run(change);
	return result.status === 0 ? result.stdout.trim() : `${result.status}: ${result.stderr.trim()}`;
}

describe("process", () => {
	test.each([
		["SCHED_BATCH with a nice value", { policy: "SCHED_BATCH", nice: 5 }, "nice=5 priority=0 policy=3"],
		["SCHED_IDLE", { policy: "SCHED_IDLE" }, "nice=0 priority=0 policy=5"],
		["SCHED_OTHER, better than others", { policy: "SCHED_OTHER", nice: -7 }, "nice=-7 priority=0 policy=0"],
		["SCHED_FIFO", { policy: "SCHED_FIFO", priority: 3, flags: ["SCHED_FLAG_RESET_ON_FORK"] }, "nice=0 priority=3 policy=1"],
		["SCHED_RR", { policy: "SCHED_RR", priority: 99 }, "nice=0 priority=99 policy=2"],
		[
			"SCHED_DEADLINE",
			{ policy: "SCHED_DEADLINE", runtime: 10_000_000, deadline: 30_000_000, period: 30_000_000 },
			"nice=0 priority=0 policy=6",
		],
	] as [string, { policy: string; priority?: number }, string][])("is scheduled by %s", async (_, scheduler, seen) => {
		await using world = new World();
		// A kernel with groups for real time gives a new cgroup v1 none of it.
		const cpu = existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us") && scheduler.priority ? { realtimeRuntime: 10_000 } : {};
		expect(await outcome(world, { script: scheduling, process: { scheduler }, linux: { resources: { cpu } } })).toBe(seen);
	});

	test("a parameter that the policy does not have is the kernel's to refuse", async () => {
		await using world = new World();
		const said = await outcome(world, { process: { scheduler: { policy: "SCHED_FIFO", priority: 0 } } });
		expect(said).toContain("cannot schedule by SCHED_FIFO: EINVAL");
	});

	test.each([
		["IOPRIO_CLASS_IDLE", 0, "idle"],
		["IOPRIO_CLASS_BE", 6, "best-effort: prio 6"],
		["IOPRIO_CLASS_RT", 2, "realtime: prio 2"],
	])("has I/O priority %s %d", async (name, priority, seen) => {
		await using world = new World();
		expect(await outcome(world, { script: "exec busybox ionice -p 1", process: { ioPriority: { class: name, priority } } })).toBe(seen);
	});

	test("sees a 32-bit machine with LINUX32, and this one with LINUX", async () => {
		await using world = new World();
		const machine = (domain: string) => outcome(world, { script: "busybox uname -m", linux: { personality: { domain } } });
		expect(await machine("LINUX32")).toBe("i686");
		expect(await machine("LINUX")).toBe("x86_64");
	});

	testWhen(existsSync("/proc/self/numa_maps"), "this kernel has no NUMA")("has its memory by a policy", async () => {
		await using world = new World();
		const memoryPolicy = { mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] };
		const seen = await outcome(world, { script: "read -r a policy rest </proc/self/numa_maps; echo $policy", linux: { memoryPolicy } });
		expect(seen).toBe("interleave=static:0");
		const refused = await outcome(world, { linux: { memoryPolicy: { mode: "MPOL_BIND" } } });
		expect(refused).toContain("cannot set memory policy MPOL_BIND: EINVAL");
	});

	test("gets the capabilities there are, and a warning for the others", async () => {
		await using world = new World();
		const script = "while read -r name value; do case $name in Cap*) echo $name $value;; esac; done </proc/self/status";
		const sets = { ...capabilities("CAP_KILL", "CAP_FLY"), inheritable: ["CAP_KILL"], ambient: ["CAP_KILL", "CAP_FLY"] };
		const result = await world.run({ script, process: { capabilities: sets, user: { uid: 7, gid: 7 } } });
		expect(result.stdout.trim().split("\n")).toEqual(["Inh", "Prm", "Eff", "Bnd", "Amb"].map((set) => `Cap${set}: 0000000000000020`));
		expect(result.stderr).toContain("warning: ignoring unknown or unavailable capabilities: [CAP_FLY]");
	});

	test("has the groups, the mask, the limits and the score of its document", async () => {
		await using world = new World();
		const script =
			'umask; ulimit -n; ulimit -Hn; read -r score </proc/self/oom_score_adj; echo $score; while read -r name value; do [ $name = Groups: ] && echo "$value"; done </proc/self/status; true';
		const process_ = {
			user: { uid: 7, gid: 8, umask: 0o27, additionalGids: [5, 6] },
			rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }],
			oomScoreAdj: 300,
		};
		expect(await outcome(world, { script, process: process_ })).toBe("0027\n100\n200\n300\n5 6");
	});

	testWhen(!existsSync("/sys/module/apparmor"), "AppArmor is here")("cannot have a profile without AppArmor", async () => {
		await using world = new World();
		expect(await outcome(world, { process: { apparmorProfile: "acme" } })).toContain("AppArmor is not enabled on this host");
		expect(await outcome(world, { script: "echo ran", process: { apparmorProfile: "unconfined" } })).toBe("ran");
	});

	testWhen(!existsSync("/sys/fs/selinux/enforce"), "SELinux is here")("cannot have a label without SELinux", async () => {
		await using world = new World();
		expect(await outcome(world, { process: { selinuxLabel: "a:b:c:s0" } })).toContain("SELinux is not enabled on this host");
		expect(await outcome(world, { linux: { mountLabel: "a:b:c:s0" } })).toContain("SELinux is not enabled on this host");
	});

	testWhen(!readFileSync("/proc/self/mountinfo", "utf8").includes(" - resctrl "), "resctrl is mounted")(
		"cannot be in a class of service without resctrl",
		async () => {
			await using world = new World();
			expect(await outcome(world, { linux: { intelRdt: {} } })).toContain("no resctrl filesystem is mounted");
		},
	);
});

describe("exec", () => {
	test("has its own attributes, and the container's", async () => {
		await using world = new World();
		const { id } = await world.start({ linux: { personality: { domain: "LINUX32" } } });
		const cpus = "while read -r name value; do [ $name = Cpus_allowed_list: ] && echo cpus=$value; done </proc/self/status";
		const document = (more: object) => {
			const path = `${world.folder}/process.json`;
			const args = ["/bin/busybox", "sh", "-c", `${scheduling}; ${cpus}; busybox uname -m`];
			writeFileSync(path, JSON.stringify({ user: { uid: 0, gid: 0 }, cwd: "/", env: ["PATH=/bin"], args, ...more }));
			return ["exec", "--process", path, id];
		};
		const all = readFileSync("/proc/self/status", "utf8").match(/Cpus_allowed_list:\s*(.*)/)?.[1];
		const scheduler = { policy: "SCHED_BATCH", nice: 3 };
		const placed = await world.call(document({ scheduler, execCPUAffinity: { initial: "0", final: "0" } }));
		expect(placed.stdout).toBe("nice=3 priority=0 policy=3\ncpus=0\ni686\n");
		const free = await world.call(document({}));
		expect(free.stdout).toBe(`nice=0 priority=0 policy=0\ncpus=${all}\ni686\n`);
		const wrong = await world.call(document({ execCPUAffinity: { initial: "9-3" } }));
		expect(wrong.stderr).toContain('cannot parse CPUs "9-3"');
	});
});

describe("netDevices", () => {
	const has = testWhen(installed("ip") && installed("unshare"), "ip or unshare is not installed");
	/** A host network of the test's own, in which `setup` is done and then a container run. */
	async function inNetwork(world: World, setup: string, netDevices: object, script: string, namespaces = fresh("mount", "pid", "network")) {
		const bundle = world.bundle({ script, namespaces, linux: { netDevices } });
		const command = world.command("run", "--bundle", bundle, `net-${process.pid}`).join(" ");
		return run(["unshare", "--net", "sh", "-ec", `ip link set lo up; ${setup}; ${command}; status=$?; ip -br link; exit $status`]);
	}
	const device = "ip link add d0 type ifb; ip addr add 10.9.8.7/24 dev d0; ip -6 addr add fd00::7/64 dev d0 nodad; ip link set d0 mtu 1400";

	has("are moved with their addresses, renamed and up", async () => {
		await using world = new World();
		const script = "busybox ip addr show dev lan0; busybox ip link show d0 2>&1";
		const { stdout, stderr } = await inNetwork(world, device, { d0: { name: "lan0" } }, script);
		expect(stderr).toBe("");
		expect(stdout).toMatch(/lan0: <[^>]*\bUP\b[^>]*> mtu 1400/);
		expect(stdout).toContain("inet 10.9.8.7/24");
		expect(stdout).toContain("inet6 fd00::7/64 scope global");
		expect(stdout).toContain("can't find device 'd0'");
	});

	has("keep their name, or have one made by the kernel", async () => {
		await using world = new World();
		const setup = `${device}; ip link add d1 type ifb`;
		const { stdout } = await inNetwork(world, setup, { d0: {}, d1: { name: "eth%d" } }, "busybox ip link");
		expect(stdout).toMatch(/\bd0: <.*\bUP\b/);
		expect(stdout).toMatch(/\beth0: <.*\bUP\b/);
	});

	has("are refused when they are not there, or their name is taken", async () => {
		await using world = new World();
		const missing = await inNetwork(world, "true", { d0: {} }, "true");
		expect(missing.stderr).toContain('cannot move network device "d0" into the container as "d0": ENODEV');
		const taken = await inNetwork(world, device, { d0: { name: "lo" } }, "true");
		expect(taken.stderr).toContain("EEXIST");
		expect((await inNetwork(world, device, { d0: {} }, "true", fresh("mount", "pid"))).stderr).toContain("host's network namespace");
	});
});
