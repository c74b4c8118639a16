// The two files of unbzip2-stream that are used by themselves: its stream of node's keeps all output of a write in memory.

declare module "unbzip2-stream/lib/bit_iterator.js" {
	/** Reads n bits; null aligns to a byte. */
	type Bits = { (count: number | null): number; bytesRead: number };
	const createBits: (nextBuffer: () => Uint8Array) => Bits;
	export = createBits;
}

declare module "unbzip2-stream/lib/bzip2.js" {
	type Bits = { (count: number | null): number; bytesRead: number };
	const bzip2: {
		header(bits: Bits): number;
		decompress(bits: Bits, take: (byte: number) => void, work: Int32Array, size: number, crc: number): number | null;
	};
	export = bzip2;
}
