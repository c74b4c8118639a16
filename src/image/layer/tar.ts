// Reads a tar as it streams in. One generator runs from the first header to the end mark, top to bottom; where bytes are missing it
// yields, and the caller pushes the next chunk: no promise an entry, no copy of file data. Generators make truncation plain, too: the
// stream's end is told at the very point that wanted more.
// @see POSIX.1-2024 pax; GNU tar manual "Basic Tar Format"; image-spec layer.md

import { CortenError } from "../../base/errors.ts";
import { brokenEntry, decodeBytes, formatBytes } from "./bytes.ts";
import { decodePax, mergeGlobals, noRecords } from "./pax.ts";
import { addOldExtents, checkExtents, decodePaxSparse, type Extents, readDataMap } from "./sparse.ts";
import { createEntry, type EntryPrefix, entryName, hasData, storedSize, type TarEntry } from "./tar-entry.ts";
import { blockBytes, decodeHeader, isZeroBlock, parseNumber, type TarHeader } from "./tar-header.ts";

/** What is done with the entries. `data` is called between begin and end, for kind "file" only; its bytes are only lent. */
export type TarSink = { begin(entry: TarEntry): void; data(bytes: Uint8Array): void; end(): void };

/** What an archive may cost. */
export type TarLimits = {
	/** Of one extended header or long name. */
	readonly maxHeaderBytes: number;
	readonly maxEntries: number;
};

/** The bytes between pusher and reader: at most one chunk at a time. */
export class TarInput {
	#chunk = new Uint8Array(0);
	#at = 0;
	#ended = false;
	#pushed = 0;

	/** How many bytes the reader has taken, from the archive's beginning. */
	get taken(): number {
		return this.#pushed - this.#chunk.length + this.#at;
	}

	/** Hands over the next chunk; the reader must have yielded. The bytes must stay as they are until it yields again. */
	push(chunk: Uint8Array): void {
		this.#chunk = chunk as Uint8Array<ArrayBuffer>;
		this.#at = 0;
		this.#pushed += chunk.length;
	}

	/** Says that no chunk follows. */
	end(): void {
		this.#chunk = new Uint8Array(0);
		this.#at = 0;
		this.#ended = true;
	}

	/** Exactly `length` bytes, and others behind them passed over, where the chunk has them all: most of a tar is read by this, and a generator a field would be most of its garbage. */
	ready(length: number, over = 0): Uint8Array | undefined {
		if (this.#chunk.length - this.#at < length + over) return undefined;
		const part = this.#chunk.subarray(this.#at, this.#at + length);
		this.#at += length + over;
		return part;
	}

	/** One to `max` bytes, or none at the stream's end. */
	*some(max: number): Generator<void, Uint8Array, void> {
		while (this.#at === this.#chunk.length && !this.#ended) yield;
		const part = this.#chunk.subarray(this.#at, this.#at + max);
		this.#at += part.length;
		return part;
	}

	/**
	 * Exactly `length` bytes in one piece, lent until the next call.
	 * @param orNone the stream may also end before the first of them, then there are none
	 * @throws `invalid-spec` when the stream ends within them, naming `what`
	 */
	*exactly(length: number, what: string, orNone = false): Generator<void, Uint8Array, void> {
		let part = yield* this.some(length);
		if (part.length === length || (part.length === 0 && orNone)) return part;
		if (part.length === 0) throw truncated(what);
		const whole = new Uint8Array(length);
		for (let done = 0; ; ) {
			whole.set(part, done);
			done += part.length;
			if (done === length) return whole;
			part = yield* this.some(length - done);
			if (part.length === 0) throw truncated(what);
		}
	}
}

function truncated(what: string): CortenError {
	return new CortenError("invalid-spec", `cannot read layer: it ends within ${what}`);
}

function padding(size: number): number {
	return (blockBytes - (size % blockBytes)) % blockBytes;
}

/** Reads an extended header's data. The cap comes first: a declared size must not become an allocation. */
function* readExtension(input: TarInput, size: number, limits: TarLimits, name: string): Generator<void, Uint8Array, void> {
	if (size < 0 || size > limits.maxHeaderBytes)
		throw brokenEntry(name, `its extended header has ${size} bytes, of ${limits.maxHeaderBytes} allowed`);
	const data = yield* input.exactly(size + padding(size), `the extended header of ${formatBytes(name)}`);
	return data.subarray(0, size);
}

function cutAtNul(bytes: Uint8Array): string {
	const end = bytes.indexOf(0);
	return decodeBytes(bytes, 0, end < 0 ? bytes.length : end);
}

/** As readData, where the chunk has all of it; otherwise nothing has happened. */
function passData(input: TarInput, size: number, sink: TarSink | undefined): boolean {
	const data = input.ready(size, padding(size));
	if (data !== undefined) sink?.data(data);
	return data !== undefined;
}

/** Passes on or skips the data of one entry. */
function* readData(input: TarInput, size: number, sink: TarSink | undefined, name: string): Generator<void, void, void> {
	for (let left = size; left > 0; ) {
		const part = yield* input.some(left);
		if (part.length === 0) throw truncated(`the data of ${formatBytes(name)}`);
		left -= part.length;
		sink?.data(part);
	}
	// Programs in Go that do not close their writer (umoci insert) leave the last padding away, and those that read do not mind: nothing is missing.
	for (let left = padding(size); left > 0; ) {
		const part = yield* input.some(left);
		if (part.length === 0) return;
		left -= part.length;
	}
}

/**
 * Reads one archive and hands its entries to the sink, in order. Returns at the end mark (two zero blocks) or where the stream ends
 * between entries; what follows the end mark is left unread, as every tar does.
 * @throws `invalid-spec` when it is no tar, is truncated, or breaks a limit; and what the sink throws
 */
export function* readTar(input: TarInput, sink: TarSink, limits: TarLimits): Generator<void, void, void> {
	const fresh: EntryPrefix = { pax: noRecords, globals: noRecords, longName: undefined, longLink: undefined };
	let prefix = fresh;
	let zeroBlocks = 0;
	for (let count = 0; ; ) {
		const block = input.ready(blockBytes) ?? (yield* input.exactly(blockBytes, "a header", true));
		if (block.length === 0) {
			if (prefix.pax !== noRecords || prefix.longName !== undefined || prefix.longLink !== undefined)
				throw truncated("an extended header's entry");
			return;
		}
		if (isZeroBlock(block)) {
			if (++zeroBlocks === 2) return;
			continue;
		}
		if (zeroBlocks > 0) throw new CortenError("invalid-spec", "cannot read layer: a lone zero block lies between its entries");
		if (++count > limits.maxEntries)
			throw new CortenError("invalid-spec", `cannot read layer: it has more than ${limits.maxEntries} entries`);
		const header = decodeHeader(block);

		// Prefix headers gather until the entry they belong to.
		if (header.type === "x" || header.type === "X" || header.type === "g" || header.type === "L" || header.type === "K") {
			const data = yield* readExtension(input, header.size, limits, header.name);
			if (header.type === "g") prefix = { ...prefix, globals: mergeGlobals(prefix.globals, decodePax(data, header.name), header.name) };
			else if (header.type === "L") prefix = { ...prefix, longName: cutAtNul(data) };
			else if (header.type === "K") prefix = { ...prefix, longLink: cutAtNul(data) };
			else if (prefix.pax !== noRecords) throw brokenEntry(header.name, "two extended headers precede one entry");
			else prefix = { ...prefix, pax: decodePax(data, header.name) };
			continue;
		}

		const name = entryName(header, prefix);
		if (header.type === "V")
			yield* readData(input, Math.max(0, header.size), undefined, name); // a volume's label makes nothing
		else {
			const { stored, size, extents } = plainShape(header, prefix, name) ?? (yield* readShape(input, header, block, prefix, name));
			const entry = createEntry(header, prefix, name, size, extents);
			const wanted = entry.kind === "file" ? sink : undefined;
			sink.begin(entry);
			if (stored > 0 && !passData(input, stored, wanted)) yield* readData(input, stored, wanted, name);
			wanted?.end();
		}
		prefix = prefix.globals === noRecords ? fresh : { ...fresh, globals: prefix.globals };
	}
}

/** Bytes stored behind the headers, and what they mean. */
type Shape = { readonly stored: number; readonly size: number; readonly extents: Extents | undefined };

/** The shape that the headers tell; undefined when a map follows them. */
function plainShape(header: TarHeader, prefix: EntryPrefix, name: string): Shape | undefined {
	const stored = storedSize(header, prefix, name);
	if (header.type === "S") return undefined;
	const sparse = hasData(header.type) && prefix.pax !== noRecords ? decodePaxSparse(prefix.pax, name) : undefined;
	if (sparse?.kind === "data") return undefined;
	if (sparse?.kind !== "map") return { stored, size: stored, extents: undefined };
	return { stored, size: sparse.size, extents: checkExtents(sparse.numbers, stored, sparse.size, name) };
}

/** Reads the map that follows the headers. */
function* readShape(
	input: TarInput,
	header: TarHeader,
	block: Uint8Array,
	prefix: EntryPrefix,
	name: string,
): Generator<void, Shape, void> {
	let stored = storedSize(header, prefix, name);
	const what = `the sparse map of ${formatBytes(name)}`;
	if (header.type === "S") {
		const size = parseNumber(block, 483, 12, "real size", name);
		const numbers: number[] = [];
		for (let more = addOldExtents(block, true, numbers, name); more; )
			more = addOldExtents(yield* input.exactly(blockBytes, what), false, numbers, name);
		return { stored, size, extents: checkExtents(numbers, stored, size, name) };
	}
	const sparse = decodePaxSparse(prefix.pax, name);
	if (sparse.kind !== "data") throw new CortenError("bug", "a tar entry has no sparse map");
	const map = readDataMap(name);
	map.next();
	for (;;) {
		stored -= blockBytes;
		if (stored < 0) throw brokenEntry(name, "its sparse map is longer than its data");
		const step = map.next(yield* input.exactly(blockBytes, what));
		if (step.done === true) return { stored, size: sparse.size, extents: checkExtents(step.value.numbers, stored, sparse.size, name) };
	}
}

/**
 * As {@link readTar}, of a stream. That is read to its end, also beyond the end mark: it may be hashed on the way, or come through a pipe.
 * @param input for a sink that wants to know how far it has been read
 * @throws as readTar; what the stream throws
 */
export async function readTarStream(
	chunks: AsyncIterable<Uint8Array>,
	sink: TarSink,
	limits: TarLimits,
	input: TarInput = new TarInput(),
): Promise<void> {
	const reader = readTar(input, sink, limits);
	let finished = reader.next().done === true;
	for await (const chunk of chunks) {
		if (finished) continue;
		input.push(chunk);
		finished = reader.next().done === true;
	}
	input.end();
	if (!finished) reader.next();
}
