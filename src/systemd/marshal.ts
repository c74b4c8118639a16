// D-Bus values as bytes, little-endian, and back. A value's form follows its signature: integers of 64 bits are bigint, others number,
// arrays and structs are arrays, a dictionary entry is a pair, a variant is {@link Variant}.
// @see D-Bus Specification, "Marshaling (Wire Format)"

import { CortenError } from "../base/errors.ts";

/** A value that carries its own type. */
export type Variant = { readonly signature: string; readonly value: unknown };

const alignments: Readonly<Record<string, number>> = {
	...{ y: 1, g: 1, v: 1, n: 2, q: 2, b: 4, i: 4, u: 4, s: 4, o: 4, a: 4 },
	...{ x: 8, t: 8, d: 8, "(": 8, "{": 8 },
};

function broken(why: string): CortenError {
	return new CortenError("unavailable", `cannot read a D-Bus message: ${why}`);
}

/** The complete types of a signature: `sa(sv)` is `s` and `a(sv)`. */
export function splitSignature(signature: string): string[] {
	const types: string[] = [];
	for (let at = 0; at < signature.length; ) {
		const end = endOfType(signature, at);
		types.push(signature.slice(at, end));
		at = end;
	}
	return types;
}

function endOfType(signature: string, start: number): number {
	let at = start;
	while (signature[at] === "a") at++;
	if (signature[at] !== "(" && signature[at] !== "{") {
		if (alignments[signature[at] ?? ""] === undefined) throw broken(`signature "${signature}"`);
		return at + 1;
	}
	for (let depth = 0; at < signature.length; at++) {
		if (signature[at] === "(" || signature[at] === "{") depth++;
		else if (signature[at] === ")" || signature[at] === "}") depth--;
		if (depth === 0) return at + 1;
	}
	throw broken(`signature "${signature}"`);
}

/** Grows by what is written to it. */
export class Writer {
	bytes = new Uint8Array(1024);
	length = 0;

	/** Zeros up to a multiple of `size`. */
	align(size: number): void {
		this.reserve(size);
		while (this.length % size !== 0) this.bytes[this.length++] = 0;
	}

	private reserve(count: number): DataView {
		if (this.length + count > this.bytes.length) {
			const larger = new Uint8Array((this.length + count) * 2);
			larger.set(this.bytes);
			this.bytes = larger;
		}
		return new DataView(this.bytes.buffer);
	}

	/** Values of one signature. */
	values(signature: string, values: readonly unknown[]): void {
		for (const [index, type] of splitSignature(signature).entries()) this.value(type, values[index]);
	}

	/** One value of a complete type. */
	value(type: string, value: unknown): void {
		const kind = type[0] ?? "";
		this.align(alignments[kind] ?? 1);
		const view = this.reserve(8);
		const at = this.length;
		switch (kind) {
			case "y":
				view.setUint8(at, Number(value));
				this.length += 1;
				break;
			case "n":
			case "q":
				view.setUint16(at, Number(value), true);
				this.length += 2;
				break;
			case "b":
			case "i":
			case "u":
				view.setUint32(at, Number(value), true);
				this.length += 4;
				break;
			case "x":
			case "t":
				view.setBigUint64(at, BigInt.asUintN(64, BigInt(value as bigint)), true);
				this.length += 8;
				break;
			case "d":
				view.setFloat64(at, Number(value), true);
				this.length += 8;
				break;
			case "s":
			case "o":
				this.text(String(value), 4);
				break;
			case "g":
				this.text(String(value), 1);
				break;
			case "v": {
				const { signature, value: inner } = value as Variant;
				this.text(signature, 1);
				this.value(signature, inner);
				break;
			}
			case "a":
				this.list(type.slice(1), value as readonly unknown[]);
				break;
			default:
				this.values(type.slice(1, -1), value as readonly unknown[]);
		}
	}

	private text(text: string, lengthBytes: 1 | 4): void {
		const data = new TextEncoder().encode(text);
		const view = this.reserve(data.length + 5);
		if (lengthBytes === 1) view.setUint8(this.length, data.length);
		else view.setUint32(this.length, data.length, true);
		this.bytes.set(data, this.length + lengthBytes);
		this.length += lengthBytes + data.length;
		this.bytes[this.length++] = 0;
	}

	/** The length does not count the padding before the first element. */
	private list(type: string, values: readonly unknown[]): void {
		const at = this.length;
		this.length += 4;
		this.align(alignments[type[0] ?? ""] ?? 1);
		const start = this.length;
		for (const value of values) this.value(type, value);
		new DataView(this.bytes.buffer).setUint32(at, this.length - start, true);
	}
}

/** Reads what a {@link Writer} of the other side has written. */
export class Reader {
	readonly bytes: Uint8Array;
	at: number;
	constructor(bytes: Uint8Array, at = 0) {
		this.bytes = bytes;
		this.at = at;
	}

	private take(count: number): DataView {
		if (count > this.bytes.length - this.at) throw broken("it ends too early");
		const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, count);
		this.at += count;
		return view;
	}

	/** Skips up to a multiple of `size`. */
	align(size: number): void {
		this.at = Math.ceil(this.at / size) * size;
	}

	/** Values of one signature. */
	values(signature: string): unknown[] {
		return splitSignature(signature).map((type) => this.value(type));
	}

	/** One value of a complete type. @throws `unavailable` for bytes that are not one */
	value(type: string): unknown {
		const kind = type[0] ?? "";
		this.align(alignments[kind] ?? 1);
		switch (kind) {
			case "y":
				return this.take(1).getUint8(0);
			case "b":
				return this.take(4).getUint32(0, true) !== 0;
			case "n":
				return this.take(2).getInt16(0, true);
			case "q":
				return this.take(2).getUint16(0, true);
			case "i":
				return this.take(4).getInt32(0, true);
			case "u":
				return this.take(4).getUint32(0, true);
			case "x":
				return this.take(8).getBigInt64(0, true);
			case "t":
				return this.take(8).getBigUint64(0, true);
			case "d":
				return this.take(8).getFloat64(0, true);
			case "s":
			case "o":
				return this.text(this.take(4).getUint32(0, true));
			case "g":
				return this.text(this.take(1).getUint8(0));
			case "v": {
				const signature = this.text(this.take(1).getUint8(0));
				return { signature, value: this.value(signature) } satisfies Variant;
			}
			case "a": {
				const length = this.take(4).getUint32(0, true);
				const element = type.slice(1);
				this.align(alignments[element[0] ?? ""] ?? 1);
				const end = this.at + length;
				const found: unknown[] = [];
				while (this.at < end) found.push(this.value(element));
				return found;
			}
			default:
				return this.values(type.slice(1, -1));
		}
	}

	private text(length: number): string {
		const view = this.take(length + 1);
		return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset, length));
	}
}
