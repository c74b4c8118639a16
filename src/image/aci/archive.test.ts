// One rule of image archives a test: what is refused, and by which words.

import { describe, expect, test } from "bun:test";
import { CortenError, joinCauses } from "../../base/errors.ts";
import { archive, type Member, member } from "../layer/tar.fixture.ts";
import { aciBytes, manifestOf, workFolder } from "./aci.fixture.ts";
import { readAci } from "./archive.ts";

const good = JSON.stringify(manifestOf("example.com/a"));
const root: Member = { name: "rootfs", type: "5", mode: 0o755 };
const manifest: Member = { name: "manifest", data: good };

async function read(bytes: Uint8Array): Promise<string> {
	using work = workFolder();
	try {
		const aci = await readAci(work.put("x.aci", bytes), `${work.path}/tar`);
		return `${aci.imageID.slice(0, 7)} ${aci.files.map(({ path }) => path).join(",")}`;
	} catch (error) {
		if (!(error instanceof CortenError)) throw error;
		return `${error.code}: ${joinCauses(error)}`;
	}
}

describe("an image archive is read", () => {
	const cases: Readonly<Record<string, Uint8Array>> = {
		"manifest last": archive(root, { name: "rootfs/a" }, manifest),
		"manifest first": archive(manifest, root, { name: "rootfs/a" }),
		"names with ./ before": archive(
			{ name: "./", type: "5" },
			{ ...root, name: "./rootfs/" },
			{ name: "./rootfs/a" },
			{ ...manifest, name: "./manifest" },
		),
		"links out of the rootfs that nobody follows": archive(
			root,
			{ name: "rootfs/a", type: "2", linkname: "../../../etc/passwd" },
			manifest,
		),
	};
	for (const [what, bytes] of Object.entries(cases)) test(what, async () => expect(await read(bytes)).toBe("sha512- ,a"));
	for (const program of ["gzip", "bzip2", "xz"]) {
		test(`compressed by ${program}`, async () => {
			const bytes = aciBytes(manifestOf("example.com/a"), "a");
			using work = workFolder();
			const packed = new Uint8Array(Bun.spawnSync([program, "-c"], { stdin: bytes }).stdout);
			const aci = await readAci(work.put("x.aci", packed), `${work.path}/tar`);
			expect(aci.imageID).toBe(`sha512-${new Bun.CryptoHasher("sha512").update(bytes).digest("hex")}`);
			expect(aci.size).toBe(packed.length);
		});
	}
});

describe("an image archive is refused", () => {
	const cases: readonly [what: string, bytes: Uint8Array, error: string][] = [
		["without a manifest", archive(root), "invalid-spec: .*manifest is missing"],
		["without a rootfs", archive(manifest), "invalid-spec: .*rootfs is missing"],
		["with two manifests", archive(manifest, root, manifest), "invalid-spec: .*twice"],
		["with two manifests of two spellings", archive(manifest, root, { ...manifest, name: "./manifest" }), "invalid-spec: .*twice"],
		["with a file twice", archive(root, { name: "rootfs/a" }, { name: "rootfs//a" }, manifest), "invalid-spec: .*twice"],
		["with something beside the rootfs", archive(root, { name: "rootfsX/a" }, manifest), "invalid-spec: .*nothing else"],
		["with a name that climbs", archive(root, { name: "rootfs/../a" }, manifest), "invalid-spec: .*holds \\.\\."],
		["with an absolute name", archive(root, { name: "/rootfs/a" }, manifest), "invalid-spec: .*absolute"],
		[
			"with an absolute hard link",
			archive(root, { name: "rootfs/a", type: "1", linkname: "/etc/passwd" }, manifest),
			"invalid-spec: .*absolute",
		],
		[
			"with a hard link out of the rootfs",
			archive(root, { name: "rootfs/a", type: "1", linkname: "manifest" }, manifest),
			"invalid-spec: .*not in the rootfs",
		],
		[
			"with a hard link that climbs",
			archive(root, { name: "rootfs/a", type: "1", linkname: "rootfs/../../etc/passwd" }, manifest),
			"invalid-spec: .*holds \\.\\.",
		],
		[
			"with a hard link to nothing",
			archive(root, { name: "rootfs/a", type: "1", linkname: "rootfs/b" }, manifest),
			"invalid-spec: .*no file before it",
		],
		[
			"that writes through a link",
			archive(root, { name: "rootfs/a", type: "2", linkname: "/etc" }, { name: "rootfs/a/passwd" }, manifest),
			"invalid-spec: .*no folder",
		],
		[
			"that writes through a link that comes later",
			archive(root, { name: "rootfs/a/passwd" }, { name: "rootfs/a", type: "2", linkname: "/etc" }, manifest),
			"invalid-spec: .*no folder",
		],
		["whose manifest is a folder", archive(root, { name: "manifest", type: "5" }), "invalid-spec: .*no plain file"],
		["whose manifest is a link", archive(root, { name: "manifest", type: "2", linkname: "rootfs/a" }), "invalid-spec: .*no plain file"],
		["whose rootfs is a file", archive({ name: "rootfs" }, manifest), "invalid-spec: .*no folder"],
		["whose manifest is huge", archive(root, { name: "manifest", data: new Uint8Array((1 << 20) + 1) }), "invalid-spec: .*larger than"],
		["whose manifest is no JSON", archive(root, { name: "manifest", data: "{" }), "invalid-spec: .*manifest of"],
		["with a name that is a whiteout in a layer", archive(root, { name: "rootfs/.wh.a" }, manifest), "unsupported: .*whiteout"],
		["with a device that is a whiteout in a layer", archive(root, { name: "rootfs/a", type: "3" }, manifest), "unsupported: .*whiteout"],
		["that is cut short", archive(root, manifest).subarray(0, 700), "invalid-spec: .*ends within"],
		["that is no archive", Buffer.from("something else"), "invalid-spec: "],
	];
	for (const [what, bytes, error] of cases) test(what, async () => expect(await read(bytes)).toMatch(new RegExp(`^${error}`, "s")));

	test("as a bomb", async () => {
		const bomb = Buffer.concat([member(root), member({ name: "rootfs/a", size: "77777777777", data: "" })]);
		expect(await read(bomb)).toMatch(/^invalid-spec/);
	});
	test("when it is not there, or a folder", async () => {
		using work = workFolder();
		await expect(readAci(`${work.path}/none.aci`, `${work.path}/tar`)).rejects.toMatchObject({ code: "not-found" });
	});
});
