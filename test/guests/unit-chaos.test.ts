// Twenty units, a thousand random kills and stops: at no moment are there two payloads of one unit, never one without its unit, and nothing
// is left. Four drivers race over all units: kill -9 of the payload or of whatever process a unit has while it starts, stops, starts,
// restarts, of notify and simple units that systemd restarts at once. CI does 300; CORTEN_WHOLE=1 the thousand. CORTEN_SEED=N repeats one.

import { afterAll, beforeAll, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { cgroupsOf } from "../support/leftovers.ts";
import { testWhen } from "../support/skip.ts";
import { payloadOptions, prepareUnits, seeded, type UnitGuest } from "./essay/units.ts";
import { bootNspawn, type Guest } from "./nspawn.ts";
import { bootLimitMs, noGuest } from "./units.ts";

const inGuest = testWhen(noGuest === undefined, noGuest ?? "");
const events = process.env.CORTEN_WHOLE === "1" ? 1000 : 300;
const seed = Number(process.env.CORTEN_SEED ?? 20);
const drivers = 4;
const names = Array.from({ length: 20 }, (_, n) => `chaos-${n}`);
let guest: Guest;
let units: UnitGuest;

beforeAll(async () => {
	if (noGuest !== undefined) return;
	guest = await bootNspawn();
	units = await prepareUnits(guest);
	const folders = new Map(names.map((name) => [name, units.slots(name)]));
	for (const [n, name] of names.entries()) {
		const service = [
			n % 4 === 3 ? "Type=simple" : "Type=notify",
			n % 3 === 2 ? "Restart=on-failure" : "Restart=always",
			"TimeoutStopSec=10",
			`RestartSec=${n % 2 === 0 ? "0" : "20ms"}`,
			`ExecStart=/corten/corten run --rm --name ${name} ${payloadOptions(folders.get(name) ?? "")} busybox /web /slots`,
		];
		await units.writeUnit(`${name}.service`, ["[Unit]", "StartLimitIntervalSec=0", "[Service]", ...service, ""].join("\n"));
	}
	await guest.reload();
	await units.script(`systemctl start ${names.join(" ")}`);
}, bootLimitMs);
afterAll(() => guest?.[Symbol.asyncDispose]());

/** What is done to a unit, by how often; `any` is a kill of some process of its cgroup, which may be corten or launch before the payload. */
const actions = [
	...["payload", "payload", "payload", "any", "any", "start-any", "start-any", "restart-any", "restart-any"],
	...["stop", "stop", "stop-start", "start-stop", "restart", "restart", "restart-twice", "signal"],
];

/** The script of one driver: its share of the events, each a unit, an action, a moment in seconds, and a number. */
function driver(random: () => number, count: number): string {
	const lines = Array.from({ length: count }, () => {
		const pick = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)];
		return `${pick(names)} ${pick(actions)} ${(random() * 0.04).toFixed(3)} ${Math.floor(random() * 1000)}`;
	});
	return `top=/sys/fs/cgroup/systemd; [ -d $top ] || top=/sys/fs/cgroup
		hits=0
		any() {
			pids=()
			mapfile -t pids <$top/system.slice/$unit.service/cgroup.procs
			[ \${#pids[@]} = 0 ] || { kill -9 \${pids[pick % \${#pids[@]}]} && hits=$((hits + 1)); }
		} 2>/dev/null
		while read unit action moment pick; do
			case $action in
			payload) main=$(systemctl show -P MainPID $unit); [ "$main" = 0 ] || kill -9 $main 2>/dev/null && hits=$((hits + 1));;
			any) any;;
			start-any) systemctl start --no-block $unit; sleep $moment; any;;
			restart-any) systemctl restart --no-block $unit; sleep $moment; any;;
			stop) systemctl stop $unit;;
			stop-start) systemctl stop --no-block $unit; sleep $moment; systemctl start --no-block $unit;;
			start-stop) systemctl start --no-block $unit; sleep $moment; systemctl stop --no-block $unit;;
			restart) systemctl restart $unit;;
			restart-twice) systemctl restart --no-block $unit; sleep $moment; systemctl restart --no-block $unit;;
			signal) systemctl kill --signal=TERM $unit;;
			esac 2>/dev/null || true
			sleep $moment
		done <<'EVENTS'
${lines.join("\n")}
EVENTS
		echo $hits`;
}

/** The unit that a process of the guest belongs to, as its cgroup says; undefined when it is gone. */
function unitOf(pid: number): string | undefined {
	try {
		return /\/([^/]+)\.service/.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "none";
	} catch {
		return undefined;
	}
}

/**
 * Looks once: a payload outside of its unit's cgroup, or one that was alive before and after its unit was seen to be down.
 * @returns what is wrong
 */
async function look(): Promise<string[]> {
	const before = new Map(names.map((name) => [name, units.alive(name)]));
	const shown = await guest.run(["systemctl", "show", "-P", "ActiveState", ...names.map((name) => `${name}.service`)]);
	const states = shown.stdout.split(/\n+/);
	return names.flatMap((name, n) => {
		const after = units.alive(name);
		const pids = (before.get(name) ?? []).filter((pid) => after.includes(pid));
		const down = states[n] === "inactive" || states[n] === "failed";
		const strays = pids.map(unitOf).filter((unit) => unit !== undefined && unit !== name);
		return [
			...(down && pids.length > 0 ? [`${name} was ${states[n]} while its payload ${pids.join(" ")} lived`] : []),
			...strays.map((unit) => `a payload of ${name} is in the cgroup of ${unit}`),
		];
	});
}

inGuest(
	`${events} random kills and stops over ${names.length} units`,
	async () => {
		const random = seeded(seed);
		const scripts = Array.from({ length: drivers }, () => driver(random, events / drivers));
		let over = false;
		const storm = Promise.all(scripts.map((script) => units.script(script, 400_000))).finally(() => {
			over = true;
		});
		const troubles: string[] = [];
		let looks = 0;
		for (; !over; looks++) troubles.push(...(await look()));
		const hits = (await storm).reduce((sum, text) => sum + Number(text), 0);

		await units.script(`systemctl stop ${names.join(" ")}`);
		const left = names.flatMap((name) => units.alive(name).map((pid) => `payload ${pid} of ${name}`));
		const starts = names.map((name) => units.starts(name));
		const doubles = names.filter((_, n) => starts[n]?.some(({ slot }) => slot > 0));
		expect({ troubles, left, doubles }).toEqual({ troubles: [], left: [], doubles: [] });
		expect(starts.filter((list) => list.length === 0)).toEqual([]);
		expect(hits).toBeGreaterThan(events / 10);
		const began = starts.reduce((sum, list) => sum + list.length, 0);
		console.log(`${events} events (seed ${seed}): ${hits} kills met a process, ${began} payloads began, looked ${looks} times`);

		// What a kill interrupted, the next command puts away; after it there is nothing.
		await units.script("/corten/corten ps -a");
		const containers = readdirSync(`${guest.share}/corten/containers`);
		expect(await units.script("/corten/corten ps -aq")).toBe("");
		expect({ containers, names: readdirSync(`${guest.share}/corten/names`) }).toEqual({ containers: [], names: [] });
		expect(await units.script("ls -A /run/corten/stage; grep -c /run/corten /proc/self/mountinfo || true")).toBe("0\n");
		expect(await units.script("ps -eo comm= | grep -xE 'web|corten|launch' || true")).toBe("");
		expect(cgroupsOf(["chaos-"])).toEqual([]);
	},
	450_000,
);
