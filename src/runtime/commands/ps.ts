// `ps`: the processes of a container, as the host's ps shows them, or their numbers.

import { CortenError } from "../../base/errors.ts";
import { allMembersOf } from "../../supervise/members.ts";
import { defineRuntimeCommand } from "../command.ts";
import { findRuntimeContainer, type RuntimeContainer } from "../state.ts";

export const command = defineRuntimeCommand({
	summary: "list the processes of a container",
	usage: "[OPTIONS] CONTAINER [PS-OPTION...]",
	options: { format: { kind: "value", short: "f", metavar: "FORMAT", help: "table or json (default table)", choices: ["table", "json"] } },
	operands: { min: 1, max: Infinity },
	optionsFirst: true,
	description: [
		"Prints those lines of the host's ps(1) that are of the container's processes. Options after CONTAINER are those of ps, -ef by default; a PID column is needed. --format json prints the numbers of the processes alone, as the host counts them.",
	],
	run: (context, { format }, [id = "", ...psOptions]) => {
		const pids = pidsOf(findRuntimeContainer(context.root, id));
		if (format === "json") context.print(`${JSON.stringify(pids)}\n`);
		else context.print(table(pids, psOptions));
		return 0;
	},
});

/** The members of its cgroups; without cgroups the first process is all that is known. */
function pidsOf({ record, process }: RuntimeContainer): readonly number[] {
	if (record.cgroups.length > 0) return allMembersOf(record.cgroups);
	return process === null ? [] : [process.pid];
}

function table(pids: readonly number[], psOptions: readonly string[]): string {
	const { stdout, stderr, exitCode } = Bun.spawnSync(["ps", ...(psOptions.length === 0 ? ["-ef"] : psOptions)]);
	if (exitCode !== 0) throw new CortenError("system", `cannot run "ps": exit status ${exitCode}: ${stderr}${stdout}`.trim());
	const [title = "", ...rows] = stdout.toString().split("\n");
	const column = title.trim().split(/\s+/).indexOf("PID");
	if (column < 0) throw new CortenError("invalid-argument", "cannot list processes: couldn't find PID field in ps output");
	const ours = rows.filter((row) => pids.includes(Number(row.trim().split(/\s+/)[column])));
	return `${[title, ...ours].join("\n")}\n`;
}
