// The tokens of JSON text, for those who need what JSON.parse does not keep: which names an object has twice, how a number was written. By hand, as
// the engine's regular expressions give up, without a word, on strings of a megabyte.
// @see RFC 8259 section 2

/** A token and where it begins. */
export type JsonToken = { readonly text: string; readonly at: number };

const isSpace = (code: number) => code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
/** `{}[],:` */
const isMark = (code: number) => code === 0x7b || code === 0x7d || code === 0x5b || code === 0x5d || code === 0x2c || code === 0x3a;

/** The tokens in order: marks, strings with their quotes, numbers and words. @param text valid JSON */
export function* jsonTokens(text: string): Generator<JsonToken, void, undefined> {
	for (let at = 0; at < text.length; ) {
		const code = text.charCodeAt(at);
		let end = at + 1;
		if (code === 0x22) {
			while (end < text.length && text.charCodeAt(end) !== 0x22) end += text.charCodeAt(end) === 0x5c ? 2 : 1;
			end++;
		} else if (!isMark(code) && !isSpace(code)) {
			while (end < text.length && !isMark(text.charCodeAt(end)) && !isSpace(text.charCodeAt(end))) end++;
		}
		if (!isSpace(code)) yield { text: text.slice(at, end), at };
		at = end;
	}
}
