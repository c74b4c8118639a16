// A dockerd with a containerd of its own, which knows both runtimes, and docker as its client.

import type { Result, RunOptions } from "../corten.ts";
import { fixture } from "../fixture.ts";
import { busyboxName } from "../fixtures/busybox.ts";
import { type RuntimeName, runtimes, Scratch } from "./scratch.ts";

/** A dockerd that has the busybox image. `end` of its world stops it. */
export type Docker = {
	readonly world: Scratch;
	/** Runs `docker ARGS...`. */
	docker(args: readonly string[], options?: RunOptions): Promise<Result>;
};

/** docker on containers of one runtime. */
export class DockerWith {
	readonly runtime: RuntimeName;
	readonly engine: Docker;

	constructor(runtime: RuntimeName, engine: Docker) {
		this.runtime = runtime;
		this.engine = engine;
	}

	/** A container's name that the other runtime's does not collide with. */
	named(name: string): string {
		return `${this.runtime}-${name}`;
	}

	/** Runs `docker ARGS...`; status and both outputs, in which the names of containers are without the runtime's. */
	async docker(args: readonly string[], options?: RunOptions): Promise<Result> {
		const { status, stdout, stderr } = await this.engine.docker(args, options);
		return { status, stdout: this.plain(stdout), stderr: this.plain(stderr) };
	}

	/** As `docker`, of a command that has to succeed. @returns its output, trimmed */
	async must(...args: readonly string[]): Promise<string> {
		const result = await this.docker(args);
		if (result.status !== 0) throw new Error(`docker ${args.join(" ")}: status ${result.status}\n${result.stdout}${result.stderr}`);
		return result.stdout.trim();
	}

	/** `docker run --rm` of a script. */
	run(options: readonly string[], script: string, runOptions?: RunOptions): Promise<Result> {
		return this.docker(["run", "--rm", "--runtime", this.runtime, ...options, "busybox", "sh", "-c", script], runOptions);
	}

	/** `docker run -d` of a script. @returns the container's name, for further commands */
	async detached(name: string, options: readonly string[], script: string): Promise<string> {
		const id = await this.must(
			"run",
			"-d",
			"--runtime",
			this.runtime,
			"--name",
			this.named(name),
			...options,
			"busybox",
			"sh",
			"-c",
			script,
		);
		this.engine.world.ids.push(id);
		return this.named(name);
	}

	/** One field of `docker inspect`. */
	inspect(name: string, format: string): Promise<string> {
		return this.must("inspect", "--format", format, name);
	}

	private plain(text: string): string {
		// What docker says of machines that forward nothing, as new ones do not.
		return text.replaceAll(`${this.runtime}-`, "").replace("WARNING: IPv4 forwarding is disabled. Networking will not work.\n", "");
	}
}

/** Starts dockerd below a folder of its own; neither a bridge nor a firewall rule is made. */
export async function startDocker(options: readonly string[] = [], base?: string): Promise<Docker> {
	const world = new Scratch("docker", {}, base);
	const { folder } = world;
	const socket = `unix://${folder}/docker.sock`;
	const docker: Docker = {
		world,
		docker: (args, runOptions) => world.run(["docker", "-H", socket, ...args], runOptions),
	};
	const command = [
		...["dockerd", "-H", socket, "--data-root", `${folder}/data`, "--exec-root", `${folder}/exec`, "--pidfile", `${folder}/pid`],
		...["--config-file", `${folder}/none.json`, "--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"],
		...["--ip-masq=false", "--cgroup-parent", `/${world.name}`, "--add-runtime", `corten=${runtimes.corten}`, ...options],
	];
	try {
		await Bun.write(`${folder}/none.json`, "{}");
		await world.start("dockerd", command, async () => (await docker.docker(["version"])).status === 0);
		await world.must(["docker", "-H", socket, "load", "-q", "-i", `${fixture("busybox")}/docker.tar`]);
		await world.must(["docker", "-H", socket, "tag", busyboxName.replace("docker.io/library/", ""), "busybox:test"]);
		return docker;
	} catch (error) {
		await world[Symbol.asyncDispose]();
		throw error;
	}
}
