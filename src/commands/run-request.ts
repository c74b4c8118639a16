// From the words of `corten run` to what they mean. Every word is parsed here, with the option's name in the error; files that options
// name (--env-file, a seccomp profile) are read here too.

import { CortenError } from "../base/errors.ts";
import { parseInsecure } from "../base/insecure.ts";
import type { Parsed } from "../base/options.ts";
import { parseCapability } from "../bundle/capabilities.ts";
import { parseDevice, parseDeviceRule } from "../bundle/device.ts";
import { type CallerEnv, parseEnv, parseEnvFile, parseLabel, parseLabelFile } from "../bundle/environment.ts";
import { parseLimits, parseUlimit } from "../bundle/limits.ts";
import { parseMount } from "../bundle/mount-option.ts";
import { absolutePath } from "../bundle/path.ts";
import { type RunRequest, sdNotifyModes } from "../bundle/request.ts";
import { parseBytes, parseInteger } from "../bundle/size.ts";
import { parseSysctl } from "../bundle/sysctl.ts";
import { systemdModes } from "../bundle/systemd.ts";
import { parseTmpfs } from "../bundle/tmpfs.ts";
import { parseVolume } from "../bundle/volume.ts";
import { parsePlatform } from "../image/platform.ts";
import { countCpus } from "../linux/cpus.ts";
import { exists, readFile } from "../linux/file.ts";
import { parseSignal } from "../linux/signals.ts";
import { isContainerName } from "../supervise/names.ts";
import { parseHealth } from "./run-health-options.ts";
import { parseDomain, parseExtraHost, parseHostname, parseIp, parseMode } from "./run-network.ts";
import type { runOptions } from "./run-options.ts";
import { parseRestart, parseUnit } from "./run-restart.ts";
import { parseSecurityOptions } from "./run-security.ts";

/** The surroundings of the caller that option words refer to. */
export type Surroundings = {
	readonly env: CallerEnv;
	/** The current folder; called only when a word is relative. */
	readonly folder: () => string;
	/** The most that --cpus may ask for. */
	readonly cpus: number;
};

const maxFileBytes = 4 << 20;
const defaultShmBytes = 64n << 20n;

function callerSurroundings(): Surroundings {
	return { env: process.env, folder: () => process.cwd(), cpus: countCpus() };
}

/** The absolute form of a path that an option names. */
function pathOf(text: string | undefined, at: string, surroundings: Surroundings): string | undefined {
	if (text === undefined) return undefined;
	if (text === "" || text.includes("\0")) throw new CortenError("invalid-argument", `cannot use "${text}" as a path`, { at });
	return absolutePath(text, surroundings.folder);
}

function pairs(words: readonly string[], parse: (word: string) => readonly [string, string]): Record<string, string> {
	return Object.fromEntries(words.map(parse));
}

function parseName(text: string | undefined): string | undefined {
	if (text === undefined || isContainerName(text)) return text;
	const hint = "a name is made of letters, digits, _, . and -, and starts with a letter or digit";
	throw new CortenError("invalid-argument", `cannot use name "${text}"`, { at: "--name", hint });
}

function parsePull(text: string | undefined): RunRequest["pull"] {
	if (text === undefined || text === "missing" || text === "") return "missing";
	if (text === "always" || text === "never") return text;
	throw new CortenError("invalid-argument", `cannot pull "${text}": it is always, missing or never`, { at: "--pull" });
}

function parseSdNotify(text: string | undefined): RunRequest["sdnotify"] {
	const mode = sdNotifyModes.find((word) => word === text);
	if (text === undefined || mode !== undefined) return mode;
	throw new CortenError("invalid-argument", `cannot notify "${text}": it is one of ${sdNotifyModes.join(", ")}`, { at: "--sdnotify" });
}

function parseCgroupParent(text: string | undefined): string | undefined {
	if (text === undefined || text === "") return undefined;
	if (/(?:^|\/)\.\.?(?:\/|$)|[\0\n]/.test(text)) {
		throw new CortenError("invalid-argument", `cannot use cgroup "${text}" as a parent`, { at: "--cgroup-parent" });
	}
	return absolutePath(text, () => "/");
}

/**
 * Interprets the options of `corten run`.
 * @param parsed what the parser made of the command line
 * @throws `invalid-argument` and `unsupported` with the option in `at`; `not-found` for a file that an option names; `invalid-spec`
 * for a broken seccomp profile
 */
export function decodeRunRequest(parsed: Parsed<typeof runOptions>, surroundings: Surroundings = callerSurroundings()): RunRequest {
	const readOptionFile = (path: string, at: string) => readFile(pathOf(path, at, surroundings) ?? path, maxFileBytes);
	const selinux = parsed.volume.length > 0 && exists("/sys/fs/selinux/enforce");
	const network = parseNetwork(parsed);
	const uts = parseMode(parsed.uts, "--uts", ["private", "host"]);
	parseMode(parsed.userns, "--userns", ["host"]);
	if (uts === "host" && (parsed.hostname !== undefined || parsed.domainname !== undefined)) {
		const at = parsed.hostname === undefined ? "--domainname" : "--hostname";
		throw new CortenError("invalid-argument", `cannot combine ${at} and --uts=host: the host would be renamed`, { at });
	}
	return {
		name: parseName(parsed.name),
		detach: parsed.detach,
		remove: parsed.rm,
		interactive: parsed.interactive,
		tty: parsed.tty,
		init: parsed.init,
		pull: parsePull(parsed.pull),
		quiet: parsed.quiet,
		insecure: parseInsecure(parsed["insecure-options"]),
		sdnotify: parseSdNotify(parsed.sdnotify),
		systemd: parseMode(parsed.systemd ?? "true", "--systemd", systemdModes),
		replace: parsed.replace,
		restart: parseRestart(parsed.restart, parsed.rm),
		unit: parseUnit(parsed.unit),
		register: parsed.register,
		platform: located("--platform", () => (parsed.platform === undefined ? undefined : parsePlatform(parsed.platform))),
		rootfs: pathOf(parsed.rootfs, "--rootfs", surroundings),
		cidFile: pathOf(parsed.cidfile, "--cidfile", surroundings),
		pidFile: pathOf(parsed.pidfile, "--pidfile", surroundings),
		labels: {
			...Object.fromEntries(parsed["label-file"].flatMap((path) => parseLabelFile(readOptionFile(path, "--label-file"), path))),
			...pairs(parsed.label, (word) => parseLabel(word, "--label")),
		},
		annotations: pairs(parsed.annotation, (word) => parseLabel(word, "--annotation")),
		stopSignal: located("--stop-signal", () => (parsed["stop-signal"] === undefined ? undefined : parseSignal(parsed["stop-signal"]))),
		stopTimeoutSeconds:
			parsed["stop-timeout"] === undefined ? undefined : parseInteger(parsed["stop-timeout"], "stop timeout", "--stop-timeout", 0),

		entrypoint: parsed.entrypoint,
		env: [
			...parsed["env-file"].flatMap((path) => parseEnvFile(readOptionFile(path, "--env-file"), path, surroundings.env)),
			...parsed.env.map((word) => parseEnv(word, surroundings.env)),
		],
		workdir: parsed.workdir,
		user: parsed.user,
		groups: parsed["group-add"],
		capAdd: parsed["cap-add"].map((word) => parseCapability(word, "--cap-add")),
		capDrop: parsed["cap-drop"].map((word) => parseCapability(word, "--cap-drop")),
		privileged: parsed.privileged,
		...parseSecurityOptions(parsed["security-opt"], readOptionFile),
		oomScoreAdj:
			parsed["oom-score-adj"] === undefined
				? undefined
				: parseInteger(parsed["oom-score-adj"], "OOM score", "--oom-score-adj", -1000, 1000),
		rlimits: uniqueLimits(parsed.ulimit),

		network,
		ipc: parseMode(parsed.ipc, "--ipc", ["private", "host", "none"]),
		pid: parseMode(parsed.pid, "--pid", ["private", "host"]),
		uts,
		cgroupns: parseMode(parsed.cgroupns, "--cgroupns", ["private", "host"]),
		hostname: parsed.hostname === undefined || parsed.hostname === "" ? undefined : parseHostname(parsed.hostname, "--hostname"),
		domainname: parsed.domainname === undefined || parsed.domainname === "" ? undefined : parseHostname(parsed.domainname, "--domainname"),
		extraHosts: parsed["add-host"].map(parseExtraHost),
		dns: {
			servers: parsed.dns.map((word) => parseIp(word, "--dns")),
			search: parsed["dns-search"].map((word) => parseDomain(word, "--dns-search")),
			options: parsed["dns-option"].map((word) => parseDomain(word, "--dns-option")),
		},
		sysctls: pairs(parsed.sysctl, parseSysctl),

		readOnly: parsed["read-only"],
		mounts: [
			...parsed.volume.map((word) => parseVolume(word, surroundings.folder, selinux)),
			...parsed.mount.map((word) => parseMount(word, surroundings.folder)),
			...parsed.tmpfs.map((word) => parseTmpfs(word)),
		],
		devices: parsed.device.map((word) => parseDevice(word, surroundings.folder)),
		deviceRules: parsed["device-cgroup-rule"].map((word) => parseDeviceRule(word)),
		shmSizeBytes: parseShmSize(parsed["shm-size"]),

		health: parseHealth(parsed),

		resources: parseLimits(
			{
				memory: parsed.memory,
				memorySwap: parsed["memory-swap"],
				memoryReservation: parsed["memory-reservation"],
				cpus: parsed.cpus,
				cpuShares: parsed["cpu-shares"],
				cpuPeriod: parsed["cpu-period"],
				cpuQuota: parsed["cpu-quota"],
				cpusetCpus: parsed["cpuset-cpus"],
				cpusetMems: parsed["cpuset-mems"],
				pidsLimit: parsed["pids-limit"],
			},
			surroundings.cpus,
		),
		cgroupParent: parseCgroupParent(parsed["cgroup-parent"]),
	};
}

function parseNetwork(parsed: Parsed<typeof runOptions>): "none" | "host" {
	if (parsed.network !== undefined && parsed.net !== undefined && parsed.network !== parsed.net) {
		throw new CortenError("invalid-argument", `cannot use two networks: "${parsed.network}" and "${parsed.net}"`, { at: "--network" });
	}
	const hint = "only none and host so far; without the option it is none";
	return parseMode(parsed.network ?? parsed.net, "--network", ["none", "host"], hint);
}

function parseShmSize(text: string | undefined): bigint {
	const bytes = text === undefined ? 0n : parseBytes(text, "--shm-size");
	return bytes === 0n ? defaultShmBytes : bytes;
}

/** The last of each type wins, as docker has it. */
function uniqueLimits(words: readonly string[]): RunRequest["rlimits"] {
	return [...new Map(words.map((word) => parseUlimit(word)).map((limit) => [limit.type, limit])).values()];
}

/** Adds the option to the error of a parser that is not the command line's own. */
function located<T>(at: string, parse: () => T): T {
	try {
		return parse();
	} catch (error) {
		if (!(error instanceof CortenError) || error.at !== undefined) throw error;
		throw new CortenError(error.code, error.message, { at, ...(error.hint !== undefined && { hint: error.hint }) });
	}
}
