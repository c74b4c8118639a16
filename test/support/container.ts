// A container of a runtime under test: its bundle, and the operations on it.

import { closeSync, openSync, readFileSync } from "node:fs";
import type { Result } from "./corten.ts";
import type { Runtime, State } from "./runtime.ts";

/** Waits until a condition holds, looking every few milliseconds. @throws Error after ten seconds */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
	const end = performance.now() + 10_000;
	while (!(await condition())) {
		if (performance.now() > end) throw new Error(`waited ten seconds for: ${what}`);
		await Bun.sleep(4);
	}
}

/** Whether a process is alive; a zombie is not. */
export function alive(pid: number): boolean {
	try {
		const text = readFileSync(`/proc/${pid}/stat`, "utf8");
		return !/^[ZX]/.test(text.slice(text.lastIndexOf(")") + 2));
	} catch {
		return false;
	}
}

/** Fails with what the runtime said when an operation that has to succeed did not. */
export function succeeded(operation: string, result: Result): Result {
	if (result.status !== 0) throw new Error(`${operation}: status ${result.status}\n${result.stdout}${result.stderr}`);
	return result;
}

/** A container; nothing happens before an operation is called. */
export class Container {
	readonly runtime: Runtime;
	readonly id: string;
	readonly bundle: string;

	constructor(runtime: Runtime, id: string, bundle: string) {
		this.runtime = runtime;
		this.id = id;
		this.bundle = bundle;
	}

	get rootfs(): string {
		return `${this.bundle}/rootfs`;
	}

	/** `create`, see {@link detached}. */
	tryCreate(options: readonly string[] = []): Promise<Result> {
		return this.detached(["create", "--bundle", this.bundle, ...options, this.id]);
	}

	/** An operation that leaves a process behind: its output goes to a file, so that waiting for the runtime is not waiting for the process. */
	async detached(args: readonly string[], cwd?: string): Promise<Result> {
		const out = openSync(`${this.bundle}/out`, "w");
		const err = openSync(`${this.bundle}/err`, "w");
		const command = this.runtime.command(...args);
		const child = Bun.spawn(command, { stdin: "ignore", stdout: out, stderr: err, ...(cwd === undefined ? {} : { cwd }) });
		const alarm = setTimeout(() => child.kill("SIGKILL"), 30_000);
		await child.exited;
		clearTimeout(alarm);
		closeSync(out);
		closeSync(err);
		return { status: child.exitCode ?? 137, stdout: this.output(), stderr: readFileSync(`${this.bundle}/err`, "utf8") };
	}

	async create(options: readonly string[] = []): Promise<void> {
		succeeded("create", await this.tryCreate(options));
	}

	tryStart(): Promise<Result> {
		return this.runtime.call(["start", this.id]);
	}

	async start(): Promise<void> {
		succeeded("start", await this.tryStart());
	}

	/** create and start. */
	async launch(options: readonly string[] = []): Promise<void> {
		await this.create(options);
		await this.start();
	}

	tryState(): Promise<Result> {
		return this.runtime.call(["state", this.id]);
	}

	async state(): Promise<State> {
		return JSON.parse(succeeded("state", await this.tryState()).stdout) as State;
	}

	/** The process' pid. @throws Error when state names none */
	async pid(): Promise<number> {
		const { pid } = await this.state();
		if (pid === undefined || pid <= 0) throw new Error("state has no pid");
		return pid;
	}

	kill(...words: readonly string[]): Promise<Result> {
		return this.runtime.call(["kill", this.id, ...words]);
	}

	delete(...options: readonly string[]): Promise<Result> {
		return this.runtime.call(["delete", ...options, this.id]);
	}

	/** `run` to its end. */
	run(...options: readonly string[]): Promise<Result> {
		return this.runtime.call(["run", "--bundle", this.bundle, ...options, this.id]);
	}

	/** `exec`; options first, then the command. */
	exec(command: readonly string[], options: readonly string[] = []): Promise<Result> {
		return this.runtime.call(["exec", ...options, this.id, ...command]);
	}

	/** What the container wrote since create. */
	output(): string {
		return readFileSync(`${this.bundle}/out`, "utf8");
	}

	/** Waits for the end of the process. */
	async stopped(): Promise<void> {
		await until(`${this.id} is stopped`, async () => (await this.state()).status === "stopped");
	}

	/** Kills the process and waits for its end. */
	async stop(): Promise<void> {
		succeeded("kill", await this.kill("KILL"));
		await this.stopped();
	}
}
