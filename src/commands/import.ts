// corten import: an image of one layer, from a tar of a root filesystem.

import { isatty } from "node:tty";
import { CortenError, isError } from "../base/errors.ts";
import { applyChanges } from "../image/changes.ts";
import { createImage, createLayerBlob, withStore } from "../image/create-image.ts";
import { inflate } from "../image/layer/inflate.ts";
import { hostPlatform, parsePlatform } from "../image/platform.ts";
import { formatReference, parseReference } from "../image/reference.ts";
import { streamFd } from "../image/sources/oci-layout.ts";
import { O_NONBLOCK, O_RDONLY, openFd } from "../linux/file.ts";
import { openInput } from "../linux/input.ts";
import { defineCommand } from "./command.ts";

/** `corten import` */
export const command = defineCommand({
	summary: "make an image of a tar of a root filesystem",
	usage: "[OPTIONS] FILE|- [NAME[:TAG]]",
	options: {
		change: {
			kind: "list",
			short: "c",
			metavar: "INSTRUCTION",
			help: "CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR, as in a Dockerfile",
		},
		message: { kind: "value", short: "m", metavar: "TEXT", help: "for the image's history" },
		platform: { kind: "value", metavar: "OS/ARCH[/VARIANT]", help: "what the programs in it are made for (default: this machine)" },
		quiet: { kind: "flag", short: "q", help: "accepted for podman's sake" },
	},
	operands: { min: 1, max: 2 },
	description: ["The tar, compressed or not, becomes the only layer of a new image. Images that were saved come back by corten load."],
	examples: [["mmdebstrap trixie - | corten import -c 'CMD [\"bash\"]' - debian:mine", "a Debian of one's own"]],
	seeAlso: ["corten-export(1)", "corten-load(1)"],
	run: async (context, options, [path = "", name]) => {
		const { root } = context;
		if (/^https?:\/\//.test(path)) {
			throw new CortenError("unsupported", `cannot import "${path}": addresses are not fetched`, {
				hint: `curl -fL ${path} | corten import -`,
			});
		}
		if (path === "-" && isatty(0)) throw new CortenError("invalid-argument", "cannot import from a terminal");
		const reference = name === undefined ? undefined : parseReference(name);
		if (reference?.digest !== undefined)
			throw new CortenError("invalid-argument", `cannot name an image ${JSON.stringify(name)}: a name has a tag and no digest`);
		const { os, architecture, variant } = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform);
		const created = new Date().toISOString();
		const history = [{ created, comment: options.message ?? `imported from ${path}` }];
		const config = applyChanges(
			{ created, architecture, os, ...(variant === undefined ? {} : { variant }), config: {}, history },
			options.change,
		);
		try {
			const record = await withStore(root, async () => {
				using file = path === "-" ? openInput() : openFd(path, O_RDONLY | O_NONBLOCK);
				const { descriptor, diffID } = await createLayerBlob(root, inflate(streamFd(file, path)).chunks, "oci");
				const full = reference === undefined ? undefined : formatReference(reference);
				return await createImage(root, { config, layers: [descriptor], diffIDs: [diffID], format: "oci", name: full });
			});
			context.print(`${record.configDigest}\n`);
			return 0;
		} catch (cause) {
			throw isError(cause) && !cause.message.includes(path) ? new CortenError(cause.code, `cannot import "${path}"`, { cause }) : cause;
		}
	},
});
