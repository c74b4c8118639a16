// The words of corten cp, as docker takes them apart.

import { expect, test } from "bun:test";
import { parseSide } from "./cp-arguments.ts";

const show = (word: string): string => {
	const side = parseSide(word, () => "/srv/me");
	if (side.kind === "stream") return "stream";
	const end = `${side.folder ? " folder" : ""}${side.content ? " content" : ""}`;
	return `${side.kind === "container" ? `${side.container} ` : ""}${side.path}${end}`;
};

const cases: readonly (readonly [string, string])[] = [
	["-", "stream"],
	["f", "/srv/me/f"],
	["./f", "/srv/me/f"],
	["../f", "/srv/f"],
	[".", "/srv/me folder content"],
	["d/", "/srv/me/d folder"],
	["d/.", "/srv/me/d folder content"],
	["d/..", "/srv/me"],
	["/a:b", "/a:b"],
	["./a:b", "/srv/me/a:b"],
	[":a", "/srv/me/:a"],
	["web:f", "web /f"],
	["web:/f", "web /f"],
	["web:.", "web / folder content"],
	["web:/", "web / folder"],
	["web:../../f", "web /f"],
	["web:/a//b/../c/", "web /a/c folder"],
	["web:/a:b", "web /a:b"],
	["web:-", "web /-"],
];
for (const [word, shown] of cases) test(`"${word}" is ${shown}`, () => expect(show(word)).toBe(shown));

test("an empty path is refused", () => {
	for (const word of ["web:", ""]) expect(() => parseSide(word, () => "/")).toThrow("it has no path");
});
