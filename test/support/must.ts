// Runs a program that has to succeed: for the making of fixtures.

/** @returns its standard output. @throws Error with its standard error when it ends with anything but 0 */
export function must(
	command: readonly string[],
	options: { readonly cwd?: string; readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Buffer {
	const run = Bun.spawnSync([...command], {
		stdin: options.input === undefined ? "ignore" : Buffer.from(options.input),
		stdout: "pipe",
		stderr: "pipe",
		...(options.env === undefined ? {} : { env: { ...options.env } }),
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
	});
	if (run.exitCode !== 0) throw new Error(`${command.join(" ")}: status ${run.exitCode}\n${run.stderr}`);
	return Buffer.from(run.stdout);
}
