// Services in the nspawn guest whose payload says itself how many of it there are (web.c), for the tests and the bench of units.
// The locks of a unit lie below /share, so that the host sees who holds them: no command in the guest, no moment missed.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { fixture } from "../../support/fixture.ts";
import { must } from "../../support/must.ts";
import type { Guest } from "../nspawn.ts";

/** A guest that runs services of the payload `web`. */
export type UnitGuest = {
	readonly guest: Guest;
	/** Runs a script in the guest under `bash -e`. @returns its output; @throws when it fails */
	script(text: string, timeoutMs?: number): Promise<string>;
	/** Writes a unit file into the guest's /run/systemd/system; it counts after `systemctl daemon-reload`. */
	writeUnit(name: string, text: string): Promise<void>;
	/** Makes the folder for the locks of a unit, empty. @returns its path in the guest */
	slots(unit: string): string;
	/** Host pids of the payloads of a unit that are alive now. */
	alive(unit: string): number[];
	/** What the payloads of a unit have written: when each began (CLOCK_MONOTONIC), and the lock it got. */
	starts(unit: string): { readonly ns: bigint; readonly slot: number }[];
};

/** Options of a container for the payload, spelled for docker, podman and corten alike; `folder` is what slots() has returned. */
export const payloadOptions = (folder: string) => `--network none -v /share/web:/web:ro -v ${folder}:/slots`;

/** Prepares a booted guest: the payload at /share/web, the image for corten in a store on the host's disk. */
export async function prepareUnits(guest: Guest): Promise<UnitGuest> {
	must(["gcc", "-std=gnu11", "-O2", "-static", `${import.meta.dir}/web.c`, "-o", `${guest.share}/web`]);
	cpSync(`${fixture("busybox")}/docker.tar`, `${guest.share}/docker.tar`);
	for (const name of ["units", "slots", "corten"]) mkdirSync(`${guest.share}/${name}`);
	let scripts = 0;
	const script = async (text: string, timeoutMs = 120_000) => {
		// From a file: in words of a command line systemd-run would put variables of its own in place of the shell's.
		const name = `script-${scripts++}`;
		writeFileSync(`${guest.share}/${name}`, text);
		const { status, stdout, stderr } = await guest.run(["bash", "-e", `/share/${name}`], { timeoutMs });
		if (status !== 0) throw new Error(`status ${status}\n${text}\n${stdout}${stderr}`);
		return stdout;
	};
	// A file on an overlay or tmpfs cannot be mounted as EROFS, and the guest has no loop devices: the store lies on the host's disk.
	await script(`mkdir -p /var/lib/corten && mount --bind /share/corten /var/lib/corten
		/corten/corten pull -q docker-archive:/share/docker.tar`);
	return {
		guest,
		script,
		writeUnit: async (name, text) => {
			writeFileSync(`${guest.share}/units/${name}`, text);
			await script(`cp /share/units/${name} /run/systemd/system/${name}`);
		},
		slots: (unit) => {
			const folder = `${guest.share}/slots/${unit}`;
			rmSync(folder, { recursive: true, force: true });
			mkdirSync(folder, { mode: 0o777 });
			return `/share/slots/${unit}`;
		},
		alive: (unit) => holders(`${guest.share}/slots/${unit}`),
		starts: (unit) => {
			const file = `${guest.share}/slots/${unit}/starts`;
			if (!existsSync(file)) return [];
			const lines = readFileSync(file, "utf8").trim().split("\n");
			return lines.map((line) => {
				const [ns = "0", slot = "0"] = line.split(" ");
				return { ns: BigInt(ns), slot: Number(slot) };
			});
		},
	};
}

/** The processes named `web` that hold a lock on a file of the folder, from /proc/locks. */
function holders(folder: string): number[] {
	const inodes = new Set(readdirSync(folder).map((name) => String(statSync(`${folder}/${name}`).ino)));
	const pids: number[] = [];
	for (const line of readFileSync("/proc/locks", "utf8").split("\n")) {
		const [, pid, inode = ""] = /: FLOCK +\w+ +\w+ +(\d+) [0-9a-f:]+:(\d+) /.exec(line) ?? [];
		if (pid !== undefined && inodes.has(inode) && isPayload(pid)) pids.push(Number(pid));
	}
	return pids;
}

/** Inode numbers of small filesystems repeat; the name tells a payload's lock from another's. */
function isPayload(pid: string): boolean {
	try {
		return readFileSync(`/proc/${pid}/comm`, "utf8") === "web\n";
	} catch {
		return false; // it ended meanwhile
	}
}

/** Numbers in [0, 1) that are the same in every run of one seed: mulberry32. */
export function seeded(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** What `systemctl show` prints, by property. */
export function parseProperties(text: string): Record<string, string> {
	const pairs = text
		.trim()
		.split("\n")
		.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
	return Object.fromEntries(pairs);
}
