// Protocol buffers, as far as criu's messages need them: records of numbered fields that are integers, texts or records themselves.
// @see protobuf.dev/programming-guides/encoding

import { CortenError } from "../../base/errors.ts";

/** What a field may be; of a list each element is a field of that number. */
export type FieldValue = number | boolean | string | Message | readonly (string | Message)[];
/** Field number -> value; undefined: not there. */
export type Message = readonly (readonly [field: number, value: FieldValue | undefined])[];

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;

/** Encodes a record. Numbers are not negative. */
export function encodeMessage(message: Message): Uint8Array {
	const bytes: number[] = [];
	for (const [field, value] of message) if (value !== undefined) putField(bytes, field, value);
	return Uint8Array.from(bytes);
}

function putField(bytes: number[], field: number, value: FieldValue): void {
	if (typeof value === "number" || typeof value === "boolean") {
		putVarint(bytes, field * 8 + varint);
		putVarint(bytes, Number(value));
		return;
	}
	if (typeof value !== "string" && isList(value)) {
		for (const element of value) putField(bytes, field, element);
		return;
	}
	const content = typeof value === "string" ? new TextEncoder().encode(value) : encodeMessage(value);
	putVarint(bytes, field * 8 + delimited);
	putVarint(bytes, content.length);
	for (const byte of content) bytes.push(byte);
}

/** A record's elements are pairs, a list's are texts or records. */
function isList(value: readonly (string | Message)[] | Message): value is readonly (string | Message)[] {
	const [first] = value;
	return first === undefined || typeof first === "string" || typeof first[0] !== "number";
}

function putVarint(bytes: number[], value: number): void {
	let rest = value;
	for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
	bytes.push(rest);
}

/** A decoded record: the last value of each field, a whole number or bytes. */
export type Fields = ReadonlyMap<number, number | Uint8Array>;

/** Decodes a record; fields of four and eight bytes are passed over. @throws `unavailable` when it is cut off */
export function decodeMessage(bytes: Uint8Array): Fields {
	const fields = new Map<number, number | Uint8Array>();
	let at = 0;
	const take = (): number => {
		const byte = bytes[at++];
		if (byte === undefined) throw new CortenError("unavailable", "cannot understand criu: its answer is cut off");
		return byte;
	};
	const takeVarint = (): number => {
		let value = 0n;
		for (let shift = 0n; shift < 70n; shift += 7n) {
			const byte = take();
			value |= BigInt(byte & 127) << shift;
			if (byte < 128) break;
		}
		return Number(BigInt.asIntN(64, value)); // int32 is sent as 64 bits, with its sign
	};
	const skip = (length: number): number => {
		if (length < 0 || length > bytes.length - at) throw new CortenError("unavailable", "cannot understand criu: its answer is cut off");
		at += length;
		return at - length;
	};
	while (at < bytes.length) {
		const key = takeVarint();
		const field = Math.floor(key / 8);
		switch (key % 8) {
			case varint:
				fields.set(field, takeVarint());
				break;
			case delimited: {
				const length = takeVarint();
				const start = skip(length);
				fields.set(field, bytes.subarray(start, start + length));
				break;
			}
			case fixed64:
				skip(8);
				break;
			case fixed32:
				skip(4);
				break;
			default:
				throw new CortenError("unavailable", "cannot understand criu: its answer has a field of an unknown kind");
		}
	}
	return fields;
}
