// The plan's bytes: what launch maps and verifies. Fixed-size records, one pass.
//
//   header, 64 bytes   "CORTENPL", u32 version, u32 opCount, u32 opsOffset, u32 dataOffset, u32 totalSize, u32 flags, u32 lockFd, u32 logFd, u32 failureStatus, zeros
//   op, 64 bytes       u16 op, u16 flags, u32 what, u32 at, u32 zero, u64 args[6]
//   data               begins with a NUL, so that offset 0 is ""
//
// Little endian is the order of every machine corten runs on. Offsets count from dataOffset. An argument is: out, slot and u64 the value; str the offset; blob offset | length << 32;
// strv offset | count << 32, its texts one after another.

import { CortenError } from "../base/errors.ts";
import { type ArgKind, type Op, opNames, opTable, type Plan } from "./ops.ts";

/** The first 8 bytes of a plan. */
export const planMagic = "CORTENPL";
/** Of the format; launch takes this one alone. */
export const planVersion = 2;
/** Size of the header. */
export const headerBytes = 64;
/** Size of one op. */
export const opBytes = 64;
/** More ops than a plan of 500 layers and 1000 mounts has. */
export const maxOps = 4096;
/** The whole plan, environment and filters included. */
export const maxPlanBytes = 16 << 20;
/** Header flag: errors are reported as JSON lines, and `what` and `at` are escaped for that already. */
export const flagJson = 1;
/** Header flag: launch says at its end where its time went. */
export const flagTimes = 2;
/** Header flag: the log is written in the form `time="..." level=error msg="..."`; texts are escaped as for JSON. */
export const flagLogText = 4;
/** Header flag: launch ends by the signal that ended the payload. */
export const flagEndAsPayload = 8;
/** Header lockFd and logFd: none. */
export const noFd = 0xffffffff;

/** What the header carries beside the plan. */
export type EncodeOptions = {
	/** The descriptor of the container folder's lock, which stays open for as long as launch lives. */
	readonly lockFd?: number;
	/** Report errors as JSON. */
	readonly json: boolean;
	/** What launch exits with when it fails itself; 0, the default: 125, 126 or 127, as docker. */
	readonly failureStatus?: number;
	/** The descriptor of a log file that also gets the errors: as JSON, or as logrus writes text. */
	readonly log?: { readonly fd: number; readonly format: "text" | "json" };
	/** End by the payload's own signal, as the main process of a unit, and not with 128+n. */
	readonly endAsPayload?: boolean;
	/** Report where the time went (`--log-level debug`). */
	readonly times?: boolean;
};

/**
 * The data area while it grows: first the NUL that is "", then the blobs, each at a multiple of 8, then all texts. The texts are
 * joined and turned into bytes at once: one call for a whole plan is a quarter of the time that a call for each takes.
 */
type Data = { readonly texts: string[]; textEnd: number; readonly blobs: Uint8Array[]; blobEnd: number; readonly bytesOf: Measure };

/** How many bytes a text has in UTF-8. */
type Measure = (text: string) => number;

const encoder = new TextEncoder();
const opWords = opBytes / 4;
/** The kernel reads filters as records of 8 bytes. */
const blobAlignment = 8;

/** Appends a text. @returns its offset; "" is at 0 already */
function textOffset(data: Data, text: string): number {
	if (text === "") return 0;
	const at = data.textEnd;
	append(data, text);
	return at;
}

function append(data: Data, text: string): void {
	if (text.includes("\0")) throw new CortenError("invalid-spec", `cannot put ${JSON.stringify(text)} into a plan: it holds a NUL byte`);
	data.texts.push(text);
	data.textEnd += data.bytesOf(text) + 1;
}

function textsOffset(data: Data, texts: readonly string[]): number {
	const at = data.textEnd;
	for (const text of texts) append(data, text);
	return texts.length === 0 ? 0 : at;
}

function blobOffset(data: Data, bytes: Uint8Array): number {
	const at = data.blobEnd;
	data.blobs.push(bytes);
	data.blobEnd += roundUp(bytes.length);
	return at;
}

const roundUp = (length: number): number => Math.ceil(length / blobAlignment) * blobAlignment;

function blobBytes(plan: Plan): number {
	let total = 0;
	for (const op of plan.ops) {
		if (op.op === "write") total += roundUp(op.args.data.length);
		else if (op.op === "seccomp") total += roundUp(op.args.filter.length);
		else if (op.op === "setgroups") total += roundUp(op.args.groups.length);
		else if (op.op === "bpf") total += roundUp(op.args.instructions.length);
		else if (op.op === "sched_setattr") total += roundUp(op.args.attributes.length);
		else if (op.op === "setaffinity") total += roundUp(op.args.mask.length);
		else if (op.op === "set_mempolicy") total += roundUp(op.args.nodes.length);
	}
	return total;
}

/** What the header and the ops are written through; one memory under two kinds of numbers. */
type Records = { readonly words: Uint32Array; readonly longs: BigUint64Array };

/**
 * Lays a plan out for launch.
 * @throws `invalid-spec` beyond 4096 ops or 16 MiB, and for text that holds a NUL
 */
export function encodePlan(plan: Plan, options: EncodeOptions): Uint8Array {
	// Nearly every plan is ASCII, where characters are bytes and need no counting; one that is not shows in its total length.
	return encodeMeasured(plan, options, (text) => text.length) ?? encodeExactly(plan, options);
}

function encodeExactly(plan: Plan, options: EncodeOptions): Uint8Array {
	const bytes = encodeMeasured(plan, options, (text) => encoder.encode(text).length);
	if (bytes === undefined) throw new CortenError("bug", "the texts of a plan changed their length");
	return bytes;
}

/** @returns undefined when the texts turn out longer than `bytesOf` said */
function encodeMeasured(plan: Plan, options: EncodeOptions, bytesOf: Measure): Uint8Array | undefined {
	if (plan.ops.length > maxOps) throw tooLarge("ops");
	const escaped =
		options.json || options.log !== undefined
			? (text: string): string => JSON.stringify(text).slice(1, -1)
			: (text: string): string => text;
	const dataOffset = headerBytes + plan.ops.length * opBytes;
	const textStart = blobAlignment + blobBytes(plan);
	const data: Data = { texts: [], textEnd: textStart, blobs: [], blobEnd: blobAlignment, bytesOf };
	const memory = new ArrayBuffer(dataOffset);
	const records: Records = { words: new Uint32Array(memory), longs: new BigUint64Array(memory) };
	let word = headerBytes / 4;
	let before: Op | undefined;
	for (const op of plan.ops) {
		records.words[word] = opNames.indexOf(op.op) | (op.flags << 16);
		// Ops of one mount or device follow each other with the same words.
		records.words[word + 1] = op.what === before?.what ? (records.words[word + 1 - opWords] ?? 0) : textOffset(data, escaped(op.what));
		records.words[word + 2] = op.at === before?.at ? (records.words[word + 2 - opWords] ?? 0) : textOffset(data, escaped(op.at));
		encodeArgs(records, word + 4, op, data);
		word += opWords;
		before = op;
	}
	const flags =
		(options.json ? flagJson : 0) |
		(options.times === true ? flagTimes : 0) |
		(options.log?.format === "text" ? flagLogText : 0) |
		(options.endAsPayload === true ? flagEndAsPayload : 0);
	const total = dataOffset + Math.max(data.textEnd, blobAlignment);
	if (total > maxPlanBytes) throw tooLarge("bytes");
	records.words.set(
		[
			planVersion,
			plan.ops.length,
			headerBytes,
			dataOffset,
			total,
			flags,
			options.lockFd ?? noFd,
			options.log?.fd ?? noFd,
			options.failureStatus ?? 0,
		],
		2,
	);
	const bytes = new Uint8Array(total);
	bytes.set(new Uint8Array(memory));
	encoder.encodeInto(planMagic, bytes);
	let at = dataOffset + blobAlignment;
	for (const blob of data.blobs) {
		bytes.set(blob, at);
		at += roundUp(blob.length);
	}
	const texts = `${data.texts.join("\0")}\0`;
	const room = bytes.subarray(dataOffset + textStart);
	const { read, written } = encoder.encodeInto(texts, room);
	return data.texts.length === 0 || (read === texts.length && written === room.length) ? bytes : undefined;
}

function tooLarge(of: "ops" | "bytes"): CortenError {
	return new CortenError("invalid-spec", `cannot encode a plan of more than ${of === "ops" ? maxOps : maxPlanBytes} ${of}`);
}

function encodeArgs({ words, longs }: Records, start: number, op: Op, data: Data): void {
	const args = op.args as Readonly<Record<string, unknown>>;
	const kinds = opTable[op.op] as Readonly<Record<string, ArgKind>>;
	let at = start;
	for (const name in kinds) {
		const value = args[name];
		switch (kinds[name]) {
			case "str":
				words[at] = textOffset(data, value as string);
				break;
			case "blob":
				words[at] = blobOffset(data, value as Uint8Array);
				words[at + 1] = (value as Uint8Array).length;
				break;
			case "strv":
				words[at] = textsOffset(data, value as readonly string[]);
				words[at + 1] = (value as readonly string[]).length;
				break;
			default:
				if (typeof value === "bigint") longs[at / 2] = value;
				else if (Number.isSafeInteger(value) && (value as number) >= 0) {
					words[at] = (value as number) % 0x1_0000_0000;
					words[at + 1] = Math.floor((value as number) / 0x1_0000_0000);
				} else throw new CortenError("bug", `cannot encode argument "${name}" of ${op.op}: ${String(value)}`);
		}
		at += 2;
	}
}
