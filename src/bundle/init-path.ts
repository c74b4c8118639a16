// Where corten's own init lies: beside the program in a build, in libexec when installed. Never anything of the image.

import { statPath } from "../linux/stat.ts";

/** The path of the static init that `--init` binds into the container, or undefined when it is not installed. */
export function findInit(program: string = process.execPath): string | undefined {
	const folder = program.slice(0, program.lastIndexOf("/"));
	const candidates = [`${folder}/init`, `${folder.slice(0, folder.lastIndexOf("/"))}/libexec/corten/init`];
	return candidates.find((path) => {
		const stat = statPath(path);
		return stat?.kind === "file" && (stat.mode & 0o111) !== 0;
	});
}
