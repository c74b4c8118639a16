// The transient unit of a container: what systemd is asked for, and what a failed start says. docs/decisions/0019.

import { CortenError } from "../base/errors.ts";
import type { RunRequest } from "../bundle/request.ts";
import { type Fd, O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR, O_TRUNC, openFd, readFd, unlink } from "../linux/file.ts";
import { readHostFacts } from "../linux/host.ts";
import { writeOutput } from "../linux/output.ts";
import { weightOfShares } from "../plan/cgroup2-settings.ts";
import type { Config } from "../spec/runtime.ts";
import type { RestartPolicy, StartFile } from "../supervise/start-file.ts";
import type { Container } from "../supervise/state.ts";
import { isUsers, systemdRuns } from "../systemd/booted.ts";
import { resourceProperties } from "../systemd/properties.ts";
import { connectSystemd } from "../systemd/scope.ts";
import { askToStop, startService } from "../systemd/transient.ts";
import type { Context } from "./command.ts";
import { formatDiagnostic } from "./global.ts";

/** The manager that a caller's units belong to. */
export function ownManager(): { readonly user: boolean; readonly runs: boolean } {
	const user = isUsers();
	return { user, runs: systemdRuns(user) };
}

/** What the unit of a container would be called; "" for one that gets none. A terminal needs launch to serve it. */
export function unitName(asked: string | undefined, { name, id, terminal }: { name: string; id: string; terminal: boolean }): string {
	if (asked === "none" || terminal) return "";
	return asked ?? `corten-${name.length > 200 ? id.slice(0, 12) : name}.service`;
}

/** @throws `unsupported` when nobody is there who could restart it */
export function checkRestart({ name }: RestartPolicy, inUnit: boolean): void {
	if (name === "no" || inUnit) return;
	throw new CortenError("unsupported", `cannot use restart policy "${name}": corten has no daemon to restart containers`, {
		at: "--restart",
		hint: "where systemd runs, a detached container without a terminal gets a unit that is restarted; elsewhere let the init system restart corten run",
	});
}

/** Of a container that gets no unit. @throws `unsupported` with the option that needs one */
export function refuseUnitOptions({ restart, unit, register }: RunRequest): void {
	checkRestart(restart, false);
	const at = register ? "--register" : "--unit";
	if (register || (unit !== undefined && unit !== "none")) {
		throw new CortenError("unsupported", `cannot use ${at} for a container that gets no unit`, {
			at,
			hint: "corten run -d, without -t, makes a unit where systemd runs",
		});
	}
}

/**
 * Has the user's or the system's manager start a container in a unit of its own, and waits until it is ready.
 * @returns 0, or the exit status of a start that failed, whose message is on stderr then
 * @throws `already-exists` when there is a unit of the name; `unavailable` with what systemd says
 */
export function startInUnit(context: Context, container: Pick<Container, "record" | "folder">, start: StartFile, config: Config): number {
	const { record, folder } = container;
	const { unit: place } = record;
	if (place === null) throw new CortenError("bug", `container "${record.name}" has no unit`);
	// Opened here, so that what the start says is there also when its folder has gone with it.
	using errors = openErrors(folder, O_CREAT | O_TRUNC);
	using systemd = connectSystemd(place.user);
	const host = readHostFacts();
	const again = ["--root", context.root, "--runroot", context.runroot];
	const ready = startService(systemd, {
		name: place.name,
		description: `${record.name}: ${[record.path, ...record.args].join(" ")}`.replace(/[\0-\x1f\x7f]+/g, " ").slice(0, 200),
		identifier: record.name,
		start: [process.execPath, ...again, "start", record.id],
		...(start.register && { started: [process.execPath, ...again, "unit-event", "started", record.id] }),
		ended: [process.execPath, ...again, "unit-event", "ended", record.id],
		notifyAll: start.sdnotify === "container",
		stopSignal: record.stopSignal,
		stopTimeoutSeconds: record.stopTimeoutSeconds,
		restart: start.restart,
		delegate: config.mounts.some(({ type, options = [] }) => type?.startsWith("cgroup") === true && !options.includes("ro")),
		slice: sliceOf(config.linux.cgroupsPath),
		logFields: {
			CONTAINER_ID: record.id.slice(0, 12),
			CONTAINER_ID_FULL: record.id,
			CONTAINER_NAME: record.name,
			...(record.image !== null && { IMAGE_NAME: record.image.reference }),
		},
		properties: resourceProperties(config.linux.resources ?? {}, {
			version: host.cgroup.version,
			systemd: systemd.version,
			weightOfShares,
		}),
	});
	unlink(`${folder}/errors`);
	if (ready) return 0;
	askToStop(systemd, place.name); // or a policy would try it again and again
	return reportFailure(context, place.name, errors);
}

/** `--cgroup-parent x.slice`. @throws `unsupported` for a cgroup that is none of systemd's */
function sliceOf(path = ""): string | undefined {
	const parent = path
		.split("/")
		.slice(0, -1)
		.filter((part) => part !== "");
	const slice = parent.at(-1);
	if (slice === undefined || slice.endsWith(".slice")) return slice;
	throw new CortenError("unsupported", `cannot put a unit into cgroup "${parent.join("/")}": it is no slice of systemd's`, {
		at: "--cgroup-parent",
		hint: "name a slice, like web.slice; or make no unit: --unit none",
	});
}

/** The file in which a start in a unit says what went wrong, for whoever asked for it; undefined when nobody did. */
export function openErrors(folder: string, flags: number): Fd {
	return openFd(`${folder}/errors`, O_RDWR | O_APPEND | O_NOFOLLOW | flags, 0o600);
}

/** A line of that file: launch's own form, and the status by unit-event. */
type Line = { readonly msg?: unknown; readonly status?: unknown };

function reportFailure(context: Context, unit: string, errors: Fd): number {
	const lines = new TextDecoder()
		.decode(readFd(errors, "errors"))
		.split("\n")
		.flatMap((line): Line[] => {
			try {
				return [JSON.parse(line) as Line];
			} catch {
				return []; // empty, or torn
			}
		});
	const status = Number(lines.find((line) => line.status !== undefined)?.status ?? 125);
	const messages = lines.flatMap(({ msg }) => (typeof msg === "string" ? [msg] : []));
	const all = messages.length > 0 ? messages : [`cannot start unit "${unit}": it failed; see: journalctl -u ${unit}`];
	for (const message of all) writeOutput(2, new TextEncoder().encode(formatDiagnostic("error", message, context.logFormat)));
	return status === 0 ? 125 : status;
}
