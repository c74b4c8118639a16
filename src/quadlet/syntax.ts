// A unit file's text as sections of settings, each with the number of its line. Nothing is an error here: what cannot be read is an issue,
// and the rest holds. @see systemd.syntax(7)

/** `Key=Value`, continuation lines joined by a space. */
export type Setting = { readonly key: string; readonly value: string; readonly line: number };

/** A `[Name]` and what follows it, as often as it occurs. */
export type Section = { readonly name: string; readonly line: number; readonly settings: readonly Setting[] };

/** What a person should know about a line. */
export type Issue = { readonly line: number; readonly message: string };

/** A file that was read. */
export type UnitText = { readonly sections: readonly Section[]; readonly issues: readonly Issue[] };

type Line = { readonly text: string; readonly line: number };

/** Joins continuations. Comments within one are left out, as systemd does. */
function logicalLines(text: string): Line[] {
	const lines: Line[] = [];
	let open: { parts: string[]; line: number } | undefined;
	for (const [index, raw] of text
		.replace(/^\ufeff/, "")
		.split("\n")
		.entries()) {
		const physical = raw.replace(/\r$/, "");
		if (/^\s*[#;]/.test(physical)) continue;
		const continues = /(?:^|[^\\])(?:\\\\)*\\$/.test(physical);
		const part = continues ? physical.slice(0, -1) : physical;
		open ??= { parts: [], line: index + 1 };
		open.parts.push(part);
		if (continues) continue;
		lines.push({ text: open.parts.join(" ").trim(), line: open.line });
		open = undefined;
	}
	if (open !== undefined) lines.push({ text: open.parts.join(" ").trim(), line: open.line });
	return lines.filter((line) => line.text !== "");
}

/** Reads a unit file. A line with a control character holds nothing: it could become another line elsewhere. */
export function parseUnitText(text: string): UnitText {
	const sections: { name: string; line: number; settings: Setting[] }[] = [];
	const issues: Issue[] = [];
	for (const { text: content, line } of logicalLines(text)) {
		const heading = /^\[([^\][\0-\x1f\x7f]+)\]$/.exec(content)?.[1];
		const equals = content.indexOf("=");
		const section = sections.at(-1);
		if (heading !== undefined) sections.push({ name: heading, line, settings: [] });
		else if (/[\0-\x08\x0a-\x1f\x7f]/.test(content)) issues.push({ line, message: "a control character: the line is ignored" });
		else if (equals <= 0) issues.push({ line, message: "neither a setting nor a section: the line is ignored" });
		else if (section === undefined) issues.push({ line, message: "a setting before any section: it is ignored" });
		else section.settings.push({ key: content.slice(0, equals).trim(), value: content.slice(equals + 1).trim(), line });
	}
	return { sections, issues };
}
