// corten unit: the quadlets of this machine or user, and what they become. @see podman-quadlet(1), docs/quadlet.md

import { absolutePath } from "../base/absolute-path.ts";
import { CortenError } from "../base/errors.ts";
import { exists, listFolder, makeFolders, readText, unlink, writeFile } from "../linux/file.ts";
import { runProgram } from "../linux/native.ts";
import { type Generated, generate, serviceOf } from "../quadlet/generate.ts";
import { splitName } from "../quadlet/names.ts";
import { findQuadlets, type Quadlet } from "../quadlet/search.ts";
import { parseUnitFile } from "../quadlet/unit-file.ts";
import { systemdRuns } from "../systemd/booted.ts";
import { connectSystemd, reloadManager } from "../systemd/scope.ts";
import { type Context, defineCommand } from "./command.ts";
import { foldersOf, generateAll } from "./generator.ts";
import { unitFrom } from "./unit-from.ts";

const verbs = ["list", "print", "install", "rm", "verify", "logs", "from", "refuse"];

/** `corten unit` */
export const command = defineCommand({
	summary: "containers as unit files: list, print, install, rm, verify, logs, from",
	usage: "list|print|install|rm|verify|logs|from [NAME|FILE|CONTAINER...]",
	options: {
		user: { kind: "flag", help: "those of the caller's own manager (usual without privilege)" },
		format: { kind: "value", metavar: "FORMAT", help: "of list: table or json", choices: ["table", "json"] },
		dryrun: { kind: "flag", help: "of install: print the units and change nothing" },
		follow: { kind: "flag", short: "f", help: "of logs: go on with what is added" },
	},
	operands: { min: 1, max: Infinity },
	description: [
		"A .container file (a quadlet, as podman's users write them) below /etc/corten/systemd or /etc/containers/systemd, of a user ~/.config/corten/systemd or ~/.config/containers/systemd, becomes a service of systemd's at every boot and daemon-reload, by corten-generator. docs/quadlet.md has the keys.",
		"list shows the files and their services; print NAME the units of one; verify NAME|FILE what is wrong with it, line by line, and fails if something is; install FILE|FOLDER puts files in their place and has systemd read them; rm NAME removes one; logs NAME is the journal of its service; from CONTAINER writes a .container file for a container that is there.",
	],
	examples: [
		["corten unit verify ./web.container", "before it is installed"],
		["corten unit install ./web.container && systemctl start web", "and then as any service"],
		["corten unit from web > web.container", "a container that was started by hand becomes a unit"],
	],
	run: (context, options, [verb = "", ...names]) => {
		const user = options.user || (process.geteuid?.() ?? 0) !== 0;
		const one = (): string => {
			const [name, more] = names;
			if (name === undefined || more !== undefined)
				throw new CortenError("invalid-argument", `cannot ${verb} ${names.length} units: name one`);
			return name;
		};
		switch (verb) {
			case "list":
				return list(context, generateAll(user), options.format === "json");
			case "print":
				for (const { name, text } of find(generateAll(user), one()).units) context.print(`# ${name}\n${text}\n`);
				return 0;
			case "verify":
				return verify(context, names, user);
			case "install":
				return install(context, names, user, options.dryrun);
			case "rm":
				return remove(context, names, user);
			case "logs":
				return logs(find(generateAll(user), one()), user, options.follow);
			case "from":
				context.print(unitFrom(context.root, one()));
				return 0;
			case "refuse":
				throw new CortenError("unsupported", names.join(" "));
			default:
				throw new CortenError("invalid-argument", `cannot "${verb}" units: it is one of ${verbs.slice(0, -1).join(", ")}`);
		}
	},
});

function list(context: Context, all: readonly Generated[], json: boolean): number {
	const rows = all.map(({ quadlet, remarks }) => ({
		Name: quadlet.name,
		Service: serviceOf(quadlet),
		Path: quadlet.path,
		Warnings: remarks.length,
	}));
	if (json) context.print(`${JSON.stringify(rows, undefined, 2)}\n`);
	else {
		const cells = [["NAME", "SERVICE", "WARNINGS", "PATH"], ...rows.map((row) => [row.Name, row.Service, `${row.Warnings}`, row.Path])];
		const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
		for (const row of cells)
			context.print(`${row.map((cell, column) => (column < 3 ? cell.padEnd((widths[column] ?? 0) + 3) : cell)).join("")}\n`);
	}
	return 0;
}

/** By the file's name, its beginning, or the service. */
function find(all: readonly Generated[], name: string): Generated {
	const found = all.find(({ quadlet }) => [quadlet.name, quadlet.stem, serviceOf(quadlet)].includes(name));
	if (found === undefined) throw new CortenError("not-found", `cannot find unit "${name}"`, { hint: "see: corten unit list" });
	return found;
}

function verify(context: Context, names: readonly string[], user: boolean): number {
	const all = generateAll(user);
	const chosen =
		names.length === 0 ? all : names.map((name) => (name.includes("/") || exists(name) ? readOne(name, user) : find(all, name)));
	const remarks = chosen.flatMap((one) => one.remarks);
	for (const { file, line, text } of remarks) context.print(`${file}:${line}: ${text}\n`);
	return remarks.length === 0 ? 0 : 1;
}

/** A file at any place, beside its neighbours. */
function readOne(name: string, user: boolean): Generated {
	const path = absolutePath("FILE", name);
	const folder = path.slice(0, path.lastIndexOf("/"));
	const base = path.slice(path.lastIndexOf("/") + 1);
	const there: Quadlet[] = findQuadlets([folder], user);
	const found = generate(there, { corten: process.execPath, user, exists }).find(({ quadlet }) => quadlet.name === base);
	if (found === undefined) throw new CortenError("not-found", `cannot read "${name}" as a unit: no file of that name, or of another kind`);
	return found;
}

/** Where a person's files go: after those of this boot, the most important folder. */
function homeOf(user: boolean): string {
	return foldersOf(user).find((folder) => !folder.startsWith("/run/")) ?? "/etc/corten/systemd";
}

function install(context: Context, names: readonly string[], user: boolean, dry: boolean): number {
	if (names.length === 0) throw new CortenError("invalid-argument", "cannot install nothing: name a file or a folder");
	const files = names.flatMap((name) => {
		const path = absolutePath("FILE", name);
		const below = listOrNone(path);
		return below === undefined
			? parts(path)
			: below.filter((one) => splitName(one) !== undefined).flatMap((one) => parts(`${path}/${one}`));
	});
	const home = homeOf(user);
	for (const { name, text } of files) {
		if (dry) {
			const quadlet: Quadlet = { name, ...kindOf(name), path: `${home}/${name}`, ...parseUnitFile(text, `${home}/${name}`) };
			for (const one of generate([quadlet], { corten: process.execPath, user, exists }))
				for (const unit of one.units) context.print(`# ${unit.name}\n${unit.text}\n`);
			continue;
		}
		makeFolders(home, 0o755);
		writeFile(`${home}/${name}`, text, 0o644);
		context.print(`${home}/${name}\n`);
	}
	if (!dry) reload(user);
	return 0;
}

function kindOf(name: string): NonNullable<ReturnType<typeof splitName>> {
	const found = splitName(name);
	if (found === undefined) throw new CortenError("invalid-argument", `cannot install "${name}": its name is not that of a quadlet`);
	return found;
}

function listOrNone(path: string): string[] | undefined {
	try {
		return listFolder(path);
	} catch {
		return undefined;
	}
}

/** One file, or several in one: `---` between them, `# FileName=NAME` in each. */
function parts(path: string): { readonly name: string; readonly text: string }[] {
	const text = readText(path, 1 << 20);
	const pieces = text.split(/^---[ \t]*$/m);
	if (pieces.length === 1) {
		const name = path.slice(path.lastIndexOf("/") + 1);
		kindOf(name);
		return [{ name, text }];
	}
	return pieces.map((piece) => {
		const name = /^#\s*FileName=(\S+)\s*$/m.exec(piece)?.[1];
		if (name === undefined || name.includes("/"))
			throw new CortenError("invalid-argument", `cannot install "${path}": a part has no "# FileName=NAME"`);
		kindOf(name);
		return { name, text: piece.replace(/^\n/, "") };
	});
}

function remove(context: Context, names: readonly string[], user: boolean): number {
	const all = generateAll(user);
	for (const name of names) {
		const { quadlet } = find(all, name);
		unlink(quadlet.path);
		context.print(`${quadlet.path}\n`);
	}
	reload(user);
	return 0;
}

function reload(user: boolean): void {
	if (!systemdRuns(user)) return;
	using systemd = connectSystemd(user);
	reloadManager(systemd);
}

function logs({ quadlet }: Generated, user: boolean, follow: boolean): number {
	const words = [...(user ? ["--user"] : []), ...(follow ? ["-f"] : []), "--no-pager", "-u", serviceOf(quadlet)];
	const ended = runProgram("/usr/bin/journalctl", ["journalctl", ...words], { env: undefined, input: new Uint8Array(0), timeoutMs: 0 });
	return typeof ended === "number" ? ended : 1;
}
