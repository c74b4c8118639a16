// What every generator script ends with: write the file, or with --check compare and fail.

/**
 * Writes `text` to the file `path` of the repository; with `--check` on the command line it only compares, and exits 1 when the
 * committed file differs.
 */
export async function writeGenerated(path: string, text: string): Promise<void> {
	const file = Bun.file(new URL(`../${path}`, import.meta.url));
	const committed = (await file.exists()) ? await file.text() : undefined;
	if (committed === text) return;
	if (process.argv.includes("--check")) {
		console.error(`${path} is stale: run bun ${process.argv[1]?.split("/").slice(-2).join("/")}`);
		process.exit(1);
	}
	await Bun.write(file, text);
}
