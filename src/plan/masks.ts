// Lists of CPUs and memory nodes as config.json writes them (`0-3,7`), and as the kernel takes them: bits in machine words.
// @see cpuset(7) "List format"

import { CortenError } from "../base/errors.ts";

/** More than any kernel has of either. */
const maxNumber = 8191;
const wordBytes = 8;

function number(text: string): number {
	let value = text === "" ? -1 : 0;
	for (let index = 0; index < text.length; index++) {
		const digit = text.charCodeAt(index) - 48;
		if (digit < 0 || digit > 9 || value > maxNumber) return -1;
		value = value * 10 + digit;
	}
	return value;
}

/**
 * Parses a list. Spaces around its parts are allowed, as the kernel allows them.
 * @returns the mask, a multiple of 8 bytes; without a byte for an empty list
 * @throws `invalid-spec`
 */
export function parseMask(list: string, noun: string, at: string): Uint8Array {
	if (list.trim() === "") return new Uint8Array(0);
	const ranges = list.split(",").map((part) => {
		const text = part.trim();
		const dash = text.indexOf("-");
		const low = number(dash < 0 ? text : text.slice(0, dash));
		const high = dash < 0 ? low : number(text.slice(dash + 1));
		if (low < 0 || high < low || high > maxNumber)
			throw new CortenError("invalid-spec", `cannot parse ${noun} ${JSON.stringify(list.slice(0, 80))}: it is not like 0-3,7`, { at });
		return { low, high };
	});
	const largest = ranges.reduce((most, { high }) => Math.max(most, high), 0);
	const mask = new Uint8Array((Math.floor(largest / (wordBytes * 8)) + 1) * wordBytes);
	for (const { low, high } of ranges) for (let bit = low; bit <= high; bit++) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (1 << (bit & 7));
	return mask;
}

/** The list of a mask; "" for none. */
export function formatMask(mask: Uint8Array): string {
	const has = (bit: number): boolean => (((mask[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;
	const parts: string[] = [];
	for (let low = 0; low < mask.length * 8; low++) {
		if (!has(low)) continue;
		let high = low;
		while (has(high + 1)) high++;
		parts.push(low === high ? `${low}` : `${low}-${high}`);
		low = high;
	}
	return parts.join(",");
}
