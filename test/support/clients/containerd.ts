// A containerd of Debian's that keeps everything in a temporary folder, and ctr as its client.

import { mkdirSync, writeFileSync } from "node:fs";
import type { Result, RunOptions } from "../corten.ts";
import { fixture } from "../fixture.ts";
import { busyboxName } from "../fixtures/busybox.ts";
import { type RuntimeName, runtimes, Scratch } from "./scratch.ts";

/** A containerd that has the busybox image. */
export type Containerd = {
	readonly world: Scratch;
	/** Runs `ctr ARGS...`. */
	ctr(args: readonly string[], options?: RunOptions): Promise<Result>;
	/** `ctr run` under one of the runtimes; the container's id is unique to it. */
	run(runtime: RuntimeName, id: string, options: readonly string[], command: readonly string[], runOptions?: RunOptions): Promise<Result>;
};

/** Starts it. The end of its world stops it. */
export async function startContainerd(): Promise<Containerd> {
	const world = new Scratch("containerd");
	const { folder } = world;
	const address = `${folder}/containerd.sock`;
	mkdirSync(`${folder}/root`);
	const lines = [
		"version = 2",
		`root = "${folder}/root"`,
		`state = "${folder}/state"`,
		'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]',
		`[grpc]\naddress = "${address}"`,
		`[plugins."io.containerd.internal.v1.opt"]\npath = "${folder}/opt"`,
	];
	writeFileSync(`${folder}/config.toml`, `${lines.join("\n")}\n`);
	const ctr = (args: readonly string[], options?: RunOptions) => world.run(["ctr", "--address", address, ...args], options);
	const cgroups = (runtime: RuntimeName, id: string) => ["--cgroup", `/${world.name}/${runtime}-${id}`];
	try {
		const isReady = async () => (await ctr(["version"])).status === 0;
		await world.start("containerd", ["containerd", "--config", `${folder}/config.toml`], isReady);
		await world.must(["ctr", "--address", address, "image", "import", `${fixture("busybox")}/docker.tar`]);
		return {
			world,
			ctr,
			run: (runtime, id, options, command, runOptions) => {
				const binary = ["--runc-binary", runtimes[runtime], "--runc-root", `${folder}/${runtime}`, ...cgroups(runtime, id)];
				return ctr(["run", ...binary, ...options, busyboxName, `${runtime}-${id}`, ...command], runOptions);
			},
		};
	} catch (error) {
		await world[Symbol.asyncDispose]();
		throw error;
	}
}
