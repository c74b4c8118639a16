// A container without a mount namespace of its own: its root is a folder of the caller's, entered by chroot. Whatever were mounted would be
// mounted for the caller and stay there when the container is gone, so such a container has no mounts and hides nothing.
// @see runtime-spec config-linux.md#namespaces

import { CortenError } from "../base/errors.ts";
import { O_DIRECTORY, O_PATH } from "../linux/file.ts";
import type { RootfsRecipe } from "../spec/rootfs.ts";
import type { Config } from "../spec/runtime.ts";
import { cwd } from "./ops.ts";
import type { Root } from "./rootfs.ts";
import { add, type Steps, takeSlot } from "./steps.ts";

/** Opens the folder. There is no stage. @throws `unsupported` with the field that would need a mount namespace */
export function openCallersRoot(steps: Steps, recipe: RootfsRecipe, config: Config): Root {
	const { linux } = config;
	const needs: readonly (readonly [asked: boolean, at: string])[] = [
		[recipe.kind !== "folder", "/linux/namespaces"],
		[config.mounts.length > 0, "/mounts"],
		[linux.maskedPaths.length > 0, "/linux/maskedPaths"],
		[linux.readonlyPaths.length > 0, "/linux/readonlyPaths"],
		[config.root.readonly, "/root/readonly"],
		[linux.rootfsPropagation !== undefined, "/linux/rootfsPropagation"],
		[linux.namespaces.some(({ type }) => type === "user"), "/linux/namespaces"],
	];
	const at = needs.find(([asked]) => asked)?.[1];
	if (at !== undefined || recipe.kind !== "folder") {
		const message = "cannot run without a mount namespace: what would be mounted would stay with the caller";
		throw new CortenError("unsupported", message, { at: at ?? "" });
	}
	const root = takeSlot(steps);
	add(
		steps,
		"openat",
		{ out: root, dir: cwd, path: recipe.path, flags: O_PATH | O_DIRECTORY, mode: 0 },
		`open "${recipe.path}"`,
		"/root/path",
	);
	return { root, stage: root };
}
