// The command: the image's entrypoint and cmd, --entrypoint, and the operands.

import { CortenError } from "../base/errors.ts";

/**
 * Composes the argument vector as docker does: operands replace cmd; --entrypoint replaces the entrypoint and drops cmd too;
 * `--entrypoint ""` leaves the operands alone.
 * @throws `invalid-argument` when nothing is left to run
 */
export function composeArguments(input: {
	readonly image: { readonly entrypoint: readonly string[]; readonly cmd: readonly string[] } | undefined;
	readonly entrypoint: string | undefined;
	readonly operands: readonly string[];
}): string[] {
	const { image, entrypoint, operands } = input;
	// An image may hold [""], which docker's build wrote for "no entrypoint".
	const imageEntrypoint = image?.entrypoint.length === 1 && image.entrypoint[0] === "" ? [] : (image?.entrypoint ?? []);
	const first = entrypoint === undefined ? imageEntrypoint : entrypoint === "" ? [] : [entrypoint];
	const rest = operands.length > 0 || entrypoint !== undefined ? operands : (image?.cmd ?? []);
	const args = [...first, ...rest];
	if (args.length === 0) {
		const hint = image === undefined ? "a root folder has no default command: name one after the options" : "name one after the image";
		throw new CortenError("invalid-argument", "cannot run the container: no command is given, and the image has none", { hint });
	}
	return args;
}
