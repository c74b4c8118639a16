// The options of checkpoint and restore: runc's, and what they are for criu.

import { CortenError } from "../../base/errors.ts";
import type { OptionTable, Parsed } from "../../base/options.ts";
import { type Fd, makeFolder, makeFolders, O_DIRECTORY, O_RDONLY, openFd, unlink } from "../../linux/file.ts";
import type { Config } from "../../spec/runtime.ts";
import { absolute } from "../path.ts";
import { type CgroupMode, type CriuOptions, cgroupModes } from "./request.ts";

/** What checkpoint and restore have in common. */
export const imageOptions = {
	"image-path": { kind: "value", metavar: "DIR", help: "folder of the image (default: checkpoint, in the current one)" },
	"work-path": { kind: "value", metavar: "DIR", help: "folder of criu's logs (default: that of the image)" },
	"tcp-established": { kind: "flag", help: "allow open TCP connections" },
	"ext-unix-sk": { kind: "flag", help: "allow outer unix sockets" },
	"shell-job": { kind: "flag", help: "allow the caller's terminal" },
	"file-locks": { kind: "flag", help: "allow file locks" },
	"manage-cgroups-mode": {
		kind: "value",
		metavar: "MODE",
		help: "what criu does with cgroups: soft (default), full, strict or ignore",
		choices: Object.keys(cgroupModes).filter((mode) => mode !== ""),
	},
	"empty-ns": {
		kind: "list",
		metavar: "NAMESPACE",
		help: "leave out what is in this namespace: network, which always is",
		choices: ["network"],
	},
	"auto-dedup": { kind: "flag", help: "free the memory of an image as soon as it is used, or is in a later one" },
	"lazy-pages": { kind: "flag", help: "hand memory over when it is asked for, by criu lazy-pages" },
} as const satisfies OptionTable;

/** Those of checkpoint. */
export const dumpOptions = {
	...imageOptions,
	"leave-running": { kind: "flag", help: "let it run on" },
	"parent-path": { kind: "value", metavar: "DIR", help: "an earlier image, relative to this one: what it has is left out" },
	"pre-dump": { kind: "flag", help: "memory alone, and let it run on" },
	"page-server": {
		kind: "value",
		metavar: "ADDRESS:PORT",
		help: "who takes the memory: criu page-server, or with --lazy-pages who asks for it",
	},
	"status-fd": { kind: "value", metavar: "NUMBER", help: "descriptor that gets a zero byte when memory can be asked for" },
	"tcp-skip-in-flight": { kind: "flag", help: "leave out TCP connections that are not open yet" },
	"link-remap": { kind: "flag", help: "save open files without a name by giving them one" },
} as const satisfies OptionTable;

/** Those of restore. */
export const restoreOptions = {
	...imageOptions,
	bundle: { kind: "value", short: "b", metavar: "DIR", help: "the bundle's folder (default .)" },
	"console-socket": { kind: "value", metavar: "PATH", help: "who takes the terminal" },
	detach: { kind: "flag", short: "d", help: "do not wait for the container's end" },
	"pid-file": { kind: "value", metavar: "FILE", help: "write the process id to this file" },
	"no-subreaper": { kind: "flag", help: "accepted; nothing is reaped that is not ours" },
	"no-pivot": { kind: "flag", help: "accepted; criu makes the root its own way" },
	"lsm-profile": { kind: "value", metavar: "PROFILE", help: "the security module's profile" },
	"lsm-mount-context": { kind: "value", metavar: "CONTEXT", help: "the security module's label of mounts" },
} as const satisfies OptionTable;

/** The values of {@link restoreOptions}. */
export type RestoreOptions = Parsed<typeof restoreOptions>;

/** The values of {@link imageOptions}. */
export type ImageOptions = Parsed<typeof imageOptions>;

const CLONE_NEWNET = 0x4000_0000;
const ENOENT = 2;

/** The folders of a dump or restore, open. */
export type ImageFolders = Disposable & {
	readonly image: string;
	readonly imageFd: Fd;
	readonly workFd: Fd | undefined;
	readonly log: string;
};

/**
 * Opens the folders; that of the logs is made, that of the image with `make`. A log that is there is removed: what lies there under its
 * name may be a link, and criu would write through it.
 * @throws `invalid-argument` where there is no image
 */
export function openFolders(options: ImageOptions, logName: string, make: boolean): ImageFolders {
	const image = absolute(options["image-path"] || "checkpoint");
	const given = options["work-path"];
	const work = given === undefined || given === "" ? undefined : absolute(given);
	if (make) makeFolders(image);
	let imageFd: Fd;
	try {
		imageFd = openFd(image, O_RDONLY | O_DIRECTORY);
	} catch (error) {
		throw new CortenError("invalid-argument", `cannot use image folder "${image}"`, { cause: error, at: "--image-path" });
	}
	if (work !== undefined) makeFolder(work);
	const workFd = work === undefined ? undefined : openFd(work, O_RDONLY | O_DIRECTORY);
	const log = `${work ?? image}/${logName}`;
	unlink(log);
	const close = (): void => {
		imageFd[Symbol.dispose]();
		workFd?.[Symbol.dispose]();
	};
	return { image, imageFd, workFd, log, [Symbol.dispose]: close };
}

/** The part of a request that both have. */
export function commonOptions(options: ImageOptions, folders: ImageFolders, config: Config): CriuOptions {
	const mode = options["manage-cgroups-mode"] ?? "";
	return {
		imagesDirFd: folders.imageFd.number,
		workDirFd: folders.workFd?.number,
		logFile: folders.log.slice(folders.log.lastIndexOf("/") + 1),
		logLevel: 4,
		notifyScripts: true,
		orphanPtsMaster: true,
		tcpEstablished: options["tcp-established"],
		extUnixSk: options["ext-unix-sk"],
		shellJob: options["shell-job"],
		fileLocks: options["file-locks"],
		autoDedup: options["auto-dedup"],
		lazyPages: options["lazy-pages"],
		manageCgroups: true, // for versions that do not know the mode
		manageCgroupsMode: cgroupModes[mode as CgroupMode],
		// What is in a network namespace is whoever's who made it: a hook's, an engine's.
		emptyNs: CLONE_NEWNET,
		configFile: configFile(config),
	};
}

/**
 * criu's own configuration, which prevails over the request: runc's file, so that what an administrator or an engine wrote there holds
 * here too, or the one that an annotation names. A file that is not there is passed over.
 */
function configFile({ annotations }: Config): string | undefined {
	const named = annotations?.["org.criu.config"];
	return named === undefined ? "/etc/criu/runc.conf" : named === "" ? undefined : named;
}

/** `ADDRESS:PORT`, an IPv6 address in brackets. @throws `invalid-argument` */
export function parsePageServer(text: string): { readonly address: string; readonly port: number } {
	const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
	const address = bracketed ?? plain;
	if (address === undefined || Number(port) === 0 || Number(port) > 65535) {
		throw new CortenError("invalid-argument", `cannot use "${text}" as page server: it is not ADDRESS:PORT`, { at: "--page-server" });
	}
	return { address, port: Number(port) };
}

/** Checks the folder of an earlier image. @returns it, as criu wants it @throws `invalid-argument` */
export function parseParent(text: string, image: string): string {
	const at = "--parent-path";
	if (text.startsWith("/"))
		throw new CortenError("invalid-argument", `cannot use "${text}" as earlier image: it is not relative to the new one`, { at });
	try {
		openFd(`${image}/${text}`, O_RDONLY | O_DIRECTORY)[Symbol.dispose]();
	} catch (error) {
		throw new CortenError("invalid-argument", `cannot use "${text}" as earlier image`, { at, cause: error, errno: ENOENT });
	}
	return text;
}
