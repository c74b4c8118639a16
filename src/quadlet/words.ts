// Words of a unit's setting: split and quoted as systemd does. Specifiers (%) and variables ($) are systemd's and pass untouched.
// @see systemd.syntax(7) "Quoting", systemd.service(5) "Command lines"

const escapes: Readonly<Record<string, string>> = {
	...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
	...{ "\\": "\\", '"': '"', "'": "'", s: " " },
};

/** `\x2f`, `\057`, `\u00e9`, `\U0001f600` after the backslash. */
const numeric = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/;

/** One escape. @returns its text and how long it is; undefined: no escape of systemd's */
function readEscape(text: string, at: number): { readonly text: string; readonly length: number } | undefined {
	const letter = text.charAt(at);
	if (Object.hasOwn(escapes, letter)) return { text: escapes[letter] ?? "", length: 1 };
	const match = numeric.exec(text.slice(at, at + 9));
	if (match === null) return undefined;
	const [whole, byte, short, long, octal] = match;
	const code = Number.parseInt(byte ?? short ?? long ?? octal ?? "0", octal === undefined ? 16 : 8);
	if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return undefined;
	return { text: String.fromCodePoint(code), length: whole.length };
}

/**
 * Splits a value into words. What is no escape keeps its backslash.
 * @returns undefined when a quote is not closed
 */
export function splitWords(text: string): string[] | undefined {
	const words: string[] = [];
	let word: string | undefined;
	let quote = "";
	for (let at = 0; at < text.length; at++) {
		const letter = text.charAt(at);
		if (letter === "\\") {
			const found = readEscape(text, at + 1);
			word = (word ?? "") + (found?.text ?? "\\");
			at += found?.length ?? 0;
		} else if (quote !== "") {
			if (letter === quote) quote = "";
			else word = (word ?? "") + letter;
		} else if (letter === '"' || letter === "'") {
			quote = letter;
			word ??= "";
		} else if (/[ \t\r\n]/.test(letter)) {
			if (word !== undefined) words.push(word);
			word = undefined;
		} else word = (word ?? "") + letter;
	}
	if (quote !== "") return undefined;
	return word === undefined ? words : [...words, word];
}

const controls: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", '"': '\\"' };

/** A word as part of a command line: never more than one word, never a second line, and a lone `;` is no separator. */
export function quoteWord(word: string): string {
	if (word !== "" && word !== ";" && !/[\s\\"'\0-\x1f\x7f]/.test(word)) return word;
	const body = word.replace(/[\\"\0-\x1f\x7f\u0085\u2028\u2029]/g, (letter) => {
		const code = letter.charCodeAt(0).toString(16);
		return controls[letter] ?? (code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`);
	});
	return `"${body}"`;
}

/** Text that systemd must not expand: a path, or a name that is nobody's wish. */
export function escapeLiteral(text: string): string {
	return text.replaceAll("%", "%%").replaceAll("$", "$$$$");
}

/** A whole command line. */
export function quoteWords(words: readonly string[]): string {
	return words.map(quoteWord).join(" ");
}
