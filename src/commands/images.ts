// corten images: the images of the store.

import { type ListedImage, listImages } from "../image/list.ts";
import { familiarName, parseReference } from "../image/reference.ts";
import { defineCommand } from "./command.ts";
import { formatBytes, formatDuration, formatRows, shortDigest } from "./format.ts";
import { imageFilterKeys, parseImageFilters } from "./image-filter.ts";
import { formatTree } from "./image-tree.ts";

const headings = {
	Repository: "REPOSITORY",
	Tag: "TAG",
	Digest: "DIGEST",
	ID: "IMAGE ID",
	CreatedSince: "CREATED",
	CreatedAt: "CREATED AT",
	Size: "SIZE",
	Containers: "CONTAINERS",
	SharedSize: "SHARED SIZE",
	UniqueSize: "UNIQUE SIZE",
	VirtualSize: "SIZE",
} as const;

/** `corten images` */
export const command = defineCommand({
	summary: "list images",
	usage: "[OPTIONS] [REPOSITORY[:TAG]]",
	options: {
		all: { kind: "flag", short: "a", help: "accepted for docker's sake: there are no intermediate images" },
		digests: { kind: "flag", help: "show digests" },
		filter: { kind: "list", short: "f", metavar: "KEY=VALUE", help: `only those for which it holds: ${imageFilterKeys}` },
		format: { kind: "value", metavar: "FORMAT", help: 'table, json, a Go template, or "table" and a template' },
		"no-trunc": { kind: "flag", help: "whole IDs" },
		quiet: { kind: "flag", short: "q", help: "only IDs" },
		tree: { kind: "flag", help: "each image once, with its layers and who shares them" },
	},
	operands: { min: 0, max: 1 },
	description: ["Lists the images of the store, the newest first. SIZE is the sum of the layers as they were distributed, compressed."],
	examples: [
		["corten images", "all images"],
		["corten images alpine", "all tags of one repository"],
		["corten images --format '{{.Repository}}:{{.Tag}} {{.Size}}'", "names and sizes"],
	],
	run: async (context, options, operands) => {
		const wanted = operands[0] === undefined ? undefined : filterOf(operands[0]);
		const filter = parseImageFilters(options.filter);
		const images = filter(await listImages(context.root)).filter((image) => wanted === undefined || wanted(image));
		if (options.tree) {
			context.print(formatTree(images, (image) => `${repositoryOf(image)}:${image.tag ?? "<none>"}`));
			return 0;
		}
		const nowMs = Date.now();
		const rows = images.map((image) => viewImage(image, !options["no-trunc"], nowMs));
		if (options.quiet && options.format === undefined) context.print([...new Set(rows.map(({ ID }) => `${ID}\n`))].join(""));
		else {
			const columns = ["Repository", "Tag", ...(options.digests ? ["Digest"] : []), "ID", "CreatedSince", "Size"];
			context.print(formatRows(options.format, columns, headings, rows));
		}
		return 0;
	},
});

// Without a tag all of a repository's.
function filterOf(text: string): (image: ListedImage) => boolean {
	const reference = parseReference(text);
	const repository = `${reference.domain}/${reference.repository}`;
	const tagged = /:[^/]+$/.test(text) && reference.digest === undefined;
	return (image) =>
		image.repository === repository &&
		(!tagged || image.tag === reference.tag) &&
		(reference.digest === undefined || image.digest === reference.digest || image.record.digest === reference.digest);
}

function viewImage(image: ListedImage, short: boolean, nowMs: number): Readonly<Record<keyof typeof headings, string>> {
	const { record } = image;
	const createdMs = Date.parse(record.config.created ?? "");
	const known = !Number.isNaN(createdMs) && createdMs > 0;
	const size = formatBytes(record.size);
	return {
		Repository: repositoryOf(image),
		Tag: image.tag ?? "<none>",
		Digest: image.digest,
		ID: short ? shortDigest(record.configDigest) : record.configDigest,
		CreatedSince: known ? `${formatDuration(Math.max(0, nowMs - createdMs))} ago` : "N/A",
		CreatedAt: known ? `${new Date(createdMs).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC` : "N/A",
		Size: size,
		Containers: "N/A",
		SharedSize: "N/A",
		UniqueSize: "N/A",
		VirtualSize: size,
	};
}

function repositoryOf(image: ListedImage): string {
	if (image.repository === undefined) return "<none>";
	try {
		return familiarName(parseReference(image.name));
	} catch {
		return image.repository;
	}
}
