// A .container file becomes a service whose ExecStart= is `corten run`: the container is the unit. Nothing is removed when it stops, so its
// logs and its files stay until the next start, which replaces it. @see podman-systemd.unit(5), docs/decisions/0018

import { containerKeys, type KeyRule } from "./keys.ts";
import { type Context, refuse, type Service } from "./service.ts";
import { allOf, type Entry, isTrue, type Line, lastOf } from "./unit-file.ts";
import { quoteWord, quoteWords, splitWords } from "./words.ts";

const section = "Container";
/** podman's, of `ReadOnlyTmpfs=`; /dev/shm is one already. */
const readOnlyTmpfs = ["/run", "/tmp", "/var/tmp"];

/** Translates one file. Remarks go to `context`. */
export function translateContainer(entries: readonly Entry[], context: Context): Service {
	const get = (key: string): string | undefined => lastOf(entries, section, key);
	const all = (key: string): Entry[] => allOf(entries, section, key);
	const image = get("Image");
	const rootfs = get("Rootfs");
	if ((image === undefined) === (rootfs === undefined))
		return refuse(context, `${image === undefined ? "neither" : "both"} Image= ${image === undefined ? "nor" : "and"} Rootfs= is given`);
	const name = get("ContainerName") ?? (context.stem.includes("@") ? "systemd-%p_%i" : "systemd-%N");
	const words = ["run", "--name", name, "--replace", "--sdnotify", notifyMode(get("Notify"))];
	for (const [key, rule] of Object.entries(containerKeys)) words.push(...wordsOf(rule, all(key), context));
	words.push(...ownWords(get, all, context));
	const secrets = all("Secret").flatMap((entry) => secretOf(entry, context));
	words.push(...secrets.flatMap(({ words }) => words));
	const podmanArgs = all("PodmanArgs").flatMap((entry) => split(entry, context));
	const what = rootfs === undefined ? [context.imageOf(image ?? "")] : ["--rootfs", rootfs];
	const exec = get("Exec");
	const command = [context.corten, ...all("GlobalArgs").flatMap((entry) => split(entry, context)), ...words, ...podmanArgs, ...what];
	const stop = get("StopSignal");
	const service: Line[] = [
		...defaults(entries, [
			["Type", "notify"],
			["NotifyAccess", get("Notify") === "healthy" ? "all" : "main"],
			["KillMode", "mixed"],
			["TimeoutStopSec", get("StopTimeout") ?? "10"],
			["SyslogIdentifier", "%N"],
			...(stop === undefined ? [] : [["KillSignal", stop] as const]),
		]),
		// As it stands: quotes, variables and specifiers in Exec= are the manager's.
		["ExecStart", `${prefixOf(entries)}${quoteWords(command)}${exec === undefined ? "" : ` ${exec}`}`],
		["ExecStopPost", `-+${quoteWords([context.corten, "unit-event", "ended", name])}`],
		...reload(get, name, context),
		...secrets.map(({ line }) => line),
	];
	return { service, unit: mountsNeeded(all("Volume")) };
}

function notifyMode(text: string | undefined): string {
	if (text === "healthy") return "healthy";
	return text !== undefined && isTrue(text) ? "container" : "conmon";
}

/** The unit's user is the payload's when corten keeps its privilege; DynamicUser= brings a filter that only `+` is free of. */
function prefixOf(entries: readonly Entry[]): string {
	if (isTrue(lastOf(entries, "Service", "DynamicUser") ?? "")) return "+";
	return ["User", "Group"].some((key) => lastOf(entries, "Service", key) !== undefined) ? "!" : "";
}

/** Those that the file's own [Service] does not set. */
function defaults(entries: readonly Entry[], lines: readonly Line[]): Line[] {
	return lines.filter(([key]) => !entries.some((entry) => entry.section === "Service" && entry.key === key));
}

function split(entry: Entry, context: Context): string[] {
	const words = splitWords(entry.value);
	if (words !== undefined) return words;
	context.remark(entry, `cannot read ${entry.key}=: a quote does not end`);
	return [];
}

function wordsOf(rule: KeyRule, entries: readonly Entry[], context: Context): string[] {
	const last = entries.at(-1);
	if (last === undefined) return [];
	switch (rule.as) {
		case "value":
			return [rule.option, last.value];
		case "each":
			return entries.flatMap(({ value }) => [rule.option, value]);
		case "words":
			return entries.flatMap((entry) => split(entry, context).flatMap((word) => [rule.option, word]));
		case "flag":
			return isTrue(last.value) ? [rule.option] : [];
		case "security":
			return ["--security-opt", `${rule.word}${rule.word.includes("=") ? ":" : "="}${last.value}`];
		case "without":
			context.remark(last, `${last.key}= has no effect: ${rule.text}`);
			return [];
		case "own":
			return [];
	}
}

/** The keys with a meaning of their own. */
function ownWords(get: (key: string) => string | undefined, all: (key: string) => Entry[], context: Context): string[] {
	const is = (key: string): boolean => isTrue(get(key) ?? "");
	const words: string[] = [];
	const user = get("User");
	const group = get("Group");
	if (user !== undefined || group !== undefined) words.push("--user", group === undefined ? (user ?? "") : `${user ?? "0"}:${group}`);
	if (is("NoNewPrivileges")) words.push("--security-opt", "no-new-privileges");
	if (is("SecurityLabelDisable")) words.push("--security-opt", "label=disable");
	for (const entry of all("AddDevice")) for (const word of split(entry, context)) words.push(...deviceWords(word, context));
	if (is("ReadOnly") && get("ReadOnlyTmpfs") !== undefined && is("ReadOnlyTmpfs"))
		words.push(...readOnlyTmpfs.flatMap((path) => ["--tmpfs", path]));
	else if (is("VolatileTmp")) words.push("--tmpfs", "/tmp");
	for (const { value } of all("Volume")) words.push("--volume", context.volumeOf(value));
	for (const { value } of all("Mount")) words.push("--mount", context.mountOf(value));
	words.push(...networkWords(all("Network"), all("PublishPort"), context));
	const pod = get("Pod");
	if (pod !== undefined) words.push("--pod", pod);
	const update = get("AutoUpdate");
	if (update !== undefined) words.push("--label", `io.containers.autoupdate=${update}`);
	const stop = get("StopSignal");
	if (stop !== undefined) words.push("--stop-signal", stop);
	const timeout = get("StopTimeout");
	if (timeout !== undefined) words.push("--stop-timeout", timeout);
	return words;
}

/**
 * A secret is a credential of the unit's, so that it is nowhere but in memory, and its file is bound where podman has it.
 * @see systemd.exec(5) LoadCredential=
 */
function secretOf(entry: Entry, context: Context): { readonly words: readonly string[]; readonly line: Line }[] {
	const [name = "", ...options] = entry.value.split(",");
	const option = (key: string): string | undefined => options.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
	if (!/^[A-Za-z0-9_.-]+$/.test(name) || (option("type") ?? "mount") !== "mount")
		return [{ words: ["--secret", entry.value], line: ["# Secret", name] }]; // refused at the start
	for (const word of options)
		if (/^(uid|gid|mode)=/.test(word)) context.remark(entry, `Secret= takes no ${word.split("=")[0]}=: a credential is its unit's user's`);
	const target = option("target") ?? name.replace(/\.secret$/, "");
	const line = context.secretOf(name);
	const id = line[1].split(":")[0] ?? "";
	return [{ words: ["--volume", `%d/${id}:${target.startsWith("/") ? target : `/run/secrets/${target}`}:ro`], line }];
}

/** A dash: without the device the container starts all the same. */
function deviceWords(word: string, context: Context): string[] {
	if (!word.startsWith("-")) return ["--device", word];
	const path = word.slice(1);
	return context.exists(path.split(":")[0] ?? "") ? ["--device", path] : [];
}

/** On demand the network is the unit's own, an empty one, in which the proxy is too. */
function networkWords(networks: readonly Entry[], ports: readonly Entry[], context: Context): string[] {
	if (context.proxied) return ["--network", "host"];
	const hosts = networks.some(({ value }) => value === "host");
	if (hosts) for (const entry of ports) context.remark(entry, "PublishPort= has no effect: the network is the host's");
	return [
		...networks.flatMap(({ value }) => ["--network", context.reference(value)]),
		...(hosts ? [] : ports.flatMap(({ value }) => ["--publish", value])),
	];
}

function reload(get: (key: string) => string | undefined, name: string, context: Context): Line[] {
	const command = get("ReloadCmd");
	const signal = get("ReloadSignal");
	if (command !== undefined) return [["ExecReload", `${quoteWords([context.corten, "exec", name])} ${command}`]];
	return signal === undefined ? [] : [["ExecReload", `/bin/kill -s ${quoteWord(signal)} $MAINPID`]];
}

/** What is bound must be mounted first. */
function mountsNeeded(volumes: readonly Entry[]): Line[] {
	return volumes.flatMap(({ value }): Line[] => {
		const source = value.split(":")[0] ?? "";
		return /^(\/|%[hStT])/.test(source) ? [["RequiresMountsFor", quoteWord(source)]] : [];
	});
}
