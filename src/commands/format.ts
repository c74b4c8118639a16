// How commands print rows: docker's aligned tables, `json` (one object a line), and templates, with or without `table` before them.

import { CortenError } from "../base/errors.ts";
import { parseTemplate, renderTemplate } from "./template.ts";
import { toJson } from "./template-functions.ts";

/** Field -> the heading it has in a table. */
export type Headings = Readonly<Record<string, string>>;
/** Field -> value; all rows have the same fields, and each heading's. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Lays rows out.
 * @param format undefined or `table`: the columns; `json`; a template; `table` and a template
 * @param columns the fields of the default table, in order
 * @param headings of every field a table template may show
 * @throws `invalid-argument` for a template that cannot be used
 */
export function formatRows(format: string | undefined, columns: readonly string[], headings: Headings, rows: readonly Row[]): string {
	if (format === undefined || format === "table" || format === "") {
		return formatTable([
			columns.map((field) => headings[field] ?? field.toUpperCase()),
			...rows.map((row) => columns.map((field) => cell(row, field))),
		]);
	}
	if (format === "json") return rows.map((row) => `${toJson(row)}\n`).join("");
	const isTable = /^table(\s|\\t|\{)/.test(format);
	const template = parseTemplate(expandEscapes(isTable ? format.slice("table".length).trimStart() : format));
	const lines = rows.map((row) => renderTemplate(template, row));
	if (!isTable) return lines.map((line) => `${line}\n`).join("");
	const heading = renderTemplate(template, headings);
	return formatTable([heading, ...lines].map((line) => line.split("\t")));
}

function cell(row: Row, field: string): string {
	if (!Object.hasOwn(row, field)) throw new CortenError("bug", `a row has no field "${field}"`);
	return String(row[field] ?? "");
}

/** docker takes \t and \n in a template for what they stand for, since shells do not. */
export function expandEscapes(format: string): string {
	return format.replace(/\{\{[\s\S]*?\}\}|\\t|\\n/g, (part) => (part === "\\t" ? "\t" : part === "\\n" ? "\n" : part));
}

/** docker's tabwriter: columns three spaces apart and ten wide at least; the last one is not padded. */
export function formatTable(lines: readonly (readonly string[])[]): string {
	const widths: number[] = [];
	for (const line of lines) for (const [at, text] of line.entries()) widths[at] = Math.max(widths[at] ?? 10, textWidth(text) + 3);
	const pad = (text: string, at: number, last: boolean) => (last ? text : text + " ".repeat((widths[at] ?? 0) - textWidth(text)));
	return lines.map((line) => `${line.map((text, at) => pad(text, at, at === line.length - 1)).join("")}\n`).join("");
}

/** Columns on a terminal: East Asian wide characters and emoji take two, combining marks none. @see Unicode Standard Annex 11 */
function textWidth(text: string): number {
	let width = 0;
	for (const character of text) {
		if (character < "\u0300") width++;
		else if (!/^[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) width += wide.test(character) ? 2 : 1;
	}
	return width;
}

const wide =
	/^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** One value (`version`, `info`): as JSON, or by a template. @throws `invalid-argument` */
export function formatOne(format: string, value: unknown): string {
	if (format === "json") return `${toJson(value)}\n`;
	return `${renderTemplate(parseTemplate(expandEscapes(format)), value)}\n`;
}

/** How long ago, as docker says it: `Less than a second`, `5 seconds`, `About a minute`, `3 hours`, `2 weeks`. */
export function formatDuration(ms: number): string {
	const seconds = Math.floor(ms / 1000);
	const [minutes, hours] = [Math.floor(seconds / 60), Math.round(seconds / 3600)];
	if (seconds < 1) return "Less than a second";
	if (seconds === 1) return "1 second";
	if (seconds < 60) return `${seconds} seconds`;
	if (minutes === 1) return "About a minute";
	if (minutes < 60) return `${minutes} minutes`;
	if (hours === 1) return "About an hour";
	if (hours < 48) return `${hours} hours`;
	if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
	if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
	if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
	return `${Math.floor(hours / 24 / 365)} years`;
}

/** Bytes as docker says them: `7.46MB`, powers of 1000, three digits. */
export function formatBytes(bytes: number): string {
	const units = ["B", "kB", "MB", "GB", "TB", "PB"];
	let value = bytes;
	let unit = 0;
	for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
	return `${Number(value.toPrecision(3))}${units[unit]}`;
}

/** The first twelve digits, as docker shows an ID. */
export function shortDigest(digest: string): string {
	return digest.replace(/^sha\d+:/, "").slice(0, 12);
}
