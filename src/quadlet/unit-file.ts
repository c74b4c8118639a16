// Entries of unit files with their places, looked up as systemd does, and unit files written.

import { parseUnitText } from "./syntax.ts";

/** One assignment. */
export type Entry = {
	readonly section: string;
	readonly key: string;
	readonly value: string;
	/** Absolute path. */
	readonly file: string;
	/** From 1. */
	readonly line: number;
};

/** Something to be said about a place of a file. */
export type Remark = { readonly file: string; readonly line: number; readonly text: string };

/** The entries in their order, and the lines that are none. */
export type UnitFile = { readonly entries: readonly Entry[]; readonly remarks: readonly Remark[] };

/** Parses a file. Never fails: a line that says nothing is a remark. */
export function parseUnitFile(text: string, file: string): UnitFile {
	const { sections, issues } = parseUnitText(text);
	return {
		entries: sections.flatMap(({ name, settings }) => settings.map((setting) => ({ section: name, file, ...setting }))),
		remarks: issues.map(({ line, message }) => ({ file, line, text: message })),
	};
}

/** Values of a key that may stand several times; an empty one forgets those before it. */
export function allOf(entries: readonly Entry[], section: string, key: string): Entry[] {
	let found: Entry[] = [];
	for (const entry of entries) {
		if (entry.section !== section || entry.key !== key) continue;
		if (entry.value === "") found = [];
		else found.push(entry);
	}
	return found;
}

/** The last value of a key; undefined when there is none or it is empty. */
export function lastOf(entries: readonly Entry[], section: string, key: string): string | undefined {
	return allOf(entries, section, key).at(-1)?.value;
}

/** systemd's words for yes. */
export function isTrue(text: string): boolean {
	return /^(1|yes|y|true|t|on)$/i.test(text);
}

/** A line of a unit file. */
export type Line = readonly [key: string, value: string];

/** Sections as text; empty ones are left out. What is in a value stays one line. */
export function formatUnit(sections: readonly (readonly [name: string, lines: readonly Line[]])[]): string {
	return sections
		.filter(([, lines]) => lines.length > 0)
		.map(([name, lines]) => `[${name}]\n${lines.map(([key, value]) => `${key}=${value.replace(/[\r\n\0]/g, " ")}\n`).join("")}`)
		.join("\n");
}
