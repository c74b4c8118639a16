// One document into a registry, under a tag or its digest.
// @see distribution-spec spec.md#pushing-manifests

import { CortenError } from "../../base/errors.ts";
import { quote } from "../../spec/decode.ts";
import type { Descriptor } from "../../spec/image.ts";
import { refusal, request, type Session } from "../sources/registry-session.ts";

/**
 * Sends a manifest or an index; what it names is there.
 * @param name a tag, or the descriptor's digest
 * @param condition headers that the registry may heed: `If-Match`
 * @returns the headers of the answer
 * @throws `busy` when the condition does not hold; `integrity` when the registry has it under another digest; what {@link request} throws
 */
export async function putManifest(
	session: Session,
	descriptor: Descriptor,
	bytes: Uint8Array,
	name: string,
	condition: Readonly<Record<string, string>> = {},
): Promise<Headers> {
	const { domain, repository } = session.reference;
	const what = `push manifest "${domain}/${repository}${name.includes(":") ? "@" : ":"}${name}"`;
	const headers = { "content-type": descriptor.mediaType, ...condition };
	const reply = await request(session, `manifests/${name}`, { method: "PUT", headers, body: bytes }, what);
	if (reply.status === 412)
		throw new CortenError("busy", `cannot ${what}: it was changed meanwhile`, { cause: await refusal(reply, what) });
	if (reply.status !== 201 && reply.status !== 200) throw await refusal(reply, what);
	await reply.discard();
	const announced = reply.headers.get("docker-content-digest");
	if (announced !== null && announced !== descriptor.digest)
		throw new CortenError("integrity", `cannot ${what}: the registry has it as ${quote(announced)}, not ${descriptor.digest}`);
	return reply.headers;
}
