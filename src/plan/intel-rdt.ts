// Intel RDT: a group of the resctrl filesystem says how much cache and memory bandwidth the container's processes get, another one below
// it counts what they use. A group is made where config.json gives it schemata; without them it must be there.
// @see runtime-spec config-linux.md#intelrdt, Documentation/arch/x86/resctrl.rst

import { CortenError } from "../base/errors.ts";
import type { HostFacts } from "../linux/host.ts";
import type { IntelRdt, Linux } from "../spec/runtime.ts";
import { cwd, opFlags } from "./ops.ts";
import { add, bytesOf, type Steps } from "./steps.ts";

const AT_REMOVEDIR = 0x200;
const at = "/linux/intelRdt";

/** A container's groups: paths, and what is to be made and written. */
export type RdtGroups = {
	readonly group: string;
	readonly makeGroup: boolean;
	/** Lines for the schemata file, "" for none. */
	readonly schemata: string;
	readonly monitoring: string | undefined;
	/** What is the container's own and goes with it, in this order. */
	readonly own: readonly string[];
};

/**
 * Reads the section against the host.
 * @param id the container's
 * @throws `unsupported` without resctrl, `not-found` for a class that should be there, `invalid-spec` for one that is another than said
 */
export function rdtGroups({ intelRdt }: Pick<Linux, "intelRdt">, host: HostFacts, id: string): RdtGroups | undefined {
	if (intelRdt === undefined) return undefined;
	const { resctrl } = host;
	if (resctrl === undefined) throw new CortenError("unsupported", "cannot use Intel RDT: no resctrl filesystem is mounted", { at });
	const named = intelRdt.closID !== undefined && intelRdt.closID !== "";
	const name = named ? (intelRdt.closID ?? "") : id;
	if (name !== "/" && (name.includes("/") || name === "." || name === "..")) {
		throw new CortenError("invalid-spec", `cannot use class of service ${JSON.stringify(name)}: it is no name of a folder`, {
			at: `${at}/closID`,
		});
	}
	const group = name === "/" ? resctrl.mountPoint : `${resctrl.mountPoint}/${name}`;
	const lines = linesOf(intelRdt);
	const there = named && resctrl.schemata !== undefined;
	if (named && lines.length === 0 && !there)
		throw new CortenError("not-found", `cannot find class of service "${name}" below ${resctrl.mountPoint}`, { at: `${at}/closID` });
	if (there) for (const line of compared(intelRdt)) checkLine(line, resctrl.schemata ?? "");
	const monitoring = intelRdt.enableMonitoring === true ? `${group}/mon_groups/${id}` : undefined;
	return {
		group,
		makeGroup: !there,
		schemata: lines.map((line) => `${line}\n`).join(""),
		monitoring,
		own: [...(monitoring === undefined ? [] : [monitoring]), ...(named ? [] : [group])],
	};
}

const compared = ({ l3CacheSchema, memBwSchema }: IntelRdt): string[] =>
	[l3CacheSchema, memBwSchema].filter((line) => line !== undefined && line !== "") as string[];

function linesOf(rdt: IntelRdt): string[] {
	if (rdt.memBwSchema && !rdt.memBwSchema.startsWith("MB:"))
		throw new CortenError("invalid-spec", "cannot use a memory bandwidth schema that does not begin with MB:", { at: `${at}/memBwSchema` });
	return [...compared(rdt), ...(rdt.schemata ?? [])];
}

/** `0=7f0;1=1f` as a map; numbers without leading zeros. */
function domains(text: string): Map<string, string> {
	const entries = text.split(";").map((entry) => {
		const [domain = "", value = ""] = entry.split("=");
		return [
			domain.trim(),
			value
				.trim()
				.toLowerCase()
				.replace(/^0+(?=.)/, ""),
		] as const;
	});
	return new Map(entries);
}

/** A class that others made must be what config.json says it is: the line's values are those of the schemata file. */
function checkLine(line: string, schemata: string): void {
	const colon = line.indexOf(":");
	const resource = line.slice(0, colon + 1);
	const current = schemata.split("\n").find((other) => other.trim().startsWith(resource));
	const values = domains((current ?? "").trim().slice(resource.length));
	for (const [domain, value] of domains(line.slice(colon + 1))) {
		if (values.get(domain) !== value)
			throw new CortenError(
				"invalid-spec",
				`cannot use class of service: its schemata say ${JSON.stringify(current?.trim() ?? "")}, not ${JSON.stringify(line)}`,
				{ at },
			);
	}
}

/** The host's side: makes and fills the groups. */
export function addRdtGroups(steps: Steps, groups: RdtGroups | undefined): void {
	if (groups === undefined) return;
	const { group, makeGroup, schemata, monitoring } = groups;
	if (makeGroup) add(steps, "mkdirat", { dir: cwd, path: group, mode: 0o755 }, `make class of service "${group}"`, at, opFlags.presentOk);
	if (schemata !== "")
		add(steps, "write", { dir: cwd, path: `${group}/schemata`, data: bytesOf(schemata), flags: 0 }, `write "${group}/schemata"`, at);
	if (monitoring !== undefined)
		add(steps, "mkdirat", { dir: cwd, path: monitoring, mode: 0o755 }, `make monitoring group "${monitoring}"`, at, opFlags.presentOk);
}

/** The parent's side: puts the new process into the groups. */
export function joinRdtGroups(steps: Steps, groups: RdtGroups | undefined): void {
	if (groups === undefined) return;
	for (const folder of groups.monitoring === undefined ? [groups.group] : [groups.group, groups.monitoring])
		add(steps, "writepid", { dir: cwd, path: `${folder}/tasks` }, `join "${folder}"`, at);
}

/** The end: what is the container's own goes. */
export function removeRdtGroups(steps: Steps, groups: RdtGroups | undefined): void {
	for (const path of groups?.own ?? [])
		add(steps, "unlinkat", { dir: cwd, path, flags: AT_REMOVEDIR }, `remove "${path}"`, at, opFlags.absentOk);
}
