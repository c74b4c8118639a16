// Lists a tree with all that a layer carries, one line an entry, so that two trees compare as text. Names are bytes.

import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { syscall } from "../../linux/libc.ts";
import { cBytes } from "./bytes.ts";

const llistxattr = 195;
const lgetxattr = 192;

function xattrsOf(path: Buffer): string {
	const cPath = Buffer.concat([path, new Uint8Array(1)]);
	const list = Buffer.alloc(65_536);
	const length = syscall(llistxattr, cPath, list, list.length);
	if (length <= 0) return "";
	const names = list
		.toString("latin1", 0, length - 1)
		.split("\0")
		.sort();
	return names
		.map((name) => {
			const value = Buffer.alloc(65_536);
			const size = syscall(lgetxattr, cPath, cBytes(name), value, value.length);
			return `${name}=${size < 0 ? `E${-size}` : value.toString("hex", 0, Math.min(size, 64))}:${size}`;
		})
		.join(",");
}

/**
 * The content's digest; of a file larger than `maxBytes` that of its beginning, middle and end.
 * The file is closed also when it cannot be read, or its mount would stay busy.
 */
function contentHash(path: Buffer, size: number, maxBytes: number): string {
	const hash = createHash("sha256");
	const buffer = Buffer.alloc(1 << 16);
	const fd = openSync(path, "r");
	try {
		if (size > maxBytes) {
			for (const at of [0, Math.floor(size / 2), size - buffer.length])
				hash.update(buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, at)));
		} else for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) hash.update(buffer.subarray(0, got));
	} finally {
		closeSync(fd);
	}
	return hash.digest("hex").slice(0, 16);
}

/** What {@link walk} leaves out, where the two sides cannot agree. */
export type WalkOptions = { readonly directoryTimes?: boolean; readonly maxHashBytes?: number };

/** The lines of a tree, sorted by path; links between its files by the first name of each. */
export function walk(root: string, options: WalkOptions = {}): string[] {
	const lines: string[] = [];
	const first = new Map<bigint, string>();
	const visit = (path: Buffer, name: string) => {
		const stat = lstatSync(path, { bigint: true });
		const type = Number(stat.mode) & 0o170000;
		const directory = type === 0o040000;
		const device = type === 0o020000 || type === 0o060000 ? stat.rdev : 0n;
		const target = type === 0o120000 ? readlinkSync(path, { encoding: "buffer" }).toString("latin1") : "";
		const content = type !== 0o100000 ? "" : contentHash(path, Number(stat.size), options.maxHashBytes ?? 1 << 30);
		const time = directory && options.directoryTimes === false ? "" : stat.mtimeNs;
		const size = directory ? "" : stat.size;
		const links = directory ? "" : `${stat.nlink}:${stat.nlink > 1n ? (first.get(stat.ino) ?? name) : ""}`;
		if (!first.has(stat.ino)) first.set(stat.ino, name);
		lines.push(
			`${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${size} ${time} ${device} ${links} ${target} ${content} ${xattrsOf(path)}`,
		);
		if (!directory) return;
		const names = readdirSync(path, { encoding: "buffer" }).sort(Buffer.compare);
		for (const child of names) visit(Buffer.concat([path, Buffer.from("/"), child]), `${name}/${child.toString("latin1")}`);
	};
	visit(Buffer.from(root), ".");
	return lines;
}
