// When a name that may be a registry's is looked for by discovery, and when not.

import { describe, expect, test } from "bun:test";
import { temporaryFolder } from "../../../test/support/images.ts";
import { CortenError } from "../../base/errors.ts";
import { parseReference } from "../reference.ts";
import { isRegistryAbsent } from "./absent.ts";
import { mayBeAppc, registryOrAppc } from "./registry-or-appc.ts";
import type { ImageSource, RootDocument } from "./source.ts";

test("names of docker.io, with ports and with digests are registries' alone", () => {
	const may = (text: string) => mayBeAppc(parseReference(text));
	expect(["example.com/app", "example.com/a/b:1.0", "localhost/app"].map(may)).toEqual([true, true, true]);
	const digest = `sha256:${"0".repeat(64)}`;
	const others = [
		"alpine",
		"user/app",
		"docker.io/user/app",
		"example.com:443/app",
		`example.com/app@${digest}`,
		"Example.com/app",
		"example.com/a__b",
	];
	expect(others.map(may)).toEqual(others.map(() => false));
});

describe("a registry", () => {
	const unreachable = (code: string) => new CortenError("unavailable", "cannot reach", { cause: Object.assign(new Error(code), { code }) });
	test("is absent when nobody listens, nobody has its name, or it has no such image", () => {
		for (const code of ["ECONNREFUSED", "ConnectionRefused", "ENOTFOUND"]) expect(isRegistryAbsent(unreachable(code))).toBe(true);
		expect(isRegistryAbsent(new CortenError("not-found", "x"))).toBe(true);
	});
	test("is there when it refuses, fails, stalls, or has a certificate of nobody's", () => {
		for (const code of ["permission-denied", "unavailable", "integrity", "invalid-spec"] as const)
			expect(isRegistryAbsent(new CortenError(code, "status 503"))).toBe(false);
		for (const code of ["SELF_SIGNED_CERT_IN_CHAIN", "CERT_HAS_EXPIRED", "ECONNRESET", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"])
			expect(isRegistryAbsent(unreachable(code))).toBe(false);
		expect(isRegistryAbsent(unreachable("")), "a stall").toBe(false);
	});
});

describe("a name", () => {
	const reference = parseReference("localhost/app:1.0");
	const open = async (root: () => Promise<RootDocument>): Promise<RootDocument> => {
		using folder = temporaryFolder();
		let disposed = 0;
		const registry: ImageSource = {
			names: () => ["localhost/app:1.0"],
			root,
			manifest: () => Promise.reject(new Error("not asked")),
			blob: () => {
				throw new Error("not asked");
			},
			[Symbol.asyncDispose]: async () => {
				disposed++;
			},
		};
		// Port 1 answers nobody.
		const appc = { port: 1, patience: { stallMs: 5000, attempts: 1, backoffMs: 1 }, keystore: { local: folder.path, system: folder.path } };
		try {
			await using source = registryOrAppc(registry, reference, { temporaryFolder: folder.path, appc });
			return await source.root();
		} finally {
			expect(disposed).toBe(1);
		}
	};
	const document = (mediaType: string | undefined): RootDocument => ({
		bytes: new Uint8Array(2),
		digest: `sha256:${"0".repeat(64)}`,
		mediaType,
	});

	test("that neither has: the error names both tries", async () => {
		const missing = open(() => Promise.reject(new CortenError("not-found", "cannot read manifest: status 404")));
		await expect(missing).rejects.toThrow(
			/^cannot find "localhost\/app:1.0": its registry: cannot read manifest: status 404; discovery: cannot discover "localhost\/app:1.0,.*": https:\/\/localhost:1\/app: cannot reach/,
		);
		await expect(open(async () => document("text/html"))).rejects.toThrow('its registry: "localhost" answers with a web page; discovery: ');
	});

	test("that the registry has, or fails to give, is never looked for elsewhere", async () => {
		expect((await open(async () => document(undefined))).bytes.length).toBe(2);
		await expect(open(() => Promise.reject(new CortenError("permission-denied", "status 401")))).rejects.toThrow(/^status 401$/);
	});
});
