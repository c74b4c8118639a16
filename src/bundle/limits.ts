// Resource limits: memory, CPU, pids and ulimits, with docker's words and rules.
// @see runtime-spec config-linux.md#control-groups, docker-run(1)

import { CortenError } from "../base/errors.ts";
import type { Process, Resources } from "../spec/runtime.ts";
import { parseBytes, parseInteger } from "./size.ts";

const minMemoryBytes = 6n << 20n;
/** docker's period for --cpus, in microseconds. */
const cpuPeriod = 100_000n;
const infinity = (1n << 64n) - 1n;
const ulimitNames = [
	"core",
	"cpu",
	"data",
	"fsize",
	"locks",
	"memlock",
	"msgqueue",
	"nice",
	"nofile",
	"nproc",
	"rss",
	"rtprio",
	"rttime",
	"sigpending",
	"stack",
];

/** The words of the limit options, as given. */
export type LimitWords = {
	readonly memory?: string | undefined;
	readonly memorySwap?: string | undefined;
	readonly memoryReservation?: string | undefined;
	readonly cpus?: string | undefined;
	readonly cpuShares?: string | undefined;
	readonly cpuPeriod?: string | undefined;
	readonly cpuQuota?: string | undefined;
	readonly cpusetCpus?: string | undefined;
	readonly cpusetMems?: string | undefined;
	readonly pidsLimit?: string | undefined;
};

function refuse(message: string, at: string): CortenError {
	return new CortenError("invalid-argument", message, { at });
}

function parseMemory(words: LimitWords): Resources["memory"] {
	const limit = words.memory === undefined ? 0n : parseBytes(words.memory, "--memory");
	const reservation = words.memoryReservation === undefined ? 0n : parseBytes(words.memoryReservation, "--memory-reservation");
	const unlimitedSwap = words.memorySwap === "-1";
	let swap = words.memorySwap === undefined || unlimitedSwap ? 0n : parseBytes(words.memorySwap, "--memory-swap");
	if (limit > 0n && limit < minMemoryBytes) throw refuse(`cannot limit memory to "${words.memory}": the minimum is 6m`, "--memory");
	if (reservation > 0n && reservation < minMemoryBytes) {
		throw refuse(`cannot reserve memory "${words.memoryReservation}": the minimum is 6m`, "--memory-reservation");
	}
	if (limit > 0n && reservation > limit) throw refuse("cannot reserve more memory than --memory allows", "--memory-reservation");
	if (swap > 0n && limit === 0n) throw refuse("cannot limit swap without --memory: the value is memory plus swap", "--memory-swap");
	if (swap > 0n && swap < limit) throw refuse("cannot limit swap below --memory: the value is memory plus swap", "--memory-swap");
	if (limit > 0n && swap === 0n) swap = limit * 2n;
	if (limit === 0n && reservation === 0n && !unlimitedSwap) return undefined;
	return {
		...(limit > 0n && { limit }),
		...(reservation > 0n && { reservation }),
		...(unlimitedSwap ? { swap: -1n } : swap > 0n && { swap }),
	};
}

function parseCpus(text: string, hostCpus: number): bigint {
	const at = "--cpus";
	const match = /^(\d{0,6})(?:\.(\d{0,9}))?$/.exec(text);
	if (match === null || !/\d/.test(text)) throw refuse(`cannot parse number of CPUs "${text}"`, at);
	const nano = BigInt(`${match[1] || "0"}${(match[2] ?? "").padEnd(9, "0")}`);
	if (nano !== 0n && (nano < 10_000_000n || nano > BigInt(hostCpus) * 1_000_000_000n)) {
		throw refuse(`cannot use ${text} CPUs: the range is 0.01 to ${hostCpus}, as there are only ${hostCpus}`, at);
	}
	return nano;
}

function checkSet(text: string, noun: string, at: string): void {
	const good = text.split(",").every((part) => {
		const [, low = "", high] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
		return low !== "" && Number(low) <= Number(high ?? low);
	});
	if (!good) throw refuse(`cannot parse ${noun} "${text}": it is not like 0-3,5`, at);
}

function parseCpu(words: LimitWords, hostCpus: number): Resources["cpu"] {
	const nano = words.cpus === undefined ? 0n : parseCpus(words.cpus, hostCpus);
	const shares = words.cpuShares === undefined ? 0 : parseInteger(words.cpuShares, "CPU shares", "--cpu-shares", 0, 1 << 18);
	const period = words.cpuPeriod === undefined ? 0 : parseInteger(words.cpuPeriod, "CPU period", "--cpu-period", 0);
	const quota = words.cpuQuota === undefined ? 0 : parseInteger(words.cpuQuota, "CPU quota", "--cpu-quota", -1);
	if (nano > 0n && period !== 0) throw refuse("cannot combine --cpus and --cpu-period", "--cpus");
	if (nano > 0n && quota !== 0) throw refuse("cannot combine --cpus and --cpu-quota", "--cpus");
	if (period !== 0 && (period < 1000 || period > 1_000_000))
		throw refuse(`cannot use CPU period ${period}: the range is 1000 to 1000000`, "--cpu-period");
	if (quota > 0 && quota < 1000) throw refuse(`cannot use CPU quota ${quota}: the minimum is 1000 (1 ms)`, "--cpu-quota");
	if (words.cpusetCpus) checkSet(words.cpusetCpus, "CPU set", "--cpuset-cpus");
	if (words.cpusetMems) checkSet(words.cpusetMems, "memory node set", "--cpuset-mems");
	const cpu = {
		...(shares > 0 && { shares: BigInt(shares) }),
		...(nano > 0n && { period: cpuPeriod, quota: (nano * cpuPeriod) / 1_000_000_000n }),
		...(period > 0 && { period: BigInt(period) }),
		...(quota !== 0 && { quota: BigInt(quota) }),
		...(words.cpusetCpus && { cpus: words.cpusetCpus }),
		...(words.cpusetMems && { mems: words.cpusetMems }),
	};
	return Object.keys(cpu).length === 0 ? undefined : cpu;
}

/**
 * Parses the limits.
 * @param hostCpus the upper bound of --cpus
 * @throws `invalid-argument` with the option in `at`
 */
export function parseLimits(words: LimitWords, hostCpus: number): Omit<Resources, "devices"> {
	const memory = parseMemory(words);
	const cpu = parseCpu(words, hostCpus);
	const pids = words.pidsLimit === undefined ? 0 : parseInteger(words.pidsLimit, "limit of processes", "--pids-limit", -1);
	return { ...(memory && { memory }), ...(cpu && { cpu }), ...(pids > 0 && { pids: { limit: BigInt(pids) } }) };
}

/** Parses `nofile=1024[:2048]`; -1 or unlimited is RLIM_INFINITY. @throws `invalid-argument` */
export function parseUlimit(text: string, at = "--ulimit"): Process["rlimits"][number] {
	const match = /^([a-z]+)=(-1|unlimited|\d{1,20})(?::(-1|unlimited|\d{1,20}))?$/.exec(text);
	const [, name = "", softText = "", hardText = softText] = match ?? [];
	if (match === null || !ulimitNames.includes(name)) {
		throw new CortenError("invalid-argument", `cannot parse ulimit "${text}"`, {
			at,
			hint: "a ulimit is TYPE=SOFT[:HARD], like nofile=1024:2048",
		});
	}
	const parseValue = (word: string) => (word === "-1" || word === "unlimited" ? infinity : BigInt(word));
	const soft = parseValue(softText);
	const hard = parseValue(hardText);
	if (hard > infinity || soft > infinity) throw refuse(`cannot use ulimit "${text}": it is larger than 2^64-1`, at);
	if (soft > hard) throw refuse(`cannot use ulimit "${text}": the soft limit is above the hard one`, at);
	return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
}
