// Builds the image corten/hello as an OCI image layout. The same compiler gives the same bytes, so the image keeps its digest.
// Usage: bun scripts/build-hello.ts FOLDER

import { readFileSync, rmSync } from "node:fs";
import { top } from "./lib/files.ts";
import { writeLayout } from "./lib/oci-layout.ts";
import { writeTar } from "./lib/tar.ts";

const folder = process.argv[2];
if (folder === undefined) {
	console.error("usage: build-hello.ts FOLDER");
	process.exit(1);
}
const program = `${folder}.program`;
// -fno-tree-loop-distribute-patterns: or gcc makes memset of memset's own loop.
const flags = "-std=gnu11 -Os -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-pie -no-pie -fno-builtin -nostdlib -static";
const strip = "-s -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -Wl,--build-id=none -Wl,-z,noexecstack";
const gcc = Bun.spawnSync(["gcc", ...flags.split(" "), ...strip.split(" "), `${top}/src/hello/hello.c`, "-o", program], {
	stderr: "inherit",
});
if (gcc.exitCode !== 0) process.exit(1);

rmSync(folder, { recursive: true, force: true });
writeLayout(folder, {
	refName: "docker.io/corten/hello:latest",
	// The empty folders are where a container's own mounts go; without them its start would have to make them.
	layers: [
		writeTar([
			...["dev/", "etc/", "proc/", "sys/"].map((path) => ({ path, kind: "folder" as const })),
			{ path: "hello", kind: "file", mode: 0o755, data: new Uint8Array(readFileSync(program)) },
		]),
	],
	config: {
		Entrypoint: ["/hello"],
		Env: ["PATH=/"],
		Labels: {
			"org.opencontainers.image.title": "hello",
			"org.opencontainers.image.description": "prints what a process sees inside a container",
			"org.opencontainers.image.licenses": "Apache-2.0",
		},
	},
});
rmSync(program);
