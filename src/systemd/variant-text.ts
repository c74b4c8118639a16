// Values of `org.systemd.property.NAME` annotations: GVariant's text format, as gdbus and busctl take it: `uint64 5`, `'text'`,
// `true`, `[1, 2]`, `@as []`, `('a', 1)`. @see runc docs/systemd.md, GVariant Text Format

import { CortenError } from "../base/errors.ts";
import { lookUp } from "../base/look-up.ts";
import { splitSignature, type Variant } from "./marshal.ts";

const words: Readonly<Record<string, string>> = {
	...{ boolean: "b", byte: "y", int16: "n", uint16: "q", int32: "i", uint32: "u", int64: "x", uint64: "t" },
	...{ handle: "h", double: "d", string: "s", objectpath: "o", signature: "g" },
};

type Cursor = { readonly tokens: readonly string[]; at: number };

/** Parses one value with its type. @throws `invalid-spec` */
export function parseVariant(text: string, at: string): Variant {
	const refuse = (why: string): CortenError => new CortenError("invalid-spec", `cannot read value "${text}": ${why}`, { at });
	const tokens = text.match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|@[a-z(){}]+|[[\](){},<>:]|[^\s[\](){},<>:'"@]+/g) ?? [];
	const cursor = { tokens, at: 0 };
	const value = parse(cursor, undefined, refuse);
	if (cursor.at !== tokens.length) throw refuse(`"${tokens[cursor.at]}" is too much`);
	return value;
}

type Refuse = (why: string) => CortenError;

function parse(cursor: Cursor, wanted: string | undefined, refuse: Refuse): Variant {
	const token = cursor.tokens[cursor.at++];
	if (token === undefined) throw refuse("it ends too early");
	if (token.startsWith("@")) return parse(cursor, token.slice(1), refuse);
	const named = lookUp(words, token);
	if (named !== undefined) return parse(cursor, named, refuse);
	if (token === "[") return parseList(cursor, wanted, refuse);
	if (token === "(") return parseTuple(cursor, wanted, refuse);
	if (token === "true" || token === "false") {
		if (wanted !== undefined && wanted !== "b") throw refuse(`"${token}" is not of type ${wanted}`);
		return { signature: "b", value: token === "true" };
	}
	if (/^['"]/.test(token)) {
		if (wanted !== undefined && !["s", "o", "g"].includes(wanted)) throw refuse(`${token} is not of type ${wanted}`);
		return { signature: wanted ?? "s", value: token.slice(1, -1).replace(/\\(.)/g, "$1") };
	}
	return parseNumber(token, wanted, refuse);
}

function parseNumber(token: string, wanted: string | undefined, refuse: Refuse): Variant {
	const number = Number(token);
	if (Number.isNaN(number)) throw refuse(`"${token}" is no value`);
	const integer = /^[+-]?(0x[0-9a-f]+|\d+)$/i.test(token);
	const signature = wanted ?? (integer ? "i" : "d");
	if (signature === "d") return { signature, value: number };
	if (!integer || !"ynqiuxth".includes(signature)) throw refuse(`"${token}" is not of type ${signature}`);
	const negative = token.startsWith("-");
	const value = BigInt(token.replace(/^[+-]/, "")) * (negative ? -1n : 1n);
	return { signature, value: signature === "x" || signature === "t" ? value : Number(value) };
}

/** Elements have the type of the first; of an empty list it must be said: `@as []`. */
function parseList(cursor: Cursor, wanted: string | undefined, refuse: Refuse): Variant {
	let element = wanted?.startsWith("a") ? wanted.slice(1) : undefined;
	const values: unknown[] = [];
	while (cursor.tokens[cursor.at] !== "]") {
		const { signature, value } = parse(cursor, element, refuse);
		element ??= signature;
		if (signature !== element) throw refuse("the elements of a list are of different types");
		values.push(value);
		if (cursor.tokens[cursor.at] === ",") cursor.at++;
		else if (cursor.tokens[cursor.at] !== "]") throw refuse("a list does not end");
	}
	cursor.at++;
	if (element === undefined) throw refuse("an empty list has no type");
	return { signature: `a${element}`, value: values };
}

function parseTuple(cursor: Cursor, wanted: string | undefined, refuse: Refuse): Variant {
	const types = wanted?.startsWith("(") ? splitSignature(wanted.slice(1, -1)) : [];
	const found: Variant[] = [];
	while (cursor.tokens[cursor.at] !== ")") {
		found.push(parse(cursor, types[found.length], refuse));
		if (cursor.tokens[cursor.at] === ",") cursor.at++;
		else if (cursor.tokens[cursor.at] !== ")") throw refuse("a tuple does not end");
	}
	cursor.at++;
	return { signature: `(${found.map(({ signature }) => signature).join("")})`, value: found.map(({ value }) => value) };
}
