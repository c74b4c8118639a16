// corten search: what a registry has: repositories, tags of one, referrers of an image.

import { CortenError } from "../base/errors.ts";
import { isShortName, parseReference, type Reference } from "../image/reference.ts";
import { loadRegistries } from "../image/registries/load.ts";
import { resolveName } from "../image/registries/short-names.ts";
import { listReferrers, listRepositories, listTags, resolveDigest } from "../image/sources/registry-list.ts";
import { createSession } from "../image/sources/registry-session.ts";
import { defineCommand } from "./command.ts";
import { formatBytes, formatRows } from "./format.ts";
import { registryKey } from "./login.ts";
import { printable } from "./printable.ts";
import { parseRegistryOptions, registryOptions } from "./registry-options.ts";

const headings = {
	Index: "INDEX",
	Name: "NAME",
	Tag: "TAG",
	Digest: "DIGEST",
	ArtifactType: "ARTIFACT TYPE",
	MediaType: "MEDIA TYPE",
	Size: "SIZE",
};

/** `corten search` */
export const command = defineCommand({
	summary: "list what a registry has",
	usage: "[OPTIONS] REGISTRY/[TERM] | --list-tags REPOSITORY | --referrers IMAGE",
	options: {
		"list-tags": { kind: "flag", help: "the tags of a repository" },
		referrers: { kind: "flag", help: "signatures, SBOMs and whatever else names the image as its subject" },
		"artifact-type": { kind: "value", metavar: "TYPE", help: "of referrers: only those of this type" },
		limit: { kind: "value", metavar: "NUMBER", help: "at most so many (default: all)" },
		format: { kind: "value", metavar: "FORMAT", help: 'table, json, a Go template, or "table" and a template' },
		"no-trunc": { kind: "flag", help: "accepted for docker's sake: nothing is cut short" },
		filter: { kind: "list", short: "f", metavar: "KEY=VALUE", help: "by stars and such", unsupported: true },
		...registryOptions,
	},
	operands: { min: 1, max: 1 },
	description: [
		"Without --list-tags or --referrers the registry's catalog is read, which not every registry has; TERM is a part of the repository's name. Docker Hub's own search is not asked.",
		"Referrers are asked for by the API of distribution-spec 1.1, or read from the tag that stands in for it where a registry has none. " +
			"A registry that lists for ever is given up after 1000 pages or 100000 entries.",
	],
	examples: [
		["corten search --list-tags registry.example.com/app", "all tags of a repository"],
		["corten search registry.example.com/", "all repositories of a registry"],
		["corten search --referrers registry.example.com/app:1.4", "what is attached to an image"],
	],
	seeAlso: ["corten-pull(1)", "corten-delete(1)"],
	run: async (context, options, [text = ""]) => {
		if (options["list-tags"] && options.referrers)
			throw new CortenError("invalid-argument", "cannot use --list-tags and --referrers together");
		if (options["artifact-type"] !== undefined && !options.referrers)
			throw new CortenError("invalid-argument", "cannot use --artifact-type without --referrers");
		const registry = parseRegistryOptions(options);
		const limit = parseLimit(options.limit);
		const term = text.replace(/^docker:\/\//, "");
		const print = (columns: readonly string[], rows: readonly Readonly<Record<string, string>>[]) => {
			const shown = Object.fromEntries(Object.entries(headings).filter(([field]) => columns.includes(field)));
			context.print(formatRows(options.format, columns, shown, rows));
			return 0;
		};
		if (options["list-tags"]) {
			const reference = resolve(term, registry.environment);
			const name = `${reference.domain}/${reference.repository}`;
			const tags = await listTags(createSession(reference, registry), limit);
			if (options.format !== "json")
				return print(
					["Name", "Tag"],
					tags.map((tag) => ({ Name: name, Tag: tag })),
				);
			context.print(`${JSON.stringify([{ Name: name, Tags: tags }], undefined, 4)}\n`);
			return 0;
		}
		if (options.referrers) {
			const reference = resolve(term, registry.environment);
			const session = createSession(reference, registry);
			const subject = reference.digest ?? (await resolveDigest(session, reference.tag ?? "latest"));
			const found = await listReferrers(session, subject, options["artifact-type"]);
			return print(
				["Digest", "ArtifactType", "MediaType", "Size"],
				found.slice(0, limit).map(({ digest, artifactType, mediaType, size }) => ({
					Digest: digest,
					ArtifactType: printable(artifactType),
					MediaType: printable(mediaType),
					Size: formatBytes(Number(size)),
				})),
			);
		}
		if (isShortName(term)) {
			throw new CortenError("unsupported", `cannot search for "${term}": no registry is named`, {
				hint: `corten search REGISTRY/${term} looks in a registry's catalog, corten search --list-tags ${term} lists tags`,
			});
		}
		const slash = term.indexOf("/");
		const domain = registryKey(term.slice(0, slash));
		const session = createSession({ domain, repository: "" }, registry, ["registry:catalog:*"]);
		const found = await listRepositories(session, (name) => name.includes(term.slice(slash + 1)), limit);
		return print(
			["Index", "Name"],
			found.map((name) => ({ Index: domain, Name: `${domain}/${name}` })),
		);
	},
});

function resolve(text: string, environment: Readonly<Record<string, string | undefined>> = process.env): Reference {
	const [reference = parseReference(text)] = resolveName(text, environment, loadRegistries(environment));
	return reference;
}

function parseLimit(text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text);
	throw new CortenError("invalid-argument", `cannot parse --limit ${JSON.stringify(text.slice(0, 50))}: expected a number from 1`);
}
