// An assembler for classic BPF that works from the end: an instruction can only jump forward, so what it jumps to is there already.
// A place in the program is its distance from the end, which does not change while the program grows.
// @see Documentation/networking/filter.rst

/** BPF_JMP | BPF_K conditions. */
export const JEQ = 0x15;
export const JGT = 0x25;
export const JGE = 0x35;
const JA = 0x05;
const LOAD_WORD = 0x20;
const AND = 0x54;
const RETURN = 0x06;
const maxShortJump = 255;

/** A program that grows towards its beginning. `places` remembers returns, so that they are shared while in reach. */
export type Assembler = { readonly instructions: Instruction[]; readonly returns: Map<number, number> };
type Instruction = { readonly code: number; readonly whenTrue: number; readonly whenFalse: number; readonly k: number };

/** An empty program. */
export function startAssembly(): Assembler {
	return { instructions: [], returns: new Map() };
}

function push(to: Assembler, code: number, k: number, whenTrue = 0, whenFalse = 0): number {
	return to.instructions.push({ code, whenTrue, whenFalse, k }) - 1;
}

/** The place of a return of `value`: one that is in reach of a short jump, or a new one. */
export function emitReturn(to: Assembler, value: number): number {
	const known = to.returns.get(value);
	// Half the reach is left for what is put between.
	if (known !== undefined && to.instructions.length - known < maxShortJump / 2) return known;
	const place = push(to, RETURN, value);
	to.returns.set(value, place);
	return place;
}

/** Loads the 32-bit word at `offset`, then goes on with what was emitted last. */
export function emitLoad(to: Assembler, offset: number): number {
	return push(to, LOAD_WORD, offset);
}

/** Keeps the bits of `mask`, then goes on with what was emitted last. */
export function emitAnd(to: Assembler, mask: number): number {
	return push(to, AND, mask);
}

/** A place from which one short jump reaches `place`, when two instructions lie between at most. */
function within(to: Assembler, place: number): number {
	if (to.instructions.length - place <= maxShortJump - 2) return place;
	const target = to.instructions[place];
	if (target?.code === RETURN) return push(to, RETURN, target.k); // as short as the jump would be
	return push(to, JA, to.instructions.length - 1 - place);
}

/** Compares the loaded word with `k` and jumps. */
export function emitJump(to: Assembler, code: number, k: number, whenTrue: number, whenFalse: number): number {
	const yes = within(to, whenTrue);
	const no = within(to, whenFalse);
	const here = to.instructions.length;
	return push(to, code, k, here - 1 - yes, here - 1 - no);
}

/** Makes what is emitted next go on at `place`: nothing when it is what was emitted last. */
export function emitGoto(to: Assembler, place: number): void {
	if (place === to.instructions.length - 1) return;
	push(to, JA, to.instructions.length - 1 - place);
}

/** The program's bytes: struct sock_filter, in the order they run. */
export function assemble(from: Assembler): Uint8Array {
	const bytes = new Uint8Array(from.instructions.length * 8);
	const view = new DataView(bytes.buffer);
	let at = bytes.length;
	for (const { code, whenTrue, whenFalse, k } of from.instructions) {
		at -= 8;
		view.setUint16(at, code, true);
		view.setUint8(at + 2, whenTrue);
		view.setUint8(at + 3, whenFalse);
		view.setUint32(at + 4, k, true);
	}
	return bytes;
}
