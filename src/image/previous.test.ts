// The image before an update, in the index.

import { expect, test } from "bun:test";
import type { Digest } from "../spec/image.ts";
import { markPrevious } from "./previous.ts";
import { previousKey, refNameKey, type StoreEntry } from "./store.ts";

const digestOf = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const entry = (letter: string, annotations?: Record<string, string>): StoreEntry => ({
	mediaType: "m",
	digest: digestOf(letter),
	size: 1,
	...(annotations !== undefined && { annotations }),
});
const named = (letter: string, name: string) => entry(letter, { [refNameKey]: name });
const previous = (letter: string, name: string) => entry(letter, { [previousKey]: name });

test("the image keeps its name and gets an entry as the previous one", () => {
	expect(markPrevious([named("a", "app")], "app", digestOf("a"))).toEqual([named("a", "app"), previous("a", "app")]);
});

test("an earlier previous one goes, unless something else names it", () => {
	const before = [named("b", "app"), previous("a", "app"), named("a", "other"), previous("c", "else")];
	expect(markPrevious(before, "app", digestOf("b"))).toEqual([
		named("b", "app"),
		named("a", "other"),
		previous("c", "else"),
		previous("b", "app"),
	]);
});

test("as many earlier ones stay as are wanted, the oldest goes", () => {
	const before = [named("d", "app"), previous("a", "app"), previous("b", "app"), previous("c", "app"), previous("a", "else")];
	expect(markPrevious(before, "app", digestOf("d"), 3)).toEqual([
		named("d", "app"),
		previous("b", "app"),
		previous("c", "app"),
		previous("a", "else"),
		previous("d", "app"),
	]);
});

test("an image that is not there is not marked", () => {
	const before = [named("b", "app")];
	expect(markPrevious(before, "app", digestOf("a"))).toBe(before);
});
