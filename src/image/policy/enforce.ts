// Whether an image may come in: every requirement of its scope must be fulfilled, before a layer of it is fetched.
// @see containers-policy.json(5) Policy Requirements

import { CortenError, isError } from "../../base/errors.ts";
import { readFile } from "../../linux/file.ts";
import { quote } from "../../spec/decode.ts";
import type { Digest } from "../../spec/image.ts";
import { formatReference } from "../reference.ts";
import type { ImageOrigin, ImageSource } from "../sources/source.ts";
import { decodePayload, identityProblem } from "./payload.ts";
import { type Requirement, readPolicy } from "./policy.ts";
import { requirementsOf } from "./scope.ts";

const maxKeyBytes = 1 << 20;

type Signed = Extract<Requirement, { readonly type: "signedBy" | "sigstoreSigned" }>;

/**
 * Asks this machine's policy about an image; without one, and for an image that did not come from outside, all is well.
 * @param manifest its digest, verified. Where it was made of another document, that is what is judged.
 * @throws `permission-denied` when the policy rejects it; `integrity` when it wants signatures that are not there or not good;
 * `invalid-spec` and `unsupported` for the policy itself; what fetching signatures throws
 */
export async function enforcePolicy(source: ImageSource, manifest: Digest): Promise<void> {
	const { origin } = source;
	if (origin === undefined) return;
	const policy = readPolicy(origin.policyFile, process.env);
	if (policy === undefined) return;
	const digest = source.madeFrom?.(manifest) ?? manifest;
	const { scope, requirements } = requirementsOf(policy, origin);
	const reference = origin.reference?.();
	const image = reference === undefined ? (origin.path ?? origin.transport) : formatReference(reference);
	for (const requirement of requirements) {
		const why = await problemOf(requirement, source, origin, digest);
		if (why === undefined) continue;
		const code = requirement.type === "reject" ? "permission-denied" : "integrity";
		throw new CortenError(code, `cannot accept image "${image}" (${digest}): ${why}`, {
			hint: `policy "${policy.path}", scope "${scope}", requirement ${requirement.type}`,
		});
	}
}

/** @returns why the image does not fulfil it; undefined when it does */
async function problemOf(requirement: Requirement, source: ImageSource, origin: ImageOrigin, digest: Digest): Promise<string | undefined> {
	switch (requirement.type) {
		case "insecureAcceptAnything":
			return undefined;
		case "reject":
			return "the signature policy rejects it";
		case "signedBy":
		case "sigstoreSigned":
			return await signatureProblem(requirement, source, origin, digest);
	}
}

async function signatureProblem(
	requirement: Signed,
	source: ImageSource,
	origin: ImageOrigin,
	digest: Digest,
): Promise<string | undefined> {
	const form = requirement.type === "signedBy" ? "simple" : "sigstore";
	const signatures = (await source.signatures?.(digest, form)) ?? [];
	if (signatures.length === 0) return "the signature policy wants a signature, and it has none";
	const rule = requirement.signedIdentity ?? { type: "matchRepoDigestOrExact" };
	const verify = await verifierOf(requirement);
	const reasons: string[] = [];
	for (const [at, signature] of signatures.entries()) {
		const what = `signature ${at + 1} of "${digest}"`;
		try {
			const claim = decodePayload(await verify(signature, what), form, what);
			const why =
				claim.digest === digest ? identityProblem(rule, origin.reference?.(), claim.reference) : `it is made for ${quote(claim.digest)}`;
			if (why === undefined) return undefined;
			reasons.push(why);
		} catch (error) {
			if (!isError(error)) throw error;
			reasons.push(error.message);
		}
	}
	return `none of its signatures is accepted: ${[...new Set(reasons)].slice(0, 5).join("; ")}`;
}

type Signature = Awaited<ReturnType<NonNullable<ImageSource["signatures"]>>>[number];

/** @returns what verifies a signature and gives what was signed @throws `integrity`, `invalid-spec` */
async function verifierOf(requirement: Signed): Promise<(signature: Signature, what: string) => Promise<Uint8Array>> {
	const keys = readKeyFiles(requirement);
	if (requirement.type === "signedBy") {
		const { readKeys, readSigned } = await import("../openpgp.ts");
		const read = (await Promise.all(keys.map(({ bytes, what }) => readKeys(bytes, what)))).flat();
		return async (signature, what) => (await readSigned(signature.message, read, what)).content;
	}
	const { isSignedBy, readPublicKey } = await import("./sigstore.ts");
	const read = keys.map(({ bytes, what }) => readPublicKey(new TextDecoder().decode(bytes), what));
	return async ({ message, signature = "" }, what) => {
		if (!isSignedBy(read, message, signature)) throw new CortenError("integrity", `cannot verify ${what}: it is by none of the keys`);
		return message;
	};
}

function readKeyFiles({ keyPath, keyPaths, keyData, keyDatas }: Signed): readonly { readonly bytes: Uint8Array; readonly what: string }[] {
	const paths = keyPath === undefined ? (keyPaths ?? []) : [keyPath];
	const data = keyData === undefined ? (keyDatas ?? []) : [keyData];
	return [
		...paths.map((path) => ({ bytes: readFile(path, maxKeyBytes), what: `key "${path}"` })),
		...data.map((text, at) => ({ bytes: new Uint8Array(Buffer.from(text, "base64")), what: `keyData ${at + 1} of the signature policy` })),
	];
}
