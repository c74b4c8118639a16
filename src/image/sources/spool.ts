// An archive of images, read once as a stream and possibly compressed: each file in it becomes a numbered temporary file, so that no name
// of the archive ever becomes a path.

import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { posix } from "node:path";
import { CortenError, isError } from "../../base/errors.ts";
import { O_NONBLOCK, O_RDONLY, openFd } from "../../linux/file.ts";
import { openInput } from "../../linux/input.ts";
import type { Digest } from "../../spec/image.ts";
import { inflate } from "../layer/inflate.ts";
import { readTar, TarInput, type TarSink } from "../layer/tar.ts";
import { maxConfigBytes } from "../manifest.ts";
import { streamFd } from "./oci-layout.ts";

/** A file of the archive. */
export type Spooled = { readonly path: string; size: number; digest: Digest; head: Uint8Array };

/** What was in the archive, by normalized name (`/index.json`), in temporary files that go at disposal. */
export type Spool = Disposable & { readonly files: Map<string, Spooled>; readonly links: Map<string, string> };

/**
 * Reads an archive into temporary files.
 * @param path `-` for standard input
 * @param temporaryFolder where to put a folder for the files
 * @throws `not-found`, `invalid-spec`, `integrity` for a corrupt compression, `system`
 */
export async function spoolArchive(path: string, temporaryFolder: string): Promise<Spool> {
	const folder = mkdtempSync(`${temporaryFolder}/archive-`);
	const dispose = () => rmSync(folder, { recursive: true, force: true });
	const spool: Spool = { files: new Map(), links: new Map(), [Symbol.dispose]: dispose };
	const input = new TarInput();
	const reader = readTar(input, spoolSink(spool, folder), { maxHeaderBytes: 1 << 20, maxEntries: 1 << 17 });
	try {
		using file = path === "-" ? openInput() : openFd(path, O_RDONLY | O_NONBLOCK);
		let finished = reader.next().done === true;
		for await (const chunk of inflate(streamFd(file, path)).chunks) {
			if (finished) break;
			input.push(chunk);
			finished = reader.next().done === true;
		}
		input.end();
		if (!finished) reader.next();
	} catch (cause) {
		dispose();
		throw isError(cause) ? new CortenError(cause.code, `cannot read archive "${path}"`, { cause }) : cause;
	}
	return spool;
}

function spoolSink(spool: Spool, folder: string): TarSink {
	let descriptor = -1;
	let file: Spooled | undefined;
	let hasher = new Bun.CryptoHasher("sha256");
	return {
		begin: (entry) => {
			const name = posix.normalize(`/${entry.name}`);
			if (entry.kind === "symlink") spool.links.set(name, posix.resolve(posix.dirname(name), entry.target));
			if (entry.kind === "link") spool.links.set(name, posix.normalize(`/${entry.target}`));
			if (entry.kind !== "file") return;
			if (entry.extents !== undefined)
				throw new CortenError("unsupported", `cannot read archive entry ${JSON.stringify(name)}: it is sparse`);
			if (spool.files.has(name))
				throw new CortenError("invalid-spec", `cannot read archive entry ${JSON.stringify(name)}: it is there twice`);
			file = { path: `${folder}/${spool.files.size}`, size: 0, digest: "sha256:", head: new Uint8Array(0) };
			spool.files.set(name, file);
			descriptor = openSync(file.path, "wx", 0o600);
			hasher = new Bun.CryptoHasher("sha256");
		},
		data: (bytes) => {
			if (file === undefined) return;
			if (file.head.length < 4) file.head = Buffer.concat([file.head, bytes.subarray(0, 4)]);
			for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
			hasher.update(bytes);
			file.size += bytes.length;
		},
		end: () => {
			if (file === undefined) return;
			closeSync(descriptor);
			file.digest = `sha256:${hasher.digest("hex")}`;
			file = undefined;
		},
	};
}

// Old docker wrote a layer that two images share once, and a symbolic link in the other's place.
/** The file of a name, links of the archive followed. @throws `invalid-spec` when there is none */
export function findSpooled(spool: Spool, name: string, path: string): Spooled {
	// Names in the archive are bytes, in manifest.json text.
	let at = posix.normalize(`/${Buffer.from(name, "utf8").toString("latin1")}`);
	for (let hop = 0; hop < 10; hop++) {
		const file = spool.files.get(at);
		if (file !== undefined) return file;
		const next = spool.links.get(at);
		if (next === undefined) break;
		at = next;
	}
	throw new CortenError("invalid-spec", `cannot find ${JSON.stringify(name.slice(0, 200))} in archive "${path}"`);
}

/** All of a small file. @throws `invalid-spec` beyond 8 MiB */
export async function readSpooled(file: Spooled, what: string): Promise<Uint8Array> {
	if (file.size > maxConfigBytes) throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than ${maxConfigBytes} bytes`);
	return await Bun.file(file.path).bytes();
}
