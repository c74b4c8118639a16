// OpenPGP for images: keys are read, detached signatures of files and small signed messages are verified. The one file that knows the
// library (docs/decisions/0026). Stricter than gpg on one point: a key that is expired or revoked *today* verifies nothing, whatever date
// a signature claims, because who has stolen an old key chooses that date.
// @see RFC 9580

import { createHash } from "node:crypto";
import * as openpgp from "openpgp";
import { CortenError } from "../base/errors.ts";

const maxKeyBytes = 1 << 20;
const maxSignatureBytes = 1 << 20;
const maxPackets = 16;

/** The library's settings, stated so that an update cannot soften them: no MD5, RIPEMD or SHA-1 over content, no DSA or ElGamal, no RSA below 2047 bits. */
const config: openpgp.Config = {
	...openpgp.config,
	minRSABits: 2047,
	maxDecompressedMessageSize: 4 << 20,
	allowInsecureVerificationWithReformattedKeys: false,
	rejectHashAlgorithms: new Set([openpgp.enums.hash.md5, openpgp.enums.hash.ripemd]),
	rejectMessageHashAlgorithms: new Set([openpgp.enums.hash.md5, openpgp.enums.hash.ripemd, openpgp.enums.hash.sha1]),
	rejectPublicKeyAlgorithms: new Set([openpgp.enums.publicKey.elgamal, openpgp.enums.publicKey.dsa]),
};

/** Hashes good enough for content, by their number in RFC 9580, section 9.5. */
const hashNames: Readonly<Record<number, string>> = {
	8: "sha256",
	9: "sha384",
	10: "sha512",
	11: "sha224",
	12: "sha3-256",
	14: "sha3-512",
};

/** A public key with its subkeys. */
export type OpenPgpKey = {
	/** Of the primary key, lower-case hexadecimal: 40 digits, 64 of a version 6 key. */
	readonly fingerprint: string;
	/** Fingerprints of the subkeys. */
	readonly subkeys: readonly string[];
	/** As the key says it: hostile text, quote it. */
	readonly userIDs: readonly string[];
	readonly created: Date;
	/** `RSA 4096`, `ed25519` */
	readonly algorithm: string;
	/** The library's. */
	readonly key: openpgp.Key;
};

/** Who signed. */
export type Signer = {
	/** Of the primary key. */
	readonly fingerprint: string;
	/** When, as the signature claims. */
	readonly created: Date;
};

function isArmoured(bytes: Uint8Array): boolean {
	return new TextDecoder().decode(bytes.subarray(0, 1 << 10)).includes("-----BEGIN PGP ");
}

function words(error: unknown): string {
	return (error instanceof Error ? error.message : String(error)).replace(/^Error /, "").slice(0, 200);
}

/**
 * Reads a file of public keys, armoured or binary; armoured blocks may follow each other.
 * @param what the file in messages: `key "PATH"`
 * @throws `invalid-spec` when there is no key in it, or a private one; `unsupported` beyond 1 MiB
 */
export async function readKeys(bytes: Uint8Array, what: string): Promise<readonly OpenPgpKey[]> {
	if (bytes.length > maxKeyBytes) throw new CortenError("unsupported", `cannot read ${what}: it is larger than ${maxKeyBytes} bytes`);
	const keys: OpenPgpKey[] = [];
	try {
		if (isArmoured(bytes)) {
			const blocks = new TextDecoder().decode(bytes).match(/-----BEGIN PGP [A-Z ]+-----[\s\S]*?-----END PGP [A-Z ]+-----/g) ?? [];
			for (const armoredKeys of blocks) for (const key of await openpgp.readKeys({ armoredKeys, config })) keys.push(describe(key));
		} else for (const key of await openpgp.readKeys({ binaryKeys: bytes, config })) keys.push(describe(key));
	} catch (error) {
		throw new CortenError("invalid-spec", `cannot read ${what}: it holds no OpenPGP public key: ${words(error)}`);
	}
	if (keys.length === 0) throw new CortenError("invalid-spec", `cannot read ${what}: it holds no OpenPGP public key`);
	if (keys.some(({ key }) => key.isPrivate()))
		throw new CortenError("invalid-spec", `cannot use ${what}: it holds a private key`, { hint: "gpg --export makes the public one" });
	return keys;
}

function describe(key: openpgp.Key): OpenPgpKey {
	const { algorithm, bits, curve } = key.getAlgorithmInfo();
	const name = /^rsa/i.test(algorithm) ? `RSA ${bits ?? ""}`.trim() : /^eddsa/i.test(algorithm) ? "ed25519" : (curve ?? algorithm);
	return {
		fingerprint: key.getFingerprint(),
		subkeys: key.getSubkeys().map((subkey) => subkey.getFingerprint()),
		userIDs: key.getUserIDs(),
		created: key.getCreationTime(),
		algorithm: name,
		key,
	};
}

/** A key as gpg --export --armor writes it; the same key gives the same text. */
export function armourKey(key: OpenPgpKey): string {
	return key.key.armor({ ...config, showVersion: false, showComment: false });
}

/**
 * Why a key cannot verify anything today: expired, revoked, too weak, or not made for signing.
 * @returns undefined for a usable key
 */
export async function keyProblem(key: OpenPgpKey, now = new Date()): Promise<string | undefined> {
	try {
		await key.key.getSigningKey(undefined, now, undefined, config);
		return undefined;
	} catch (error) {
		return words(error);
	}
}

/**
 * Verifies a detached signature of a file, armoured or binary. One good signature by one of the keys is enough. The content is read once,
 * as a stream, and never kept.
 * @param content the file as distributed
 * @param keys those that are trusted for it
 * @param what the signature in messages: `signature of "PATH"`
 * @throws `integrity` when no signature verifies, with the reason of each; `invalid-spec` when there is none in it
 */
export async function verifyDetached(
	content: () => AsyncIterable<Uint8Array>,
	signature: Uint8Array,
	keys: readonly OpenPgpKey[],
	what: string,
	now = new Date(),
): Promise<Signer> {
	const packets = await readSignature(signature, what);
	const reasons: string[] = [];
	const candidates: { packet: openpgp.SignaturePacket; key: OpenPgpKey }[] = [];
	for (const packet of packets) {
		const issued = keys.filter(({ key }) => key.getKeys(packet.issuerKeyID).length > 0);
		if (packet.signatureType !== openpgp.enums.signature.binary) reasons.push("it is no signature over binary content");
		else if (issued.length === 0) reasons.push(`key ${packet.issuerKeyID.toHex()} is not trusted for it`);
		else if (hashNames[packet.hashAlgorithm ?? 0] === undefined) reasons.push(`its hash algorithm ${packet.hashAlgorithm} is too weak`);
		else candidates.push(...issued.map((key) => ({ packet, key })));
	}
	if (candidates.length > 0) {
		const digests = await digestAll(
			content,
			candidates.map(({ packet }) => packet),
		);
		for (const [at, { packet, key }] of candidates.entries()) {
			try {
				// The library's own place for a digest that was taken while content streamed by; were it gone, the empty content below would not verify.
				Object.assign(packet, { hashed: digests[at] });
				return await verifyPacket(packet, key, now);
			} catch (error) {
				reasons.push(words(error));
			}
		}
	}
	throw new CortenError("integrity", `cannot verify ${what}: ${[...new Set(reasons)].join("; ")}`);
}

async function verifyPacket(packet: openpgp.SignaturePacket, key: OpenPgpKey, now: Date): Promise<Signer> {
	// Today, not at packet.created: see the top. Also checks the binding of a subkey, both ways.
	const signing = await key.key.getSigningKey(packet.issuerKeyID, now, undefined, config);
	const nothing = { text: null, getBytes: () => new Uint8Array() };
	await packet.verify(signing.keyPacket, openpgp.enums.signature.binary, nothing, now, true, config);
	const created = packet.created ?? new Date(0);
	if (signing.getCreationTime() > created) throw new Error("the key is newer than the signature");
	return { fingerprint: key.fingerprint, created };
}

async function readSignature(bytes: Uint8Array, what: string): Promise<readonly openpgp.SignaturePacket[]> {
	if (bytes.length > maxSignatureBytes) throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than 1 MiB`);
	let packets: readonly openpgp.SignaturePacket[];
	try {
		const read = isArmoured(bytes)
			? await openpgp.readSignature({ armoredSignature: new TextDecoder().decode(bytes), config })
			: await openpgp.readSignature({ binarySignature: bytes, config });
		packets = [...read.packets].filter((packet) => packet instanceof openpgp.SignaturePacket);
	} catch (error) {
		throw new CortenError("invalid-spec", `cannot read ${what}: it is no OpenPGP signature: ${words(error)}`);
	}
	if (packets.length === 0 || packets.length > maxPackets)
		throw new CortenError("invalid-spec", `cannot read ${what}: it holds ${packets.length} signatures`);
	return packets;
}

/** What a signature is made over: salt (version 6), content, the hashed part of the packet, its trailer. @see RFC 9580 section 5.2.4 */
async function digestAll(content: () => AsyncIterable<Uint8Array>, packets: readonly openpgp.SignaturePacket[]) {
	const running = packets.map((packet) => {
		const hash = createHash(hashNames[packet.hashAlgorithm ?? 0] ?? "sha256");
		const { salt } = packet as { salt?: unknown };
		return salt instanceof Uint8Array ? hash.update(salt) : hash;
	});
	for await (const chunk of content()) for (const hash of running) hash.update(chunk);
	return running.map((hash, at) => {
		const packet = packets[at];
		const hashed = packet?.signatureData ?? new Uint8Array();
		const trailer = new DataView(new ArrayBuffer(6));
		trailer.setUint8(0, packet?.version ?? 0);
		trailer.setUint8(1, 0xff);
		trailer.setUint32(2, hashed.length);
		return new Uint8Array(hash.update(hashed).update(new Uint8Array(trailer.buffer)).digest());
	});
}

/**
 * Verifies a signed message, one that carries its content (`gpg --sign`), as the signatures of containers/image are.
 * @param keys those that are trusted for it
 * @param what the message in messages
 * @returns its content and who signed it
 * @throws `integrity`, `invalid-spec`
 */
export async function readSigned(
	message: Uint8Array,
	keys: readonly OpenPgpKey[],
	what: string,
	now = new Date(),
): Promise<Signer & { readonly content: Uint8Array }> {
	if (message.length > maxSignatureBytes) throw new CortenError("invalid-spec", `cannot read ${what}: it is larger than 1 MiB`);
	const reasons: string[] = [];
	try {
		const parsed = isArmoured(message)
			? await openpgp.readMessage({ armoredMessage: new TextDecoder().decode(message), config })
			: await openpgp.readMessage({ binaryMessage: message, config });
		const verificationKeys = keys.map(({ key }) => key);
		const { data, signatures } = await openpgp.verify({ message: parsed, verificationKeys, format: "binary", date: now, config });
		for (const { keyID, verified, signature } of signatures.slice(0, maxPackets)) {
			try {
				await verified;
				const [packet] = (await signature).packets;
				const key = keys.find((one) => one.key.getKeys(keyID).length > 0);
				if (packet === undefined || key === undefined) throw new Error("its key is not trusted");
				await key.key.getSigningKey(keyID, now, undefined, config);
				return { content: data, fingerprint: key.fingerprint, created: packet.created ?? new Date(0) };
			} catch (error) {
				reasons.push(words(error));
			}
		}
	} catch (error) {
		throw new CortenError("invalid-spec", `cannot read ${what}: it is no signed OpenPGP message: ${words(error)}`);
	}
	throw new CortenError("integrity", `cannot verify ${what}: ${reasons.length === 0 ? "it is not signed" : reasons.join("; ")}`);
}
