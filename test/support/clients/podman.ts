// podman and buildah with storage of their own, without any of the machine's configuration.

import { mkdirSync, writeFileSync } from "node:fs";
import type { Result, RunOptions } from "../corten.ts";
import { fixture } from "../fixture.ts";
import { type RuntimeName, runtimes, Scratch } from "./scratch.ts";

/** podman with one runtime. */
export type Podman = {
	readonly world: Scratch;
	podman(args: readonly string[], options?: RunOptions): Promise<Result>;
	/** As `podman`, of a command that has to succeed. @returns its output, trimmed */
	must(...args: readonly string[]): Promise<string>;
	/** `buildah ARGS...` on the same storage; the first word is the command, which also gets the runtime. */
	buildah(command: string, args: readonly string[]): Promise<Result>;
};

/** Makes the storage and loads the busybox image into it. */
export async function startPodman(runtime: RuntimeName): Promise<Podman> {
	const folder = new Scratch("podman");
	const path = folder.folder;
	const configuration = {
		CONTAINERS_CONF: `${path}/containers.conf`,
		CONTAINERS_STORAGE_CONF: `${path}/storage.conf`,
		BUILDAH_ISOLATION: "oci",
	};
	const [storage, policy] = [
		["--root", `${path}/root`, "--runroot", `${path}/runroot`],
		["--signature-policy", `${path}/policy.json`],
	];
	mkdirSync(`${path}/tmp`);
	// Limits that need no raising: not every machine's root may.
	writeFileSync(configuration.CONTAINERS_CONF, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
	writeFileSync(
		configuration.CONTAINERS_STORAGE_CONF,
		`[storage]\ndriver = "overlay"\nrunroot = "${path}/runroot"\ngraphroot = "${path}/root"\n`,
	);
	writeFileSync(`${path}/policy.json`, '{"default":[{"type":"insecureAcceptAnything"}]}');
	writeFileSync(`${path}/registries.conf`, 'unqualified-search-registries = ["docker.io"]\n');
	const env = { ...folder.environment, ...configuration, CONTAINERS_REGISTRIES_CONF: `${path}/registries.conf` };
	const common = ["--tmpdir", `${path}/tmp`, "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", runtimes[runtime]];
	const podman = (args: readonly string[], options?: RunOptions) =>
		folder.run(["podman", ...storage, ...common, ...args], { env, ...options });
	const must = async (...args: readonly string[]) => {
		const result = await podman(args);
		if (result.status !== 0) throw new Error(`podman ${args.join(" ")}: status ${result.status}\n${result.stdout}${result.stderr}`);
		return result.stdout.trim();
	};
	const buildah = (command: string, args: readonly string[]) => {
		const takesRuntime = ["bud", "run"].includes(command) ? ["--runtime", runtimes[runtime], "--isolation", "oci"] : [];
		return folder.run(["buildah", ...storage, command, ...takesRuntime, ...args], { env });
	};
	try {
		await must("load", "-q", "-i", `${fixture("busybox")}/docker.tar`, ...policy);
		return { world: folder, podman, must, buildah };
	} catch (error) {
		await folder[Symbol.asyncDispose]();
		throw error;
	}
}
