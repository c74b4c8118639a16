// linux.rootfsPropagation.
// @see runtime-spec config-linux.md#rootfs-mount-propagation

import { CortenError } from "../base/errors.ts";
import { MS_PRIVATE, propagationBit } from "../linux/mount-flags.ts";

/**
 * What the finished root must be made: nothing for private, which a new mount is anyway.
 * @throws `invalid-spec` for an unknown word
 */
export function propagationOf(word: string | undefined): { readonly bit: number; readonly recursive: boolean } | undefined {
	if (word === undefined || word === "") return undefined;
	const recursive = word.startsWith("r");
	const bit = propagationBit(recursive ? word.slice(1) : word);
	if (bit === undefined)
		throw new CortenError("invalid-spec", `cannot use mount propagation "${word}"`, { at: "/linux/rootfsPropagation" });
	return bit === MS_PRIVATE ? undefined : { bit, recursive };
}
