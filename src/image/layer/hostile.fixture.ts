// Hostile and odd archives as tables. Each must end in the tree that is written beside it, or in an invalid-spec error whose text names
// the trouble; as EROFS the result must pass fsck, and no failure may leave a file behind.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { CortenError } from "../../base/errors.ts";
import { createLayer } from "./layer.ts";
import { archive, digestOf, type Member, member, padded, paxData, streamOf } from "./tar.fixture.ts";
import { describeTree, treeOf } from "./tree.fixture.ts";

export const dir = (name: string, more: Member = {}): Member => ({ name, type: "5", mode: 0o755, ...more });
export const file = (name: string, more: Member = {}): Member => ({ name, data: "abc", ...more });
export const link = (name: string, linkname: string): Member => ({ name, type: "1", linkname });
export const symlink = (name: string, linkname: string): Member => ({ name, type: "2", linkname });
export const device = (name: string, major: number, minor: number, type = "3"): Member => ({ name, type, major, minor });
export const pax = (records: NonNullable<Member["pax"]>, more: Member = {}): Member => ({
	name: "file",
	data: "abc",
	pax: records,
	...more,
});
export const rawPax = (text: string): Uint8Array[] => [member({ name: "pax", type: "x", data: text }), member(file("file"))];
export const global = (records: Readonly<Record<string, string>>): Uint8Array => member({ name: "pax", type: "g", data: paxData(records) });
export const longName = (name: string, type = "L"): Uint8Array =>
	member({ name: "././@LongLink", type, magic: "ustar  \0", data: `${name}\0` });
export const n = (length: number): string => "n".repeat(length);
export const base256 = (...bytes: number[]): string => String.fromCharCode(...bytes);

/** GNU's old sparse header: pairs at 386, more follows at 482, real size at 483. */
export const sparse = (pairs: readonly number[], realSize: number, data: string, more = false): Member => ({
	name: "s",
	type: "S",
	magic: "ustar  \0",
	data,
	patch(block) {
		const put = (at: number, value: number) => block.set(Buffer.from(value.toString(8).padStart(11, "0")), at);
		for (const [i, value] of pairs.entries()) put(386 + i * 12, value);
		if (more) block[482] = 1;
		put(483, realSize);
	},
});
export const sparse10 = (map: string, data: string, realSize: number): Member =>
	pax(
		{ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s", "GNU.sparse.realsize": `${realSize}` },
		{ data: Buffer.concat([padded(map), Buffer.from(data)]) },
	);
export const sparse01 = (map: string, data: string, size: number): Member =>
	pax({ "GNU.sparse.map": map, "GNU.sparse.size": `${size}`, "GNU.sparse.name": "s" }, { data });

/** What it is, its archive, and the tree it makes, or its error; the pattern of anything where either may be. */
export type Case = readonly [what: string, tar: Uint8Array | readonly (Member | Uint8Array)[], result: readonly string[] | RegExp];

const limits = { maxEntries: 1000, maxBytes: 4 << 20 };

async function check(tar: Uint8Array, result: Case[2], kind: "erofs" | "folder", layersDir: string): Promise<void> {
	const either = result instanceof RegExp && result.source === ".*";
	let error: unknown;
	const made = createLayer(streamOf(tar, 700), { layersDir, diffID: digestOf(tar), kind, limits });
	const layer = await made.catch((cause: unknown) => {
		error = cause;
		return undefined;
	});
	if (layer === undefined) {
		expect(error).toBeInstanceOf(CortenError);
		const { code, message } = error as CortenError;
		expect(readdirSync(layersDir)).toEqual([]);
		// A folder has the limits of the host's file system, too.
		expect(either && kind === "folder" ? ["invalid-spec", "system"] : ["invalid-spec"]).toContain(code);
		expect(result instanceof RegExp ? message : result).toMatch(result instanceof RegExp ? result : message);
		return;
	}
	if (!either) expect(describeTree(treeOf(tar))).toEqual(result as string[]);
	expect(readdirSync(layersDir).length).toBe(1);
	if (kind === "erofs") expect(Bun.spawnSync(["fsck.erofs", layer.path]).exitCode).toBe(0);
}

/** Runs a table; as folders only where the user is root. */
export function testCases(table: string, cases: readonly Case[]): void {
	const kinds = process.geteuid?.() === 0 ? (["erofs", "folder"] as const) : (["erofs"] as const);
	describe(table, () => {
		for (const [what, source, result] of cases) {
			test(what, async () => {
				const tar = source instanceof Uint8Array ? source : archive(...source);
				for (const kind of kinds) {
					const layersDir = mkdtempSync(`${tmpdir()}/hostile-test-`);
					try {
						await check(tar, result, kind, layersDir);
					} finally {
						rmSync(layersDir, { recursive: true, force: true });
					}
				}
			});
		}
	});
}
