// The keystore's folders: scopes, hiding, and what a broken file does.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { Gpg } from "../../../test/support/gpg.ts";
import { temporaryFolder } from "../../../test/support/images.ts";
import { installed, testWhen } from "../../../test/support/skip.ts";
import { type OpenPgpKey, readKeys } from "../openpgp.ts";
import { formatScope, listTrusted, removeTrusted, storeTrusted, trustedKeys } from "./keystore.ts";

const able = installed("gpg") && installed("gpg-agent");
const testHere = testWhen(able, "gpg is not installed");
let gpg: Gpg;

beforeAll(() => {
	if (!able) return;
	gpg = new Gpg();
	for (const name of ["all", "host", "app", "other"]) gpg.makeKey(name);
}, 60_000);
afterAll(() => {
	if (able) gpg[Symbol.dispose]();
});

async function keyOf(name: string): Promise<OpenPgpKey> {
	const [key] = await readKeys(gpg.export(name), "key");
	if (key === undefined) throw new Error("no key");
	return key;
}

function makeStore() {
	const folder = temporaryFolder();
	return { keystore: { local: `${folder.path}/local`, system: `${folder.path}/system` }, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

const prints = (keys: readonly OpenPgpKey[]) => keys.map(({ userIDs }) => userIDs[0]);

describe("a keystore", () => {
	testHere("trusts a key for all, for a name, and for what lies below, by whole elements", async () => {
		using made = makeStore();
		const { keystore } = made;
		expect(await trustedKeys(keystore, "example.com/app")).toEqual([]);
		storeTrusted(keystore, "root", await keyOf("all"));
		storeTrusted(keystore, { prefix: "example.com" }, await keyOf("host"));
		const path = storeTrusted(keystore, { prefix: "example.com/app" }, await keyOf("app"));
		expect(path).toBe(`${keystore.local}/prefix.d/example.com/app/${gpg.fingerprint("app")}`);
		expect([statSync(path).mode & 0o777, statSync(`${keystore.local}/prefix.d`).mode & 0o777]).toEqual([0o644, 0o755]);
		expect(readFileSync(path, "utf8")).toContain("BEGIN PGP PUBLIC KEY BLOCK");
		expect(prints(await trustedKeys(keystore, "example.com/app"))).toEqual(["all", "host", "app"]);
		expect(prints(await trustedKeys(keystore, "example.com/app/sub/x"))).toEqual(["all", "host", "app"]);
		expect(prints(await trustedKeys(keystore, "example.com/apple"))).toEqual(["all", "host"]);
		expect(prints(await trustedKeys(keystore, "example.com.evil.test/app"))).toEqual(["all"]);
		expect((await listTrusted(keystore)).map(({ scope, key }) => [formatScope(scope), key.userIDs[0]])).toEqual([
			["all images", "all"],
			["example.com", "host"],
			["example.com/app", "app"],
		]);
	});

	testHere("has keys of the distribution, which an empty local file hides; removal makes one", async () => {
		using made = makeStore();
		const { keystore } = made;
		const system = { local: keystore.system, system: "/nonexistent" };
		storeTrusted(system, { prefix: "example.com" }, await keyOf("host"));
		storeTrusted(system, "root", await keyOf("all"));
		expect(prints(await trustedKeys(keystore, "example.com"))).toEqual(["all", "host"]);
		expect(await removeTrusted(keystore, { prefix: "example.com" }, gpg.fingerprint("host"))).toBe(true);
		expect(readFileSync(`${keystore.local}/prefix.d/example.com/${gpg.fingerprint("host")}`).length).toBe(0);
		expect(prints(await trustedKeys(keystore, "example.com"))).toEqual(["all"]);
		expect(await removeTrusted(keystore, { prefix: "example.com" }, gpg.fingerprint("host"))).toBe(false);
		const path = storeTrusted(keystore, { prefix: "other.test" }, await keyOf("other"));
		expect(await removeTrusted(keystore, { prefix: "other.test" }, gpg.fingerprint("other"))).toBe(true);
		expect(existsSync(path)).toBe(false);
	});

	testHere("does not take a file whose name is another key's, passes over others, and refuses names with ways out", async () => {
		using made = makeStore();
		const { keystore } = made;
		mkdirSync(`${keystore.local}/root.d`, { recursive: true });
		writeFileSync(`${keystore.local}/root.d/README`, "keys");
		writeFileSync(`${keystore.local}/root.d/.x.tmp`, "keys");
		expect(await trustedKeys(keystore, "example.com")).toEqual([]);
		writeFileSync(`${keystore.local}/root.d/${"0".repeat(40)}`, gpg.export("app"));
		await expect(trustedKeys(keystore, "example.com")).rejects.toThrow(`its fingerprint is ${gpg.fingerprint("app")}`);
		writeFileSync(`${keystore.local}/root.d/${"0".repeat(40)}`, "noise");
		await expect(trustedKeys(keystore, "example.com")).rejects.toThrow("holds no OpenPGP public key");
		const key = await keyOf("app");
		for (const prefix of ["../root.d", "a/../b", "/etc", "", "A", "a//b", "https://example.com", "example.com:1"])
			expect(() => storeTrusted(keystore, { prefix }, key)).toThrow("it is no name of images");
	});
});
