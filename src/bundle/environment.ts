// Environment variables and labels: the grammar of env files, -e and -l, and the composition of what the payload sees.
// @see docker-run(1) --env, --env-file, --label-file

import { CortenError } from "../base/errors.ts";

/** The variables of the caller that `-e NAME` may hand on. */
export type CallerEnv = Readonly<Record<string, string | undefined>>;

/** docker's default PATH. */
export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const maxLineLength = 64 << 10;

function checkText(text: string, what: string, at: string): void {
	if (text.includes("\0")) throw new CortenError("invalid-argument", `cannot use ${what}: it holds a NUL byte`, { at });
}

/**
 * Parses a word of -e.
 * @returns `NAME=value`; `NAME` alone when it has no value and the caller has none: then the image's is removed
 * @throws `invalid-argument` for an empty name or a NUL
 */
export function parseEnv(text: string, caller: CallerEnv, at = "--env"): string {
	checkText(text, "an environment variable", at);
	const equals = text.indexOf("=");
	if (equals > 0) return text;
	if (text === "" || equals === 0)
		throw new CortenError("invalid-argument", `cannot use environment variable "${text}": it has no name`, { at });
	const value = Object.hasOwn(caller, text) ? caller[text] : undefined;
	return value === undefined ? text : `${text}=${value}`;
}

/** The lines of an env or label file that say something: no comments, no empty ones, leading blanks removed. */
function* linesOf(bytes: Uint8Array, path: string, at: string): Generator<{ readonly line: string; readonly number: number }> {
	let text: string;
	try {
		text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		throw new CortenError("invalid-argument", `cannot read "${path}": it is not UTF-8 text`, { at });
	}
	checkText(text, `"${path}"`, at);
	for (const [index, raw] of text.split("\n").entries()) {
		if (raw.length > maxLineLength)
			throw new CortenError("invalid-argument", `cannot read "${path}": line ${index + 1} is too long`, { at });
		const line = (raw.endsWith("\r") ? raw.slice(0, -1) : raw).trimStart();
		if (line !== "" && !line.startsWith("#")) yield { line, number: index + 1 };
	}
}

/**
 * Parses an env file: `NAME=value` verbatim to the end of the line, quotes and all; `NAME` alone takes the caller's value and is left
 * out without one; lines that start with # are comments.
 * @throws `invalid-argument` with file and line
 */
export function parseEnvFile(bytes: Uint8Array, path: string, caller: CallerEnv, at = "--env-file"): string[] {
	const env: string[] = [];
	for (const { line, number } of linesOf(bytes, path, at)) {
		const equals = line.indexOf("=");
		const name = equals < 0 ? line.trimEnd() : line.slice(0, equals);
		if (name === "" || /\s/.test(name)) {
			const why = name === "" ? "has no variable name" : `has blanks in the variable name "${name}"`;
			throw new CortenError("invalid-argument", `cannot read "${path}": line ${number} ${why}`, { at });
		}
		if (equals >= 0) env.push(line);
		else if (Object.hasOwn(caller, name) && caller[name] !== undefined) env.push(`${name}=${caller[name]}`);
	}
	return env;
}

/** Parses `key=value` or `key` (an empty value). @throws `invalid-argument` for an empty key */
export function parseLabel(text: string, at: string): readonly [key: string, value: string] {
	checkText(text, "a label", at);
	const equals = text.indexOf("=");
	if (text === "" || equals === 0) throw new CortenError("invalid-argument", `cannot use "${text}": it has no key`, { at });
	return equals < 0 ? [text, ""] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** Parses a label file: a label a line. @throws `invalid-argument` with file and line */
export function parseLabelFile(bytes: Uint8Array, path: string, at = "--label-file"): (readonly [key: string, value: string])[] {
	const labels: (readonly [string, string])[] = [];
	for (const { line, number } of linesOf(bytes, path, at)) {
		const [key, value] = parseLabel(line, at);
		if (/\s/.test(key))
			throw new CortenError("invalid-argument", `cannot read "${path}": line ${number} has blanks in the key "${key}"`, { at });
		labels.push([key, value]);
	}
	return labels;
}

/**
 * What the payload sees, in docker's order: PATH, HOSTNAME, TERM (with a terminal), the options', the image's, HOME. A later word
 * for the same name wins, at the place of the first; a name without `=` removes it.
 * @param home from passwd, used when nothing else sets HOME
 */
export function composeEnv(input: {
	readonly image: readonly string[];
	readonly options: readonly string[];
	readonly hostname: string;
	readonly tty: boolean;
	readonly home: string;
}): string[] {
	const values = new Map<string, string>([
		["PATH", defaultPath],
		["HOSTNAME", input.hostname],
	]);
	if (input.tty) values.set("TERM", "xterm");
	const asked = new Set<string>();
	for (const word of input.options) {
		const equals = word.indexOf("=");
		const name = equals < 0 ? word : word.slice(0, equals);
		asked.add(name);
		if (equals < 0) values.delete(name);
		else values.set(name, word.slice(equals + 1));
	}
	for (const word of input.image) {
		const equals = word.indexOf("=");
		// A word without a name or value in an image config says nothing.
		if (equals > 0 && !asked.has(word.slice(0, equals))) values.set(word.slice(0, equals), word.slice(equals + 1));
	}
	if ((values.get("HOME") ?? "") === "") values.set("HOME", input.home);
	return [...values].map(([name, value]) => `${name}=${value}`);
}
