// JSON where nothing may be read two ways: no property that is not known, none twice. What decides on trust is written in it.
// @see containers-policy.json(5) FORMAT, containers-signature(5) JSON processing and forward compatibility

import { CortenError } from "../../base/errors.ts";
import { type Decoded, type Decoder, decode, type Field, fail, failed, object, parseJson, pointer, quote } from "../../spec/decode.ts";
import { jsonTokens } from "../../spec/json-tokens.ts";

type Fields = Readonly<Record<string, Decoder<unknown> | Field<unknown, "omit" | "default">>>;

/** As {@link object}, and any other property is an issue. */
export function exact<const F extends Fields>(fields: F): Decoder<Decoded<F>> {
	const known = object(fields);
	return (value, at, issues) => {
		const decoded = known(value, at, issues);
		if (typeof value !== "object" || value === null) return decoded;
		const others = Object.keys(value).filter((key) => !Object.hasOwn(fields, key));
		for (const key of others) fail(issues, pointer(at, key), "is not known");
		return others.length === 0 ? decoded : failed;
	};
}

/**
 * Decodes a document in which no object names a property twice.
 * @param what the document in messages
 * @throws `invalid-spec`, `unsupported`
 */
export function decodeStrict<T>(decoder: Decoder<T>, data: Uint8Array, what: string): T {
	const value = parseJson(data, what);
	const twice = findDuplicate(new TextDecoder().decode(data));
	if (twice !== undefined) throw new CortenError("invalid-spec", `cannot decode ${what}: ${quote(twice)} is there twice`);
	return decode(decoder, value, what);
}

/** @param text valid JSON @returns a property that one object has twice */
function findDuplicate(text: string): string | undefined {
	/** Of each open object the names so far; of an array nothing. */
	const open: (Set<string> | undefined)[] = [];
	let isName = false;
	for (const { text: token } of jsonTokens(text)) {
		if (token === "{" || token === "[") open.push(token === "{" ? new Set() : undefined);
		else if (token === "}" || token === "]") open.pop();
		const names = open.at(-1);
		if (token.startsWith('"') && isName && names !== undefined) {
			const name = JSON.parse(token) as string;
			if (names.has(name)) return name;
			names.add(name);
		}
		isName = token === "{" || (token === "," && names !== undefined);
	}
	return undefined;
}
