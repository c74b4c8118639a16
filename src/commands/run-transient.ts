// `corten run -d` where systemd runs, and `corten create`: the container is made and does not run; the unit that runs it is another
// process's child, so all that the options name (files, variables, the current folder) is read here. docs/decisions/0019.

import { CortenError } from "../base/errors.ts";
import { createBundle } from "../bundle/bundle.ts";
import type { RunRequest } from "../bundle/request.ts";
import { readLink } from "../linux/file.ts";
import { createContainer, discardContainer } from "../supervise/folder.ts";
import { containerFolder, idOfLink, nameLink } from "../supervise/layout.ts";
import { newId } from "../supervise/names.ts";
import { reclaimName } from "../supervise/reclaim.ts";
import { removeContainer } from "../supervise/remove.ts";
import { writeStartFile } from "../supervise/start-file.ts";
import { type Container, readContainer } from "../supervise/state.ts";
import { isUsers, notifySocket, systemdRuns } from "../systemd/booted.ts";
import type { Context } from "./command.ts";
import type { Laps } from "./laps.ts";
import { CidFile, describeContainer, fillFolder, type StartInput, startFileOf } from "./run.ts";
import { startOne } from "./start.ts";
import { unitName } from "./start-unit.ts";
import { mayHaveUnit, stopUnitOf } from "./unit-control.ts";

/**
 * Makes the container, and has systemd start it. Prints its id.
 * @returns 0, or the status of a start that failed, whose message is on stderr then
 * @throws what the stages throw, and `already-exists` for a unit of the name; nothing is left behind then
 */
export async function runInOwnUnit(context: Context, input: StartInput, laps: Laps): Promise<number> {
	const container = await createStopped(context, input);
	laps.lap("folder");
	laps.end();
	const { id, name } = container.record;
	try {
		const status = startOne(context, container, id, true);
		if (status === 0) context.print(`${id}\n`);
		return status;
	} catch (error) {
		removeContainer(context.root, id, name);
		throw error;
	}
}

/** Makes a container that does not run. Its lock is free. @throws what the stages throw; nothing is left behind then */
export async function createStopped(context: Context, input: StartInput): Promise<Container> {
	const request = withSocket(input.request);
	const id = newId();
	if (request.name !== undefined) freeName(context.root, request.name, request.replace);
	const folder = containerFolder(context.root, id);
	const { host, image, words } = input;
	const bundle = createBundle({ id, image, rootfsPath: request.rootfs, operands: words, options: request, folder, host });
	using cidFile = request.cidFile === undefined ? undefined : new CidFile(request.cidFile);
	const record = describeContainer({ ...input, request }, undefined, bundle, id, folder);
	const created = createContainer(context.root, context.runroot, record);
	try {
		fillFolder(folder, bundle);
		const unit = unitName(request.unit, { name: created.name, id, terminal: request.tty });
		writeStartFile(folder, startFileOf(request, bundle, folder, unit));
		cidFile?.write(id);
	} catch (error) {
		await discardContainer(context.root, created);
		throw error;
	}
	created.lockFd[Symbol.dispose]();
	cidFile?.keep();
	const container = readContainer(context.root, id);
	if (container === undefined)
		throw new CortenError("not-found", `cannot find container "${created.name}": it was removed right after it was made`);
	return container;
}

/** The name of a container that ended with --rm, and with --replace any. Its unit is stopped, or it would be started again. */
function freeName(root: string, name: string, replace: boolean): void {
	const target = replace ? readLink(nameLink(root, name)) : undefined;
	const container = target === undefined ? undefined : readContainer(root, idOfLink(target));
	if (container !== undefined && mayHaveUnit(container)) {
		using stopping = stopUnitOf(root, container);
		stopping?.wait(Infinity);
	}
	reclaimName(root, name, replace);
}

/** `--sdnotify=container`: the manager's socket is the container's. */
function withSocket(request: RunRequest): RunRequest {
	const user = isUsers();
	if (request.sdnotify !== "container" || !systemdRuns(user)) return request;
	const source = notifySocket(user);
	const bind = {
		...({ kind: "bind", source, target: source, readonly: "no", recursive: false, propagation: "rprivate" } as const),
		...{ flags: ["nosuid", "nodev"], createSource: false, at: "--sdnotify" },
	};
	return { ...request, env: [`NOTIFY_SOCKET=${source}`, ...request.env], mounts: [...request.mounts, bind] };
}
