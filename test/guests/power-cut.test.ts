// The power is cut in the middle of pulls, loads, commits, prunings and collections, again and again over the life of one store. What a command had said is
// done must be there in the next life, and every image must be whole: each carries the sums of its files and checks them itself, in a container.
// Five cuts; 200 by CORTEN_WHOLE=1, n by CORTEN_CUTS=n. CORTEN_CUT_SEED=n: the same commands at the same moments, as far as a machine can.

import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { TarEntry } from "../../scripts/lib/tar.ts";
import { run, top } from "../support/corten.ts";
import { busyboxEntries } from "../support/fixtures/busybox.ts";
import { makeImage, sha256, writeImages } from "../support/images.ts";
import { serveStorage } from "../support/registry.ts";
import { installed, testWhen } from "../support/skip.ts";
import { type CutMachine, type Life, makeCutMachine } from "./cut-machine.ts";

const cuts = Number(process.env.CORTEN_CUTS ?? (process.env.CORTEN_WHOLE === "1" ? 200 : 5));
const seed = Number(process.env.CORTEN_CUT_SEED ?? Date.now() % 1_000_000);
const missing = ["qemu-system-x86_64", "mke2fs", "mmdebstrap", "depmod", "docker-registry"].filter((program) => !installed(program));
const reason =
	process.getuid?.() !== 0
		? "it needs root"
		: process.arch !== "x64"
			? "the guest is for x86-64"
			: missing.length > 0
				? `not installed: ${missing.join(", ")}`
				: undefined;
const inGuest = testWhen(reason === undefined, reason ?? "");

const numbers = [0, 1];
const file = (path: string, data: string | Uint8Array): TarEntry => ({ path, kind: "file", mode: 0o755, data });
const noise = (bytes: number, of: number) => Uint8Array.from({ length: bytes }, (_, at) => (at * (of + 7) * 2654435761) >>> 23);

/** A layer with the sums of its files. */
function summed(name: string, files: readonly TarEntry[]): TarEntry[] {
	const lines = files.map(({ path, data = "" }) => `${sha256(data).slice("sha256:".length)}  /${path}\n`);
	return [{ path: "sums/", kind: "folder" }, file(`sums/${name}`, lines.join("")), ...files];
}

const base = busyboxEntries();
const check = 'cat /sums/* | sha256sum -c -s && [ "$(ls /sums | wc -l)" -ge 3 ]';
const shared = summed(
	"shared",
	Array.from({ length: 120 }, (_, at) => file(`shared-${at}`, noise(4_000 + 300 * at, at))),
);
const bottom = [
	...base,
	...summed(
		"base",
		base.filter(({ kind }) => kind === "file"),
	),
];
const images = numbers.map((at) =>
	makeImage({
		layers: [bottom, shared, summed("own", [file("own", noise(400_000, 1000 + at)), file("number", String(at))])],
		compression: at % 2 === 0 ? "gzip" : "zstd",
	}),
);

/** mount(8) of ext4: as it comes; and with each safety net for careless programs taken away. */
const mounts = ["rw", "commit=1,noauto_da_alloc", "data=writeback,commit=1,noauto_da_alloc"];
const corten = "/share/build/corten --root /mnt/corten --runroot /run/corten";

inGuest(
	`after each of ${cuts} power cuts everything that was done is there and whole (seed ${seed})`,
	async () => {
		const folder = mkdtempSync(`${tmpdir()}/corten-cut-`);
		try {
			await using registry = await serveStorage(`${folder}/registry`, { writable: true });
			const program = [`${top}/build/corten`, "--root", `${folder}/store`, "--runroot", `${folder}/run`];
			writeImages(`${folder}/layout`, Object.fromEntries(images.map((image, at) => [`example.com/loaded:${at}`, image])));
			for (const at of numbers) {
				const from = `oci:${folder}/layout:example.com/loaded:${at}`;
				for (const to of [`docker://${registry.host}/app:${at}`, `docker-archive:${folder}/${at}.tar:example.com/loaded:${at}`])
					expect(await run([...program, "convert", "--tls-verify=false", from, to])).toMatchObject({ status: 0 });
			}
			using machine = await makeCutMachine(
				`${folder}/machine`,
				Object.fromEntries(numbers.map((at) => [`${at}.tar`, `${folder}/${at}.tar`])),
			);
			const history = await live(machine, `${machine.host}:${registry.host.split(":")[1]}/app`);
			process.stdout.write(`power cuts: ${JSON.stringify(history)}\n`);
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
	},
	cuts * 60_000 + 120_000,
);

/** One command of the guest's; `adds` and `removes` are names that are in the store, or not, when it has ended. */
type Job = { readonly kind: string; readonly line: string; readonly adds?: string; readonly removes?: string };

/** All lives of the store, and a last one that only looks. @returns how many cuts hit what, and how many needed a repair */
async function live(machine: CutMachine, app: string): Promise<Record<string, number>> {
	const history: Record<string, number> = {};
	const count = (what: string) => {
		history[what] = (history[what] ?? 0) + 1;
	};
	let state = seed;
	const below = (limit: number): number => {
		state = (Math.imul(state, 1103515245) + 12345) >>> 0;
		return Math.floor((state / 2 ** 32) * limit);
	};
	const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
	const draw = (known: readonly string[], at: number): Job => {
		const kind = pick(["pull", "pull", "load", "load", "commit", "commit", "gc", "prune", "rmi", "tag"]);
		const one = known[below(Math.max(1, known.length))];
		if (kind === "gc") return { kind, line: `${corten} store gc` };
		// What has lost its name would pile up, and each life looks at all of it.
		if (kind === "prune") return { kind, line: `${corten} image prune -f` };
		if (kind === "load" || (one === undefined && kind !== "pull")) {
			const number = pick(numbers);
			return { kind: "load", line: `${corten} load -q -i /share/${number}.tar`, adds: `example.com/loaded:${number}` };
		}
		if (kind === "pull" || one === undefined) {
			const name = `${app}:${pick(numbers)}`;
			return { kind: "pull", line: `${corten} pull -q --tls-verify=false ${name}`, adds: name };
		}
		if (kind === "rmi") return { kind, line: `${corten} rmi ${one}`, removes: one };
		const name = `localhost/${kind}:${at % 2}`;
		if (kind === "tag") return { kind, line: `${corten} tag ${one} ${name}`, adds: name };
		const change = `head -c 300000 /dev/urandom >/new-${at}; sha256sum /new-${at} >/sums/new`;
		const line =
			`${corten} run --name kept --network none --pull never ${one} sh -c '${change}' && ` +
			`${corten} commit -q kept ${name}; s=$?; ${corten} rm -f kept >/dev/null; (exit $s)`;
		return { kind, line, adds: name };
	};

	let known: readonly string[] = [];
	for (let cut = 0; ; cut++) {
		await using life = await machine.resume();
		const begun = Math.floor(Date.now() / 1000);
		const mount = pick(mounts);
		await must(life, `date -s @${begun} >/dev/null; mount -t ext4 -o ${mount} /dev/vdc /mnt`);
		await must(life, "echo 100 >/proc/sys/vm/dirty_expire_centisecs; echo 50 >/proc/sys/vm/dirty_writeback_centisecs");
		known = await judge(life, known, count, `cut ${cut}, ${mount}`);
		if (cut === cuts) {
			await must(life, `${corten} store gc`);
			expect((await must(life, "find /mnt/corten/ -path '*/tmp/*' -o -name '*.damaged'")).trim()).toBe("");
			return history;
		}
		// Names that are certain to be there, and what the cut has hit.
		const sure = new Set(known);
		let current = "";
		const working = (async () => {
			for (let at = 0; ; at++) {
				const job = draw([...sure], cut * 100 + at);
				current = job.kind;
				for (const name of [job.adds, job.removes]) if (name !== undefined) sure.delete(name);
				const { status, output } = await life.run(job.line);
				if (status !== 0) throw new Error(`cut ${cut}: ${job.line}: status ${status}\n${output}`);
				if (job.adds !== undefined) sure.add(job.adds);
			}
		})();
		const stopped = working.catch((error: unknown) => error);
		const early = await Promise.race([stopped, Bun.sleep(below(7_000))]);
		if (early instanceof Error) throw early;
		await life.cut();
		await stopped;
		count(`in ${current}`);
		if ((cut + 1) % 25 === 0) process.stdout.write(`power cuts: ${cut + 1} so far\n`);
		known = [...sure];
	}
}

async function must(life: Life, line: string): Promise<string> {
	const { status, output } = await life.run(line);
	if (status !== 0) throw new Error(`${line}: status ${status}\n${output}`);
	return output;
}

/** What a life begins with. @param sure names that must be there @returns the names that are @throws when one is not whole, also after a repair */
async function judge(life: Life, sure: readonly string[], count: (what: string) => void, where: string): Promise<readonly string[]> {
	let faults: string[] = [];
	for (const repair of [false, true]) {
		faults = [];
		const checked = await life.run(`${corten} store check ${repair ? "--repair" : ""}`, 120_000);
		if (checked.status !== 0) faults.push(checked.output);
		const listed = await life.run(`${corten} images --format '{{.ID}} {{.Repository}}:{{.Tag}}'`);
		if (listed.status !== 0) faults.push(listed.output);
		const rows = [...listed.output.matchAll(/^(\S+) (\S+:\S+)$/gm)].map(([, id = "", name = ""]) => ({ id, name }));
		const names = rows.map(({ name }) => name).filter((name) => !name.startsWith("<none>"));
		for (const name of sure) if (!names.includes(name)) faults.push(`"${name}" is lost`);
		for (const { id, name } of rows) {
			if (rows.find((row) => row.id === id)?.name !== name) continue;
			const { status, output } = await life.run(`${corten} run --rm --network none --pull never ${id} sh -c '${check}'`);
			if (status !== 0) faults.push(`"${name}" is not whole: status ${status}\n${output}`);
		}
		const removed = await life.run(`${corten} ps -aq | while read -r id; do ${corten} rm -f "$id" || exit 1; done`);
		if (removed.status !== 0) faults.push(removed.output);
		if (faults.length === 0) return names;
		count("repaired");
		process.stdout.write(`power cut: ${where}: ${faults.join("; ")}\n`);
	}
	throw new Error(`${where}: not whole after store check --repair: ${faults.join("; ")}`);
}
