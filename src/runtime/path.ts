// Paths of the command line and of config.json, made absolute without touching the disk.

/** @param base what a relative path begins at (absolute); the current folder by default */
export function absolute(path: string, base: string = process.cwd()): string {
	if (path.startsWith("/")) return path;
	const names = path.split("/").filter((name) => name !== "" && name !== ".");
	return names.length === 0 ? base : `${base === "/" ? "" : base}/${names.join("/")}`;
}
