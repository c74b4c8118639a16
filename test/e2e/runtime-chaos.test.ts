// Any process of the runtime can be killed at any moment: afterwards `delete --force` ends, and nothing of the container is left. Several
// containers at once go through create, start, exec and delete; in each life one process is killed by SIGKILL at a random moment.
// CORTEN_CHAOS_KILLS says how many kills there are to be (10,000 for the whole proof).

import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";
import { cgroupsOf, mountsOf } from "../support/leftovers.ts";
import { must } from "../support/must.ts";
import { testWhen } from "../support/skip.ts";

const kills = Number(process.env.CORTEN_CHAOS_KILLS ?? 300);
const atOnce = 6;
const runtime = process.env.CORTEN_CLIENT_RUNTIME ?? `${top}/build/corten-runtime`;
const isRoot = process.getuid?.() === 0;

const folder = mkdtempSync(`${tmpdir()}/corten-kills-`);
const world = folder.slice(folder.lastIndexOf("/") + 1);
const root = `${folder}/state`;

beforeAll(() => {
	if (!isRoot) return;
	must(["umoci", "unpack", "--image", `${fixture("busybox")}/oci:${busyboxName}`, `${folder}/image`]);
	must([runtime, "spec"], { cwd: mkdir(`${folder}/template`) });
});
afterAll(() => {
	for (const path of cgroupsOf([world]).reverse()) Bun.spawnSync(["rmdir", path], { stderr: "ignore" });
	rmSync(folder, { recursive: true, force: true });
});

function mkdir(path: string): string {
	mkdirSync(path, { recursive: true });
	return path;
}

/** A bundle on the common root filesystem, whose payload can be told by its arguments. */
function makeBundle(id: string): string {
	const bundle = mkdir(`${folder}/bundles/${id}`);
	const config = JSON.parse(readFileSync(`${folder}/template/config.json`, "utf8"));
	config.process = { ...config.process, terminal: false, args: ["sh", "-c", `: ${id}-payload; sleep 1000 & sleep 1000`] };
	config.root = { path: `${folder}/image/rootfs`, readonly: true };
	config.linux.cgroupsPath = `/${world}/${id}`;
	writeFileSync(`${bundle}/config.json`, JSON.stringify(config));
	return bundle;
}

type Child = { readonly pid: number; readonly exited: Promise<number>; readonly exitCode: number | null };

const command = (...words: readonly string[]) => [runtime, "--root", root, "--log", `${folder}/log`, ...words];
const start = (...words: readonly string[]): Child =>
	Bun.spawn(command(...words), { stdin: "ignore", stdout: "ignore", stderr: "ignore", cwd: folder });

/** The process and what it has started, as far as it is the runtime and not yet the container's program. */
function ours(pid: number): number[] {
	try {
		const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
		return [pid, ...children.flatMap(ours)];
	} catch {
		return [];
	}
}

/** Kills one of a command's processes after a while. @returns whether it met one */
async function killWithin(child: Child, afterMs: number): Promise<boolean> {
	await Promise.race([Bun.sleep(afterMs), child.exited]);
	const alive = ours(child.pid);
	const victim = alive[Math.floor(Math.random() * alive.length)];
	if (child.exitCode !== null || victim === undefined) return false;
	try {
		process.kill(victim, "SIGKILL");
		// A killed process still ends the system call it is in, a mkdir of the container's folder too: dead is who has been waited for.
		if (victim === child.pid) await child.exited;
		return true;
	} catch {
		return false;
	}
}

/** Processes whose command line names the container: its payload, and commands of the runtime on it. */
function processesOn(id: string): string[] {
	const found: string[] = [];
	for (const name of readdirSync("/proc")) {
		if (!/^\d+$/.test(name)) continue;
		try {
			const words = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
			if (words.includes(`${id}-payload`) || (words.includes(root) && words.includes(id))) found.push(`process ${name}: ${words}`);
		} catch {
			// it ended
		}
	}
	return found;
}

const cgroupTops = readFileSync("/proc/self/mountinfo", "utf8")
	.split("\n")
	.filter((line) => / - cgroup2? /.test(line))
	.map((line) => line.split(" ")[4] ?? "");

/** What is left of a container that was deleted. */
function leftOf(id: string): string[] {
	return [
		...processesOn(id),
		...cgroupTops.map((path) => `${path}/${world}/${id}`).filter((path) => existsSync(path)),
		...(existsSync(`${root}/${id}`) ? [`${root}/${id}`] : []),
	];
}

/** How long the steps take here, so that the kills are spread over them. */
const lengthMs = { create: 60, start: 40, exec: 60, delete: 40 };
const steps = ["create", "start", "exec", "delete"] as const;

/** One container's life with a kill in it. @returns what went wrong, and whether the kill met a process */
async function live(id: string): Promise<{ readonly met: boolean; readonly troubles: string[] }> {
	const bundle = makeBundle(id);
	const fatal = steps[Math.floor(Math.random() * steps.length)] ?? "create";
	let met = false;
	for (const step of steps) {
		const words = {
			create: ["--bundle", bundle, id],
			start: [id],
			exec: [id, "sleep", Math.random() < 0.5 ? "1000" : "0"],
			delete: ["--force", id],
		};
		if (step === "exec" && fatal !== "exec") continue;
		const child = start(step, ...words[step]);
		if (step !== fatal) {
			await child.exited;
			continue;
		}
		met = await killWithin(child, Math.random() * lengthMs[step]);
		break;
	}
	const ended = await run(command("delete", "--force", id), { timeoutMs: 30_000 }).catch((error: Error) => error);
	const troubles = ended instanceof Error ? [ended.message] : ended.status === 0 ? [] : [`delete: status ${ended.status}: ${ended.stderr}`];
	// What a killed command has left to end by itself does so at once: its parent's death reaches it.
	for (let round = 0; round < 100 && leftOf(id).length > 0; round++) await Bun.sleep(10);
	rmSync(bundle, { recursive: true, force: true });
	return { met, troubles: [...troubles, ...leftOf(id)].map((trouble) => `${fatal} of ${id}: ${trouble}`) };
}

testWhen(isRoot, "it needs root")(
	`${kills} kills during create, start, exec and delete: delete --force ends and leaves nothing`,
	async () => {
		const troubles: string[] = [];
		let [next, met] = [0, 0];
		await Promise.all(
			Array.from({ length: atOnce }, async () => {
				while (met < kills && next < kills * 12 && troubles.length < 20) {
					const life = await live(`k${world.slice(-6)}n${next++}`);
					if (life.met) met++;
					troubles.push(...life.troubles);
					if (next % 1000 === 0) console.log(`${next} lives, ${met} kills`);
				}
			}),
		);
		expect(troubles).toEqual([]);
		expect(met).toBeGreaterThanOrEqual(kills);
		expect(readdirSync(root)).toEqual([]);
		expect(mountsOf(folder)).toEqual([]);
	},
	Math.max(120_000, kills * 200),
);

testWhen(isRoot, "it needs root")("a life without a kill succeeds in every step and leaves nothing either", async () => {
	const id = `k${world.slice(-6)}whole`;
	const lines = [
		["create", "--bundle", makeBundle(id), id],
		["start", id],
		["exec", id, "true"],
		["delete", "--force", id],
	];
	for (const words of lines) expect([words[0], await start(...words).exited]).toEqual([words[0], 0]);
	expect(leftOf(id)).toEqual([]);
});
