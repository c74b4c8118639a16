// make bench: corten beside the floor (what the kernel alone needs), crun, runc, podman and docker, in one run and in turns.
// Everything happens below one temporary folder and in a mount namespace of its own, and is removed at the end.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { top } from "../test/support/corten.ts";
import { fixture } from "../test/support/fixture.ts";
import { busyboxName } from "../test/support/fixtures/busybox.ts";
import { remove } from "../test/support/leftovers.ts";
import { must } from "../test/support/must.ts";
import { installed } from "../test/support/skip.ts";
import { benchImages } from "./images.ts";
import { type Candidate, type Goal, goalRows, measure, median, printGoals, printTable, round, timingRows } from "./measure.ts";
import { bareRuntime, cortenEngine, dockerEngine, type Engine, podmanEngine } from "./peers.ts";
import { benchRuntimes } from "./runtime.ts";

if (process.argv.includes("units")) {
	console.log(`corten bench: Linux ${release()}, ${cpus().length} processors, ${cpus()[0]?.model}`);
	const { benchUnits } = await import("./units.ts");
	await benchUnits(process.argv.includes("quick"));
	process.exit(0);
}

// crun refuses hybrid cgroups (v1 with a v2 folder beside it); without the v2 folder it takes the machine for v1. The mount goes away
// only in here: the namespace is ours.
if (process.argv[2] !== "inside") {
	const script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';
	const again = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", process.execPath, import.meta.path, "inside"];
	process.exit(Bun.spawnSync([...again, ...process.argv.slice(2)], { stdio: ["ignore", "inherit", "inherit"] }).exitCode);
}

const quick = process.argv.includes("quick");
const rounds = quick ? 11 : 41;
const folder = mkdtempSync(`${tmpdir()}/corten-bench-`);
const engines: Engine[] = [];
const columns = ["", "median ms", "best ms", "of floor", "runs", "peak MiB"];

/** The busybox image as a folder, for those who have no images. */
function unpackRootfs(): string {
	const rootfs = `${folder}/rootfs`;
	if (existsSync(rootfs)) return rootfs;
	mkdirSync(rootfs);
	must(["sh", "-c", `skopeo --insecure-policy copy -q oci:${fixture("busybox")}/oci:${busyboxName} dir:${folder}/dir`]);
	const layer = JSON.parse(readFileSync(`${folder}/dir/manifest.json`, "utf8")).layers[0].digest.replace("sha256:", "");
	must(["tar", "-xzf", `${folder}/dir/${layer}`, "-C", rootfs]);
	return rootfs;
}

async function benchStart(): Promise<void> {
	const rootfs = unpackRootfs();
	for (const name of ["floor/upper", "floor/work", "floor/stage"]) mkdirSync(`${folder}/${name}`, { recursive: true });
	const floor = [`${top}/build/floor`, rootfs, `${folder}/floor/upper`, `${folder}/floor/work`, `${folder}/floor/stage`, "/bin/true"];

	const candidates: Candidate[] = [{ name: "floor", command: floor }];
	for (const engine of [...engines]) {
		const file = `${fixture("busybox")}/docker.tar`;
		const loaded = Bun.spawnSync([...engine.load, engine.name === "corten" ? `docker-archive:${file}` : file], {
			stdout: "ignore",
			stderr: "pipe",
		});
		if (loaded.exitCode !== 0) {
			console.log(`${engine.name}: left out, it cannot load an image here: ${loaded.stderr.toString().trim().split("\n").at(-1)}`);
			engines.splice(engines.indexOf(engine), 1);
			await engine.stop();
			continue;
		}
		const command = [...engine.run, "busybox", "true"];
		candidates.push({ name: engine.name, command, ...(engine.name === "corten" ? {} : { every: 5 }) });
		if (engine.name === "corten") candidates.push({ name: "corten version", command: [`${top}/build/corten`, "version"] });
	}
	for (const name of ["crun", "runc"] as const) {
		const command = bareRuntime(name, folder, rootfs);
		if (command !== undefined) candidates.push({ name, command, every: name === "crun" ? 1 : 2 });
	}
	const timings = await measure(candidates, rounds);
	printTable("One start, image in the store, no network (busybox true)", columns, timingRows(timings, "floor"));
	printGoals(
		goalRows(timings, [
			["corten", "crun", 1.3],
			["corten", "podman", 0.08],
			["corten", "docker", 0.06],
			["corten", "floor", 4],
		]),
	);
	if (timings.has("corten")) printPhases(quick ? 10 : 40);
}

/** What corten and launch say of themselves with --log-level debug, medians; what is missing to the whole is the kernel's: exec and exit. */
function printPhases(rounds: number): void {
	const [binary = "", ...rest] = engines[0]?.run ?? [];
	const phases = new Map<string, number[]>();
	for (let round = 0; round < rounds; round++) {
		const run = Bun.spawnSync([binary, "--log-level", "debug", ...rest, "busybox", "true"], { stdout: "ignore", stderr: "pipe" });
		for (const [, program, line = ""] of run.stderr.toString().matchAll(/debug: (corten|launch): (.*)/g)) {
			for (const [, phase, us] of line.matchAll(/(\w+) (\d+) us/g)) {
				const name = `${program}: ${phase}`;
				phases.set(name, [...(phases.get(name) ?? []), Number(us) / 1000]);
			}
		}
	}
	const words: Readonly<Record<string, string>> = {
		"corten: program": "Bun starts, the command line is parsed",
		"corten: image": "options are decoded, the image is found",
		"corten: bundle": "facts of the machine, config.json",
		"corten: folder": "the container's folder, lock and name",
		"corten: plan": "compiled and encoded",
		"launch: host": "cgroups, clone into new namespaces",
		"launch: root": "root filesystem, mounts, limits",
		"launch: exec": "device rules, pid, seccomp, execve",
		"launch: payload": "the payload itself, and the end of its namespaces",
		"launch: removal": "cgroups, name, folder",
	};
	const rows = [...phases].map(([name, values]) => [name, words[name] ?? "", round(median(values))]);
	printTable("Where corten's milliseconds go (medians)", ["", "", "ms"], rows);
}

/** The OCI runtimes over one bundle. */
async function benchRuntime(): Promise<void> {
	const { tables, memoryKib, resident } = await benchRuntimes(folder, unpackRootfs(), rounds);
	for (const { title, timings } of tables) {
		printTable(`OCI runtimes: ${title}`, ["", "median ms", "best ms", "of crun", "runs", "peak MiB"], timingRows(timings, "crun"));
		const goals: Goal[] = [["corten-runtime", "crun", title === "exec" ? 1.5 : 1]];
		if (title !== "exec") goals.push(["corten-runtime", "runc", 0.35]);
		printGoals(goalRows(timings, goals));
	}
	const limits = [...memoryKib].map(([name, kib]) => [name, round(kib / 1024)]);
	printTable("Smallest memory limit under which a container starts (goal: at most 1 MiB)", ["", "MiB"], limits);
	console.log(`\nOf ours resident after start (goal: nothing): ${resident.length === 0 ? "nothing" : resident.join(", ")}`);
}

/** What stays resident for one detached container: the process that is the payload's parent. */
async function benchResident(): Promise<void> {
	const rows: string[][] = [];
	for (const engine of engines) {
		const started = Bun.spawnSync([...engine.start, "busybox", "sleep", "100"], { stdout: "pipe", stderr: "pipe" });
		const id = started.stdout.toString().trim().split("\n").at(-1) ?? "";
		if (started.exitCode !== 0) {
			console.log(`${engine.name}: cannot start a detached container: ${started.stderr.toString().trim()}`);
			continue;
		}
		try {
			const pid = must([...engine.pid, id])
				.toString()
				.trim();
			const parent = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
			const pss = /^Pss:\s*(\d+)/m.exec(readFileSync(`/proc/${parent}/smaps_rollup`, "utf8"))?.[1];
			rows.push([engine.name, readFileSync(`/proc/${parent}/comm`, "utf8").trim(), `${round(Number(pss) / 1024)}`]);
		} finally {
			must([...engine.remove, id]);
		}
	}
	printTable("Resident for one detached container (goal: at most 0.15 MiB)", ["", "process", "PSS MiB"], rows);
}

/** Parents of containers' cgroups that podman and dockerd make and leave. */
function peerCgroups(): string[] {
	const tops = ["/sys/fs/cgroup", ...readdirSync("/sys/fs/cgroup").map((name) => `/sys/fs/cgroup/${name}`)];
	return tops.flatMap((path) => [`${path}/docker`, `${path}/libpod_parent`]).filter((path) => existsSync(path));
}

/** Removes a cgroup and those below it, as far as they are empty. */
function removeEmpty(cgroup: string): void {
	for (const entry of readdirSync(cgroup, { withFileTypes: true })) if (entry.isDirectory()) removeEmpty(`${cgroup}/${entry.name}`);
	try {
		rmdirSync(cgroup);
	} catch {
		// somebody uses it by now
	}
}

async function benchEngines(): Promise<void> {
	engines.push(cortenEngine(`${top}/build/corten`, folder));
	const podman = podmanEngine(folder);
	if (podman !== undefined) engines.push(podman);
	const docker = await dockerEngine(folder);
	if (docker !== undefined) engines.push(docker);
	for (const name of ["crun", "runc", "podman", "docker"]) if (!installed(name)) console.log(`${name}: not installed (make peers)`);
	if (process.argv.includes("images")) return await benchImages(folder, engines, quick);
	await benchStart();
	await benchResident();
	if (!process.argv.includes("start-only")) await benchImages(folder, engines, quick);
	await benchRuntime();
}

const cgroupsBefore = peerCgroups();
console.log(`corten bench: Linux ${release()}, ${cpus().length} processors, ${cpus()[0]?.model}`);
try {
	if (process.argv.includes("runtime-only")) await benchRuntime();
	else await benchEngines();
} finally {
	for (const engine of engines) await engine.stop();
	for (const cgroup of peerCgroups().filter((path) => !cgroupsBefore.includes(path))) removeEmpty(cgroup);
	await remove(folder);
	rmSync(folder, { recursive: true, force: true });
}
