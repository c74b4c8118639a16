// The grammar of --mount: one CSV record of key=value fields.
// @see docker-run(1) --mount, RFC 4180

import { CortenError } from "../base/errors.ts";
import { absolutePath } from "./path.ts";
import { type MountRequest, propagations } from "./request.ts";
import { parseBoolean, parseBytes } from "./size.ts";
import { composeTmpfsOptions } from "./tmpfs.ts";
import { parseTarget } from "./volume.ts";

const at = "--mount";

function refuse(text: string, why: string): CortenError {
	return new CortenError("invalid-argument", `cannot parse mount "${text}": ${why}`, { at });
}

/** Splits a CSV record; a field in double quotes may hold commas, and doubled quotes. @throws `invalid-argument` */
export function parseCsv(text: string): string[] {
	const fields: string[] = [];
	for (let index = 0; index <= text.length; index++) {
		if (text[index] !== '"') {
			const comma = text.indexOf(",", index);
			const field = text.slice(index, comma < 0 ? text.length : comma);
			if (field.includes('"')) throw refuse(text, "a quote stands within a field; quote the whole field");
			fields.push(field);
			index += field.length;
			continue;
		}
		let field = "";
		let end = index + 1;
		for (; text[end] !== '"' || text[end + 1] === '"'; end++) {
			if (end >= text.length) throw refuse(text, "a quote is not closed");
			field += text[end];
			if (text[end] === '"') end++;
		}
		index = end + 1;
		if (index < text.length && text[index] !== ",") throw refuse(text, "a quoted field goes on after its quote");
		fields.push(field);
	}
	return fields;
}

/** Short and long names -> the name used below. */
const keys: Readonly<Record<string, string>> = {
	type: "type",
	source: "source",
	src: "source",
	target: "target",
	dst: "target",
	destination: "target",
	readonly: "readonly",
	ro: "readonly",
	consistency: "consistency",
	"bind-propagation": "bind-propagation",
	"bind-nonrecursive": "bind-nonrecursive",
	"bind-recursive": "bind-recursive",
	"tmpfs-size": "tmpfs-size",
	"tmpfs-mode": "tmpfs-mode",
};
const flags = ["readonly", "bind-nonrecursive"];

function fieldsOf(text: string): Map<string, string> {
	const fields = new Map<string, string>();
	for (const field of parseCsv(text)) {
		const equals = field.indexOf("=");
		const word = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
		if (word.startsWith("volume-")) throw new CortenError("unsupported", `cannot mount "${text}": volumes are not implemented`, { at });
		const key = Object.hasOwn(keys, word) ? keys[word] : undefined;
		if (key === undefined) throw refuse(text, `"${field}" is no field of a mount`);
		if (equals < 0 && !flags.includes(key)) throw refuse(text, `"${field}" needs a value`);
		if (fields.has(key)) throw refuse(text, `${key} is given twice`);
		fields.set(key, equals < 0 ? "true" : field.slice(equals + 1));
	}
	return fields;
}

/**
 * Parses a word of --mount: type=bind or type=tmpfs.
 * @param folder gives the current folder, for sources that start with a dot
 * @throws `invalid-argument`; `unsupported` for the other types
 */
export function parseMount(text: string, folder: () => string): MountRequest {
	const fields = fieldsOf(text);
	const type = (fields.get("type") ?? "volume").toLowerCase();
	if (["volume", "image", "npipe", "cluster", "glob", "devpts", "ramfs"].includes(type)) {
		const hint = fields.has("type") ? undefined : "without type= a mount is a volume; write type=bind or type=tmpfs";
		throw new CortenError("unsupported", `cannot mount "${text}": mounts of type ${type} are not implemented`, {
			at,
			...(hint && { hint }),
		});
	}
	if (type !== "bind" && type !== "tmpfs") throw refuse(text, `"${type}" is no type of mount`);
	for (const key of fields.keys()) {
		if (key.includes("-") && !key.startsWith(`${type}-`)) throw refuse(text, `${key} is for other types than ${type}`);
	}
	const given = fields.get("target") ?? "";
	if (given === "") throw refuse(text, "it has no target");
	const target = parseTarget(given, at);
	const readonly = parseBoolean(fields.get("readonly") ?? "false", "readonly", at);
	return type === "bind" ? bindOf(text, fields, target, readonly, folder) : tmpfsOf(text, fields, target, readonly);
}

function bindOf(text: string, fields: Map<string, string>, target: string, readonly: boolean, folder: () => string): MountRequest {
	const source = fields.get("source") ?? "";
	if (source === "") throw refuse(text, "it has no source");
	if ((!source.startsWith("/") && !source.startsWith(".")) || source.includes("\0"))
		throw refuse(text, `source "${source}" is not an absolute path`);
	const wanted = (fields.get("bind-propagation") ?? "rprivate").toLowerCase();
	const propagation = propagations.find((candidate) => candidate === wanted);
	if (propagation === undefined) throw refuse(text, `"${wanted}" is no propagation`);
	const recursion = fields.get("bind-recursive") ?? "enabled";
	if (!["enabled", "disabled", "writable", "readonly"].includes(recursion)) {
		throw refuse(text, "bind-recursive is enabled, disabled, writable or readonly");
	}
	if (recursion === "readonly" && !readonly) throw refuse(text, "bind-recursive=readonly needs readonly");
	const nonRecursive = parseBoolean(fields.get("bind-nonrecursive") ?? "false", "bind-nonrecursive", at);
	return {
		kind: "bind",
		source: absolutePath(source, folder),
		target,
		readonly: !readonly ? "no" : recursion === "writable" ? "without-submounts" : "yes",
		recursive: recursion !== "disabled" && !nonRecursive,
		propagation,
		flags: [],
		createSource: false,
		at,
	};
}

function tmpfsOf(text: string, fields: Map<string, string>, target: string, readonly: boolean): MountRequest {
	if (fields.has("source")) throw refuse(text, "a tmpfs has no source");
	const size = fields.get("tmpfs-size");
	const mode = fields.get("tmpfs-mode");
	if (mode !== undefined && !/^[0-7]{1,5}$/.test(mode)) throw refuse(text, `"${mode}" is no octal mode`);
	const words = [
		...(readonly ? ["ro"] : []),
		...(size === undefined ? [] : [`size=${parseBytes(size, at)}`]),
		...(mode === undefined ? [] : [`mode=${mode}`]),
	];
	return { kind: "tmpfs", target, options: composeTmpfsOptions(words, at), at };
}
