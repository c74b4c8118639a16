// What a container's root is made of, lowest first: its image's layers and its writable one; or the folder it was started on.

import { exists } from "../linux/file.ts";
import type { LayerSource } from "../spec/rootfs.ts";
import type { Container } from "../supervise/state.ts";

/** @returns paths of the host */
export function containerLayers({ record, folder }: Container): readonly LayerSource[] {
	if (record.rootfs !== null) return [{ kind: "folder", path: record.rootfs }];
	return [...imageLayers(record.layers), ...(exists(`${folder}/upper`) ? [{ kind: "folder", path: `${folder}/upper` } as const] : [])];
}

/** The layers below the writable one. */
export function imageLayers(layers: readonly string[]): readonly LayerSource[] {
	return layers.map((path) => ({ kind: path.endsWith(".erofs") ? "erofs" : "folder", path }));
}
