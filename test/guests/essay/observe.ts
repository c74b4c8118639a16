// What the essay's author could have seen with each engine: one service, its main process killed, storms of restarts, ways to end.

import { existsSync } from "node:fs";
import { type Engine, unitFile, type Wish } from "./engines.ts";
import { parseProperties, seeded, type UnitGuest } from "./units.ts";

/** What one engine shows. */
export type Observation = {
	/** Name of the process that systemd watches. */
	readonly tracked: string;
	/** Names of the processes in the unit's cgroup and below, sorted. */
	readonly inCgroup: readonly string[];
	readonly payloadInCgroup: boolean;
	/** Bytes (PSS) of what is resident for this container beside the payload: in the unit's cgroup, and between the payload and init. */
	readonly residentKib: number;
	/** After kill -9 of the main process: the unit's state once it is down, and the payloads that live then. */
	readonly afterKill: { readonly state: string; readonly alive: number };
	readonly storm: Storm;
	/** "RESULT (CODE STATUS)" of the unit by how the payload ends. */
	readonly results: { readonly exit: string; readonly fault: string; readonly memory: string };
	/** Whether a payload that takes 64 MiB is stopped by the unit's MemoryMax=32M. */
	readonly unitLimitHolds: boolean;
};

/** What a storm of restarts and kills has shown. */
export type Storm = {
	/** How many payloads began. */
	readonly began: number;
	/** The most that were alive at one moment. */
	readonly most: number;
	/** Alive when the unit was down at the end. */
	readonly left: number;
	readonly state: string;
};

const shown = "Result,ExecMainCode,ExecMainStatus,ActiveState,MainPID";

/** One engine's observations in turn. `rounds`: how many restarts the storm has. */
export async function observe(units: UnitGuest, engine: Engine, rounds: number): Promise<Observation> {
	const { tracked, inCgroup, payloadInCgroup, residentKib, afterKill } = await observeLife(units, engine);
	const storm = await observeStorm(units, engine, rounds);
	const ends = (name: string, payload: string, options: string, service: readonly string[] = []) =>
		observeEnd(units, engine, { unit: `${engine.key}-${name}`, payload, options, service });
	const limit = engine.key === "corten" ? { options: "", service: ["MemoryMax=32M"] } : { options: "-m 32m", service: [] };
	const results = {
		exit: await ends("exit", "exit 7", ""),
		fault: await ends("fault", "fault", ""),
		memory: await ends("memory", "memory 64", limit.options, limit.service),
	};
	await ends("limit", "memory 64", "", ["MemoryMax=32M"]);
	const unitLimitHolds = !existsSync(`${units.guest.share}/slots/${engine.key}-limit/took`);
	return { tracked, inCgroup, payloadInCgroup, residentKib, afterKill, storm, results, unitLimitHolds };
}

async function install(units: UnitGuest, engine: Engine, wish: Omit<Wish, "folder">): Promise<void> {
	const folder = units.slots(wish.unit);
	await units.writeUnit(`${wish.unit}.service`, unitFile(engine, { ...wish, folder }));
	await units.guest.reload();
}

const environment = "export DOCKER_HOST=unix:///run/d.sock\n";
/** Waits until the payload of a unit has begun, and its unit is up. */
const untilBegun = (unit: string) => `for i in $(seq 300); do [ -s /share/slots/${unit}/starts ] && break; sleep 0.1; done
	for i in $(seq 300); do systemctl is-active -q ${unit} && break; sleep 0.1; done`;
const untilDown = (unit: string) =>
	`for i in $(seq 600); do case $(systemctl is-active ${unit}) in inactive|failed) break;; esac; sleep 0.1; done`;

/** Starts the service, looks at what is there for it, and kills its main process. */
export async function observeLife(units: UnitGuest, engine: Engine) {
	const unit = `${engine.key}-life`;
	await install(units, engine, { unit });
	const living = await units.script(`systemctl start ${unit}
		${untilBegun(unit)}
		main=$(systemctl show -P MainPID ${unit}); group=/sys/fs/cgroup/systemd/system.slice/${unit}.service
		[ -d $group ] || group=/sys/fs/cgroup/system.slice/${unit}.service
		members=$(find $group -name cgroup.procs -exec cat {} +)
		cat /proc/$main/comm
		for pid in $members; do cat /proc/$pid/comm; done | sort | xargs
		payload=$(grep -lx web /proc/[0-9]*/comm 2>/dev/null | cut -d / -f 3)
		echo $members | tr ' ' '\\n' | grep -cx $payload || true
		# What is there for this container: the members, and the payload's ancestors.
		pid=$payload; beside=$members
		while pid=$(awk '/^PPid/ {print $2}' /proc/$pid/status); [ $pid != 1 ]; do beside="$beside $pid"; done
		kib=0
		for pid in $(echo $beside | tr ' ' '\\n' | sort -u | grep -vx $payload); do
			kib=$((kib + $(awk '/^Pss:/ {print $2}' /proc/$pid/smaps_rollup)))
		done
		echo $kib
		kill -9 $main
		${untilDown(unit)}
		systemctl is-active ${unit} || true`);
	const alive = units.alive(unit).length;
	await units.script(`${environment}${engine.clean(unit)}; systemctl stop ${unit}; systemctl reset-failed ${unit} 2>/dev/null || true`);
	const [tracked = "", inCgroup = "", count, residentKib, state = ""] = living.trim().split("\n");
	return {
		tracked,
		inCgroup: inCgroup.split(" "),
		payloadInCgroup: count === "1",
		residentKib: Number(residentKib),
		afterKill: { state, alive },
	};
}

/** Restarts, one to three at once, each with a kill -9 of some process of the unit's cgroup at some moment of the start. */
async function observeStorm(units: UnitGuest, engine: Engine, rounds: number): Promise<Storm> {
	const unit = `${engine.key}-storm`;
	await install(units, engine, { unit, service: ["Restart=always"] });
	const random = seeded(4);
	const moment = () => ((random() * 1.6 * engine.startMs) / 1000).toFixed(3);
	const table = Array.from(
		{ length: rounds },
		() => `${1 + Math.floor(random() * 3)} ${moment()} ${Math.floor(random() * 1000)} ${moment()} ${random() < 0.5 ? "wait" : "true"}`,
	);
	const end = await units.script(
		`${environment}group=/sys/fs/cgroup/systemd/system.slice/${unit}.service
		[ -d /sys/fs/cgroup/systemd ] || group=/sys/fs/cgroup/system.slice/${unit}.service
		while read restarts before pick after finish; do
			for ((i = 0; i < restarts; i++)); do systemctl restart ${unit} 2>/dev/null & done
			sleep $before
			pids=($(find $group -name cgroup.procs -exec cat {} + 2>/dev/null || true))
			[ \${#pids[@]} = 0 ] || kill -9 \${pids[pick % \${#pids[@]}]} 2>/dev/null || true
			sleep $after
			$finish
		done <<'TABLE'
${table.join("\n")}
TABLE
		wait
		systemctl stop ${unit}
		${untilDown(unit)}
		systemctl is-active ${unit} || true`,
		40_000 + rounds * 4000,
	);
	const left = units.alive(unit).length;
	const starts = units.starts(unit);
	await units.script(`${environment}${engine.clean(unit)}; systemctl reset-failed ${unit} 2>/dev/null || true`);
	return { began: starts.length, most: 1 + Math.max(-1, ...starts.map(({ slot }) => slot)), left, state: end.trim() };
}

async function observeEnd(units: UnitGuest, engine: Engine, wish: Omit<Wish, "folder">): Promise<string> {
	await install(units, engine, { ...wish, service: [...(wish.service ?? []), "Restart=no"] });
	const text = await units.script(`${environment}systemctl start ${wish.unit} 2>/dev/null || true
		${untilDown(wish.unit)}
		systemctl show -p ${shown} ${wish.unit}
		${engine.clean(wish.unit)}; systemctl reset-failed ${wish.unit} 2>/dev/null || true`);
	const { Result, ExecMainCode, ExecMainStatus } = parseProperties(text);
	return `${Result} (${ExecMainCode === "1" ? "exited" : ExecMainCode === "3" ? "dumped" : "killed"} ${ExecMainStatus})`;
}
