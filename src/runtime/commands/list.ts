// `list`: the containers below --root, in runc's columns and JSON members.

import { readTextIfPresent } from "../../linux/file.ts";
import { statPath } from "../../linux/stat.ts";
import { defineRuntimeCommand } from "../command.ts";
import { listRuntimeContainers, type RuntimeContainer } from "../state.ts";

export const command = defineRuntimeCommand({
	summary: "list the containers of the root folder",
	usage: "[OPTIONS]",
	options: {
		format: { kind: "value", short: "f", metavar: "FORMAT", help: "how to print them (default table)", choices: ["table", "json"] },
		quiet: { kind: "flag", short: "q", help: "print the ids alone" },
	},
	operands: { min: 0, max: 0 },
	description: [
		"Prints the containers below the folder of --root, by id: the process (0 when there is none), the status, the bundle, the time of creation and the owner of the container's folder. A container that cannot be read is warned of and left out.",
	],
	run: (context, { format, quiet }) => {
		const containers = listRuntimeContainers(context.root, (error) => context.warn(error.message));
		if (quiet) context.print(containers.map(({ record }) => `${record.id}\n`).join(""));
		else {
			const rows = describe(containers);
			context.print(format === "json" ? `${JSON.stringify(rows)}\n` : formatTable(rows));
		}
		return 0;
	},
});

/** One container, with the members and in the order that runc has. */
type Row = {
	readonly ociVersion: string;
	readonly id: string;
	readonly pid: number;
	readonly status: string;
	readonly bundle: string;
	readonly rootfs: string;
	readonly created: string;
	readonly annotations?: Readonly<Record<string, string>>;
	readonly owner: string;
};

function describe(containers: readonly RuntimeContainer[]): Row[] {
	const names = containers.length === 0 ? new Map<number, string>() : userNames(readTextIfPresent("/etc/passwd") ?? "");
	return containers.map(({ record, status, process, folder }) => {
		const { ociVersion, id, bundle, rootfs, created, annotations } = record;
		const uid = statPath(folder)?.uid ?? 0;
		return {
			ociVersion,
			id,
			pid: process?.pid ?? 0,
			status,
			bundle,
			rootfs,
			created,
			...(Object.keys(annotations).length > 0 && { annotations }),
			owner: names.get(uid) ?? `#${uid}`,
		};
	});
}

/** uid -> the first name that has it. */
function userNames(passwd: string): Map<number, string> {
	const names = new Map<number, string>();
	for (const line of passwd.split("\n")) {
		const [name = "", , uid = ""] = line.split(":");
		if (/^\d+$/.test(uid) && !names.has(Number(uid))) names.set(Number(uid), name);
	}
	return names;
}

/** Columns of at least 12 characters with 3 between them, as runc's. */
function formatTable(rows: readonly Row[]): string {
	const cells = [
		["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
		...rows.map(({ id, pid, status, bundle, created, owner }) => [id, `${pid}`, status, bundle, created, owner]),
	];
	const widths = cells[0]?.map((_, column) => Math.max(12, 3 + Math.max(...cells.map((row) => row[column]?.length ?? 0)))) ?? [];
	return cells
		.map((row) => `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("")}\n`)
		.join("");
}
