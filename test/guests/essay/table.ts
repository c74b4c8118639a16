// The table of README.md that shows the engines side by side, between two comments; CORTEN_WHOLE=1 bun test test/guests/essay.test.ts
// writes it anew.

import { readFileSync, writeFileSync } from "node:fs";
import { top } from "../../support/corten.ts";
import type { Engine } from "./engines.ts";
import type { Observation } from "./observe.ts";

const begin = "<!-- side by side: written by test/guests/essay.test.ts -->";
const end = "<!-- end of side by side -->";

/** One service under each engine, as markdown. `rounds`: of the storm. */
export function sideBySide(seen: ReadonlyMap<Engine, Observation>, rounds: number): string {
	const row = (title: string, show: (observation: Observation) => string) =>
		`| ${title} | ${[...seen.values()].map((observation) => show(observation)).join(" | ")} |`;
	const memory = (kib: number) => (kib === 0 ? "nothing" : `${(kib / 1024).toFixed(1)} MiB`);
	return [
		`| | ${[...seen.keys()].map(({ title }) => title).join(" | ")} |`,
		`|---|${[...seen.keys()].map(() => "---").join("|")}|`,
		row("systemd watches", ({ tracked }) => tracked),
		row("in the unit's cgroup", ({ inCgroup }) => inCgroup.join(", ")),
		row("`kill -9` of what it watches: payloads alive when the unit is down", ({ afterKill }) => String(afterKill.alive)),
		row(`${rounds} racing restarts, a \`kill -9\` in each: most payloads alive at once`, ({ storm }) => String(storm.most)),
		row("... and alive after `systemctl stop`", ({ storm }) => String(storm.left)),
		row("Result when the payload ends by `exit 7`", ({ results }) => results.exit),
		row("... by SIGSEGV", ({ results }) => results.fault),
		row("... by the kernel, out of memory", ({ results }) => results.memory),
		row("`MemoryMax=` of the unit holds the payload", ({ unitLimitHolds }) => (unitLimitHolds ? "yes" : "no")),
		row("resident for the container beside the payload", ({ residentKib }) => memory(residentKib)),
	].join("\n");
}

/** Puts the table into README.md. */
export function writeTable(table: string): void {
	const file = `${top}/README.md`;
	const text = readFileSync(file, "utf8");
	const [from, to] = [text.indexOf(begin), text.indexOf(end)];
	if (from < 0 || to < from) throw new Error(`README.md lacks "${begin}"`);
	writeFileSync(file, `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`);
}
