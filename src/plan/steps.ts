// The plan while it grows: its ops, and which slots are in use.

import { CortenError } from "../base/errors.ts";
import { type Op, type OpArgs, type OpName, slotCount } from "./ops.ts";

/** A growing list of ops. */
export type Steps = { readonly ops: Op[]; readonly used: boolean[] };

/** An empty list. */
export function startSteps(): Steps {
	return { ops: [], used: [] };
}

/**
 * Appends one op.
 * @param what the words that follow "cannot" when it fails
 * @param at the field of config.json that asked for it, or ""
 * @param flags an or of `opFlags`
 */
export function add<N extends OpName>(steps: Steps, op: N, args: OpArgs<N>, what: string, at = "", flags = 0): void {
	steps.ops.push({ op, args, flags, what, at } as Op);
}

/** A slot that nothing uses. @throws `invalid-spec` when launch has no more of them: more than 60 shared mounts, say */
export function takeSlot(steps: Steps): number {
	for (let slot = 0; slot < slotCount; slot++) {
		if (steps.used[slot] === true) continue;
		steps.used[slot] = true;
		return slot;
	}
	throw new CortenError("invalid-spec", `cannot hold more than ${slotCount} files open at once`);
}

/** Gives a slot back; what fills it next closes what is in it. */
export function freeSlot(steps: Steps, slot: number): void {
	steps.used[slot] = false;
}

const encoder = new TextEncoder();

/** A text as the bytes of a `write`. */
export function bytesOf(text: string): Uint8Array {
	return encoder.encode(text);
}
