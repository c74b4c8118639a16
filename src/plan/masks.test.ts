// Lists of CPUs and memory nodes.

import { expect, test } from "bun:test";
import { formatMask, parseMask } from "./masks.ts";

test.each(["0", "0-3,7", "63", "64", "0-1,8-9,127", "8191"])("%s is a mask and back", (list) => {
	const mask = parseMask(list, "CPUs", "/x");
	expect(mask.length % 8).toBe(0);
	expect(formatMask(mask)).toBe(list);
});

test("an empty list is no mask, and parts need no order", () => {
	expect(parseMask(" ", "CPUs", "/x")).toEqual(new Uint8Array(0));
	expect(formatMask(parseMask("7, 0-1,1-2", "CPUs", "/x"))).toBe("0-2,7");
});

test.each(["a", "1-", "-1", "3-1", "1,,2", "8192", "99999999999999999999", "0x1", "1 2"])("%s is no list", (list) => {
	expect(() => parseMask(list, "CPUs", "/x")).toThrow("cannot parse CPUs");
});
