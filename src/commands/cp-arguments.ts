// What corten cp is asked to copy: the words SRC and DEST, taken apart as docker does.

import { CortenError } from "../base/errors.ts";

/** One side of a copy. Paths are absolute, without `.`, `..` and empty names, "/" the root. */
export type Side =
	| { readonly kind: "stream" }
	| ({ readonly kind: "local" } & SidePath)
	| ({ readonly kind: "container"; readonly container: string } & SidePath);

/** A path with what its end says. */
export type SidePath = {
	/** As it was given, for messages. */
	readonly text: string;
	readonly path: string;
	/** It ends with a slash or a dot: it must be a folder, and a link to one is followed. */
	readonly folder: boolean;
	/** It ends with `/.`: of a folder the content is meant. */
	readonly content: boolean;
};

function parsePath(text: string, base: () => string): SidePath {
	const names: string[] = [];
	for (const name of `${text.startsWith("/") ? "" : base()}/${text}`.split("/")) {
		if (name === "..") names.pop();
		else if (name !== "" && name !== ".") names.push(name);
	}
	const content = text === "." || text.endsWith("/.");
	return { text, path: `/${names.join("/")}`, folder: content || text.endsWith("/"), content };
}

/**
 * Parses a side. Without a colon, or with a slash or a dot at its beginning, it is a path of the host.
 * @param cwd what relative paths of the host begin at, asked for those alone; a container's begin at its root
 * @throws `invalid-argument` for an empty path
 */
export function parseSide(word: string, cwd: () => string): Side {
	if (word === "-") return { kind: "stream" };
	const colon = word.indexOf(":");
	const local = word.startsWith("/") || word.startsWith(".") || colon <= 0;
	const text = local ? word : word.slice(colon + 1);
	if (text === "") throw new CortenError("invalid-argument", `cannot copy "${word}": it has no path`);
	return local
		? { kind: "local", ...parsePath(text, cwd) }
		: { kind: "container", container: word.slice(0, colon), ...parsePath(text, () => "") };
}
