// Unit files as text and words, with seeded nonsense.

import { describe, expect, test } from "bun:test";
import { parseUnitText } from "./syntax.ts";
import { escapeLiteral, quoteWord, splitWords } from "./words.ts";

describe("a unit file's text", () => {
	test("settings have the line they begin at, continuations are joined, comments within them left out", () => {
		const { sections, issues } = parseUnitText("# top\n[Container]\nExec=a \\\n# not this\n  b\n\nImage = x=y\n");
		expect(issues).toEqual([]);
		expect(sections).toEqual([
			{
				name: "Container",
				line: 2,
				settings: [
					{ key: "Exec", value: "a    b", line: 3 },
					{ key: "Image", value: "x=y", line: 7 },
				],
			},
		]);
	});

	test("what cannot be read is an issue with its line, and the rest holds", () => {
		const { sections, issues } = parseUnitText("A=1\n[Unit]\nnonsense\nB=\x01\nC=2");
		expect(issues.map(({ line }) => line)).toEqual([1, 3, 4]);
		expect(sections[0]?.settings).toEqual([{ key: "C", value: "2", line: 5 }]);
	});
});

describe("words", () => {
	test("quotes and escapes are systemd's", () => {
		expect(splitWords(String.raw`a "b c" 'd"e' f\x20g h\si "" \q`)).toEqual(["a", "b c", 'd"e', "f g", "h i", "", "\\q"]);
		expect(splitWords('a "b')).toBeUndefined();
	});

	test("any text is one word again, on one line", () => {
		let seed = 4;
		const alphabet = "ab \t\n\r\\\"'%$;=[]#\x01\x7f\u2028é";
		for (let round = 0; round < 5000; round++) {
			let word = "";
			for (let length = round % 12; length > 0; length--) {
				seed = (seed * 1103515245 + 12345) % 2147483648;
				word += alphabet.charAt((seed >> 8) % alphabet.length);
			}
			const quoted = quoteWord(word);
			expect(quoted).not.toMatch(/[\n\r]/);
			expect(splitWords(quoted)).toEqual([word]);
		}
	});

	test("a literal is not expanded", () => expect(escapeLiteral("50%$x")).toBe("50%%$$x"));
});
