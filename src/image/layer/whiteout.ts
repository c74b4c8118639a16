// The names that hide, in a layer's tar.
// @see image-spec layer.md#whiteouts

/** In a folder: nothing of it in lower layers shows through. */
export const opaqueName = ".wh..wh..opq";

/** The name that hides what lies at a path. */
export function whiteoutName(path: string): string {
	const cut = path.lastIndexOf("/") + 1;
	return `${path.slice(0, cut)}.wh.${path.slice(cut)}`;
}

/** Whether a tar could not hold a file of this name as one. */
export function isWhiteoutName(name: string): boolean {
	return name.startsWith(".wh.");
}
