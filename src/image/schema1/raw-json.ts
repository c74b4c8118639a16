// JSON as text: members of a document moved into another one without reading what they hold, as Go's RawMessage does. What is read and written again
// loses digits of numbers, the order of keys that look like numbers, and with them the digest.

import { jsonTokens } from "../../spec/json-tokens.ts";

/**
 * The members of an object, each as it was written.
 * @param text valid JSON, and an object; the last of two members of one name counts, as for JSON.parse and for Go
 */
export function rawMembers(text: string): Map<string, string> {
	const members = new Map<string, string>();
	let depth = 0;
	let name: string | undefined;
	let begin = 0;
	const close = (end: number) => {
		if (name !== undefined) members.set(name, text.slice(begin, end).trim());
		name = undefined;
	};
	for (const { text: token, at } of jsonTokens(text)) {
		if (token === "}" || token === "]") depth--;
		if ((depth === 0 && token === "}") || (depth === 1 && token === ",")) close(at);
		else if (depth === 1 && name === undefined && token.startsWith('"')) name = JSON.parse(token) as string;
		else if (depth === 1 && token === ":") begin = at + 1;
		if (token === "{" || token === "[") depth++;
	}
	return members;
}

/** The same JSON without space between its tokens, and with the characters escaped that Go escapes for HTML's sake. @param text valid JSON */
export function compactJson(text: string): string {
	const parts = Array.from(jsonTokens(text), (token) => token.text);
	return parts.join("").replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
