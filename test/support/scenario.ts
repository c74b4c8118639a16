// What a caller of an OCI runtime can observe, in a form in which two runtimes can be compared: ids of processes, times and folders are
// taken out, and of an error's text only what clients look for stays.

import { readdirSync, readFileSync } from "node:fs";

/** One step of runtime-scenario.sh: its exit status, its output without what differs from run to run, and the classes of its error. */
export type Observed = { readonly status: number; readonly out: string; readonly errors: string };

/**
 * Words by which clients tell failures apart.
 * containerd (go-runc, its runc shim): the first five. moby: 126 and 127 for the next four. podman and conmon: three of those, and the last.
 */
const errorClasses: readonly (readonly [name: string, words: RegExp])[] = [
	["absent", /does not exist|no such container/i],
	["finished", /os: process already finished|no such process/i],
	["not running", /container not running|is not running/i],
	["taken", /already exists/i],
	["paused", /paused/i],
	["no executable", /executable file .*not found|executable file not found in/i],
	["no such file", /no such file or directory/i],
	["denied", /permission denied/i],
	["no folder", /not a directory/i],
];

/** The steps of one run, by name. @param work the scenario's folder */
export function readSteps(work: string, bundles: string): Map<string, Observed> {
	const folder = `${work}/steps`;
	const steps = new Map<string, Observed>();
	for (const file of readdirSync(folder).sort()) {
		const name = /^\d+-(.*)\.status$/.exec(file)?.[1];
		if (name === undefined) continue;
		const read = (kind: string) => readFileSync(`${folder}/${file.replace(/status$/, kind)}`, "utf8");
		const [out, err] = [read("out"), read("err")];
		const logged = name.startsWith("log-") && name.endsWith("-content");
		steps.set(name, {
			status: Number(read("status")),
			out: normal(name, out, [
				[bundles, "BUNDLES"],
				[work, "WORK"],
			]),
			errors: classes(logged ? out : err),
		});
	}
	return steps;
}

function classes(text: string): string {
	return errorClasses.flatMap(([name, words]) => (words.test(text) ? [name] : [])).join(", ");
}

/** The few outputs that no two runtimes share are reduced to what their readers take from them. */
function normal(name: string, out: string, folders: readonly (readonly [string, string])[]): string {
	if (/^Incorrect Usage|^NAME:/.test(out)) return ""; // runc shows its help beside the error
	if (name === "version-is-printed") return /^\S+ version \S+\n(.+: .+\n)*/.test(out) ? "NAME version VERSION" : out;
	if (name === "log-text-content") return /^time="?\S+"? level=error msg=".+"\n$/.test(out) ? "a line" : out;
	if (name.startsWith("log-json")) return out === "" ? "" : describeLog(out);
	if (name === "ps-table") return /\bPID\b/.test(out.split("\n")[0] ?? "") ? "a heading" : out;
	if (name === "spec-content" || name === "features")
		return Object.keys(parse(out) ?? {})
			.sort()
			.join(" ");
	if (name === "events-stats")
		return Object.keys(parse(out) ?? {})
			.sort()
			.join(" ");
	const json = /^\s*[[{n]/.test(out) ? parse(out) : undefined;
	if (name === "ps-json") return Array.isArray(json) && json.length > 0 && json.every(Number.isInteger) ? "processes" : out;
	if (json === undefined) return replaceAll(out, folders);
	const states = (Array.isArray(json) ? json : json === null ? [] : [json]).map((state) => JSON.stringify(describeState(state)));
	return replaceAll(states.join("\n"), folders);
}

function replaceAll(text: string, pairs: readonly (readonly [string, string])[]): string {
	return pairs.reduce((sum, [from, to]) => sum.replaceAll(from, to), text);
}

function parse(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function describeLog(text: string): string {
	const last = parse(text.trim().split("\n").at(-1) ?? "") as Readonly<Record<string, unknown>> | undefined;
	if (last === undefined) return text;
	return `${Object.keys(last).sort().join(" ")}: ${last.level}, a time: ${!Number.isNaN(Date.parse(`${last.time}`))}`;
}

/** runtime-spec's members of the state, and those that runc adds and clients read. ociVersion is the runtime's own business. */
function describeState(state: Readonly<Record<string, unknown>>): object {
	const { ociVersion, id, status, pid, bundle, annotations, created } = state;
	return {
		ociVersion: /^1\.\d+\.\d+/.test(`${ociVersion}`),
		id,
		status,
		pid: pid === undefined || pid === 0 ? 0 : "PID",
		bundle,
		annotations: Object.keys((annotations ?? {}) as object).length === 0 ? "none" : annotations,
		created: !Number.isNaN(Date.parse(`${created}`)),
	};
}
