// The other way: bytes to a plan. For tests, and for a person who has only the bytes. Verifies what launch verifies.

import { CortenError } from "../base/errors.ts";
import { flagJson, headerBytes, maxOps, noFd, opBytes, planMagic, planVersion } from "./encode.ts";
import { type ArgKind, type Op, opNames, opTable, type Plan } from "./ops.ts";

/** A plan and what its header says. */
export type DecodedPlan = { readonly plan: Plan; readonly json: boolean; readonly lockFd: number | undefined };

function refuse(why: string): CortenError {
	return new CortenError("integrity", `cannot decode a plan: ${why}`);
}

/**
 * Decodes what {@link encodePlan} made. Integers come back as bigint, `out` and `slot` as number.
 * @throws `integrity` when the bytes are no plan of this version
 */
export function decodePlan(bytes: Uint8Array): DecodedPlan {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const decoder = new TextDecoder();
	if (bytes.length < headerBytes || decoder.decode(bytes.subarray(0, 8)) !== planMagic) throw refuse("no magic");
	const word = (index: number): number => view.getUint32(8 + index * 4, true);
	if (word(0) !== planVersion) throw refuse(`version ${word(0)}`);
	const count = word(1);
	const dataOffset = word(3);
	if (count > maxOps || word(2) !== headerBytes || dataOffset !== headerBytes + count * opBytes || word(4) !== bytes.length)
		throw refuse("sizes");
	const data = bytes.subarray(dataOffset);
	const endOf = (offset: number): number => {
		const end = data.indexOf(0, offset);
		if (offset >= data.length || end < 0) throw refuse(`offset ${offset}`);
		return end;
	};
	const text = (offset: number): string => decoder.decode(data.subarray(offset, endOf(offset)));
	const json = (word(5) & flagJson) !== 0;
	const plain = (offset: number): string => (json ? (JSON.parse(`"${text(offset)}"`) as string) : text(offset));
	const argument = (kind: ArgKind, at: number): unknown => {
		const low = view.getUint32(at, true);
		const high = view.getUint32(at + 4, true);
		if (kind === "out" || kind === "slot") return low;
		if (kind === "u64") return view.getBigUint64(at, true);
		if (kind === "str") return text(low);
		if (kind === "blob") {
			if (low + high > data.length) throw refuse(`blob at ${low}`);
			return data.slice(low, low + high);
		}
		const texts: string[] = [];
		for (let next = low; texts.length < high; next = endOf(next) + 1) texts.push(text(next));
		return texts;
	};
	const ops: Op[] = [];
	for (let at = headerBytes; at < dataOffset; at += opBytes) {
		const name = opNames[view.getUint16(at, true)];
		if (name === undefined) throw refuse(`op ${view.getUint16(at, true)}`);
		const args: Record<string, unknown> = {};
		for (const [index, [arg, kind]] of Object.entries(opTable[name]).entries()) args[arg] = argument(kind, at + 16 + index * 8);
		const op = {
			op: name,
			args,
			flags: view.getUint16(at + 2, true),
			what: plain(view.getUint32(at + 4, true)),
			at: plain(view.getUint32(at + 8, true)),
		};
		ops.push(op as Op);
	}
	return { plan: { ops }, json, lockFd: word(6) === noFd ? undefined : word(6) };
}
