// The table of commands. A command's summary, options and text are in its own file and nowhere else: help, completion and the man pages
// load the files they speak of, and a start loads one. The only barrel of the program.

import type { OptionTable } from "../base/options.ts";
import type { Command } from "./command.ts";

/** The headings of `corten help`, in order. */
export const groups = {
	containers: "Containers",
	images: "Images",
	engine: "Engine",
} as const;

/** A row of the table. */
export type CommandEntry = {
	readonly group: keyof typeof groups;
	/** Loads the command's file; nothing of it runs before. */
	readonly load: () => Promise<Command>;
	/** What corten's own failure exits with; the payload's status is the command's own. 1 as docker's, but 125 where a payload has one. */
	readonly failureStatus: 1 | 125;
};

/** The one cast that forgets which options a command has: only its own parser result ever reaches its `run`. */
function entry<T extends OptionTable>(
	group: CommandEntry["group"],
	load: () => Promise<{ readonly command: Command<T> }>,
	failureStatus: 1 | 125 = 1,
): CommandEntry {
	return { group, load: async () => (await load()).command as unknown as Command, failureStatus };
}

/** name -> command. Every command file exports `command`. */
export const commands: Readonly<Record<string, CommandEntry>> = {
	run: entry("containers", () => import("./run.ts"), 125),
	create: entry("containers", () => import("./create.ts")),
	start: entry("containers", () => import("./start.ts")),
	restart: entry("containers", () => import("./restart.ts")),
	wait: entry("containers", () => import("./wait.ts")),
	plan: entry("containers", () => import("./plan.ts"), 125),
	exec: entry("containers", () => import("./exec.ts"), 125),
	ps: entry("containers", () => import("./ps.ts")),
	stop: entry("containers", () => import("./stop.ts")),
	kill: entry("containers", () => import("./kill.ts")),
	rm: entry("containers", () => import("./rm.ts")),
	logs: entry("containers", () => import("./logs.ts")),
	inspect: entry("containers", () => import("./inspect.ts")),
	cp: entry("containers", () => import("./cp.ts")),
	diff: entry("containers", () => import("./diff.ts")),
	commit: entry("containers", () => import("./commit.ts")),
	export: entry("containers", () => import("./export.ts")),
	"auto-update": entry("containers", () => import("./auto-update.ts")),
	healthcheck: entry("containers", () => import("./healthcheck.ts")),
	pull: entry("images", () => import("./pull.ts")),
	images: entry("images", () => import("./images.ts")),
	rmi: entry("images", () => import("./rmi.ts")),
	"image-prune": entry("images", () => import("./image-prune.ts")),
	tag: entry("images", () => import("./tag.ts")),
	untag: entry("images", () => import("./untag.ts")),
	save: entry("images", () => import("./save.ts")),
	load: entry("images", () => import("./load.ts")),
	push: entry("images", () => import("./push.ts")),
	search: entry("images", () => import("./search.ts")),
	delete: entry("images", () => import("./delete.ts")),
	import: entry("images", () => import("./import.ts")),
	history: entry("images", () => import("./history.ts")),
	login: entry("images", () => import("./login.ts")),
	logout: entry("images", () => import("./logout.ts")),
	convert: entry("images", () => import("./convert.ts")),
	"artifact-add": entry("images", () => import("./artifact-add.ts")),
	"artifact-extract": entry("images", () => import("./artifact-extract.ts")),
	"artifact-inspect": entry("images", () => import("./artifact-inspect.ts")),
	"artifact-ls": entry("images", () => import("./artifact-ls.ts")),
	"artifact-pull": entry("images", () => import("./artifact-pull.ts")),
	"artifact-push": entry("images", () => import("./artifact-push.ts")),
	"artifact-rm": entry("images", () => import("./artifact-rm.ts")),
	aci: entry("images", () => import("./aci.ts")),
	trust: entry("images", () => import("./trust.ts")),
	store: entry("engine", () => import("./store.ts")),
	info: entry("engine", () => import("./info.ts")),
	version: entry("engine", () => import("./version.ts")),
	unit: entry("engine", () => import("./unit.ts")),
	"unit-event": entry("engine", () => import("./unit-event.ts")),
	completion: entry("engine", () => import("./completion.ts")),
	help: entry("engine", () => import("./help.ts")),
};

/** docker's and podman's two-word spellings: group -> word -> the command and the options it implies. */
export const aliases: Readonly<Record<string, Readonly<Record<string, readonly [command: string, ...args: string[]]>>>> = {
	image: {
		ls: ["images"],
		list: ["images"],
		pull: ["pull"],
		push: ["push"],
		rm: ["rmi"],
		remove: ["rmi"],
		inspect: ["inspect", "--type=image"],
		tag: ["tag"],
		untag: ["untag"],
		save: ["save"],
		load: ["load"],
		import: ["import"],
		history: ["history"],
		prune: ["image-prune"],
	},
	artifact: {
		add: ["artifact-add"],
		extract: ["artifact-extract"],
		inspect: ["artifact-inspect"],
		ls: ["artifact-ls"],
		pull: ["artifact-pull"],
		push: ["artifact-push"],
		rm: ["artifact-rm"],
	},
	system: { df: ["store", "df"] },
	container: {
		run: ["run"],
		create: ["create"],
		start: ["start"],
		restart: ["restart"],
		wait: ["wait"],
		exec: ["exec"],
		ls: ["ps"],
		list: ["ps"],
		ps: ["ps"],
		stop: ["stop"],
		kill: ["kill"],
		rm: ["rm"],
		remove: ["rm"],
		logs: ["logs"],
		cp: ["cp"],
		diff: ["diff"],
		commit: ["commit"],
		export: ["export"],
		inspect: ["inspect", "--type=container"],
	},
};
