// The changes `commit --change` and `import --change` make to a config: instructions of a Dockerfile, each in its shell or its JSON form.
// @see Dockerfile reference; image-spec config.md#properties

import { CortenError } from "../base/errors.ts";
import type { ConfigDocument } from "./create-image.ts";

type Execution = Record<string, unknown>;

function refuse(change: string, why: string): CortenError {
	return new CortenError("invalid-argument", `cannot apply change ${JSON.stringify(change.slice(0, 200))}: ${why}`);
}

/** A JSON list of strings, or undefined when it is not meant to be one. */
function parseList(rest: string, change: string): string[] | undefined {
	if (!rest.startsWith("[")) return undefined;
	try {
		const value: unknown = JSON.parse(rest);
		if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value as string[];
	} catch {
		// said below
	}
	throw refuse(change, "it is no JSON list of strings");
}

/** Words, with quotes and backslashes as a Dockerfile has them. */
function parseWords(rest: string, change: string): string[] {
	const words: string[] = [];
	const grammar = /\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+)/y;
	while (grammar.lastIndex < rest.length) {
		const match = grammar.exec(rest);
		if (match?.[1] === undefined) {
			if (rest.slice(grammar.lastIndex).trim() === "" || words.length > 0) break;
			throw refuse(change, "a quote is not closed");
		}
		words.push(
			match[1].replace(
				/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g,
				(_, double?: string, single?: string, escaped?: string) => double?.replace(/\\(.)/g, "$1") ?? single ?? escaped ?? "",
			),
		);
	}
	return words;
}

/** `KEY=VALUE ...`, or the old `KEY VALUE` with all that follows. */
function parsePairs(rest: string, change: string): [string, string][] {
	const words = parseWords(rest, change);
	const [first = ""] = words;
	if (!first.includes("=")) {
		const value = rest.trim().slice(first.length).trim();
		if (first === "" || value === "") throw refuse(change, "expected KEY=VALUE");
		return [[first, value]];
	}
	return words.map((word) => {
		const at = word.indexOf("=");
		if (at < 1) throw refuse(change, `${JSON.stringify(word)} is not KEY=VALUE`);
		return [word.slice(0, at), word.slice(at + 1)];
	});
}

const shell = (rest: string) => ["/bin/sh", "-c", rest];
const setOf = (value: unknown) => (typeof value === "object" && value !== null ? (value as Execution) : {});
const listOf = (value: unknown) => (Array.isArray(value) ? (value as string[]) : []);

const instructions: Readonly<Record<string, (config: Execution, rest: string, change: string) => Execution>> = {
	CMD: (config, rest, change) => ({ ...config, Cmd: parseList(rest, change) ?? shell(rest) }),
	ENTRYPOINT: (config, rest, change) => ({ ...config, Entrypoint: parseList(rest, change) ?? shell(rest) }),
	ENV: (config, rest, change) => {
		const pairs = parsePairs(rest, change);
		const kept = listOf(config.Env).filter((entry) => !pairs.some(([key]) => entry.startsWith(`${key}=`)));
		return { ...config, Env: [...kept, ...pairs.map(([key, value]) => `${key}=${value}`)] };
	},
	EXPOSE: (config, rest, change) => {
		const ports = parseWords(rest, change).map((word) => (word.includes("/") ? word : `${word}/tcp`));
		return { ...config, ExposedPorts: { ...setOf(config.ExposedPorts), ...Object.fromEntries(ports.map((port) => [port, {}])) } };
	},
	LABEL: (config, rest, change) => ({ ...config, Labels: { ...setOf(config.Labels), ...Object.fromEntries(parsePairs(rest, change)) } }),
	ONBUILD: (config, rest) => ({ ...config, OnBuild: [...listOf(config.OnBuild), rest] }),
	STOPSIGNAL: (config, rest) => ({ ...config, StopSignal: rest }),
	USER: (config, rest) => ({ ...config, User: rest }),
	VOLUME: (config, rest, change) => {
		const paths = parseList(rest, change) ?? parseWords(rest, change);
		return { ...config, Volumes: { ...setOf(config.Volumes), ...Object.fromEntries(paths.map((path) => [path, {}])) } };
	},
	WORKDIR: (config, rest) => {
		const before = typeof config.WorkingDir === "string" ? config.WorkingDir : "";
		return { ...config, WorkingDir: rest.startsWith("/") ? rest : `${before.replace(/\/$/, "")}/${rest}` };
	},
};

/**
 * Applies changes to an image's config, in their order.
 * @param changes `CMD ["a"]`, `ENV A=b`
 * @throws `invalid-argument` naming the change
 */
export function applyChanges(config: ConfigDocument, changes: readonly string[]): ConfigDocument {
	let execution: Execution = { ...setOf(config.config) };
	for (const change of changes) {
		const [, word = "", rest = ""] = /^\s*([A-Za-z]+)(?:\s+(.*))?$/s.exec(change) ?? [];
		const apply = instructions[word.toUpperCase()];
		if (apply === undefined) throw refuse(change, `expected one of ${Object.keys(instructions).join(", ")}`);
		if (rest.trim() === "") throw refuse(change, "nothing follows the instruction");
		execution = apply(execution, rest.trim(), change);
	}
	return { ...config, config: execution };
}
