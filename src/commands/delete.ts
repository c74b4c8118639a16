// corten delete: takes an image out of a registry. rmi is of the store.

import { CortenError } from "../base/errors.ts";
import { isShortName, parseReference } from "../image/reference.ts";
import { referrerOf, removeReferrer } from "../image/sinks/referrers.ts";
import { fetchManifest } from "../image/sources/registry.ts";
import { deleteManifest, deleteTag, listReferrers, resolveDigest, tagsOf } from "../image/sources/registry-list.ts";
import { createSession } from "../image/sources/registry-session.ts";
import { defineCommand } from "./command.ts";
import { parseRegistryOptions, registryOptions } from "./registry-options.ts";

/** `corten delete` */
export const command = defineCommand({
	summary: "delete an image from a registry",
	usage: "[OPTIONS] [docker://]REGISTRY/REPOSITORY[:TAG|@DIGEST]",
	options: {
		force: { kind: "flag", short: "f", help: "also when other tags name the same image: they go with it" },
		quiet: { kind: "flag", short: "q", help: "print the digest alone" },
		untag: { kind: "flag", help: "take the tag alone away, which not every registry does" },
		...registryOptions,
	},
	operands: { min: 1, max: 1 },
	description: [
		"The name is skopeo's. A registry deletes by digest, and with the digest all tags that name it: where there are others beside the one that was given nothing is deleted without --force. " +
			"Blobs stay until the registry collects its garbage; what names the image as its subject stays too, and is told of. What has a subject itself goes from the list of that one's " +
			"referrers. The store is not touched: that is corten rmi.",
		"The registry must be named, and must let people delete (docker's does with REGISTRY_STORAGE_DELETE_ENABLED=true).",
	],
	examples: [["corten delete registry.example.com/app:1.3", "unless app:1.3 has other tags"]],
	seeAlso: ["corten-search(1)", "corten-push(1)", "corten-rmi(1)", "skopeo-delete(1)"],
	run: async (context, options, [text = ""]) => {
		const name = text.replace(/^docker:\/\//, "");
		const reference = parseReference(name);
		// A name that may mean one registry or another is nothing to delete by.
		if (isShortName(name)) throw new CortenError("invalid-argument", `cannot delete "${text}": no registry is named`);
		const session = createSession(reference, parseRegistryOptions(options), [`repository:${reference.repository}:pull,push,delete`]);
		if (options.untag) {
			if (reference.digest !== undefined) throw new CortenError("invalid-argument", `cannot untag "${text}": a digest is no tag`);
			const tag = reference.tag ?? "latest";
			await deleteTag(session, tag);
			context.print(options.quiet ? "" : `untagged: ${reference.domain}/${reference.repository}:${tag}\n`);
			return 0;
		}
		const digest = reference.digest ?? (await resolveDigest(session, reference.tag ?? "latest"));
		const tag = reference.digest === undefined ? (reference.tag ?? "latest") : undefined;
		const others = await tagsOf(session, digest, tag);
		if (others.length > 0 && !options.force) {
			const list = `${others.slice(0, 20).join(", ")}${others.length > 20 ? ` and ${others.length - 20} more` : ""}`;
			throw new CortenError("busy", `cannot delete "${text}": ${digest} has other tags, which would go with it: ${list}`, {
				hint: "--force deletes them all",
			});
		}
		const referrers = await listReferrers(session, digest);
		const { bytes, mediaType = "" } = await fetchManifest(session, digest, digest);
		const subject = referrerOf({ mediaType, digest, size: bytes.length }, bytes)?.subject;
		await deleteManifest(session, digest);
		if (subject !== undefined) await removeReferrer(session, subject, digest);
		if (referrers.length > 0)
			context.log("warn", `${referrers.length} of the repository's manifests name ${digest} as their subject, and stay`);
		if (options.quiet) context.print(`${digest}\n`);
		else {
			const prefix = `${reference.domain}/${reference.repository}`;
			context.print([...(tag === undefined ? [] : [tag]), ...others].map((gone) => `untagged: ${prefix}:${gone}\n`).join(""));
			context.print(`deleted: ${prefix}@${digest}\n`);
		}
		return 0;
	},
});
