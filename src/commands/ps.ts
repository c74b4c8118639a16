// corten ps: the containers of this root folder.

import { CortenError } from "../base/errors.ts";
import { type Container, listContainers } from "../supervise/state.ts";
import { sweep } from "../supervise/sweep.ts";
import { defineCommand } from "./command.ts";
import { containerHeadings, viewContainer } from "./container-view.ts";
import { parseFilters } from "./filter.ts";
import { formatRows } from "./format.ts";
import { warn } from "./targets.ts";
import { settleEnds } from "./unit-control.ts";

const columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];

/** `corten ps` */
export const command = defineCommand({
	summary: "list containers",
	usage: "[OPTIONS]",
	options: {
		all: { kind: "flag", short: "a", help: "also those that do not run" },
		filter: { kind: "list", short: "f", metavar: "KEY=VALUE", help: "only some: id, name, label, status, exited, ancestor, health" },
		format: { kind: "value", metavar: "FORMAT", help: 'table, json, a Go template, or "table" and a template' },
		last: { kind: "value", short: "n", metavar: "NUMBER", help: "only the last created, in all states (default -1: all)" },
		latest: { kind: "flag", short: "l", help: "only the last created, in all states" },
		"no-trunc": { kind: "flag", help: "whole ids and commands" },
		quiet: { kind: "flag", short: "q", help: "only ids" },
		size: { kind: "flag", short: "s", help: "show sizes", unsupported: true },
	},
	operands: { min: 0, max: 0 },
	description: [
		"Lists running containers, the newest first. Before that it finishes what killed processes left behind: a container whose " +
			"supervisor was killed is shown as exited with status 137, and is removed if it was started with --rm.",
		"The column UNIT, shown when one of them has a unit of systemd's, names it ({{.Unit}} in templates); how a container in a unit ended is what its manager says.",
	],
	examples: [
		["corten ps -a", "all containers"],
		["corten ps -aq -f status=exited", "the ids of those that have ended"],
		["corten ps --format '{{.Names}}\\t{{.Status}}'", "names and states"],
	],
	run: (context, options) => {
		const matches = parseFilters(options.filter);
		const last = options.latest ? 1 : parseLast(options.last);
		const stateAsked = options.filter.some((filter) => /^(status|exited)=/.test(filter));
		sweep(context.root, warn(context));
		const found = settleEnds(context.root, listContainers(context.root, warn(context)))
			.filter(({ state }) => options.all || last !== undefined || stateAsked || state.status === "running")
			.filter(matches)
			.slice(0, last);
		const nowMs = Date.now();
		const rows = found.map((container) => viewContainer(container, !options["no-trunc"], nowMs));
		if (options.quiet && options.format === undefined) context.print(rows.map(({ ID }) => `${ID}\n`).join(""));
		else context.print(formatRows(options.format, columnsOf(found), containerHeadings, rows));
		return 0;
	},
});

/** docker's columns, and where a container is in a unit, which. */
function columnsOf(found: readonly Container[]): readonly string[] {
	return found.some(({ record }) => record.unit !== null) ? [...columns, "Unit"] : columns;
}

function parseLast(text: string | undefined): number | undefined {
	if (text === undefined || text === "-1" || text === "0") return undefined;
	if (/^\d{1,9}$/.test(text)) return Number(text);
	throw new CortenError("invalid-argument", `cannot use "${text}" as --last: it is no number of containers`, { at: "--last" });
}
