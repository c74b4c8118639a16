// corten commit: an image of what a container has changed.

import { CortenError } from "../base/errors.ts";
import { applyChanges } from "../image/changes.ts";
import { type ConfigDocument, createImage, createLayerBlob, readBase, withStore } from "../image/create-image.ts";
import { openFolderLayer } from "../image/layer/folder-read.ts";
import { tarOfLayer } from "../image/layer/tar-of.ts";
import { formatReference, parseReference } from "../image/reference.ts";
import { freeze, isFrozen, thaw } from "../supervise/freezer.ts";
import { type Container, findContainer } from "../supervise/state.ts";
import { defineCommand } from "./command.ts";

/** `corten commit` */
export const command = defineCommand({
	summary: "make an image of what a container has changed",
	usage: "[OPTIONS] CONTAINER [NAME[:TAG]]",
	options: {
		author: { kind: "value", short: "a", metavar: "AUTHOR", help: "who made the image" },
		change: {
			kind: "list",
			short: "c",
			metavar: "INSTRUCTION",
			help: "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR, as in a Dockerfile",
		},
		format: { kind: "value", choices: ["oci", "docker"], help: "media types of the image (default: oci)" },
		message: { kind: "value", short: "m", metavar: "TEXT", help: "for the image's history" },
		pause: { kind: "value", short: "p", metavar: "BOOL", help: "freeze the container meanwhile (default true)" },
		quiet: { kind: "flag", short: "q", help: "accepted for podman's sake" },
		squash: { kind: "flag", help: "one layer of all", unsupported: true },
		"include-volumes": { kind: "flag", help: "also what is in volumes", unsupported: true },
	},
	operands: { min: 1, max: 2 },
	description: [
		"What the container has written, changed and removed becomes a layer on top of those of its image. What is mounted into it is no part of it, nor is its environment: " +
			"the configuration is the image's, and --change changes it. A running container is frozen meanwhile, so that the layer is of one moment.",
		"The image is whole and synced before it has its name; a kill on the way leaves nothing.",
	],
	examples: [
		["corten commit web web:patched", "with a name"],
		["corten commit -c 'CMD [\"/app\"]' -m 'with the app' build app:1", "with another command"],
	],
	seeAlso: ["corten-diff(1)", "corten-export(1)", "corten-save(1)"],
	run: async (context, options, [target = "", name]) => {
		const { root } = context;
		const container = findContainer(root, target);
		const { image } = container.record;
		if (image === null)
			throw new CortenError("unsupported", `cannot commit container "${target}": it was made from a folder, and not from an image`);
		const full = name === undefined ? undefined : nameOf(name);
		const pause = parseBool(options.pause ?? "true");
		const format = options.format === "docker" ? "docker" : "oci";
		const record = await withStore(root, async () => {
			const base = await readBase(root, image.digest);
			const changed = applyChanges(base.config, options.change);
			const layer = await frozen(container, pause, async () => {
				using upper = openFolderLayer(`${container.folder}/upper`);
				if (upper.root.kind !== "directory") throw new CortenError("system", `cannot read the writable layer of container "${target}"`);
				return await createLayerBlob(root, tarOfLayer(upper.root), format);
			});
			return await createImage(root, {
				config: withHistory(changed, options, container),
				layers: [...base.layers, layer.descriptor],
				diffIDs: [...base.diffIDs, layer.diffID],
				format,
				name: full,
			});
		});
		context.print(`${record.configDigest}\n`);
		return 0;
	},
});

function nameOf(text: string): string {
	const reference = parseReference(text);
	if (reference.digest === undefined) return formatReference(reference);
	throw new CortenError("invalid-argument", `cannot name an image ${JSON.stringify(text)}: a name has a tag and no digest`);
}

function parseBool(text: string): boolean {
	if (/^(?:true|1)$/i.test(text)) return true;
	if (/^(?:false|0)$/i.test(text)) return false;
	throw new CortenError("invalid-argument", `cannot use "${text}" as --pause: expected true or false`, { at: "--pause" });
}

/** Does something while the container stands still; one that was frozen already stays so. */
async function frozen<T>({ record, state }: Container, pause: boolean, act: () => Promise<T>): Promise<T> {
	const { cgroups } = record;
	if (!pause || state.status !== "running" || cgroups.length === 0 || isFrozen(cgroups)) return await act();
	freeze(cgroups);
	try {
		return await act();
	} finally {
		thaw(cgroups);
	}
}

function withHistory(
	config: ConfigDocument,
	options: { readonly author: string | undefined; readonly message: string | undefined },
	{ record }: Container,
): ConfigDocument {
	const created = new Date().toISOString();
	const history = Array.isArray(config.history) ? config.history : [];
	const entry = {
		created,
		created_by: [record.path, ...record.args].join(" "),
		...(options.author === undefined ? {} : { author: options.author }),
		...(options.message === undefined ? {} : { comment: options.message }),
	};
	return { ...config, created, ...(options.author === undefined ? {} : { author: options.author }), history: [...history, entry] };
}
