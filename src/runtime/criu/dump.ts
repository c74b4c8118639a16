// A dump: what criu is told of a running container.

import { CortenError } from "../../base/errors.ts";
import type { Parsed } from "../../base/options.ts";
import { readHostFacts } from "../../linux/host.ts";
import { syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { criuPaths } from "../../plan/compile-criu.ts";
import type { Config } from "../../spec/runtime.ts";
import { freezerFolder } from "../../supervise/freezer.ts";
import { parseCount } from "../cli.ts";
import type { RuntimeContext } from "../command.ts";
import { readContainerConfig } from "../config.ts";
import { type RuntimeContainer, runningProcess } from "../state.ts";
import { readDescriptors, writeDescriptors } from "./descriptors.ts";
import { externalAtDump } from "./external.ts";
import { criuFailure } from "./failure.ts";
import { readMountinfo } from "./mountinfo.ts";
import { checkNamespaces, externalNamespaces } from "./namespaces.ts";
import { commonOptions, type dumpOptions, openFolders, parsePageServer, parseParent } from "./options.ts";
import { findCriu } from "./program.ts";
import type { CriuOptions } from "./request.ts";
import { startCriu } from "./session.ts";
import { cgroupMountOf, environmentOfCriu } from "./surroundings.ts";

const F_GETFL = 3;
const O_ACCMODE = 3;

/**
 * Saves a container. Its processes have ended then, but for --leave-running and --pre-dump.
 * @throws `unsupported` where criu is missing or cannot work; `system` with what its log says; the container goes on then
 */
export async function dumpContainer(
	context: RuntimeContext,
	container: RuntimeContainer,
	options: Parsed<typeof dumpOptions>,
): Promise<void> {
	const { record, folder } = container;
	const { pid } = runningProcess(container, "checkpoint");
	const what = `checkpoint container "${record.id}"`;
	const config = readContainerConfig(folder);
	checkNamespaces(config, "checkpoint");
	const statusFd = parseStatusFd(options["status-fd"]);
	const pages = options["page-server"] ? parsePageServer(options["page-server"]) : undefined;
	const criu = findCriu(context.criu, what);
	using folders = openFolders(options, "dump.log", true);
	const parent = options["parent-path"] ? parseParent(options["parent-path"], folders.image) : undefined;
	const cgroupMount = cgroupMountOf(readHostFacts());
	const preDump = options["pre-dump"];
	const request: CriuOptions = {
		...commonOptions(options, folders, config),
		pid,
		leaveRunning: options["leave-running"],
		tcpSkipInFlight: options["tcp-skip-in-flight"],
		linkRemap: options["link-remap"],
		root: record.rootfs,
		freezeCgroup: freezerFolder(record.cgroups),
		cgroupYard: cgroupMount === undefined ? undefined : criuPaths(folder).yard,
		parentImage: parent,
		trackMemory: parent !== undefined || preDump,
		pageServer: pages && [
			[1, pages.address],
			[2, pages.port],
		],
		...(!preDump && saveSurroundings(config, pid, record.bundle, folders.image)),
	};
	const start = { folder, candidates: [criu], env: environmentOfCriu(), cgroups: [], ...(cgroupMount !== undefined && { cgroupMount }) };
	const session = startCriu(context, start, []);
	const answer = await session.ask(preDump ? "preDump" : "dump", request, ({ script }) => {
		if (script === "status-ready") tellReady(statusFd);
	});
	if (answer?.success !== true) throw criuFailure(what, criu, folders.log, answer);
}

/** What of the container is not its own. Its standard descriptors are noted in the image. */
function saveSurroundings(config: Config, pid: number, bundle: string, image: string): CriuOptions {
	const inside = readMountinfo(pid);
	const mountIds = inside.map(({ id }) => id);
	const descriptors = readDescriptors(pid, mountIds);
	writeDescriptors(image, descriptors);
	return {
		externalMounts: externalAtDump(config, inside, readMountinfo("self"), bundle),
		external: [...externalNamespaces(config), ...descriptors.external],
	};
}

/** @throws `invalid-argument` when it cannot be written to */
function parseStatusFd(text: string | undefined): number | undefined {
	if (text === undefined || text === "-1") return undefined;
	const fd = parseCount("--status-fd", text, -1);
	const flags = syscall(nr.fcntl, fd, F_GETFL);
	if (flags >= 0 && (flags & O_ACCMODE) !== 0) return fd;
	throw new CortenError("invalid-argument", `cannot use ${fd} as --status-fd: it cannot be written to`, { at: "--status-fd" });
}

/** Whoever waits there may ask for memory now. */
function tellReady(fd: number | undefined): void {
	if (fd === undefined) return;
	syscall(nr.write, fd, new Uint8Array(1), 1);
	syscall(nr.close, fd);
}
