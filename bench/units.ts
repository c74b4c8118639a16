// make bench ARGS=units: containers as systemd services, in a booted nspawn guest. From `systemctl start` to the payload's first
// instruction, beside a plain service of the same program and the floor (what the kernel must do: namespaces, mounts, exec), podman's
// quadlet and docker run in a unit; what is resident beside the payload; many units started at once.

import { type Engine, engines, preparePeers, unitFile } from "../test/guests/essay/engines.ts";
import { observeLife } from "../test/guests/essay/observe.ts";
import { prepareUnits, type UnitGuest } from "../test/guests/essay/units.ts";
import { bootNspawn } from "../test/guests/nspawn.ts";
import { top } from "../test/support/corten.ts";
import { fixture } from "../test/support/fixture.ts";
import { busyboxName } from "../test/support/fixtures/busybox.ts";
import { must } from "../test/support/must.ts";
import { median, printTable, round } from "./measure.ts";

/** A unit to measure. */
type Service = {
	readonly name: string;
	/** Takes part in every n-th round only. */
	readonly every: number;
	readonly lines: readonly string[];
};

const startedAtOnce = 200;
const peersAtOnce = 20;

function plain(name: string, execStart: string): Service {
	return { name, every: 1, lines: ["[Service]", "Type=exec", `ExecStart=${execStart}`] };
}

/** The candidates; their folders for locks are made. */
function services(units: UnitGuest): Service[] {
	// The floor's root: the image unpacked, with the payload in it; what the payload writes lies in the overlay's upper folder.
	const folder = `${units.guest.share}/floor`;
	const unpack = `mkdir -p ${folder}/root ${folder}/work ${folder}/stage
		skopeo --insecure-policy copy -q oci:${fixture("busybox")}/oci:${busyboxName} dir:${folder}/image
		for layer in $(jq -r '.layers[].digest' ${folder}/image/manifest.json); do tar -xzf ${folder}/image/\${layer#sha256:} -C ${folder}/root; done
		cp ${units.guest.share}/web ${folder}/root/web
		cp ${top}/build/floor ${folder}/program
		cp ${top}/build/since ${units.guest.share}/since`;
	must(["sh", "-e", "-c", unpack]);
	const floor = `/share/floor/program /share/floor/root ${units.slots("floor")} /share/floor/work /share/floor/stage /web /`;
	return [
		plain("plain", `/share/web ${units.slots("plain")}`),
		plain("floor", floor),
		...engines
			.filter(({ key }) => key !== "careful")
			.reverse()
			.map((engine) => ({
				name: `${engine.key}-web`,
				every: engine.key === "corten" ? 1 : 5,
				lines: unitFile(engine, { unit: `${engine.key}-web`, folder: units.slots(`${engine.key}-web`) }).split("\n"),
			})),
	];
}

/** @returns milliseconds from `systemctl start` to the payload's first instruction, by candidate; the first round is not counted */
async function measureStarts(units: UnitGuest, candidates: readonly Service[], rounds: number): Promise<Map<string, number[]>> {
	const turns = Array.from({ length: rounds + 1 }, (_, turn) =>
		candidates.filter(({ every }) => turn === 0 || (turn - 1) % every === 0),
	).flat();
	const script = `while read unit; do
			file=/share/slots/$unit/starts; rm -f $file
			began=$(/share/since systemctl start --no-block $unit)
			for i in $(seq 400); do [ -s $file ] && break; sleep 0.05; done
			for i in $(seq 400); do systemctl is-active -q $unit && break; sleep 0.05; done
			echo $unit $began $(cut -d ' ' -f 1 $file)
			systemctl stop $unit
		done <<'TURNS'
${turns.map(({ name }) => name).join("\n")}
TURNS`;
	const output = await units.script(`export DOCKER_HOST=unix:///run/d.sock\n${script}`, 600_000);
	const starts = new Map<string, number[]>(candidates.map(({ name }) => [name, []]));
	const lines = output.trim().split("\n");
	for (const line of lines.slice(candidates.length)) {
		const [name = "", began = "0", first = "0"] = line.split(" ");
		starts.get(name)?.push(Number(BigInt(first) - BigInt(began)) / 1e6);
	}
	return starts;
}

/** Starts `count` units of a template at once. @returns milliseconds until the last payload ran, and how many units are up then */
async function measureMany(units: UnitGuest, name: string, count: number, lines: readonly string[]): Promise<{ all: number; up: number }> {
	const instances = Array.from({ length: count }, (_, n) => `${name}-many@${n}.service`);
	for (let n = 0; n < count; n++) units.slots(`${name}-many-${n}`);
	await units.writeUnit(`${name}-many@.service`, lines.join("\n"));
	await units.guest.reload();
	const output = await units.script(
		`/share/since systemctl start ${instances.join(" ")}
		for i in $(seq 1000); do [ $(ls /share/slots/${name}-many-*/starts 2>/dev/null | wc -l) = ${count} ] && break; sleep 0.1; done
		systemctl is-active ${instances.join(" ")} | grep -cx active
		systemctl stop ${instances.join(" ")}`,
		600_000,
	);
	const [began = "0", up] = output.trim().split("\n");
	const firsts = Array.from(
		{ length: count },
		(_, n) => Number((units.starts(`${name}-many-${n}`)[0]?.ns ?? BigInt(began)) - BigInt(began)) / 1e6,
	);
	return { all: Math.max(...firsts), up: Number(up) };
}

function printStarts(starts: ReadonlyMap<string, readonly number[]>): void {
	const medians = new Map([...starts].map(([name, list]) => [name, median(list)]));
	const [plain = 1, floor = 1, corten = 0] = ["plain", "floor", "corten-web"].map((name) => medians.get(name));
	printTable(
		"From `systemctl start` to the payload's first instruction (medians)",
		["", "ms", "best ms", "more than plain", "of plain", "of floor", "runs"],
		[...starts].map(([name, list]) => {
			const ms = median(list);
			return [name, round(ms), round(Math.min(...list)), round(ms - plain), round(ms / plain), round(ms / floor), String(list.length)];
		}),
	);
	const met = corten / floor <= 4 ? "met" : "missed";
	printTable("Goals", ["", "ratio", "", ""], [["corten / floor", (corten / floor).toFixed(2), "<= 4.00", met]]);
}

/** The whole of it. */
export async function benchUnits(quick: boolean): Promise<void> {
	await using guest = await bootNspawn();
	const units = await prepareUnits(guest);
	await preparePeers(units);
	const candidates = services(units);
	for (const { name, lines } of candidates) await units.writeUnit(`${name}.service`, lines.join("\n"));
	await guest.reload();
	printStarts(await measureStarts(units, candidates, quick ? 11 : 41));

	const resident: string[][] = [];
	for (const engine of engines.filter(({ key }) => key !== "careful").reverse()) {
		const { residentKib, inCgroup } = await observeLife(units, engine);
		resident.push([engine.key, inCgroup.join(" "), round(residentKib / 1024)]);
	}
	printTable("Resident for one container beside the payload (goal: 0)", ["", "in the unit's cgroup", "PSS MiB"], resident);

	const many: string[][] = [];
	const start = async (name: string, count: number, lines: readonly string[]) => {
		const { all, up } = await measureMany(units, name, count, lines);
		many.push([name, String(count), String(up), round(all), round(all / count)]);
	};
	await start("plain", startedAtOnce, ["[Service]", "Type=exec", "ExecStart=/share/web /share/slots/plain-many-%i"]);
	const ofMany = (engine: Engine) =>
		unitFile(engine, { unit: `${engine.key}-many-%i`, folder: `/share/slots/${engine.key}-many-%i` })
			.replaceAll("systemd-%N", `systemd-${engine.key}-%i`)
			.replace(/^Timeout.*$/gm, "TimeoutSec=300")
			.split("\n");
	for (const engine of engines.filter(({ key }) => key !== "careful").reverse()) {
		await start(engine.key, engine.key === "corten" ? startedAtOnce : peersAtOnce, ofMany(engine));
	}
	printTable("Units started at once: until the last payload ran", ["", "units", "up", "ms", "ms a unit"], many);
}
