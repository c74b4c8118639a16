// OCI bundles around one busybox, for tests of corten-runtime that look from inside a container. A World is one runtime's state folder,
// a root filesystem and an owner; at its end nothing of it is left.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type Result, type RunOptions, run, top } from "./corten.ts";
import { must } from "./must.ts";

/** Parts of config.json that replace those of the small one. */
export type BundleChange = {
	readonly script?: string;
	readonly process?: object;
	readonly mounts?: readonly object[];
	readonly namespaces?: readonly { readonly type: string; readonly path?: string }[];
	readonly linux?: object;
	readonly more?: object;
};

/** What every container here has. */
export const usualMounts = [
	{ destination: "/proc", type: "proc", source: "proc" },
	{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
	{ destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "newinstance", "ptmxmode=0666", "gid=5"] },
	{ destination: "/dev/mqueue", type: "mqueue", source: "mqueue" },
	{ destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"] },
	{ destination: "/tmp", type: "tmpfs", source: "tmpfs" },
];

/** Types as new namespaces. */
export const fresh = (...types: readonly string[]) => types.map((type) => ({ type }));

/** Capabilities in all sets that a payload's own are. */
export const capabilities = (...names: readonly string[]) => ({ bounding: names, effective: names, permitted: names });

/** One runtime's world below a temporary folder. */
export class World implements AsyncDisposable {
	readonly folder: string;
	readonly rootfs: string;
	/** Runs what follows as the world's owner. */
	readonly as: readonly string[];
	readonly owner: number;
	made = 0;

	/** @param owner whose the root filesystem is. @param as what runs a command as the caller, or nothing for root */
	constructor(owner = 0, as: readonly string[] = []) {
		this.folder = mkdtempSync("/tmp/corten-test-small-");
		this.rootfs = `${this.folder}/rootfs`;
		this.as = as;
		this.owner = owner;
		chmodSync(this.folder, 0o755);
		for (const name of ["bin", "proc", "dev", "tmp", "sys", "mnt", "etc"]) mkdirSync(`${this.rootfs}/${name}`, { recursive: true });
		must(["cp", "/bin/busybox", `${this.rootfs}/bin/busybox`]);
		symlinkSync("busybox", `${this.rootfs}/bin/sh`);
		mkdirSync(`${this.folder}/run`);
		must(["chown", "-Rh", `${owner}:${owner}`, this.rootfs]);
		if (as.length > 0) must(["chown", "-Rh", `${owner}:${owner}`, this.folder]);
	}

	/** The command line of an operation. */
	command(...args: readonly string[]): string[] {
		return [...this.as, `${top}/build/corten-runtime`, "--root", `${this.folder}/run`, ...args];
	}

	/** Runs an operation to its end. */
	call(args: readonly string[], options: RunOptions = {}): Promise<Result> {
		return run(this.command(...args), { timeoutMs: 30_000, ...options });
	}

	/** Writes a bundle. @returns its folder */
	bundle(change: BundleChange): string {
		const path = `${this.folder}/bundle-${this.made++}`;
		mkdirSync(path);
		const config = {
			ociVersion: "1.2.0",
			root: { path: this.rootfs },
			mounts: change.mounts ?? usualMounts,
			process: {
				user: { uid: 0, gid: 0 },
				args: ["/bin/busybox", "sh", "-c", change.script ?? "sleep 1000"],
				env: ["PATH=/bin"],
				cwd: "/",
				...change.process,
			},
			linux: { namespaces: change.namespaces ?? fresh("pid", "mount", "ipc", "uts", "network"), ...change.linux },
			...change.more,
		};
		// busybox' shell knows its other names itself.
		writeFileSync(`${path}/config.json`, JSON.stringify(config));
		if (this.as.length > 0) must(["chown", "-R", `${this.owner}:${this.owner}`, path]);
		return path;
	}

	/** Of the bundle made last; another in every world. */
	id(): string {
		return `small-${this.folder.slice(-6)}-${this.made}`;
	}

	/** Runs a bundle in the foreground to its end. */
	run(change: BundleChange, ...options: readonly string[]): Promise<Result> {
		return this.call(["run", ...options, "--bundle", this.bundle(change), this.id()]);
	}

	/** Starts a container that stays. @returns its id and pid. @throws when it does not start */
	async start(change: BundleChange = {}): Promise<{ readonly id: string; readonly pid: number }> {
		const bundle = this.bundle(change);
		const id = this.id();
		const log = `${bundle}/log`;
		const { exitCode } = Bun.spawnSync(this.command("--log", log, "run", "-d", "--bundle", bundle, id), {
			stdin: "ignore",
			stdout: "ignore",
			stderr: "ignore",
		});
		if (exitCode !== 0) throw new Error(`status ${exitCode}: ${await Bun.file(log).text()}`);
		const state = JSON.parse((await this.call(["state", id])).stdout) as { pid: number };
		return { id, pid: state.pid };
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const { stdout } = await this.call(["list", "-q"]);
		for (const id of stdout.split("\n")) if (id !== "") await this.call(["delete", "--force", id]);
		rmSync(this.folder, { recursive: true, force: true });
	}
}
