// config.md#posix-process: rlimits.

import { expect } from "bun:test";
import { conformance } from "../../support/conformance.ts";

/** type, name in /proc/self/limits, soft, hard: none above what a test may lower to. */
const limits: readonly (readonly [type: string, shown: string, soft: number, hard: number])[] = [
	["RLIMIT_AS", "Max address space", 1 << 30, (1 << 30) + 4096],
	["RLIMIT_CORE", "Max core file size", 0, 1024],
	["RLIMIT_CPU", "Max cpu time", 100, 200],
	["RLIMIT_DATA", "Max data size", 1 << 28, 1 << 29],
	["RLIMIT_FSIZE", "Max file size", 1 << 20, 1 << 21],
	["RLIMIT_LOCKS", "Max file locks", 10, 20],
	["RLIMIT_MEMLOCK", "Max locked memory", 4096, 8192],
	["RLIMIT_MSGQUEUE", "Max msgqueue size", 1000, 2000],
	["RLIMIT_NICE", "Max nice priority", 0, 0],
	["RLIMIT_NOFILE", "Max open files", 100, 200],
	["RLIMIT_NPROC", "Max processes", 50, 100],
	["RLIMIT_RSS", "Max resident set", 1 << 20, 1 << 21],
	["RLIMIT_RTPRIO", "Max realtime priority", 0, 0],
	["RLIMIT_RTTIME", "Max realtime timeout", 1000, 2000],
	["RLIMIT_SIGPENDING", "Max pending signals", 10, 20],
	["RLIMIT_STACK", "Max stack size", 1 << 20, 1 << 21],
];

for (const [type, shown, soft, hard] of limits) {
	conformance(`${type} has its soft and its hard value`, async (world) => {
		const out = await world.sh("cat /proc/self/limits", (config) => (config.process.rlimits = [{ type, soft, hard }]));
		const line = out.split("\n").find((text) => text.startsWith(shown)) ?? "";
		expect(line.slice(shown.length).trim().split(/\s+/).slice(0, 2)).toEqual([String(soft), String(hard)]);
	});
}

conformance("several limits are set together, and those not named stay the runtime's", async (world) => {
	const out = await world.sh("ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/self/limits | grep 'Max locked'", (config) => {
		config.process.rlimits = [
			{ type: "RLIMIT_NOFILE", soft: 64, hard: 128 },
			{ type: "RLIMIT_CORE", soft: 0, hard: 0 },
		];
	});
	const own = (await Bun.file("/proc/self/limits").text()).split("\n").find((line) => line.startsWith("Max locked"));
	expect(out).toBe(`64\n128\n0\n${own}`);
});

conformance("a type that there is not is refused", async (world) => {
	await world.refused((config) => (config.process.rlimits = [{ type: "RLIMIT_NOSUCH", soft: 1, hard: 1 }]));
});

conformance(
	"two entries of one type are refused",
	async (world) => {
		const one = { type: "RLIMIT_NOFILE", soft: 10, hard: 20 };
		await world.refused((config) => (config.process.rlimits = [one, { ...one, soft: 15 }]));
	},
	{ not: { runc: "1.1.5 takes the last", crun: "1.8.1 takes the last" } },
);

conformance("a soft limit above the hard one is refused", async (world) => {
	await world.refused((config) => (config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 30, hard: 20 }]));
});
