// Runs build/corten against a root of its own. A Home is one engine's world: persistent folder, runtime folder, and at the end the
// proof that nothing of it is left on the machine.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { leftovers, remove } from "./leftovers.ts";

/** The repository's top folder. */
export const top = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** How a run ended; `status` is what a shell would see (128+n by signal n). */
export type Result = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** What surrounds one run; without `input` stdin is empty. */
export type RunOptions = {
	readonly input?: string | Uint8Array;
	/** Replaces the environment. */
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	readonly timeoutMs?: number;
};

const signalNumbers: Readonly<Record<string, number>> = {
	SIGHUP: 1,
	SIGINT: 2,
	SIGQUIT: 3,
	SIGABRT: 6,
	SIGKILL: 9,
	SIGSEGV: 11,
	SIGPIPE: 13,
	SIGTERM: 15,
};

/** Runs any program to its end. A run longer than timeoutMs (60 s) is killed and throws. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<Result> {
	const child = Bun.spawn([...command], {
		stdin:
			options.input === undefined
				? "ignore"
				: new Blob([typeof options.input === "string" ? options.input : new Uint8Array(options.input)]),
		stdout: "pipe",
		stderr: "pipe",
		...(options.env === undefined ? {} : { env: { ...options.env } }),
		...(options.cwd === undefined ? {} : { cwd: options.cwd }),
	});
	let late = false;
	const alarm = setTimeout(() => {
		late = true;
		child.kill("SIGKILL");
	}, options.timeoutMs ?? 60_000);
	const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
	await child.exited;
	clearTimeout(alarm);
	if (late) throw new Error(`took too long: ${command.join(" ")}\n${stdout}${stderr}`);
	const status = child.exitCode ?? 128 + (signalNumbers[child.signalCode ?? ""] ?? 0);
	return { status, stdout, stderr };
}

/** One engine's world below a temporary folder. */
export class Home implements AsyncDisposable {
	readonly folder: string;
	readonly root: string;
	readonly runroot: string;

	constructor() {
		this.folder = mkdtempSync(`${tmpdir()}/corten-test-`);
		chmodSync(this.folder, 0o711);
		this.root = `${this.folder}/root`;
		this.runroot = `${this.folder}/run`;
	}

	/** `corten` with this world's folders, as a command line. */
	command(...args: readonly string[]): string[] {
		return [`${top}/build/corten`, "--root", this.root, "--runroot", this.runroot, ...args];
	}

	/** Runs corten to its end. */
	corten(args: readonly string[], options: RunOptions = {}): Promise<Result> {
		return run(this.command(...args), options);
	}

	/** Runs corten and returns its stdout without the last line's end. @throws when it fails */
	async must(...args: readonly string[]): Promise<string> {
		const result = await this.corten(args);
		if (result.status !== 0) throw new Error(`corten ${args.join(" ")}: status ${result.status}\n${result.stdout}${result.stderr}`);
		return result.stdout.replace(/\n$/, "");
	}

	/** `corten run --rm IMAGE COMMAND...`, options first. */
	run(options: readonly string[], image: string, command: readonly string[], runOptions?: RunOptions): Promise<Result> {
		return this.corten(["run", "--rm", ...options, image, ...command], runOptions);
	}

	/** Runs `script` in busybox' shell and returns its output. @throws when the status is not 0 */
	async sh(options: readonly string[], script: string): Promise<string> {
		const result = await this.run(options, "busybox", ["sh", "-c", script]);
		if (result.status !== 0) throw new Error(`status ${result.status}: ${script}\n${result.stdout}${result.stderr}`);
		return result.stdout.replace(/\n$/, "");
	}

	/** What of this world is on the machine outside of its folder, and the container folders inside. */
	leftovers(): string[] {
		return leftovers(this.folder);
	}

	/** Removes the world, running containers and all. */
	async [Symbol.asyncDispose](): Promise<void> {
		await remove(this.folder);
		rmSync(this.folder, { recursive: true, force: true });
	}
}
