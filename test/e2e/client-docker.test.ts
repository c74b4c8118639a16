// Docker does not notice that corten-runtime is not runc: a dockerd of Debian's, with everything it keeps in a temporary folder, runs
// each case under both, and what a user sees is the same.

import { afterAll, beforeAll, describe, expect } from "bun:test";
import { type Docker, DockerWith, startDocker } from "../support/clients/docker.ts";
import { dockerLife } from "../support/clients/docker-life.ts";
import { dockerOptions, dockerRefusals } from "../support/clients/docker-options.ts";
import { lacks, type RuntimeName } from "../support/clients/scratch.ts";
import { testWhen } from "../support/skip.ts";

const reason = lacks("docker", "dockerd", "containerd");
const whenDocker = testWhen(reason === undefined, reason ?? "");
let engine: Docker;

beforeAll(async () => {
	if (reason === undefined) engine = await startDocker();
});
afterAll(() => engine?.world[Symbol.asyncDispose]());

/** What a case shows under each of the runtimes; they work side by side. */
async function both<T>(observe: (docker: DockerWith) => Promise<T>): Promise<Record<RuntimeName, T>> {
	const [corten, runc] = await Promise.all([observe(new DockerWith("corten", engine)), observe(new DockerWith("runc", engine))]);
	return { corten, runc };
}

describe("docker run", () => {
	for (const { options, script, shows, ...rest } of dockerOptions) {
		whenDocker(`${options.join(" ") || "no options"}: ${script}`, async () => {
			const seen = await both((docker) => docker.run(options, script, rest));
			// --privileged on a machine that has not every capability itself: runc refuses, corten-runtime gives what there is.
			if (seen.runc.status === 125 && /operation not permitted/.test(seen.runc.stderr)) {
				expect(seen.corten.stdout).toMatch(/CapEff:\s0000.*[1-9a-f]/);
				return;
			}
			expect(seen.corten).toEqual(seen.runc);
			expect(seen.corten.stdout).toMatch(shows);
		});
	}
	for (const { options, command, status, says } of dockerRefusals) {
		whenDocker(`${options.join(" ")} ${command.join(" ")}: status ${status}`, async () => {
			const seen = await both((docker) => docker.docker(["run", "--rm", "--runtime", docker.runtime, ...options, "busybox", ...command]));
			expect([seen.corten.status, seen.runc.status]).toEqual([status, status]);
			expect(seen.runc.stderr).toMatch(says);
			expect(seen.corten.stderr).toMatch(says);
		});
	}
});

describe("a container's life under docker", () => {
	for (const { name, observe, shows } of dockerLife) {
		whenDocker(name, async () => {
			const seen = await both(observe);
			expect(seen.corten).toEqual(seen.runc);
			expect(seen.corten).toEqual(shows);
		});
	}
});

describe("afterwards", () => {
	whenDocker("docker rm -f and the daemon's end leave nothing on the machine", async () => {
		const ids = (await engine.docker(["ps", "-aq"])).stdout.split("\n").filter((id) => id !== "");
		if (ids.length > 0) await engine.docker(["rm", "-f", ...ids]);
		// dockerd itself leaves the namespace of --network host behind; the world unmounts it.
		const left = await engine.world.end();
		expect(left.filter((line) => !line.endsWith("/netns/default"))).toEqual([]);
	});
});
