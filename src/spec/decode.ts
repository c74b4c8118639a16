// The toolkit the decoders of external documents are made of (image manifests, config.json, our own records). A decoder collects all
// it finds wrong, each with its JSON pointer (RFC 6901), and the document fails once with one error. As in Go's encoding/json, which
// wrote most of the documents there are, null means absent. Unknown properties are ignored, as the OCI specifications demand.

import { CortenError } from "../base/errors.ts";

/** One thing wrong with a document. `unsupported` marks what the specification allows and corten does not do. */
export type Issue = { readonly at: string; readonly message: string; readonly unsupported?: true };

/** What a decoder returns after it has recorded why. */
export const failed: unique symbol = Symbol("failed");

/**
 * Where a value is, as a JSON pointer; undefined while nobody wants to know. {@link decodeJson} decodes without pointers first, as nearly
 * all documents are good, and the bad ones once more with them.
 */
export type At = string | undefined;

/** Takes one JSON value at `at`; returns it typed, or adds to `issues` and returns {@link failed}. Never throws. */
export type Decoder<T> = (value: unknown, at: At, issues: Issue[]) => T | typeof failed;

/** A property of {@link object} that may be missing: left out, or replaced by a value. @see optional @see fallback */
export type Field<T, Absent extends "omit" | "default"> = { readonly decode: Decoder<T>; readonly absent: Absent; readonly value?: T };

type AnyField = Decoder<unknown> | Field<unknown, "omit" | "default">;
type FieldValue<F> = F extends Decoder<infer T> ? T : F extends Field<infer T, infer _> ? T : never;
type OmittedKeys<F> = { [K in keyof F]: F[K] extends Field<infer _, "omit"> ? K : never }[keyof F];
type Flat<T> = { readonly [K in keyof T]: T[K] };

/** The type that {@link object} decodes a table of fields to. */
export type Decoded<F> = Flat<{ [K in Exclude<keyof F, OmittedKeys<F>>]: FieldValue<F[K]> } & { [K in OmittedKeys<F>]?: FieldValue<F[K]> }>;

/** What a decoder yields. */
export type Infer<D> = D extends Decoder<infer T> ? T : never;

/** Records an issue. @returns {@link failed}, for the decoder to return in turn */
export function fail(issues: Issue[], at: At, message: string): typeof failed {
	issues.push({ at: at ?? "", message });
	return failed;
}

/** The pointer of a member. */
export function pointer(at: At, key: string | number): At {
	if (at === undefined) return undefined;
	return `${at}/${typeof key === "number" ? key : key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function kindOf(value: unknown): string {
	if (value === null || value === undefined) return "nothing";
	if (typeof value === "bigint") return "number";
	return Array.isArray(value) ? "array" : typeof value;
}

function expected(what: string, value: unknown, at: At, issues: Issue[]): typeof failed {
	return fail(
		issues,
		at,
		value === undefined || value === null ? `is missing, expected ${what}` : `expected ${what}, found ${kindOf(value)}`,
	);
}

/** A JSON string. */
export const string: Decoder<string> = (value, at, issues) => (typeof value === "string" ? value : expected("string", value, at, issues));

/** A JSON boolean. */
export const boolean: Decoder<boolean> = (value, at, issues) =>
	typeof value === "boolean" ? value : expected("boolean", value, at, issues);

/** The value as JSON.parse made it, also null. */
export const anything: Decoder<unknown> = (value) => value;

/** A JSON integer as a number. Bounds are inclusive; outside +-2^53 nothing is exact, so nothing is accepted. */
export function integer(min: number = Number.MIN_SAFE_INTEGER, max: number = Number.MAX_SAFE_INTEGER): Decoder<number> {
	return (value, at, issues) => {
		if (typeof value !== "number" && typeof value !== "bigint") return expected("integer", value, at, issues);
		if (typeof value === "number" && !Number.isInteger(value)) return fail(issues, at, `expected integer, found ${value}`);
		if (typeof value === "bigint" || value < min || value > max) return fail(issues, at, `${value} is not from ${min} to ${max}`);
		return value + 0; // -0 is 0
	};
}

function wide(min: bigint, max: bigint): Decoder<bigint> {
	return (value, at, issues) => {
		if (typeof value !== "number" && typeof value !== "bigint") return expected("integer", value, at, issues);
		if (typeof value === "number" && !Number.isSafeInteger(value)) return fail(issues, at, `expected integer, found ${value}`);
		const exact = BigInt(value);
		return exact < min || exact > max ? fail(issues, at, `${exact} is not from ${min} to ${max}`) : exact;
	};
}

/** An int64, exact to the last digit (needs {@link parseJson}). */
export const int64: Decoder<bigint> = wide(-(1n << 63n), (1n << 63n) - 1n);
/** A uint64, exact to the last digit (needs {@link parseJson}). */
export const uint64: Decoder<bigint> = wide(0n, (1n << 64n) - 1n);

/** One of a closed set of strings. */
export function oneOf<const T extends string>(choices: readonly T[]): Decoder<T> {
	return (value, at, issues) => {
		if (typeof value !== "string") return expected("string", value, at, issues);
		if (choices.includes(value as T)) return value as T;
		return fail(issues, at, `${quote(value)} is none of ${choices.filter((choice) => choice !== "").join(", ")}`);
	};
}

/** An array; more than `max` elements are refused before any is decoded. */
export function list<T>(element: Decoder<T>, max = 1 << 16): Decoder<readonly T[]> {
	return (value, at, issues) => {
		if (!Array.isArray(value)) return expected("array", value, at, issues);
		if (value.length > max) return fail(issues, at, `has ${value.length} elements, more than ${max}`);
		const result: T[] = [];
		for (let index = 0; index < value.length; index++) {
			const decoded = element(value[index], pointer(at, index), issues);
			if (decoded !== failed) result.push(decoded);
		}
		return result.length === value.length ? result : failed;
	};
}

/** A string without NUL bytes, which the kernel could not take. They are looked for only with pointers: see {@link decodeJson}. */
export const text: Decoder<string> = (value, at, issues) => {
	if (typeof value !== "string") return expected("string", value, at, issues);
	return at !== undefined && value.includes("\0") ? fail(issues, at, "holds a NUL byte") : value;
};

const texts = list(text);

/** A list of {@link text}: 400 names of system calls in docker's documents. One without faults is looked over and taken as it is. */
export const textList: Decoder<readonly string[]> = (value, at, issues) => {
	if (at !== undefined || !Array.isArray(value) || value.length > 1 << 16) return texts(value, at, issues);
	for (let index = 0; index < value.length; index++) if (typeof value[index] !== "string") return texts(value, at, issues);
	return value;
};

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object as a map. A `__proto__` key stays an ordinary key. */
export function record<T>(element: Decoder<T>, max = 1 << 16): Decoder<Readonly<Record<string, T>>> {
	return (value, at, issues) => {
		if (!isObject(value)) return expected("object", value, at, issues);
		const entries: [string, T][] = [];
		const keys = Object.keys(value);
		if (keys.length > max) return fail(issues, at, `has ${keys.length} members, more than ${max}`);
		for (const key of keys) {
			const decoded = element(value[key], pointer(at, key), issues);
			if (decoded !== failed) entries.push([key, decoded]);
		}
		return entries.length === keys.length ? Object.fromEntries(entries) : failed;
	};
}

/** A property that may be absent and then is absent in the result. */
export function optional<T>(decode: Decoder<T>): Field<T, "omit"> {
	return { decode, absent: "omit" };
}

/** A property that may be absent and then has this value. */
export function fallback<T>(decode: Decoder<T>, value: T): Field<T, "default"> {
	return { decode, absent: "default", value };
}

/** An object with known properties; a plain decoder among the fields is required. */
export function object<const F extends Readonly<Record<string, AnyField>>>(fields: F): Decoder<Decoded<F>> {
	return (value, at, issues) => {
		if (!isObject(value)) return expected("object", value, at, issues);
		const before = issues.length;
		const result: Record<string, unknown> = {};
		for (const key in fields) {
			const field = fields[key] as AnyField;
			const member = value[key];
			if (typeof field !== "function" && (member === undefined || member === null)) {
				if (field.absent === "default") result[key] = field.value;
				continue;
			}
			const decode = typeof field === "function" ? field : field.decode;
			const decoded = decode(member, pointer(at, key), issues);
			if (decoded !== failed) result[key] = decoded;
		}
		return issues.length === before ? (result as Decoded<F>) : failed;
	};
}

/** Adds a rule to a decoder. @param rule what is wrong with the value, or undefined */
export function refine<T>(decode: Decoder<T>, rule: (value: T) => string | undefined): Decoder<T> {
	return (value, at, issues) => {
		const decoded = decode(value, at, issues);
		if (decoded === failed) return failed;
		const wrong = rule(decoded);
		return wrong === undefined ? decoded : fail(issues, at, wrong);
	};
}

/** A decoder that is built when the first value comes. */
export function lazy<T>(build: () => Decoder<T>): Decoder<T> {
	let built: Decoder<T> | undefined;
	return (value, at, issues) => {
		built ??= build();
		return built(value, at, issues);
	};
}

/** Changes what a decoder yields. */
export function map<A, B>(decode: Decoder<A>, change: (value: A) => B): Decoder<B> {
	return (value, at, issues) => {
		const decoded = decode(value, at, issues);
		return decoded === failed ? failed : change(decoded);
	};
}

/** A property the specification knows and corten does not do: any value of it is an `unsupported` issue. */
export function unsupported(why: string): Field<never, "omit"> {
	const decode: Decoder<never> = (_value, at, issues) => {
		issues.push({ at: at ?? "", message: why, unsupported: true });
		return failed;
	};
	return { decode, absent: "omit" };
}

/** Text of a document in a message: quoted, short, without control characters. */
export function quote(text: string): string {
	return JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
}

const maxPlain = 1 << 18;

/**
 * Parses JSON without losing digits: integers beyond +-2^53 become bigint, all other numbers stay numbers.
 * @param what the document in the message: `manifest "docker.io/library/alpine:3"`
 * @throws `invalid-spec` when the bytes are not UTF-8 or not one JSON value
 */
export function parseJson(data: string | Uint8Array, what: string): unknown {
	const text = textOf(data, what);
	try {
		// Only a number of 16 digits can be one that loses some; without any, a function called for every value is saved. It also refuses
		// what is nested too deep, which a small document is not.
		return text.length > maxPlain || /\d{16}/.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
	} catch (cause) {
		throw unreadable(cause, what);
	}
}

function textOf(data: string | Uint8Array, what: string): string {
	if (typeof data === "string") return data;
	try {
		// A byte order mark is kept, and so refused: Go refuses it, and one document must not have two readings.
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
	} catch (cause) {
		throw unreadable(cause, what);
	}
}

function unreadable(cause: unknown, what: string): CortenError {
	const why = cause instanceof Error ? cause.message.replace(/^JSON Parse error: /, "") : String(cause);
	return new CortenError("invalid-spec", `cannot decode ${what}: ${why}`, { at: "" });
}

// 20 characters hold every uint64; BigInt of a megabyte of digits would take minutes.
function exactNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
	if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
	const source = context?.source ?? "";
	return source.length <= 20 && /^-?\d+$/.test(source) ? BigInt(source) : value;
}

/**
 * Decodes a value that was parsed already.
 * @param what see {@link parseJson}
 * @throws `invalid-spec` with every issue and the pointer of the first in `at`; `unsupported` when all issues are of that kind
 */
export function decode<T>(decoder: Decoder<T>, value: unknown, what: string): T {
	const issues: Issue[] = [];
	const decoded = decoder(value, "", issues);
	if (decoded !== failed && issues.length === 0) return decoded;
	const code = issues.every((issue) => issue.unsupported) ? "unsupported" : "invalid-spec";
	const shown = issues.slice(0, 12).map((issue) => `${issue.at === "" ? "the document" : issue.at} ${issue.message}`);
	if (issues.length > shown.length) shown.push(`and ${issues.length - shown.length} more`);
	throw new CortenError(code, `cannot decode ${what}: ${shown.join("; ")}`, { at: issues[0]?.at ?? "" });
}

/** {@link parseJson} and {@link decode} in one. */
export function decodeJson<T>(decoder: Decoder<T>, data: string | Uint8Array, what: string): T {
	const text = textOf(data, what);
	const value = parseJson(text, what);
	if (!text.includes("\\u0000")) {
		// Only this escape makes a NUL byte: without it no string need be searched for one.
		const issues: Issue[] = [];
		const decoded = decoder(value, undefined, issues);
		if (decoded !== failed && issues.length === 0) return decoded;
	}
	return decode(decoder, value, what);
}
