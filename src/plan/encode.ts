// The plan's bytes: what launch maps and verifies. Little endian, fixed-size records, one pass.
//
//   header, 64 bytes   "CORTENPL", u32 version, u32 opCount, u32 opsOffset, u32 dataOffset, u32 totalSize, u32 flags, u32 lockFd, zeros
//   op, 64 bytes       u16 op, u16 flags, u32 what, u32 at, u32 zero, u64 args[6]
//   data               begins with a NUL, so that offset 0 is ""
//
// Offsets count from dataOffset. An argument is: out, slot and u64 the value; str the offset; blob offset | length << 32;
// strv offset | count << 32, its texts one after another. Equal texts are stored once.

import { CortenError } from "../base/errors.ts";
import { type ArgKind, type Op, opNames, opTable, type Plan } from "./ops.ts";

export const planMagic = "CORTENPL";
export const planVersion = 1;
export const headerBytes = 64;
export const opBytes = 64;
export const maxOps = 4096;
export const maxPlanBytes = 16 << 20;
/** Header flag: errors are reported as JSON lines, and `what` and `at` are escaped for that already. */
export const flagJson = 1;
/** Header lockFd: none. */
export const noFd = 0xffffffff;

/** What the header carries beside the plan. */
export type EncodeOptions = {
	/** The descriptor of the container folder's lock, which stays open for as long as launch lives. */
	readonly lockFd?: number;
	/** Report errors as JSON. */
	readonly json: boolean;
};

/** The growing data area. */
type Data = { bytes: Uint8Array; length: number; readonly offsets: Map<string, number> };

const encoder = new TextEncoder();

function reserve(data: Data, length: number): number {
	const at = data.length;
	if (at + length > maxPlanBytes) throw tooLarge("bytes");
	if (at + length > data.bytes.length) {
		const larger = new Uint8Array(Math.max(data.bytes.length * 2, at + length));
		larger.set(data.bytes);
		data.bytes = larger;
	}
	data.length += length;
	return at;
}

/** Appends text and its NUL. Three bytes a UTF-16 unit is the most UTF-8 takes. */
function append(data: Data, text: string): number {
	if (text.includes("\0")) throw new CortenError("invalid-spec", `cannot put ${JSON.stringify(text)} into a plan: it holds a NUL byte`);
	const at = reserve(data, text.length * 3 + 1);
	const { written } = encoder.encodeInto(text, data.bytes.subarray(at));
	data.bytes[at + written] = 0;
	data.length = at + written + 1;
	return at;
}

function textOffset(data: Data, text: string): number {
	const known = data.offsets.get(text);
	if (known !== undefined) return known;
	const at = append(data, text);
	data.offsets.set(text, at);
	return at;
}

function blobOffset(data: Data, bytes: Uint8Array): number {
	// Filters are read by the kernel as 8-byte records; launch may pass a pointer into the data area.
	reserve(data, -data.length & 7);
	const at = reserve(data, bytes.length);
	data.bytes.set(bytes, at);
	return at;
}

function textsOffset(data: Data, texts: readonly string[]): number {
	const at = data.length;
	for (const text of texts) append(data, text);
	return texts.length === 0 ? 0 : at;
}

function tooLarge(of: "ops" | "bytes"): CortenError {
	return new CortenError("invalid-spec", `cannot encode a plan of more than ${of === "ops" ? maxOps : maxPlanBytes} ${of}`);
}

/**
 * Lays a plan out for launch.
 * @throws `invalid-spec` beyond 4096 ops or 16 MiB, and for text that holds a NUL
 */
export function encodePlan(plan: Plan, options: EncodeOptions): Uint8Array {
	if (plan.ops.length > maxOps) throw tooLarge("ops");
	const escaped = options.json ? (text: string): string => JSON.stringify(text).slice(1, -1) : (text: string): string => text;
	const data: Data = { bytes: new Uint8Array(16 << 10), length: 1, offsets: new Map([["", 0]]) };
	const dataOffset = headerBytes + plan.ops.length * opBytes;
	const head = new Uint8Array(dataOffset);
	const view = new DataView(head.buffer);
	let at = headerBytes;
	for (const op of plan.ops) {
		view.setUint16(at, opNames.indexOf(op.op), true);
		view.setUint16(at + 2, op.flags, true);
		view.setUint32(at + 4, textOffset(data, escaped(op.what)), true);
		view.setUint32(at + 8, textOffset(data, escaped(op.at)), true);
		encodeArgs(view, at + 16, op, data);
		at += opBytes;
	}
	const total = dataOffset + data.length;
	if (total > maxPlanBytes) throw tooLarge("bytes");
	encoder.encodeInto(planMagic, head);
	const words = [planVersion, plan.ops.length, headerBytes, dataOffset, total, options.json ? flagJson : 0, options.lockFd ?? noFd];
	for (const [index, word] of words.entries()) view.setUint32(8 + index * 4, word, true);
	const bytes = new Uint8Array(total);
	bytes.set(head);
	bytes.set(data.bytes.subarray(0, data.length), dataOffset);
	return bytes;
}

function encodeArgs(view: DataView, start: number, op: Op, data: Data): void {
	const args = op.args as Readonly<Record<string, unknown>>;
	const kinds = opTable[op.op] as Readonly<Record<string, ArgKind>>;
	let at = start;
	for (const name in kinds) {
		const value = args[name];
		switch (kinds[name]) {
			case "str":
				view.setUint32(at, textOffset(data, value as string), true);
				break;
			case "blob":
				view.setUint32(at, blobOffset(data, value as Uint8Array), true);
				view.setUint32(at + 4, (value as Uint8Array).length, true);
				break;
			case "strv":
				view.setUint32(at, textsOffset(data, value as readonly string[]), true);
				view.setUint32(at + 4, (value as readonly string[]).length, true);
				break;
			default:
				if (typeof value === "bigint") view.setBigUint64(at, value, true);
				else if (Number.isSafeInteger(value) && (value as number) >= 0) {
					view.setUint32(at, (value as number) % 0x1_0000_0000, true);
					view.setUint32(at + 4, Math.floor((value as number) / 0x1_0000_0000), true);
				} else throw new CortenError("bug", `cannot encode argument "${name}" of ${op.op}: ${String(value)}`);
		}
		at += 8;
	}
}
