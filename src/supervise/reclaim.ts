// Before a start in a unit: what the unit's last start has left. Nobody stays beside a payload in a unit, so nobody removes its folder at
// its end; the next start does, or the next command that sweeps.

import { CortenError } from "../base/errors.ts";
import { exists, makeFolders, makeLink, readLink, unlink } from "../linux/file.ts";
import { signalContainer, waitForEnd } from "./end.ts";
import { containerFolder, idOfLink, linkTarget, nameLink, unitLink, unitsFolder } from "./layout.ts";
import type { ContainerRecord } from "./record.ts";
import { removeContainer } from "./remove.ts";
import { type Container, readContainer } from "./state.ts";

const SIGKILL = 9;

/**
 * Removes the ended container of a unit's last start, if it was to be removed.
 * @throws `busy` when that one still runs: a unit has one container
 */
export function reclaimUnit(root: string, unit: NonNullable<ContainerRecord["unit"]>): void {
	const container = containerAt(root, unitLink(root, unit));
	if (container === undefined) return;
	if (container.state.process !== null) {
		throw new CortenError("busy", `cannot start a second container in unit "${unit.name}": "${container.record.name}" still runs`, {
			hint: "KillMode=control-group or mixed ends it with the unit; or end it by: corten kill",
		});
	}
	removeIfPassing(root, container);
}

/**
 * Frees a name that an ended `--rm` container of a unit still has, and with `replace` any.
 * @throws `busy` when a running one does not end
 */
export function reclaimName(root: string, name: string, replace: boolean): void {
	const container = containerAt(root, nameLink(root, name));
	if (container === undefined) return;
	if (!replace) {
		if (container.record.unit !== null && container.state.process === null) removeIfPassing(root, container);
		return;
	}
	if (container.state.process !== null) {
		signalContainer(container, SIGKILL, "replace");
		if (!waitForEnd(root, container, 10_000))
			throw new CortenError("busy", `cannot replace container "${name}": it does not end after SIGKILL`);
	}
	if (exists(containerFolder(root, container.record.id))) removeContainer(root, container.record.id, container.record.name);
}

/** Says which container this start of the unit has made. The manager starts a unit once at a time. */
export function claimUnit(root: string, unit: NonNullable<ContainerRecord["unit"]>, id: string): void {
	const link = unitLink(root, unit);
	makeFolders(unitsFolder(root));
	unlink(link);
	makeLink(linkTarget(id), link);
}

/** Takes that back, when the container is gone. */
export function releaseUnit(root: string, { id, unit }: Pick<ContainerRecord, "id" | "unit">): void {
	if (unit === null) return;
	const link = unitLink(root, unit);
	const target = readLink(link);
	if (target !== undefined && idOfLink(target) === id) unlink(link);
}

function containerAt(root: string, link: string): Container | undefined {
	const target = readLink(link);
	return target === undefined ? undefined : readContainer(root, idOfLink(target));
}

function removeIfPassing(root: string, { record }: Container): void {
	if (record.removeAtEnd) removeContainer(root, record.id, record.name);
}
