// Namespaces that a container joined by path belong to somebody else: criu leaves them out of the image, and is given them at the restore.

import { CortenError } from "../../base/errors.ts";
import { type Fd, O_NONBLOCK, O_RDONLY, openFd } from "../../linux/file.ts";
import { statPath } from "../../linux/stat.ts";
import type { Config, NamespaceType } from "../../spec/runtime.ts";
import type { Message } from "./message.ts";
import { inherited, pair } from "./request.ts";

/** The names of those that criu takes as descriptors, as runc has them. */
const external: Readonly<Partial<Record<NamespaceType, readonly [kind: string, key: string]>>> = {
	network: ["net", "extRootNetNS"],
	pid: ["pid", "extRootPidNS"],
};
/** Those that criu joins by their path. */
const joinable: Readonly<Partial<Record<NamespaceType, string>>> = { uts: "uts", ipc: "ipc", time: "time" };

/** @throws `unsupported` for what criu cannot do @param verb "checkpoint" or "restore" */
export function checkNamespaces({ linux: { namespaces } }: Config, verb: string): void {
	if (!namespaces.some(({ type }) => type === "mount")) {
		throw new CortenError("unsupported", `cannot ${verb} a container without a mount namespace: criu would take all mounts for its own`, {
			at: "/linux/namespaces",
		});
	}
	for (const [index, { type, path }] of namespaces.entries()) {
		if (path === undefined || path === "" || external[type] !== undefined || joinable[type] !== undefined) continue;
		throw new CortenError("unsupported", `cannot ${verb} a container that joined ${type} namespace "${path}"`, {
			at: `/linux/namespaces/${index}`,
		});
	}
}

/** At the dump: what is not the container's. @throws `not-found` for a path that is gone */
export function externalNamespaces({ linux: { namespaces } }: Config): readonly string[] {
	const found: string[] = [];
	for (const [index, { type, path }] of namespaces.entries()) {
		const [kind, key] = external[type] ?? [];
		if (path === undefined || path === "" || kind === undefined) continue;
		const stat = statPath(path);
		if (stat === undefined)
			throw new CortenError("not-found", `cannot find ${type} namespace "${path}"`, { at: `/linux/namespaces/${index}` });
		found.push(`${kind}[${stat.inode}]:${key}`);
	}
	return found;
}

/** What criu is given at the restore. */
export type GivenNamespaces = {
	readonly join: readonly Message[];
	readonly inherit: readonly Message[];
	readonly descriptors: readonly Fd[];
};

/** At the restore. @param first the number that the first descriptor has for criu @throws `not-found` */
export function givenNamespaces({ linux: { namespaces } }: Config, first: number): GivenNamespaces {
	const join: Message[] = [];
	const inherit: Message[] = [];
	const descriptors: Fd[] = [];
	for (const { type, path } of namespaces) {
		if (path === undefined || path === "") continue;
		const name = joinable[type];
		if (name !== undefined) join.push(pair(name, path));
		const [, key] = external[type] ?? [];
		if (key === undefined) continue;
		inherit.push(inherited(key, first + descriptors.length));
		descriptors.push(openFd(path, O_RDONLY | O_NONBLOCK));
	}
	return { join, inherit, descriptors };
}
