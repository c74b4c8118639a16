// Builds tars for the tests, also broken ones: every field can be set, and a hook may spoil the finished header block.

/** One member; absent fields get harmless values. Names are byte strings. */
export type Member = {
	readonly name?: string;
	readonly type?: string;
	readonly mode?: number | string;
	readonly uid?: number | string;
	readonly gid?: number | string;
	readonly size?: number | string;
	readonly mtime?: number | string;
	readonly linkname?: string;
	readonly prefix?: string;
	readonly magic?: string;
	readonly major?: number | string;
	readonly minor?: number | string;
	readonly data?: string | Uint8Array;
	/** Records of an extended header that goes before. */
	readonly pax?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
	/** Changes the block; its checksum is made again after. */
	readonly patch?: (block: Uint8Array) => void;
	/** Changes the block after the checksum. */
	readonly spoil?: (block: Uint8Array) => void;
};

function bytesOf(data: string | Uint8Array): Uint8Array {
	return typeof data === "string" ? Buffer.from(data, "latin1") : data;
}

function put(block: Uint8Array, at: number, length: number, value: number | string | undefined): void {
	if (value === undefined) return;
	const text = typeof value === "string" ? value : value.toString(8).padStart(length - 1, "0");
	block.set(bytesOf(text).subarray(0, length), at);
}

/** Data padded to whole blocks. */
export function padded(data: string | Uint8Array): Uint8Array {
	const bytes = bytesOf(data);
	const whole = new Uint8Array(Math.ceil(bytes.length / 512) * 512);
	whole.set(bytes);
	return whole;
}

/** The records of an extended header. */
export function paxData(records: NonNullable<Member["pax"]>): string {
	const pairs = Array.isArray(records) ? (records as readonly (readonly [string, string])[]) : Object.entries(records);
	return pairs
		.map(([key, value]) => {
			const rest = ` ${key}=${value}\n`.length;
			let length = rest + String(rest).length;
			if (String(length).length !== String(rest).length) length = rest + String(length).length;
			return `${length} ${key}=${value}\n`;
		})
		.join("");
}

/** One member's blocks. */
export function member(m: Member): Uint8Array {
	const data = bytesOf(m.data ?? "");
	const block = new Uint8Array(512);
	put(block, 0, 100, m.name ?? "file");
	put(block, 100, 8, m.mode ?? 0o644);
	put(block, 108, 8, m.uid ?? 0);
	put(block, 116, 8, m.gid ?? 0);
	put(block, 124, 12, m.size ?? data.length);
	put(block, 136, 12, m.mtime ?? 1_600_000_000);
	put(block, 156, 1, m.type ?? "0");
	put(block, 157, 100, m.linkname);
	put(block, 257, 8, m.magic ?? "ustar\u000000");
	put(block, 329, 8, m.major);
	put(block, 337, 8, m.minor);
	put(block, 345, 155, m.prefix);
	m.patch?.(block);
	block.fill(0x20, 148, 156);
	const sum = block.reduce((total, byte) => total + byte, 0);
	put(block, 148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
	m.spoil?.(block);
	const before = m.pax === undefined ? new Uint8Array(0) : member({ name: "pax", type: "x", data: paxData(m.pax) });
	return Buffer.concat([before, block, padded(data)]);
}

/** A whole archive with its end mark. */
export function archive(...members: readonly (Member | Uint8Array)[]): Uint8Array {
	return Buffer.concat([...members.map((m) => (m instanceof Uint8Array ? m : member(m))), new Uint8Array(1024)]);
}

/** Bytes as a stream of chunks of one size. */
export async function* streamOf(bytes: Uint8Array, chunkBytes = 64 << 10): AsyncGenerator<Uint8Array, void, void> {
	for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

/** The digest of these bytes. */
export function digestOf(bytes: Uint8Array): `sha256:${string}` {
	return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}
