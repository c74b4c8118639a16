// podman and buildah do not notice that corten-runtime is not runc: each case runs under both, with storage in temporary folders.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { type Podman, startPodman } from "../support/clients/podman.ts";
import { podmanLife, podmanOptions } from "../support/clients/podman-cases.ts";
import { lacks } from "../support/clients/scratch.ts";
import { testWhen } from "../support/skip.ts";

const reason = lacks("podman", "conmon", "buildah");
const whenPodman = testWhen(reason === undefined, reason ?? "");
let engines: readonly [Podman, Podman] | undefined;

beforeAll(async () => {
	if (reason === undefined) engines = await Promise.all([startPodman("corten"), startPodman("runc")]);
});
afterAll(async () => {
	for (const { world } of engines ?? []) await world[Symbol.asyncDispose]();
});

/** What a case shows under corten-runtime and under runc. */
async function both<T>(observe: (podman: Podman) => Promise<T>): Promise<readonly [T, T]> {
	if (engines === undefined) throw new Error("podman is not there");
	return Promise.all([observe(engines[0]), observe(engines[1])]);
}

describe("podman run", () => {
	for (const { options, script, shows, input } of podmanOptions) {
		whenPodman(`${options.join(" ") || "no options"}: ${script}`, async () => {
			const given = input === undefined ? {} : { input };
			const [corten, runc] = await both((podman) =>
				podman.podman(["run", "--rm", "--network", "none", ...options, "busybox", "sh", "-c", script], given),
			);
			expect(corten).toEqual(runc);
			expect(corten.stdout).toMatch(shows);
		});
	}
	for (const [command, status] of [
		["nosuch", 127],
		["/etc/not-executable", 126],
		["/etc", 126],
	] as const) {
		whenPodman(`${command}: status ${status}`, async () => {
			const [corten, runc] = await both((podman) => podman.podman(["run", "--rm", "--network", "none", "busybox", command]));
			expect([corten.status, runc.status]).toEqual([status, status]);
			expect(corten.stderr).toMatch(/no such file or directory|executable file not found|permission denied/);
		});
	}
});

describe("a container's life under podman", () => {
	for (const { name, observe, shows } of podmanLife) {
		whenPodman(name, async () => {
			const [corten, runc] = await both(observe);
			expect(corten).toEqual(runc);
			expect(corten).toEqual(shows);
		});
	}
});

describe("buildah", () => {
	whenPodman("bud and run", async () => {
		const [corten, runc] = await both(async ({ world, buildah, must }) => {
			const context = `${world.folder}/context`;
			mkdirSync(context);
			writeFileSync(
				`${context}/Containerfile`,
				"FROM busybox\nRUN id -u > /made && hostname && test -e /proc/self\nUSER web\nRUN id -un; touch /x 2>&1 || true\n",
			);
			const bud = await buildah("bud", ["--network", "none", "-t", "made", context]);
			const working = await buildah("from", ["--name", "working", "made"]);
			const run = await buildah("run", ["--network", "none", "working", "--", "sh", "-c", "cat /made; exit 7"]);
			const after = await must("run", "--rm", "--network", "none", "made", "cat", "/made");
			return {
				bud: [bud.status, /^web$/m.test(bud.stdout), bud.status === 0 ? "" : bud.stderr],
				working: working.status,
				run: [run.status, run.stdout],
				after,
			};
		});
		expect(corten).toEqual(runc);
		expect(corten).toEqual({ bud: [0, true, ""], working: 0, run: [7, "0\n"], after: "0" });
	});
});

describe("afterwards", () => {
	whenPodman("podman rm -fa leaves nothing on the machine", async () => {
		const [corten] = await both(async ({ must, world, podman }) => {
			await must("pod", "rm", "-fa");
			await must("rm", "-fa");
			await podman(["unshare", "true"]);
			const left = await world.end();
			return left.filter((line) => !/mount .*\/(root\/overlay|netns|shm)/.test(line));
		});
		expect(corten).toEqual([]);
	});
});
