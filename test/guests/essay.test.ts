// The failure that corten began with, side by side: one service under docker, podman and corten, what systemd watches killed, restarts
// racing with kills at random moments. What must be true of corten is asserted; the peers are shown, in the table of README.md.
// CORTEN_WHOLE=1: as many restarts for the peers as for corten, and README.md is written.

import { afterAll, beforeAll, expect } from "bun:test";
import { testWhen } from "../support/skip.ts";
import { type Engine, engines, preparePeers } from "./essay/engines.ts";
import { type Observation, observe } from "./essay/observe.ts";
import { sideBySide, writeTable } from "./essay/table.ts";
import { prepareUnits, type UnitGuest } from "./essay/units.ts";
import { bootNspawn, type Guest } from "./nspawn.ts";
import { bootLimitMs, noGuest } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
const whole = process.env.CORTEN_WHOLE === "1";
const rounds = 50;
const peerRounds = whole ? rounds : 5;
const seen = new Map<Engine, Observation>();
let guest: Guest;
let units: UnitGuest;

beforeAll(async () => {
	if (noGuest !== undefined) return;
	guest = await bootNspawn();
	units = await prepareUnits(guest);
	await preparePeers(units);
}, bootLimitMs);
afterAll(async () => {
	await guest?.[Symbol.asyncDispose]();
	if (seen.size !== engines.length) return;
	const table = sideBySide(seen, rounds);
	if (whole) writeTable(table);
	console.log(`\n${table}\n${whole ? "" : `(the peers with ${peerRounds} restarts)\n`}`);
});

/** What is seen of an engine, once. */
async function observed(key: Engine["key"]): Promise<Observation> {
	const engine = engines.find((candidate) => candidate.key === key);
	if (engine === undefined) throw new Error(`no engine ${key}`);
	const observation = await observe(units, engine, key === "corten" ? rounds : peerRounds);
	seen.set(engine, observation);
	return observation;
}

inGuest(
	"docker: the unit is down, and its container lives",
	async () => {
		const { tracked, payloadInCgroup, afterKill } = await observed("docker");
		expect({ tracked, payloadInCgroup, afterKill }).toEqual({
			tracked: "docker",
			payloadInCgroup: false,
			afterKill: { state: "failed", alive: 1 },
		});
	},
	300_000,
);

for (const key of ["careful", "podman"] as const) {
	inGuest(
		`${key === "podman" ? "podman's quadlet" : "docker with rm before and stop after"}: the same is seen`,
		async () => {
			expect((await observed(key)).storm.began).toBeGreaterThan(0);
		},
		300_000,
	);
}

inGuest(
	"corten: the payload is the unit, at no moment are there two, and none when the unit is down",
	async () => {
		const { storm, results, ...life } = await observed("corten");
		expect(life).toEqual({
			tracked: "web",
			inCgroup: ["web"],
			payloadInCgroup: true,
			residentKib: 0,
			afterKill: { state: "failed", alive: 0 },
			unitLimitHolds: true,
		});
		// A SIGTERM that comes before the payload has its handler is lost on the first process of a PID namespace: then the stop is a failure.
		expect(["inactive", "failed"]).toContain(storm.state);
		expect(storm).toEqual({ began: storm.began, most: 1, left: 0, state: storm.state });
		expect(storm.began).toBeGreaterThan(0);
		// With a memory controller of v1 systemd sees the signal; with that of v2 it is told that the memory ran out.
		expect(["signal (killed 9)", "oom-kill (killed 9)"]).toContain(results.memory);
		expect(results).toEqual({ exit: "exit-code (exited 7)", fault: "signal (killed 11)", memory: results.memory });
	},
	300_000,
);
