// The engines beside corten, each with folders of its own below one temporary folder and nothing of the machine's own containers
// touched. Those that are not installed, or do not work here, are left out with a word.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { must } from "../test/support/must.ts";
import { installed } from "../test/support/skip.ts";

/** An engine with images: command lines are complete but for what is appended. */
export type Engine = {
	readonly name: string;
	/** Followed by an image and a command: one run that is removed at its end, without a network. */
	readonly run: readonly string[];
	/** Followed by the file of a docker archive. */
	readonly load: readonly string[];
	/** The engine's start of a container that stays: prints its id. Followed by image and command. */
	readonly start: readonly string[];
	/** Followed by an id: prints the payload's pid. */
	readonly pid: readonly string[];
	/** Followed by an id. */
	readonly remove: readonly string[];
	/** Forgets one image. */
	readonly forget: readonly string[];
	/** The option before an image of a registry without TLS. */
	readonly insecure: readonly string[];
	stop(): Promise<void>;
};

const nothing = async () => undefined;

/** corten itself. */
export function cortenEngine(binary: string, folder: string): Engine {
	const base = [binary, "--root", `${folder}/corten`, "--runroot", `${folder}/corten-run`];
	return {
		name: "corten",
		run: [...base, "run", "--rm", "--network", "none"],
		load: [...base, "pull", "--quiet"],
		start: [...base, "run", "-d", "--network", "none"],
		pid: [...base, "inspect", "--format", "{{.State.Pid}}"],
		remove: [...base, "rm", "-f"],
		forget: [...base, "rmi", "-f"],
		insecure: [],
		stop: nothing,
	};
}

/** podman with its own storage; undefined when it is not installed or cannot load an image. */
export function podmanEngine(folder: string): Engine | undefined {
	if (!installed("podman")) return undefined;
	mkdirSync(`${folder}/podman`, { recursive: true });
	const policy = `${folder}/policy.json`;
	writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
	const base = ["podman", "--root", `${folder}/podman/root`, "--runroot", `${folder}/podman/run`, "--storage-driver", "overlay"];
	base.push("--cgroup-manager", "cgroupfs", "--events-backend", "none", "--tmpdir", `${folder}/podman/tmp`);
	// podman's own default raises limits, which a machine without CAP_SYS_RESOURCE refuses.
	const ulimits = ["--ulimit", "nofile=1024", "--ulimit", "nproc=1024"];
	const options = ["--network", "none", "--log-driver", "k8s-file", ...ulimits];
	return {
		name: "podman",
		run: [...base, "run", "--rm", ...options, "--signature-policy", policy],
		load: [...base, "load", "-q", "--signature-policy", policy, "-i"],
		start: [...base, "run", "-d", ...options],
		pid: [...base, "inspect", "--format", "{{.State.Pid}}"],
		remove: [...base, "rm", "-f", "-t", "0"],
		forget: [...base, "rmi", "-f"],
		insecure: ["--tls-verify=false"],
		stop: async () => {
			Bun.spawnSync([...base, "rm", "-fa", "-t", "0"], { stdout: "ignore", stderr: "ignore" });
			Bun.spawnSync([...base, "rmi", "-fa"], { stdout: "ignore", stderr: "ignore" });
		},
	};
}

/** A dockerd of our own, without bridge and firewall rules; undefined when there is none or it does not come up in 30 s. */
export async function dockerEngine(folder: string): Promise<Engine | undefined> {
	if (!installed("dockerd") || !installed("docker")) return undefined;
	const socket = `${folder}/docker.sock`;
	mkdirSync(`${folder}/docker`, { recursive: true });
	const log = Bun.file(`${folder}/docker/log`);
	const daemon = Bun.spawn(
		[
			...["dockerd", "-H", `unix://${socket}`, "--data-root", `${folder}/docker/data`, "--exec-root", `${folder}/docker/exec`],
			...["--pidfile", `${folder}/docker/pid`, "--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"],
			"--ip-masq=false",
		],
		{ stdin: "ignore", stdout: log, stderr: log },
	);
	const stop = async () => {
		daemon.kill("SIGTERM");
		await daemon.exited;
	};
	const base = ["docker", "-H", `unix://${socket}`];
	for (const until = Date.now() + 30_000; Date.now() < until && daemon.exitCode === null; await Bun.sleep(100)) {
		if (Bun.spawnSync([...base, "version"], { stdout: "ignore", stderr: "ignore" }).exitCode !== 0) continue;
		return {
			name: "docker",
			run: [...base, "run", "--rm", "--network", "none"],
			load: [...base, "load", "-q", "-i"],
			start: [...base, "run", "-d", "--network", "none"],
			pid: [...base, "inspect", "--format", "{{.State.Pid}}"],
			remove: [...base, "rm", "-f"],
			forget: [...base, "rmi", "-f"],
			insecure: [],
			stop,
		};
	}
	console.log(`docker: dockerd did not come up: ${(await log.text()).trim().split("\n").slice(-2).join(" | ")}`);
	await stop();
	return undefined;
}

/** A bundle for crun and runc over an unpacked root: their own default config.json with another command. @returns the command line */
export function bareRuntime(name: "crun" | "runc", folder: string, rootfs: string): readonly string[] | undefined {
	if (!installed(name)) return undefined;
	const bundle = `${folder}/${name}-bundle`;
	mkdirSync(bundle, { recursive: true });
	must([name, "spec"], { cwd: bundle });
	const config = JSON.parse(readFileSync(`${bundle}/config.json`, "utf8"));
	config.root = { path: rootfs, readonly: true };
	config.process.args = ["true"];
	config.process.terminal = false;
	writeFileSync(`${bundle}/config.json`, JSON.stringify(config));
	return [name, "--root", `${folder}/${name}-state`, "run", "--bundle", bundle, `corten-bench-${name}-${process.pid}`];
}
