// One client's world: a temporary folder below which its daemons keep everything, and at the end the proof that nothing is left.

import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, type RunOptions, run, top } from "../corten.ts";
import { cgroupsOf, mountsOf, processesOf, remove } from "../leftovers.ts";
import { installed } from "../skip.ts";

/** The runtimes that a client is tried with: ours, and the one it must not tell it from. CORTEN_CLIENT_RUNTIME stands in for ours. */
export const runtimes = {
	corten: process.env.CORTEN_CLIENT_RUNTIME ?? `${top}/build/corten-runtime`,
	runc: Bun.which("runc", { PATH: `/usr/sbin:/usr/bin:${process.env.PATH}` }) ?? "runc",
} as const;

/** Name of one of the runtimes. */
export type RuntimeName = keyof typeof runtimes;

/** Administrators' programs are not on every PATH, and the distribution's clients come before others. */
const path = `/usr/sbin:/usr/bin:/sbin:/bin:${process.env.PATH}`;

/** @returns why the tests of a client cannot run here; undefined: they can */
export function lacks(...programs: readonly string[]): string | undefined {
	if (process.getuid?.() !== 0) return "it needs root";
	const missing = [...programs, "runc"].filter((program) => !installed(program));
	return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}

/** A program that runs beside the tests until its world ends. */
export type Daemon = { readonly pid: number; readonly ended: () => boolean; stop(): Promise<void> };

/** A temporary folder and what was started in it. */
export class Scratch implements AsyncDisposable {
	readonly folder: string;
	/** Unique on the machine: part of the name of every cgroup that is made for this world. */
	readonly name: string;
	readonly environment: Readonly<Record<string, string>>;
	readonly #daemons: Daemon[] = [];
	/** Ids of containers whose cgroups must be gone. */
	readonly ids: string[] = [];

	/** @param base where the folder is made; the machine's for temporary files if not given */
	constructor(kind: string, environment: Readonly<Record<string, string>> = {}, base = tmpdir()) {
		this.folder = mkdtempSync(`${base}/corten-${kind}-`);
		chmodSync(this.folder, 0o711);
		this.name = this.folder.slice(this.folder.lastIndexOf("/") + 1);
		this.environment = { PATH: path, HOME: this.folder, TMPDIR: this.folder, ...environment };
	}

	/** Runs a program of this world to its end. */
	run(command: readonly string[], options: RunOptions = {}): Promise<Result> {
		return run(command, { env: this.environment, ...options });
	}

	/** Runs a program that has to succeed. @returns its output without the last line's end */
	async must(command: readonly string[], options: RunOptions = {}): Promise<string> {
		const result = await this.run(command, options);
		if (result.status !== 0) throw new Error(`${command.join(" ")}: status ${result.status}\n${result.stdout}${result.stderr}`);
		return result.stdout.replace(/\n$/, "");
	}

	/** Starts a daemon and returns when `isReady` says so. Its output goes to `<folder>/NAME.log`. */
	async start(name: string, command: readonly string[], isReady: () => Promise<boolean>): Promise<Daemon> {
		const log = Bun.file(`${this.folder}/${name}.log`);
		const child = Bun.spawn([...command], { stdin: "ignore", stdout: log, stderr: log, env: { ...this.environment }, cwd: "/" });
		const daemon: Daemon = {
			pid: child.pid,
			ended: () => child.exitCode !== null || child.signalCode !== null,
			stop: async () => {
				child.kill("SIGTERM");
				const alarm = setTimeout(() => child.kill("SIGKILL"), 20_000);
				await child.exited;
				clearTimeout(alarm);
			},
		};
		this.#daemons.push(daemon);
		for (const until = Date.now() + 60_000; Date.now() < until && !daemon.ended(); await Bun.sleep(50)) {
			if (await isReady()) return daemon;
		}
		throw new Error(`${name} did not come up:\n${(await log.text()).split("\n").slice(-20).join("\n")}`);
	}

	/** Ends the daemons, last first. @returns what they and their containers left on the machine, as lines of text */
	async end(): Promise<string[]> {
		for (const daemon of this.#daemons.splice(0).reverse()) await daemon.stop();
		return this.leftovers();
	}

	/** Processes, mounts and cgroups of this world. */
	leftovers(): string[] {
		return [
			...processesOf(this.folder).map((pid) => `process ${pid}`),
			...mountsOf(this.folder).map((path) => `mount ${path}`),
			...cgroupsOf(this.ids).map((path) => `cgroup ${path}`),
		];
	}

	/** Ends and removes everything of this world. */
	async [Symbol.asyncDispose](): Promise<void> {
		await this.end();
		await remove(this.folder);
		for (const path of cgroupsOf([...this.ids, this.name]).reverse()) Bun.spawnSync(["rmdir", path], { stderr: "ignore" });
		rmSync(this.folder, { recursive: true, force: true });
	}
}

/** What a client's command prints, trimmed. @throws when it fails, with its words */
export async function outputOf(command: readonly string[], running: Promise<Result>): Promise<string> {
	const { status, stdout, stderr } = await running;
	if (status !== 0) throw new Error(`${command.join(" ")}: status ${status}\n${stdout}${stderr}`);
	return stdout.trim();
}

/** Waits until `seen` returns something. @throws after 20 s, naming what never came */
export async function until<T>(what: string, seen: () => Promise<T | undefined> | T | undefined): Promise<T> {
	for (const end = Date.now() + 20_000; Date.now() < end; await Bun.sleep(50)) {
		const found = await seen();
		if (found !== undefined) return found;
	}
	throw new Error(`never came: ${what}`);
}
