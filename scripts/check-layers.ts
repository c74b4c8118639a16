// Check: imports point downwards only, stages know each other by types alone, and what a container's start loads stays off node:fs
// (loading node:fs costs about a millisecond; docs/decisions/0003).

import { existsSync } from "node:fs";
import { finish, sourceFiles, text, top } from "./lib/files.ts";

/** Lowest first. A file may import from its own layer and from lower ones. */
const layers: readonly (readonly string[])[] = [
	["base"],
	["linux"],
	["spec"],
	["image", "bundle", "plan", "launch", "supervise", "network", "systemd", "quadlet"],
	["commands", "runtime", "serve"],
	["main.ts"],
	["quick"],
];
const stages = new Set(layers[3]);
/** What lies on the way of `corten run` with its image in the store: nothing below may name node:fs. */
const fastPath = [
	"src/linux/",
	"src/plan/",
	"src/bundle/",
	"src/supervise/folder.ts",
	"src/commands/run.ts",
	"src/commands/main.ts",
	"src/main.ts",
	"src/runtime/",
];
/** Entry points whose static imports, all the way down, must be free of node:fs. */
const fastEntries = ["src/main.ts", "src/commands/main.ts", "src/commands/run.ts", "src/runtime/main.ts"];

type Import = { readonly from: string; readonly to: string; readonly line: number; readonly kind: "value" | "type" | "lazy" };

function importsOf(file: string): Import[] {
	const found: Import[] = [];
	const source = text(file);
	const lineAt = (index: number) => source.slice(0, index).split("\n").length;
	for (const match of source.matchAll(/^(?:import|export)\b([^;"'`]*?)(?:from\s*)?["']([^"']+)["']/gm)) {
		const clause = match[1] ?? "";
		if (match[0].startsWith("export") && !/\bfrom\s*["']/.test(match[0])) continue;
		const named = /\{([^}]*)\}/
			.exec(clause)?.[1]
			?.split(",")
			.filter((name) => name.trim() !== "");
		const onlyTypes = /^\s*type\b/.test(clause) || (named?.every((name) => /^\s*type\s/.test(name)) ?? false);
		found.push({ from: file, to: match[2] ?? "", line: lineAt(match.index), kind: onlyTypes ? "type" : "value" });
	}
	for (const match of source.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)(\.[A-Z])?/g)) {
		found.push({ from: file, to: match[1] ?? "", line: lineAt(match.index), kind: match[2] === undefined ? "lazy" : "type" });
	}
	return found;
}

function placeOf(path: string): { layer: number; folder: string } | undefined {
	const folder = path.split("/")[1] ?? "";
	const layer = layers.findIndex((names) => names.includes(folder));
	return layer < 0 ? undefined : { layer, folder };
}

function resolve(from: string, to: string): string {
	return new URL(to, `file:///${from}`).pathname.slice(1);
}

const isFs = (name: string) => /^(node:)?fs(\/promises)?$/.test(name);
const problems: string[] = [];
const files = sourceFiles(".ts").filter((file) => file.startsWith("src/") && !file.endsWith(".test.ts"));
const graph = new Map(files.map((file) => [file, importsOf(file)]));

for (const [file, imports] of graph) {
	const own = placeOf(file);
	if (own === undefined) problems.push(`${file}: its folder is in no layer of scripts/check-layers.ts`);
	for (const { to, line, kind } of imports) {
		const where = `${file}:${line}`;
		if (isFs(to) && kind !== "type" && fastPath.some((prefix) => file.startsWith(prefix))) {
			problems.push(`${where}: node:fs on the way of a container's start; use src/linux/file.ts`);
		}
		if (file.startsWith("src/plan/") && /^(node|bun):/.test(to)) problems.push(`${where}: the plan stage is pure, and imports "${to}"`);
		if (!to.startsWith(".")) continue;
		const target = resolve(file, to);
		const other = placeOf(target);
		if (own === undefined || other === undefined || own.folder === other.folder) continue;
		if (!existsSync(`${top}/${target}`)) continue; // tsc says it better
		if (other.layer > own.layer) problems.push(`${where}: ${own.folder} imports ${other.folder}, which is above it`);
		else if (stages.has(own.folder) && stages.has(other.folder) && kind !== "type") {
			problems.push(`${where}: stage ${own.folder} calls stage ${other.folder}; only \`import type\` is allowed, commands compose stages`);
		}
	}
}

for (const entry of fastEntries) {
	const cameFrom = new Map<string, string>([[entry, ""]]);
	for (const file of cameFrom.keys()) {
		for (const { to, kind } of graph.get(file) ?? []) {
			if (kind !== "value") continue;
			if (isFs(to)) {
				let chain = file;
				for (let at = cameFrom.get(file) ?? ""; at !== ""; at = cameFrom.get(at) ?? "") chain = `${at} -> ${chain}`;
				problems.push(`${chain} -> node:fs: loaded by every start; import it lazily`);
			} else if (to.startsWith(".")) {
				const target = resolve(file, to);
				if (!cameFrom.has(target)) cameFrom.set(target, file);
			}
		}
	}
}

finish([...new Set(problems)]);
