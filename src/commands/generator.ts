// corten-generator: systemd calls it at boot and at every daemon-reload with three folders, and reads what is in them then. It never fails the
// boot: what cannot be done is said in the kernel's log and on stderr, and the other files become units all the same.
// @see systemd.generator(7)

import { isError } from "../base/errors.ts";
import { exists, makeFolders, makeLink, O_CLOEXEC, O_WRONLY, openFd, readLink, writeFd, writeFile } from "../linux/file.ts";
import { writeOutput } from "../linux/output.ts";
import { type Generated, generate } from "../quadlet/generate.ts";
import { findQuadlets, searchPath } from "../quadlet/search.ts";

/** Runs the program `corten-generator`. @returns 0, also when a file was bad; 1 for arguments that are none */
export function main(args: readonly string[]): number {
	const flags = args.filter((arg) => arg.startsWith("-"));
	const folders = args.filter((arg) => !arg.startsWith("-"));
	const has = (name: string): boolean => flags.some((flag) => flag.replace(/^-+/, "") === name);
	const user = has("user") || process.env.SYSTEMD_SCOPE === "user" || process.argv0.includes("user-generators");
	const dry = has("dryrun") || has("dry-run");
	const bad = flags.find((flag) => !["user", "dryrun", "dry-run", "v", "verbose", "no-kmsg-log"].includes(flag.replace(/^-+/, "")));
	if (bad !== undefined || (!dry && folders.length === 0)) {
		say(
			`corten-generator: ${bad === undefined ? "a folder is missing" : `there is no option "${bad}"`}: corten-generator [--user] [--dryrun] NORMAL [EARLY LATE]\n`,
		);
		return 1;
	}
	const all = generateAll(user);
	const remarks = all.flatMap((one) => one.remarks.map(({ file, line, text }) => `${file}:${line}: ${text}`));
	for (const remark of remarks) say(`corten-generator: ${remark}\n`);
	if (dry) {
		const text = all.flatMap(({ units }) => units.map((unit) => `---${unit.name}---\n${unit.text}\n`)).join("");
		writeOutput(1, new TextEncoder().encode(text));
		return 0;
	}
	if (!has("no-kmsg-log") && !user) logToKernel(remarks);
	const [folder = ""] = folders;
	for (const one of all) writeOne(folder, one);
	return 0;
}

/** Where quadlets are looked for. */
export function foldersOf(user: boolean): string[] {
	const kind = user ? "user" : "system";
	const masks = [`/run/systemd/${kind}-generators`, `/etc/systemd/${kind}-generators`].map(
		(folder) => `${folder}/podman-${kind}-generator`,
	);
	const podman =
		exists(`/usr/lib/systemd/${kind}-generators/podman-${kind}-generator`) && !masks.some((path) => readLink(path) === "/dev/null");
	return searchPath({ user, uid: process.getuid?.() ?? 0, env: process.env, podman });
}

/** All quadlets of this machine, or of the caller, as units. */
export function generateAll(user: boolean): Generated[] {
	return generate(findQuadlets(foldersOf(user), user), { corten: process.execPath, user, exists });
}

function writeOne(folder: string, { units, links }: Generated): void {
	try {
		makeFolders(folder, 0o755);
		for (const { name, text } of units) writeFile(`${folder}/${name}`, text, 0o644);
		for (const [path, target] of links) {
			const below = path.includes("/") ? `/${path.slice(0, path.lastIndexOf("/"))}` : "";
			makeFolders(`${folder}${below}`, 0o755);
			makeLink(target, `${folder}/${path}`);
		}
	} catch (error) {
		if (!isError(error)) throw error;
		say(`corten-generator: ${error.message}\n`);
		logToKernel([error.message]);
	}
}

function say(text: string): void {
	try {
		writeOutput(2, new TextEncoder().encode(text));
	} catch {
		// There is nobody to hear it.
	}
}

/** At boot there is no journal yet. Level 4: a warning. */
function logToKernel(lines: readonly string[]): void {
	if (lines.length === 0) return;
	try {
		using kmsg = openFd("/dev/kmsg", O_WRONLY | O_CLOEXEC);
		for (const line of lines) writeFd(kmsg, new TextEncoder().encode(`<4>corten-generator: ${line.slice(0, 800)}\n`), "kmsg");
	} catch (error) {
		if (!isError(error)) throw error;
	}
}
