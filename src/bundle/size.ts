// Amounts of memory and numbers as docker's options write them.

import { CortenError } from "../base/errors.ts";

const units: Readonly<Record<string, bigint>> = { "": 1n, b: 1n, k: 1n << 10n, m: 1n << 20n, g: 1n << 30n, t: 1n << 40n, p: 1n << 50n };
const maxInt64 = (1n << 63n) - 1n;

/**
 * Parses bytes: `64`, `64k`, `1.5g`, `10MB`, `1GiB`; k is 1024.
 * @param at the option
 * @throws `invalid-argument`
 */
export function parseBytes(text: string, at: string): bigint {
	const match = /^(\d{1,19})(?:\.(\d{1,9}))? ?(?:(b)|([kmgtp])(?:i?b)?)?$/.exec(text.toLowerCase());
	const factor = units[match?.[3] ?? match?.[4] ?? ""];
	if (match === null || factor === undefined) {
		throw new CortenError("invalid-argument", `cannot parse size "${text}"`, {
			at,
			hint: "a size is a number with b, k, m or g, like 512m",
		});
	}
	const digits = match[2] ?? "";
	const bytes = (BigInt(`${match[1]}${digits}`) * factor) / 10n ** BigInt(digits.length);
	if (bytes > maxInt64) throw new CortenError("invalid-argument", `cannot use size "${text}": it is larger than 2^63-1 bytes`, { at });
	return bytes;
}

/**
 * Parses a decimal integer without sign games: `-5`, `0`, `42`.
 * @param what the noun of the message: `CPU shares`
 * @throws `invalid-argument` also outside min..max
 */
export function parseInteger(text: string, what: string, at: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
	const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
	if (Number.isNaN(number)) throw new CortenError("invalid-argument", `cannot parse ${what} "${text}"`, { at });
	if (number < min || number > max) {
		const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `${min} to ${max}`;
		throw new CortenError("invalid-argument", `cannot use ${what} ${text}: it must be ${range}`, { at });
	}
	return number === 0 ? 0 : number;
}

/** Parses the booleans that docker's key=value options take. @throws `invalid-argument` */
export function parseBoolean(text: string, what: string, at: string): boolean {
	if (text === "true" || text === "1") return true;
	if (text === "false" || text === "0") return false;
	throw new CortenError("invalid-argument", `cannot parse ${what} "${text}": it must be true or false`, { at });
}
