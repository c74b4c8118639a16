// start.json: what a container's next start needs and config.json does not say. Written when the folder is made, of containers that can be
// started again; never changed.

import { readTextIfPresent, writeFile } from "../linux/file.ts";
import { boolean, type Decoder, decodeJson, integer, list, object, oneOf, optional, string } from "../spec/decode.ts";
import type { LayerSource, RootfsRecipe } from "../spec/rootfs.ts";

/** docker's words. */
export const restartNames = ["no", "on-failure", "always", "unless-stopped"] as const;

/** When a container that has ended is started again, and how often at most; 0: without end. */
export type RestartPolicy = { readonly name: (typeof restartNames)[number]; readonly retries: number };

/** The content of start.json. */
export type StartFile = {
	readonly rootfs: RootfsRecipe;
	/** Bind sources that exist nowhere on the host. */
	readonly files: readonly { readonly source: string; readonly content: string }[];
	/** `--pidfile`, absolute, or "". */
	readonly pidFile: string;
	readonly restart: RestartPolicy;
	/** Who says that the unit is ready. */
	readonly sdnotify: "conmon" | "container" | "healthy";
	/** `--register` */
	readonly register: boolean;
	/** The unit it gets: `corten-web.service`. "": never one. */
	readonly unit: string;
};

const layer: Decoder<LayerSource> = object({ kind: oneOf(["erofs", "folder"]), path: string });

const rootfs: Decoder<RootfsRecipe> = (value, at, issues) =>
	(value as { kind?: unknown } | null)?.kind === "folder"
		? object({ kind: oneOf(["folder"]), path: string })(value, at, issues)
		: object({
				kind: oneOf(["layers"]),
				layers: list(layer),
				upper: optional(object({ upperDir: string, workDir: string })),
			})(value, at, issues);

const startFile: Decoder<StartFile> = object({
	rootfs,
	files: list(object({ source: string, content: string })),
	pidFile: string,
	restart: object({ name: oneOf(restartNames), retries: integer(0) }),
	sdnotify: oneOf(["conmon", "container", "healthy"]),
	register: boolean,
	unit: string,
});

/** Writes it into a container's folder. */
export function writeStartFile(folder: string, content: StartFile): void {
	writeFile(`${folder}/start.json`, `${JSON.stringify(content)}\n`);
}

/** How often the unit's manager has started a container again since a person did. */
export function readRestarts(folder: string): number {
	return Number(readTextIfPresent(`${folder}/restarts`) ?? 0) || 0;
}

/**
 * Reads it.
 * @returns undefined for a container that is started once: one of an older corten, or with --rm and without a unit
 * @throws `invalid-spec` when another corten wrote what this one does not understand
 */
export function readStartFile(folder: string): StartFile | undefined {
	const text = readTextIfPresent(`${folder}/start.json`);
	return text === undefined ? undefined : decodeJson(startFile, text, `"${folder}/start.json"`);
}
