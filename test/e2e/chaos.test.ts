// Promise 2: any process can be killed at any moment, and nothing is lost, leaked or doubled. A thousand runs, every tenth killed
// by SIGKILL at a random moment of its life, some of them detached; afterwards ps and rm must leave the machine as it was.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Home } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";
import { containersOf, leftovers } from "../support/leftovers.ts";

const runs = 1000;
const killEvery = 10;
const atOnce = 6;

const home = new Home();
beforeAll(async () => {
	await home.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
});
afterAll(() => home[Symbol.asyncDispose]());

test(`${runs} runs, every ${killEvery}th killed: nothing lost, leaked or doubled`, async () => {
	const log = `${home.folder}/log`;
	mkdirSync(log);
	writeFileSync(`${log}/runs`, "");
	const ids = new Set<string>();
	const troubles: string[] = [];
	let next = 0;
	let deaths = 0;

	async function one(n: number): Promise<void> {
		const killed = n % killEvery === 0;
		const isDetached = n % 7 === 3;
		const options = isDetached ? ["-d", "--name", `d${n}`] : n % 3 === 0 ? ["--rm"] : ["--name", `f${n}`];
		const script = `echo ${n} >> /log/runs; sleep 0.0${n % 5}; exit ${n % 200}`;
		const command = home.command("run", ...options, "-v", `${log}:/log`, "busybox", "sh", "-c", script);
		const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
		if (killed) setTimeout(() => child.kill("SIGKILL"), Math.random() * 60);
		// A detached payload of a killed start may hold the pipe for a while; the status does not wait for it.
		const status = await child.exited;
		if (child.signalCode === "SIGKILL") deaths++;
		if (!killed && status !== (isDetached ? 0 : n % 200))
			troubles.push(`run ${n}: status ${status}: ${await new Response(child.stderr).text()}`);
		if (n % 50 === 0) for (const id of containersOf(home.folder)) ids.add(id);
	}
	await Promise.all(
		Array.from({ length: atOnce }, async () => {
			for (let n = next++; n < runs; n = next++) await one(n);
		}),
	);
	expect(troubles).toEqual([]);
	expect(deaths).toBeGreaterThan(runs / killEvery / 4);

	for (let round = 0; round < 200 && (await home.must("ps", "-q")) !== ""; round++) await Bun.sleep(25);
	expect(await home.must("ps", "-q")).toBe("");
	for (const id of containersOf(home.folder)) ids.add(id);
	const listed = (await home.must("ps", "-aq", "--no-trunc")).split("\n").filter((id) => id !== "");
	for (let at = 0; at < listed.length; at += 100) await home.must("rm", ...listed.slice(at, at + 100));
	expect(leftovers(home.folder, [...ids])).toEqual([]);

	const count = new Map<number, number>();
	for (const line of readFileSync(`${log}/runs`, "utf8").trimEnd().split("\n")) count.set(Number(line), (count.get(Number(line)) ?? 0) + 1);
	const doubled = [...count].filter(([, times]) => times > 1);
	const lost = Array.from({ length: runs }, (_, n) => n).filter((n) => n % killEvery !== 0 && !count.has(n));
	expect({ doubled, lost }).toEqual({ doubled: [], lost: [] });
	expect(await home.sh([], "echo still well")).toBe("still well");
}, 420_000);
