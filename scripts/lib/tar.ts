// A small ustar writer for the images of the tests and the hello image: the same entries give the same bytes. It writes what it is
// told, also names that no honest archive has; that is what the attack tests need it for.
// @see tar(5)

/** One member; absent fields are root's, mode 0755 for folders and 0644 for files, time 0. */
export type TarEntry = {
	readonly path: string;
	readonly kind: "file" | "folder" | "symlink" | "hardlink" | "character";
	/** Content of a file. */
	readonly data?: Uint8Array | string;
	/** Target of a link. */
	readonly target?: string;
	readonly mode?: number;
	readonly uid?: number;
	readonly gid?: number;
	readonly major?: number;
	readonly minor?: number;
};

const typeflags = { file: "0", hardlink: "1", symlink: "2", character: "3", folder: "5" } as const;
const blockBytes = 512;

/** The header block of a member whose `size` bytes of content come from elsewhere. */
export function tarHeader(entry: TarEntry, size: number): Uint8Array {
	const block = new Uint8Array(blockBytes);
	const put = (at: number, length: number, value: string) => {
		const bytes = new TextEncoder().encode(value);
		if (bytes.length > length) throw new Error(`cannot write tar member "${entry.path}": "${value}" is longer than ${length} bytes`);
		block.set(bytes, at);
	};
	const octal = (at: number, length: number, value: number) => put(at, length, `${value.toString(8).padStart(length - 1, "0")}\0`);
	put(0, 100, entry.path);
	octal(100, 8, entry.mode ?? (entry.kind === "folder" ? 0o755 : entry.kind === "symlink" ? 0o777 : 0o644));
	octal(108, 8, entry.uid ?? 0);
	octal(116, 8, entry.gid ?? 0);
	octal(124, 12, size);
	octal(136, 12, 0);
	put(148, 8, "        ");
	put(156, 1, typeflags[entry.kind]);
	put(157, 100, entry.target ?? "");
	put(257, 8, "ustar\u000000");
	octal(329, 8, entry.major ?? 0);
	octal(337, 8, entry.minor ?? 0);
	const sum = block.reduce((total, byte) => total + byte, 0);
	put(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
	return block;
}

/** @returns a whole archive with its two closing blocks */
export function writeTar(entries: readonly TarEntry[]): Uint8Array {
	const parts: Uint8Array[] = [];
	for (const entry of entries) {
		const data = typeof entry.data === "string" ? new TextEncoder().encode(entry.data) : (entry.data ?? new Uint8Array());
		parts.push(tarHeader(entry, data.length), data, new Uint8Array((blockBytes - (data.length % blockBytes)) % blockBytes));
	}
	parts.push(new Uint8Array(2 * blockBytes));
	return new Uint8Array(Buffer.concat(parts));
}
