// `corten run`: image -> bundle -> plan -> launch. The whole way on one page; each step is a stage and none of them knows another. corten
// itself does nothing in a container: it writes the folder, compiles the plan, and becomes launch.

import { CortenError } from "../base/errors.ts";
import { type Bundle, createBundle } from "../bundle/bundle.ts";
import { encodeConfig } from "../bundle/config-encode.ts";
import type { RunRequest } from "../bundle/request.ts";
import { findImage, holdStore, readRecord } from "../image/store.ts";
import { becomeLaunch } from "../launch/spawn.ts";
import { makeFolder, O_CREAT, O_EXCL, readLink, unlink, writeFile } from "../linux/file.ts";
import { type HostFacts, readHostFacts, readOwnCgroups } from "../linux/host.ts";
import { syscall } from "../linux/libc.ts";
import { nr } from "../linux/syscalls.ts";
import { containerCgroups } from "../plan/cgroup-paths.ts";
import { compile } from "../plan/compile.ts";
import { encodePlan } from "../plan/encode.ts";
import type { Frame } from "../plan/frame.ts";
import type { ImageRecord } from "../spec/image.ts";
import { type CreatedContainer, createContainer, discardContainer } from "../supervise/folder.ts";
import { containerFolder, nameLink } from "../supervise/layout.ts";
import { newId } from "../supervise/names.ts";
import type { ContainerRecord } from "../supervise/record.ts";
import { type StartFile, writeStartFile } from "../supervise/start-file.ts";
import { isUsers, systemdRuns } from "../systemd/booted.ts";
import { findService, type Service } from "../systemd/service.ts";
import { type Context, defineCommand } from "./command.ts";
import { type Laps, startLaps } from "./laps.ts";
import type { InUnit } from "./run-in-unit.ts";
import { runOptions } from "./run-options.ts";
import { decodeRunRequest } from "./run-request.ts";
import { callerTerminalSize, checkTerminal } from "./terminal.ts";

export const command = defineCommand({
	summary: "run a command in a new container",
	usage: "[OPTIONS] IMAGE [COMMAND [ARG...]]",
	options: runOptions,
	operands: { min: 0, max: Infinity },
	optionsFirst: true,
	description: [
		"Makes a container from an image and runs its command, or COMMAND, in it. An image that is not in the store is pulled: from a registry (NAME[:TAG][@DIGEST]), an OCI layout folder (oci:PATH[:TAG]) or an archive of docker save (docker-archive:PATH[:NAME]), or, by its signature, an image of appc's (aci:PATH, appc:NAME[:VERSION][,LABEL=VALUE], or a name that no registry has; see corten-pull(1)). With --rootfs the root is a folder of the host and there is no IMAGE.",
		"corten compiles the image and the options into a list of system calls (see corten-plan(1)), and becomes the small program that executes it. The payload is its child; the standard descriptors are the caller's own. Signals are passed on, and corten ends as the payload ended: with its status, or 128 plus the number of the signal that ended it. 125 is a failure of corten, 126 a command that cannot be executed, 127 one that is not there.",
		"As the ExecStart= of a systemd service corten makes the command the unit's main process, in the unit's cgroup, and leaves: with Type=notify nothing else is needed. The unit's environment, credentials, folders and sockets reach the command, limits become the unit's. With User= corten works as that user; with ExecStart=!/usr/bin/corten (with DynamicUser= ExecStart=+) it keeps its privilege and the command gets the user. With other types corten's launcher stays and ends as the command does.",
		"Without privilege corten becomes root of a user namespace first, with the ids that /etc/subuid and /etc/subgid grant the user, or the user's own alone. Images and containers are then below ~/.local/share/corten. Limits need a unit.",
		"With -d, where systemd runs, the container is the main process of a transient unit, corten-NAME.service, and nothing of corten stays with it: its output is the journal's (corten logs), limits are the unit's properties, --restart is its Restart=. See corten-start(1) for what happens after a boot. With -t, or --unit none, launch watches it.",
		"A command that is a systemd (see --systemd) gets empty /run, /run/lock and /tmp, cgroups it may write, $container and $container_uuid, and is stopped by SIGRTMIN+3. Its journal is the folder journal of the container's: journalctl -D /var/lib/corten/containers/ID/journal. In a unit it needs Delegate=yes, KillMode=mixed and KillSignal=SIGRTMIN+3; with Type=notify and --sdnotify=container the unit is ready when that systemd is.",
		"Without --network the container has only a loopback interface (as with --network none): bridges are not there yet.",
	],
	examples: [
		["corten run --rm -it debian bash", "a shell that leaves nothing behind"],
		["corten run -d --name web -v /srv/www:/www:ro busybox httpd -f -h /www", "a service in the background; see corten logs web"],
		["corten run --rm oci:./layout:1.0 id", "an image from a folder"],
	],
	seeAlso: ["systemd.service(5)", "systemd.exec(5)", "sd_notify(3)", "/usr/share/doc/corten/operator.md"],
	run: async (context, options, operands) => {
		const laps = startLaps(context);
		const request = decodeRunRequest(options);
		const service = findService(process.env, process.pid, readOwnCgroups, options.sdnotify !== undefined);
		checkTerminal(request);
		const reference = request.rootfs === undefined ? operands[0] : undefined;
		const words = request.rootfs === undefined ? operands.slice(1) : operands;
		if (request.rootfs === undefined && reference === undefined) {
			throw new CortenError("invalid-argument", "cannot run without an image", { hint: "see: corten help run" });
		}
		using held = reference === undefined ? undefined : await obtainImage(context, reference, request);
		laps.lap("image");
		return start(
			context,
			{ request, service, host: readHostFacts({ layersFolder: `${context.root}/layers` }), reference, image: held?.image, words },
			laps,
		);
	},
});

/** What a start is made from. */
export type StartInput = {
	readonly request: RunRequest;
	/** The unit that corten is started as. */
	readonly service: Service | undefined;
	readonly host: HostFacts;
	/** As the person wrote it; undefined with --rootfs. */
	readonly reference: string | undefined;
	readonly image: ImageRecord | undefined;
	/** The command and its arguments, if given. */
	readonly words: readonly string[];
};

/** An image whose layers stay while this is held: until container.json names them, or corten ends. */
export type HeldImage = Disposable & { readonly image: ImageRecord };

/** The image from the store, pulled first where the policy says so. @throws `not-found` with --pull never; else as pullImage */
export async function obtainImage(
	context: Context,
	reference: string,
	request: Pick<RunRequest, "pull" | "platform" | "quiet" | "insecure">,
): Promise<HeldImage> {
	if (request.pull !== "always") {
		const held = await findHeld(context, () => findImage(context.root, reference, request.platform));
		if (held !== undefined) return held;
	}
	if (request.pull === "never") {
		throw new CortenError("not-found", `cannot find image "${reference}" in the store`, { hint: `corten pull ${reference}` });
	}
	const { pullShowing } = await import("./pulling.ts");
	const { platform, pull: policy, quiet, insecure } = request;
	const { record } = await pullShowing(
		context,
		reference,
		{ policy, appc: { insecure }, ...(platform !== undefined && { platform }) },
		quiet,
	);
	const held = await findHeld(context, async () => readRecord(context.root, record.digest));
	if (held === undefined) throw new CortenError("busy", `cannot use image "${reference}": it was removed right after it was pulled`);
	return held;
}

/** Looks with the store held, and keeps the hold only when something is found: a pull needs the store for itself. */
async function findHeld(context: Context, find: () => Promise<ImageRecord | undefined>): Promise<HeldImage | undefined> {
	const hold = holdStore(context.root);
	const release = () => hold?.[Symbol.dispose]();
	try {
		const image = await find();
		if (image !== undefined) return { image, [Symbol.dispose]: release };
	} catch (error) {
		release();
		throw error;
	}
	release();
	return undefined;
}

/** Makes the container and becomes launch. @throws what the stages throw; nothing is left behind then */
export async function start(context: Context, input: StartInput, laps: Laps): Promise<number> {
	const { host, image, service } = input;
	if (service === undefined) {
		const { detach, tty, unit, restart, register } = input.request;
		if (detach && !tty && unit !== "none" && systemdRuns(isUsers()))
			return (await import("./run-transient.ts")).runInOwnUnit(context, input, laps);
		if (restart.name !== "no" || register || (unit !== undefined && unit !== "none"))
			(await import("./start-unit.ts")).refuseUnitOptions(input.request);
	}
	const id = newId();
	// What is made for the container is for its users, whatever the caller keeps from others.
	const umask = syscall(nr.umask, 0o022);
	const inUnit = service === undefined ? undefined : await import("./run-in-unit.ts");
	if (service !== undefined) inUnit?.checkSandbox(service, [context.root, context.runroot]);
	const unit = service === undefined ? undefined : await inUnit?.enterUnit(service, { ...input.request, umask }, id, host);
	const request = unit?.request ?? input.request;
	// The name may be that of a container that ended with its unit, where nobody stayed to free it.
	const taken = request.name !== undefined && readLink(nameLink(context.root, request.name)) !== undefined;
	if (taken || service !== undefined) {
		const { reclaimName, reclaimUnit } = await import("../supervise/reclaim.ts");
		if (unit !== undefined) reclaimUnit(context.root, unit.place);
		if (request.name !== undefined) reclaimName(context.root, request.name, request.replace);
	}
	const folder = containerFolder(context.root, id);
	const bundle = createBundle({ id, image, rootfsPath: request.rootfs, operands: input.words, options: request, folder, host });
	if (service !== undefined && bundle.systemd) (await import("./unit-manager.ts")).checkDelegated(service);
	laps.lap("bundle");
	using cidFile = request.cidFile === undefined ? undefined : new CidFile(request.cidFile);
	const record = describeContainer({ ...input, request }, unit, bundle, id, folder);
	const created = createContainer(context.root, context.runroot, record);
	try {
		fillFolder(folder, bundle);
		if (!request.remove && unit === undefined) writeStartFile(folder, startFileOf(request, bundle, folder, ""));
		if (unit !== undefined) (await import("../supervise/reclaim.ts")).claimUnit(context.root, unit.place, id);
		cidFile?.write(id);
		laps.lap("folder");
		const surroundings = {
			...frameOf(context, request, created, bundle, callerTerminalSize(request.tty)),
			...(host.initialUserNamespace ? { cgroups: containerCgroups(bundle.config, host.cgroup, folder) } : { cgroups: [], rootless: true }),
			...unit?.frame,
		};
		const probed = { folder, record: { ...record, name: created.name }, bundle, host };
		const whenHealthy = request.sdnotify === "healthy";
		const health = record.health !== null || whenHealthy ? (await import("./run-health.ts")).prepareHealth : undefined;
		const frame: Frame = { ...surroundings, ...health?.(context, probed, service, surroundings, whenHealthy) };
		const plan = compile({ config: bundle.config, rootfs: bundle.rootfs, host, frame });
		const bytes = encodePlan(plan, {
			lockFd: created.lockFd.number,
			json: context.logFormat === "json",
			times: context.logLevel === "debug",
			endAsPayload: service !== undefined,
		});
		laps.lap("plan");
		laps.end();
		becomeLaunch(bytes);
	} catch (error) {
		await discardContainer(context.root, created);
		throw error;
	}
}

/** `--cidfile`: made before the container, so that a file in the way stops the start; removed again when the start fails. */
export class CidFile implements Disposable {
	readonly path: string;
	#kept = false;
	constructor(path: string) {
		this.path = path;
		writeFile(path, "", 0o644, O_CREAT | O_EXCL);
	}
	write(id: string): void {
		writeFile(this.path, id, 0o644, 0);
	}
	keep(): void {
		this.#kept = true;
	}
	[Symbol.dispose](): void {
		if (!this.#kept) unlink(this.path);
	}
}

/** What the bundle brought, into the folder: config.json for exec and inspect, and the writable layer. */
export function fillFolder(folder: string, bundle: Bundle): void {
	writeFile(`${folder}/config.json`, encodeConfig(bundle.config));
	if (bundle.journal !== undefined) makeFolder(bundle.journal, 0o755);
	if (bundle.rootfs.kind !== "layers" || bundle.rootfs.upper === undefined) return;
	makeFolder(bundle.rootfs.upper.upperDir, 0o755);
	makeFolder(bundle.rootfs.upper.workDir);
}

/** start.json: what another start needs beside config.json. @param unit that it gets, or "" */
export function startFileOf(request: RunRequest, bundle: Bundle, folder: string, unit: string): StartFile {
	return {
		rootfs: bundle.rootfs,
		files: bundle.files.map(({ path, content }) => ({ source: `${folder}/${path}`, content })),
		pidFile: request.pidFile ?? "",
		restart: request.restart,
		sdnotify: request.sdnotify === "container" || request.sdnotify === "healthy" ? request.sdnotify : "conmon",
		register: request.register,
		unit,
	};
}

/** container.json: what later commands must know. */
export function describeContainer(
	{ request, host, reference, image }: Omit<StartInput, "service" | "words">,
	unit: InUnit | undefined,
	bundle: Bundle,
	id: string,
	folder: string,
): ContainerRecord {
	const [path = "", ...args] = bundle.config.process.args;
	return {
		id,
		name: request.name ?? "",
		created: new Date().toISOString(),
		image: image === undefined ? null : { reference: reference ?? "", digest: image.digest, configDigest: image.configDigest },
		layers: image?.layers.map((layer) => layer.path) ?? [],
		rootfs: request.rootfs ?? null,
		path,
		args,
		labels: bundle.labels,
		annotations: request.annotations,
		removeAtEnd: request.remove,
		terminal: request.tty,
		openStdin: request.interactive,
		detached: request.detach,
		stopSignal: bundle.stopSignal,
		stopTimeoutSeconds: bundle.stopTimeoutSeconds,
		cgroups: (host.initialUserNamespace ? (unit?.frame.cgroups ?? containerCgroups(bundle.config, host.cgroup, folder)) : []).map(
			(cgroup) => cgroup.path,
		),
		network: request.network,
		mounts: bundle.mounts,
		health: bundle.health ?? null,
		unit: unit?.place ?? null,
	};
}

/** What surrounds the start: where, watched how, and what is left at its end. */
export function frameOf(
	context: Context,
	request: RunRequest,
	container: Pick<CreatedContainer, "id" | "folder" | "nameLink">,
	bundle: Pick<Bundle, "files">,
	terminalSize?: Frame["terminalSize"],
): Frame {
	return {
		folder: container.folder,
		stage: `${context.runroot}/stage`,
		files: bundle.files.map(({ path, content }) => ({ source: `${container.folder}/${path}`, content })),
		...(request.detach && { detachMessage: `${container.id}\n` }),
		output: request.detach ? "log" : "inherit",
		input: request.interactive && !request.detach ? "inherit" : "null",
		...(terminalSize !== undefined && { terminalSize }),
		...(request.pidFile !== undefined && { pidFile: request.pidFile }),
		atEnd: request.remove ? { kind: "remove", nameLink: container.nameLink } : { kind: "keep" },
	};
}
