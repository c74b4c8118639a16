// Paths as text. Nothing here touches a file: links are not followed, so `..` after a link is resolved as the person wrote it.

import { CortenError } from "../base/errors.ts";

/** `/a//b/./../c/` -> `/a/c`. A relative path stays relative; an empty one is ".". */
export function cleanPath(path: string): string {
	if (path !== "" && !path.includes("//") && !path.includes("/.") && !path.startsWith(".") && (path === "/" || !path.endsWith("/"))) {
		return path;
	}
	const rooted = path.startsWith("/");
	const parts: string[] = [];
	for (const part of path.split("/")) {
		if (part === "" || part === ".") continue;
		if (part !== "..") parts.push(part);
		else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
		else if (!rooted) parts.push("..");
	}
	return rooted ? `/${parts.join("/")}` : parts.join("/") || ".";
}

/** The clean absolute form of a path. @param folder gives the folder that a relative one starts from; not called for others */
export function absolutePath(path: string, folder: () => string): string {
	return cleanPath(path.startsWith("/") ? path : `${folder()}/${path}`);
}

/** Whether `path` is `folder` or below it. Both clean and absolute. */
export function isWithin(path: string, folder: string): boolean {
	return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}

/** Checks a working directory that was asked for. @throws `invalid-argument` unless it is absolute */
export function checkWorkdir(path: string): void {
	if (path.startsWith("/") && !path.includes("\0")) return;
	throw new CortenError("invalid-argument", `cannot use working directory "${path}": it is not an absolute path`, { at: "--workdir" });
}
