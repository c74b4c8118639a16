// The OCI runtimes side by side over one bundle: run, create+start+delete, exec, and the smallest memory limit a container starts under.

import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { top } from "../test/support/corten.ts";
import { must } from "../test/support/must.ts";
import { installed } from "../test/support/skip.ts";
import { type Candidate, measure, type Timing } from "./measure.ts";

/** name -> its command line up to the command. */
type Runtimes = ReadonlyMap<string, readonly string[]>;

/** What the three benches found, and the smallest limits in KiB. */
export type RuntimeFigures = {
	readonly tables: readonly { readonly title: string; readonly timings: ReadonlyMap<string, Timing> }[];
	readonly memoryKib: ReadonlyMap<string, number>;
	/** Names and PSS of what is resident beside the payload after `start`. */
	readonly resident: readonly string[];
};

type Config = { linux: { resources: Record<string, unknown> } };

function runtimes(folder: string): Runtimes {
	const found = new Map<string, readonly string[]>([["corten-runtime", [`${top}/build/corten-runtime`, "--root", `${folder}/rt-corten`]]]);
	for (const name of ["crun", "runc"]) if (installed(name)) found.set(name, [name, "--root", `${folder}/rt-${name}`]);
	return found;
}

/** A bundle that all three take: the default config.json of `spec` with another command. @returns its folder */
function makeBundle(folder: string, name: string, rootfs: string, args: readonly string[], change?: (config: Config) => void): string {
	const bundle = `${folder}/bundle-${name}`;
	mkdirSync(bundle, { recursive: true });
	must(["sh", "-c", `rm -f config.json; ${installed("runc") ? "runc" : `${top}/build/corten-runtime`} spec`], { cwd: bundle });
	const config = JSON.parse(readFileSync(`${bundle}/config.json`, "utf8"));
	config.root = { path: rootfs, readonly: true };
	Object.assign(config.process, { args, terminal: false });
	change?.(config);
	writeFileSync(`${bundle}/config.json`, JSON.stringify(config));
	return bundle;
}

/** Measures all runtimes that are installed. */
export async function benchRuntimes(folder: string, rootfs: string, rounds: number): Promise<RuntimeFigures> {
	const all = runtimes(folder);
	const id = (name: string) => `corten-bench-${name}-${process.pid}`;
	const quick = makeBundle(folder, "true", rootfs, ["true"]);
	const candidates = (line: (base: readonly string[], name: string) => readonly string[]): Candidate[] =>
		[...all].map(([name, base]) => ({ name, command: line(base, name), every: name === "runc" ? 2 : 1 }));
	const run = await measure(
		candidates((base, name) => [...base, "run", "--bundle", quick, id(name)]),
		rounds,
	);
	const script = 'set -e; b=$1 i=$2; shift 2; "$@" create --bundle $b $i </dev/null >/dev/null 2>&1; "$@" start $i; "$@" delete --force $i';
	const steps = await measure(
		candidates((base, name) => ["sh", "-c", script, "sh", quick, id(name), ...base]),
		rounds,
	);
	const sleeping = makeBundle(folder, "sleep", rootfs, ["sleep", "1000"]);
	for (const [name, base] of all)
		must(["sh", "-c", '"$@" </dev/null >/dev/null 2>&1', "sh", ...base, "run", "--detach", "--bundle", sleeping, id(name)], {
			cwd: folder,
		});
	try {
		const exec = await measure(
			candidates((base, name) => [...base, "exec", id(name), "true"]),
			rounds,
		);
		const tables = [
			{ title: "run", timings: run },
			{ title: "create + start + delete", timings: steps },
			{ title: "exec", timings: exec },
		];
		return { tables, memoryKib: smallestLimits(all, folder, rootfs, id), resident: resident(folder) };
	} finally {
		for (const [name, base] of all) must([...base, "delete", "--force", id(name)]);
	}
}

/** Processes that stay in the folder the containers were started in, and so are no payload: there should be none. */
function resident(folder: string): string[] {
	const found: string[] = [];
	for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
		try {
			if (readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)) found.push(readFileSync(`/proc/${pid}/comm`, "utf8").trim());
		} catch {
			// it has ended
		}
	}
	return found;
}

/** The smallest memory.limit in KiB under which `true` still runs, by halving. */
function smallestLimits(all: Runtimes, folder: string, rootfs: string, id: (name: string) => string): Map<string, number> {
	const found = new Map<string, number>();
	for (const [name, base] of all) {
		let [fails, works] = [0, 65_536];
		while (works - fails > Math.max(16, works >> 4)) {
			const limit = (works + fails) >> 1;
			const bundle = makeBundle(folder, "small", rootfs, ["true"], (config) => {
				config.linux.resources = { ...config.linux.resources, memory: { limit: limit * 1024 } };
			});
			const tried = Bun.spawnSync([...base, "run", "--bundle", bundle, `${id(name)}-small`], { stdout: "ignore", stderr: "ignore" });
			Bun.spawnSync([...base, "delete", "--force", `${id(name)}-small`], { stdout: "ignore", stderr: "ignore" });
			if (tried.exitCode === 0) works = limit;
			else fails = limit;
		}
		found.set(name, works);
	}
	return found;
}
