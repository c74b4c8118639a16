// The wrapper of OpenPGP against keys and signatures that gpg made.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { Gpg } from "../../test/support/gpg.ts";
import { installed, testWhen } from "../../test/support/skip.ts";
import { armourKey, keyProblem, type OpenPgpKey, readKeys, readSigned, verifyDetached } from "./openpgp.ts";

const able = installed("gpg") && installed("gpg-agent");
const testHere = testWhen(able, "gpg is not installed");
const data = new TextEncoder().encode("an image\r\nwith lines \n".repeat(5000));
let gpg: Gpg;

beforeAll(() => {
	if (!able) return;
	gpg = new Gpg();
	gpg.makeKey("edward");
	gpg.makeKey("rosa", "rsa3072");
	gpg.makeKey("nist", "nistp256");
	gpg.makeKey("small", "rsa1024");
	gpg.makeKey("dsa", "dsa2048");
	gpg.makeKey("old", "ed25519", true);
	gpg.makeKey("lost");
	gpg.makeKey("sub");
	gpg.run("--quick-add-key", gpg.fingerprint("sub"), "ed25519", "sign", "never");
	gpg.makeKey("retired");
}, 60_000);

afterAll(() => {
	if (able) gpg[Symbol.dispose]();
});

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
	for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
}

const keysOf = async (...names: readonly string[]): Promise<readonly OpenPgpKey[]> =>
	(await Promise.all(names.map((name) => readKeys(gpg.export(name), `key "${name}"`)))).flat();

const verify = (bytes: Uint8Array, signature: Uint8Array, keys: readonly OpenPgpKey[]) =>
	verifyDetached(() => stream(bytes), signature, keys, 'signature of "x"');

describe("keys", () => {
	testHere("fingerprints are gpg's; armoured and binary read alike, several from one file", async () => {
		const [armoured] = await readKeys(gpg.export("rosa"), "key");
		const [binary] = await readKeys(gpg.export("rosa", false), "key");
		expect([armoured?.fingerprint, armoured?.algorithm, armoured?.userIDs]).toEqual([gpg.fingerprint("rosa"), "RSA 3072", ["rosa"]]);
		expect(binary?.fingerprint).toBe(gpg.fingerprint("rosa"));
		const two = new Uint8Array([...gpg.export("rosa"), ...gpg.export("edward")]);
		expect((await readKeys(two, "key")).map(({ fingerprint }) => fingerprint)).toEqual([
			gpg.fingerprint("rosa"),
			gpg.fingerprint("edward"),
		]);
		expect((await readKeys(gpg.run("--export", "rosa", "edward"), "key")).length).toBe(2);
		expect((await readKeys(gpg.run("--armor", "--export", "rosa", "edward"), "key")).length).toBe(2);
	});

	testHere("what armourKey writes is read again as the same key, by gpg too", async () => {
		const [key] = await keysOf("sub");
		if (key === undefined) throw new Error("no key");
		const text = armourKey(key);
		const [again] = await readKeys(new TextEncoder().encode(text), "key");
		expect([again?.fingerprint, again?.subkeys]).toEqual([key.fingerprint, key.subkeys]);
		expect(key.subkeys.length).toBe(1);
		using other = new Gpg();
		await Bun.write(`${other.home}/key`, text);
		other.run("--import", `${other.home}/key`);
		expect(other.fingerprint("sub")).toBe(key.fingerprint);
	});

	testHere("private keys, signatures, noise and nothing are refused", async () => {
		await expect(readKeys(gpg.run("--armor", "--export-secret-keys", "edward"), 'key "x"')).rejects.toThrow(
			'cannot use key "x": it holds a private key',
		);
		for (const bad of [
			new Uint8Array(),
			new TextEncoder().encode("<html>"),
			gpg.sign("edward", data),
			crypto.getRandomValues(new Uint8Array(500)),
		]) {
			await expect(readKeys(bad, 'key "x"')).rejects.toThrow('cannot read key "x": it holds no OpenPGP public key');
		}
	});

	testHere("a key says why it is of no use", async () => {
		const problem = async (name: string) => keyProblem((await keysOf(name))[0] as OpenPgpKey);
		expect(await problem("edward")).toBeUndefined();
		expect(await problem("old")).toContain("expired");
		expect(await problem("small")).toContain("2047 bits");
		gpg.revoke("retired");
		expect(await problem("retired")).toContain("revoked");
	});
});

describe("detached signatures", () => {
	testHere("RSA, ed25519 and NIST keys, armoured and binary, every good hash", async () => {
		const keys = await keysOf("edward", "rosa", "nist");
		for (const name of ["edward", "rosa", "nist"]) {
			for (const options of [["--armor"], [], ["--digest-algo", "SHA256"], ["--digest-algo", "SHA384"], ["--digest-algo", "SHA512"]]) {
				const signer = await verify(data, gpg.sign(name, data, options), keys);
				expect(signer.fingerprint).toBe(gpg.fingerprint(name));
			}
		}
		expect(await verify(new Uint8Array(), gpg.sign("rosa", new Uint8Array()), keys)).toBeDefined();
	});

	testHere("a signing subkey counts as its primary key", async () => {
		const listing = new TextDecoder().decode(gpg.run("--with-colons", "--list-keys", "sub"));
		const subkey = [...listing.matchAll(/^fpr:+([0-9A-F]+):/gm)][1]?.[1] ?? "";
		const signature = gpg.sign(`${subkey}!`, data);
		expect((await verify(data, signature, await keysOf("sub"))).fingerprint).toBe(gpg.fingerprint("sub"));
	});

	testHere("changed content and changed signatures", async () => {
		const keys = await keysOf("edward", "rosa");
		for (const name of ["edward", "rosa"]) {
			const signature = gpg.sign(name, data, []);
			const changed = data.slice();
			changed[4000] = 1;
			await expect(verify(changed, signature, keys)).rejects.toThrow('cannot verify signature of "x": Signed digest did not match');
			await expect(verify(data.subarray(1), signature, keys)).rejects.toThrow("cannot verify");
			for (let at = 5; at < signature.length; at += 7) {
				const broken = signature.slice();
				broken[at] = (broken[at] ?? 0) ^ 0x40;
				// The unhashed part of a packet (the issuer's key id) is not signed; with it changed the key is another.
				const outcome = await verify(data, broken, keys).then(
					(signer) => signer.fingerprint,
					(error: Error) => error.message,
				);
				if (outcome !== gpg.fingerprint(name)) expect(outcome).toMatch(/^cannot (?:verify|read) signature of "x"/);
			}
		}
	});

	testHere("another's signature, none, and one of several", async () => {
		const keys = await keysOf("edward");
		const foreign = gpg.sign("rosa", data);
		await expect(verify(data, foreign, keys)).rejects.toThrow(`key ${gpg.fingerprint("rosa").slice(-16)} is not trusted for it`);
		await expect(verify(data, foreign, [])).rejects.toThrow("is not trusted for it");
		await expect(verify(data, new TextEncoder().encode("404 not found"), keys)).rejects.toThrow("no OpenPGP signature");
		const both = new Uint8Array([...gpg.sign("rosa", data, []), ...gpg.sign("edward", data, [])]);
		expect((await verify(data, both, keys)).fingerprint).toBe(gpg.fingerprint("edward"));
	});

	testHere("expired, revoked and weak keys, also for what they signed when they were good", async () => {
		await expect(verify(data, gpg.signLongAgo("old", data), await keysOf("old"))).rejects.toThrow("expired");
		const signature = gpg.sign("lost", data);
		expect((await verify(data, signature, await keysOf("lost"))).fingerprint).toBe(gpg.fingerprint("lost"));
		gpg.revoke("lost");
		await expect(verify(data, signature, await keysOf("lost"))).rejects.toThrow("revoked");
		await expect(verify(data, gpg.sign("small", data), await keysOf("small"))).rejects.toThrow("2047 bits");
		await expect(verify(data, gpg.sign("dsa", data), await keysOf("dsa"))).rejects.toThrow("cannot verify");
		await expect(verify(data, gpg.sign("rosa", data, ["--digest-algo", "SHA1"]), await keysOf("rosa"))).rejects.toThrow("too weak");
		await expect(verify(data, gpg.sign("rosa", data, ["--textmode"]), await keysOf("rosa"))).rejects.toThrow(
			"no signature over binary content",
		);
	});
});

describe("signed messages", () => {
	testHere("content and signer; compressed and armoured too", async () => {
		const text = new TextEncoder().encode('{"critical":{}}');
		await Bun.write(`${gpg.home}/message`, text);
		for (const options of [[], ["--armor"], ["--compress-algo", "none"]]) {
			const message = gpg.run("--local-user", "edward", ...options, "--output", "-", "--sign", `${gpg.home}/message`);
			const { content, fingerprint } = await readSigned(message, await keysOf("rosa", "edward"), 'signature "x"');
			expect([new TextDecoder().decode(content), fingerprint]).toEqual(['{"critical":{}}', gpg.fingerprint("edward")]);
			await expect(readSigned(message, await keysOf("rosa"), 'signature "x"')).rejects.toThrow('cannot verify signature "x"');
		}
		const message = gpg.run(
			"--local-user",
			"old",
			"--faked-system-time",
			"20150102T000000",
			"--output",
			"-",
			"--sign",
			`${gpg.home}/message`,
		);
		await expect(readSigned(message, await keysOf("old"), 'signature "x"')).rejects.toThrow("expired");
		await expect(readSigned(text, await keysOf("rosa"), 'signature "x"')).rejects.toThrow("no signed OpenPGP message");
	});
});
