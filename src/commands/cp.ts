// corten cp: files between the host and containers, or from one container to another.

import { isatty } from "node:tty";
import { CortenError } from "../base/errors.ts";
import type { Ownership } from "../image/files/attributes.ts";
import { createTarSink } from "../image/files/read.ts";
import { createFileSink } from "../image/files/write.ts";
import { defaultLimits } from "../image/layer/bounded.ts";
import { inflate } from "../image/layer/inflate.ts";
import { readTarStream } from "../image/layer/tar.ts";
import { streamFd } from "../image/sources/oci-layout.ts";
import { openInput } from "../linux/input.ts";
import { writeOutput } from "../linux/output.ts";
import { findContainer } from "../supervise/state.ts";
import { type Context, defineCommand } from "./command.ts";
import { parseSide, type Side } from "./cp-arguments.ts";
import { copyFiles, type Located, openFolderTarget, openSource, openTarget, sendSource, type Target } from "./cp-copy.ts";
import { openRoots, type Roots, rootOf } from "./cp-roots.ts";

/** `corten cp` */
export const command = defineCommand({
	summary: "copy files out of a container, into one, or from one to another",
	usage: "[OPTIONS] [CONTAINER:]SRC|- [CONTAINER:]DEST|-",
	options: {
		archive: { kind: "flag", short: "a", help: "keep owners, set-id bits, extended attributes and devices" },
		"follow-link": { kind: "flag", short: "L", help: "copy what SRC leads to when it is a symbolic link" },
		overwrite: { kind: "flag", help: "let a file replace a folder, and a folder a file", unsupported: true },
		quiet: { kind: "flag", short: "q", help: "accepted for docker's sake: nothing is printed" },
	},
	operands: { min: 2, max: 2 },
	description: [
		"Copies a file, or a folder with all that is in it. Paths of a container begin at its root. A path of the host with a colon in it needs ./ or / before it.",
		"A file goes to DEST, or into DEST when that is a folder; where DEST ends with a slash it must be one. A folder goes into DEST when that is one, and becomes DEST when nothing is there; " +
			"its content alone goes into DEST when SRC ends with /. - DEST's own folder must exist. Files and links are replaced; a folder is never replaced by a file, nor a file by a folder.",
		"With - as DEST a tar is written to standard output; with - as SRC one is read from standard input, compressed or not, and unpacked into the folder DEST with the owners that are in it.",
		"What is copied into a container belongs to its root, what is copied out to the caller; -a keeps the users' and groups' numbers. Symbolic links are copied as links, sockets not at all.",
		"Of a container that runs, all its mounts are seen: its volumes, a tmpfs, and what else it has mounted. It is not stopped meanwhile. Of one that does not, volumes and binds are, and what is only there while it runs (/dev, a tmpfs) is an empty folder in which nothing can be written. " +
			"/proc, /sys and cgroups are no files: they are refused, and left empty in a folder that has them.",
		"Every path is resolved inside of the container's root by the kernel, and nothing of the container is executed or loaded.",
	],
	examples: [
		["corten cp web:/etc/nginx ./nginx", "a folder out"],
		["corten cp ./site/. web:/usr/share/nginx/html", "what is in a folder into another one"],
		["corten cp web:/var/log - | tar -tv", "a tar of it"],
	],
	seeAlso: ["corten-export(1)", "corten-diff(1)", "corten-commit(1)"],
	run: async (context, options, words) => {
		const [source, target] = words.map((word) => parseSide(word, () => process.cwd()));
		if (source === undefined || target === undefined) throw new CortenError("bug", "two words were wanted");
		const sides = [source, target];
		const containers = sides.flatMap((side) => (side.kind === "container" ? [findContainer(context.root, side.container)] : []));
		if (containers.length === 0)
			throw new CortenError("invalid-argument", "cannot copy without a container", {
				hint: "write it as CONTAINER:PATH, on one side or on both",
			});
		if (target.kind === "stream" && isatty(1)) throw new CortenError("invalid-argument", "cannot write a tar to a terminal");
		if (source.kind === "stream" && isatty(0)) throw new CortenError("invalid-argument", "cannot read a tar from a terminal");
		const again = [...(options.archive ? ["--archive"] : []), ...(options["follow-link"] ? ["--follow-link"] : []), "--", ...words];
		using roots = openRoots(context, containers, again);
		if (source.kind === "stream") await unpack(context, locate(target, context, roots));
		else {
			const from = locate(source, context, roots);
			if (target.kind === "stream") writeTar(from, options["follow-link"]);
			else copy(context, from, options["follow-link"], locate(target, context, roots), ownerAt(target, options.archive));
		}
		return 0;
	},
});

function locate(side: Side, context: Context, roots: Roots): Located {
	if (side.kind === "stream") throw new CortenError("invalid-argument", "cannot copy from - to -");
	return { ...side, root: side.kind === "container" ? rootOf(roots, context, side.container) : undefined };
}

function ownerAt(target: Side, archive: boolean): Ownership {
	if (archive) return { kind: "kept" };
	if (target.kind === "container") return { kind: "given", uid: 0, gid: 0 };
	return { kind: "given", uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

function copy(context: Context, from: Located, followLink: boolean, to: Located, ownership: Ownership): void {
	using source = openSource(from, followLink);
	using target = openTarget(to, source);
	copyFiles(source, target, ownership, (message) => context.log("warn", message));
}

function writeTar(from: Located, followLink: boolean): void {
	using source = openSource(from, followLink);
	const sink = createTarSink((bytes) => writeOutput(1, bytes));
	sendSource(source, sink);
	sink.finish();
}

/** A tar says whose each entry is. To its end it is read, also beyond its end mark: who writes it should not meet a closed pipe. */
async function unpack(context: Context, to: Located): Promise<void> {
	using target: Target = openFolderTarget(to);
	using sink = createFileSink(target.folder, { kind: "kept" }, (message) => context.log("warn", message));
	using file = openInput();
	await readTarStream(inflate(streamFd(file, "standard input")).chunks, sink, defaultLimits);
	sink.finish();
}
