// make bench ARGS=images: what images cost, corten beside podman, docker and skopeo with umoci: loading, the first run from a registry, what a
// second container writes, what a pull holds in memory, and how often a blob that two images share crosses the line.

import { readFileSync, rmSync } from "node:fs";
import { fixture } from "../test/support/fixture.ts";
import { manyName } from "../test/support/fixtures/many.ts";
import { largeFile, smallFiles, writeLargeImage } from "../test/support/large.ts";
import { must } from "../test/support/must.ts";
import { serveStorage } from "../test/support/registry.ts";
import { installed } from "../test/support/skip.ts";
import { type Candidate, goalRows, measure, printGoals, printTable, round, timingRows } from "./measure.ts";
import type { Engine } from "./peers.ts";

const columns = ["", "median ms", "best ms", "of corten", "runs", "peak MiB"];

/** Runs all of it. @param folder for everything that is made @param engines corten first */
export async function benchImages(folder: string, engines: readonly Engine[], quick: boolean): Promise<void> {
	const rounds = quick ? 1 : 2;
	const archive = `${fixture("many")}/docker.tar`;
	const forget = (engine: Engine, name: string) => () => {
		Bun.spawnSync([...engine.forget, name], { stdout: "ignore", stderr: "ignore" });
		Bun.spawnSync(["sync"]);
	};
	const loads = engines.map(
		(engine): Candidate => ({
			name: engine.name,
			command: [...engine.load, engine.name === "corten" ? `docker-archive:${archive}` : archive],
			prepare: forget(engine, "many"),
		}),
	);
	const loaded = await measure(loads, rounds, true);
	printTable("Loading an image of more than 24,000 files from a docker archive", columns, timingRows(loaded, "corten"));
	if (!installed("docker-registry")) return;
	await using registry = await serveStorage(`${folder}/registry`, { writable: true });
	const name = `${registry.host}/many:latest`;
	must([...skopeoCopy, `oci:${fixture("many")}/oci:${manyName}`, `docker://${name}`]);
	const runs = engines.map(
		(engine): Candidate => ({
			name: engine.name,
			command: [...engine.run, ...engine.insecure, name, "true"],
			prepare: () => {
				forget(engine, "many")();
				forget(engine, name)();
			},
		}),
	);
	if (installed("umoci")) {
		const script = `skopeo --insecure-policy copy -q --src-tls-verify=false docker://${name} oci:${folder}/umoci:many && umoci unpack --image ${folder}/umoci:many ${folder}/umoci-bundle`;
		const prepare = () => void must(["sh", "-c", `rm -rf ${folder}/umoci ${folder}/umoci-bundle; sync`]);
		runs.push({ name: "skopeo + umoci", command: ["sh", "-c", script], prepare });
	}
	const first = await measure(runs, rounds, true);
	printTable(
		"First run of that image from a local registry (skopeo and umoci: copied and unpacked, not run)",
		columns,
		timingRows(first, "corten"),
	);
	printGoals(
		goalRows(first, [
			["corten", "podman", 0.25],
			["corten", "docker", 0.25],
		]),
	);
	const [corten] = engines;
	if (corten === undefined) return;
	printSecond(folder, corten, name);
	await printMemory(folder, corten, registry.host, quick);
	await printShared(folder, corten);
}

const skopeoCopy = ["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false"];

/** Bytes that files of a folder take on disk. */
function diskBytes(folder: string): number {
	return Number(must(["du", "-s", "--block-size=1", folder]).toString().split("\t")[0]);
}

/** What a second container from an image writes outside of its own folder. */
function printSecond(folder: string, corten: Engine, name: string): void {
	must([...corten.run, name, "true"]);
	must(["sync"]);
	const places = ["store", "layers", "records"].map((place) => `${folder}/corten/${place}`);
	const before = places.map(diskBytes);
	must([...corten.run, name, "true"]);
	const grown = places.reduce((sum, place, index) => sum + diskBytes(place) - (before[index] ?? 0), 0);
	printTable("Bytes a second container writes beside its own (goal: 0)", ["", "bytes"], [["corten", String(grown)]]);
}

/** The most a pull of a large image holds. The data of large files does not compress, so that every byte goes all the way. */
async function printMemory(folder: string, corten: Engine, host: string, quick: boolean): Promise<void> {
	const mebibytes = quick ? 256 : 1024;
	const one = () => [largeFile("data", mebibytes, 64)];
	const four = () => [0, 1, 2, 3].map((index) => largeFile(`data${index}`, mebibytes / 4, 64));
	const shapes = [
		[`${mebibytes} MiB, gzip`, one, "gzip"],
		[`${mebibytes} MiB, zstd`, one, "zstd"],
		[`4 layers of ${mebibytes / 4} MiB, gzip`, four, "gzip"],
		["100,000 files, gzip", () => [smallFiles("srv/", 100_000)], "gzip"],
	] as const;
	const rows: string[][] = [];
	for (const [index, [title, layers, compression]] of shapes.entries()) {
		const layout = `${folder}/large`;
		await writeLargeImage(layout, "large", layers(), compression);
		const image = `${host}/large:${index}`;
		must([...skopeoCopy, `oci:${layout}:large`, `docker://${image}`]);
		rmSync(layout, { recursive: true });
		const forget = () => void Bun.spawnSync([...corten.forget, image], { stderr: "ignore" });
		const runs = quick ? 1 : 3;
		const timing = (await measure([{ name: "corten", command: [...corten.load, image], prepare: forget }], runs, true)).get("corten");
		const { peakKib = 0, medianMs = 0 } = timing ?? {};
		rows.push([title, round((peakKib * 1024) / 1e6), round(medianMs / 1000)]);
		forget();
	}
	printTable("Pull of large images (goal: at most 150 MB)", ["", "peak MB", "median s"], rows);
}

/** Two pulls at once of two images with the same layers: how often each blob is asked for. */
async function printShared(folder: string, corten: Engine): Promise<void> {
	const layout = `${fixture("many")}/oci`;
	const asked = new Map<string, number>();
	const index = JSON.parse(readFileSync(`${layout}/index.json`, "utf8")) as { manifests: [{ digest: string; mediaType: string }] };
	const [entry] = index.manifests;
	using server = Bun.serve({
		hostname: "127.0.0.1",
		port: 0,
		fetch: (request) => {
			const { pathname } = new URL(request.url);
			if (pathname === "/v2/") return Response.json({});
			const [, kind, name = ""] = /\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? [];
			if (kind === "blobs" && request.method === "GET") asked.set(name, (asked.get(name) ?? 0) + 1);
			const digest = kind === "manifests" && !name.startsWith("sha256:") ? entry.digest : name;
			const headers = kind === "manifests" ? { "content-type": entry.mediaType } : {};
			return new Response(Bun.file(`${layout}/blobs/${digest.replace(":", "/")}`), { headers });
		},
	});
	const root = `${folder}/shared`;
	const [binary = ""] = corten.load;
	const pulls = ["one", "two"].map((name) =>
		Bun.spawn([binary, "--root", root, "--runroot", `${root}-run`, "pull", "-q", `127.0.0.1:${server.port}/${name}:1`], {
			stdout: "ignore",
		}),
	);
	const statuses = await Promise.all(pulls.map((pull) => pull.exited));
	const blobs = [...asked.values()];
	const row = ["corten", String(blobs.length), String(Math.max(...blobs)), statuses.join(" ")];
	printTable(
		"Two pulls at once of images that share all layers (goal: each blob once)",
		["", "blobs", "most often asked", "statuses"],
		[row],
	);
}
