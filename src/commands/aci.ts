// corten aci: what actool says of an image archive, without bringing it into the store.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { CortenError, joinCauses } from "../base/errors.ts";
import { readAci } from "../image/aci/archive.ts";
import { appcValue, decodeAppcManifest } from "../spec/appc.ts";
import { type Context, defineCommand } from "./command.ts";

/** `corten aci` */
export const command = defineCommand({
	summary: "check App Container Images, show their manifests",
	usage: "validate [--strict] FILE... | cat-manifest [--pretty-print] FILE",
	options: {
		strict: { kind: "flag", help: "validate: also what only a builder must keep" },
		"pretty-print": { kind: "flag", help: "cat-manifest: one value a line, indented" },
	},
	operands: { min: 2, max: Number.POSITIVE_INFINITY },
	description: [
		"validate reads each FILE, an image archive (.aci) of appc 0.8.11 or a manifest in JSON, and says what it breaks: every rule of the manifest at once, and of the archive the first. " +
			"Exits with 1 when one of them is not valid. An archive's image ID is shown.",
		"cat-manifest prints the manifest of an archive as it is in there.",
		"Nothing of an archive is written but to a temporary folder, and nothing of it is executed.",
	],
	examples: [
		["corten aci validate app.aci", "is it one?"],
		["corten aci cat-manifest --pretty-print app.aci", "what does it say?"],
	],
	seeAlso: ["corten-convert(1)", "corten-load(1)"],
	run: async (context, options, [verb = "", ...files]) => {
		if (verb === "validate") return await validate(context, files, options.strict);
		if (verb !== "cat-manifest")
			throw new CortenError("invalid-argument", `cannot do "${verb}": aci has the verbs validate and cat-manifest`);
		const [file = "", second] = files;
		if (second !== undefined) throw new CortenError("invalid-argument", "cannot show more than one manifest");
		const { manifestBytes } = await readAlone(file);
		const text = new TextDecoder().decode(manifestBytes);
		context.print(`${options["pretty-print"] ? JSON.stringify(JSON.parse(text), undefined, "    ") : text}\n`);
		return 0;
	},
});

/** Reads an archive; its tar is gone when this returns. */
async function readAlone(path: string): ReturnType<typeof readAci> {
	const folder = mkdtempSync(`${tmpdir()}/corten-aci-`);
	try {
		return await readAci(path, `${folder}/tar`);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

async function validate(context: Context, files: readonly string[], strict: boolean): Promise<number> {
	let status = 0;
	for (const path of files) {
		try {
			const mode = strict ? "build" : "read";
			if (/\.aci$/.test(path) || !(await isJson(path))) {
				const { manifest, manifestBytes, imageID } = await readAlone(path);
				decodeAppcManifest(manifestBytes, `manifest of "${path}"`, mode);
				const version = appcValue(manifest.labels, "version");
				context.print(`${path}: valid app container image ${manifest.name}${version === undefined ? "" : `:${version}`} ${imageID}\n`);
			} else {
				decodeAppcManifest(await Bun.file(path).bytes(), `manifest "${path}"`, mode);
				context.print(`${path}: valid ImageManifest\n`);
			}
		} catch (error) {
			if (!(error instanceof CortenError)) throw error;
			status = 1;
			context.print(`${path}: not valid: ${joinCauses(error)}\n`);
		}
	}
	return status;
}

async function isJson(path: string): Promise<boolean> {
	const file = Bun.file(path);
	return (await file.exists()) && /^\s*\{/.test(await file.slice(0, 64).text());
}
