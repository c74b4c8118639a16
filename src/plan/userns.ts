// User namespaces: whether there is one, who is who in it, and how a start enters it. With the privilege to do so a process that passes
// (op `fork`) gathers what the root is made of, and joins what there is to join, in the caller's user namespace; without (rootless) the
// new process does all that itself, as root of a namespace of its own.
// @see runtime-spec config-linux.md#user-namespace-mappings, user_namespaces(7)

import { CortenError } from "../base/errors.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Config, IdMapping, Process } from "../spec/runtime.ts";
import { opFlags } from "./ops.ts";
import { add, type Steps } from "./steps.ts";

const CAP_SETGID = 1n << 6n;
const CAP_SETUID = 1n << 7n;
const CAP_SYS_ADMIN = 1n << 21n;
const PR_SET_DUMPABLE = 4;
const nobody = new Uint8Array(0);

/** How a container comes into its user namespace. */
export type UserNamespace = {
	readonly kind: "new" | "joined";
	/** Whether a process with the caller's privileges goes before the new one. */
	readonly passing: boolean;
	/** Whether that one gathers the root filesystem, the sources of binds and the devices. */
	readonly gathered: boolean;
	readonly uids: readonly IdMapping[];
	readonly gids: readonly IdMapping[];
	/** newuidmap and newgidmap write the mappings, as the caller may not. */
	readonly helpers?: HostFacts["idmapHelpers"];
	/** Whether setgroups is forbidden, as the kernel wants it from who maps nothing but its own group. */
	readonly deny: boolean;
};

const text = (mappings: readonly IdMapping[]): string =>
	mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");

const words = (mappings: readonly IdMapping[]): string[] =>
	mappings.flatMap(({ containerID, hostID, size }) => [`${containerID}`, `${hostID}`, `${size}`]);

/** The host's id of one of the container's, or undefined when it is not mapped. */
export function hostId(mappings: readonly IdMapping[], id: number): number | undefined {
	const range = mappings.find(({ containerID, size }) => id >= containerID && id - containerID < size);
	return range === undefined ? undefined : range.hostID + id - range.containerID;
}

/**
 * Reads what config.json says of user namespaces.
 * @returns undefined without one
 * @throws `invalid-spec` for mappings without a namespace, a namespace without mappings, and ids of config.json that are not mapped;
 * `permission-denied` where newuidmap would be needed and is not installed
 */
export function userNamespace(config: Config, host: HostFacts): UserNamespace | undefined {
	const { namespaces, uidMappings = [], gidMappings = [] } = config.linux;
	const entry = namespaces.find(({ type }) => type === "user");
	if (entry === undefined) {
		if (uidMappings.length + gidMappings.length > 0)
			refuse("/linux/uidMappings", "map ids: the container has no user namespace of its own");
		return undefined;
	}
	const kind = entry.path ? "joined" : "new";
	if (kind === "new") {
		checkMappings(uidMappings, "uidMappings");
		checkMappings(gidMappings, "gidMappings");
	}
	const privileged = (host.capabilities & CAP_SYS_ADMIN) !== 0n;
	const mapsItself = (host.capabilities & CAP_SETUID) !== 0n && (host.capabilities & CAP_SETGID) !== 0n;
	const single = isOwn(uidMappings, host.uid) && isOwn(gidMappings, host.gid);
	const ownMount = namespaces.some(({ type, path }) => type === "mount" && !path);
	const needsHelpers = kind === "new" && !mapsItself && !single;
	const deny = kind === "new" && !mapsItself && single;
	if (uidMappings.length > 0) checkIds(config, uidMappings, gidMappings, deny);
	if (needsHelpers && host.idmapHelpers === undefined) {
		throw new CortenError("permission-denied", "cannot map ids of others: newuidmap and newgidmap are not installed", {
			at: "/linux/uidMappings",
			hint: "install uidmap, or map only your own uid and gid",
		});
	}
	return {
		kind,
		passing: privileged || kind === "joined",
		gathered: privileged && ownMount,
		uids: uidMappings,
		gids: gidMappings,
		helpers: needsHelpers ? host.idmapHelpers : undefined,
		deny,
	};
}

function refuse(at: string, what: string): never {
	throw new CortenError("invalid-spec", `cannot ${what}`, { at });
}

const isOwn = ([only, ...more]: readonly IdMapping[], id: number): boolean => only?.size === 1 && only.hostID === id && more.length === 0;

function checkMappings(mappings: readonly IdMapping[], name: string): void {
	const at = `/linux/${name}`;
	if (mappings.length === 0) refuse(at, "make a user namespace without mappings");
	if (hostId(mappings, 0) === undefined) refuse(at, "make a user namespace without root: id 0 is not mapped");
	for (const [index, { size }] of mappings.entries()) if (size === 0) refuse(`${at}/${index}/size`, "map no ids: size is 0");
}

function checkIds({ process: { user } }: Config, uids: readonly IdMapping[], gids: readonly IdMapping[], deny: boolean): void {
	const check = (mappings: readonly IdMapping[], id: number, at: string): void => {
		if (hostId(mappings, id) === undefined) refuse(at, `use id ${id}: it is not mapped in the container's user namespace`);
	};
	check(uids, user.uid, "/process/user/uid");
	check(gids, user.gid, "/process/user/gid");
	for (const [index, gid] of user.additionalGids.entries()) {
		const at = `/process/user/additionalGids/${index}`;
		if (deny) refuse(at, `set supplementary group ${gid}: who maps only its own group may not`);
		check(gids, gid, at);
	}
}

/** The new process: waits until it is somebody, then becomes root of its user namespace. Of no use and no cost without one. */
export function becomeRoot(steps: Steps, user: Pick<UserNamespace, "kind" | "deny" | "helpers"> | undefined): void {
	if (user === undefined) return;
	const at = "/linux/uidMappings";
	// The files in /proc of a process that hides its memory belong to root, and an ordinary user maps by them. Nobody but that user can
	// look at it yet.
	const hidden = (value: number): void =>
		add(
			steps,
			"prctl",
			{ option: PR_SET_DUMPABLE, arg2: value, arg3: 0 },
			value === 1 ? "show the new process" : "hide the new process's memory",
		);
	if (user.kind === "new") {
		if (user.deny || user.helpers !== undefined) hidden(1);
		add(steps, "sync", { tied: 1 }, "wait for the mappings of ids", at);
	}
	// Whoever made a namespace that is joined may have forbidden it.
	const flags = user.kind === "joined" ? opFlags.optional : 0;
	if (!user.deny) add(steps, "setgroups", { groups: nobody }, "leave the caller's groups", at, flags);
	add(steps, "setresgid", { gid: 0 }, "become group 0 of the user namespace", at);
	add(steps, "setresuid", { uid: 0 }, "become root of the user namespace", at);
	hidden(0);
}

/** The process that passes: pipes belong to the caller's users, so that the payload's own cannot take them over itself. */
export function handOver(steps: Steps, user: Pick<UserNamespace, "uids">, process: Process): void {
	const owner = hostId(user.uids, process.user.uid);
	if (owner === undefined || process.terminal) return;
	add(steps, "fchown", { uid: owner, everything: 0 }, "hand over the standard descriptors", "/process/user/uid", opFlags.optional);
}

/** The parent, first of all. */
export function addMappings(steps: Steps, user: UserNamespace | undefined): void {
	if (user?.kind !== "new") return;
	const at = "/linux/uidMappings";
	const { helpers, uids, gids } = user;
	add(steps, "wait", {}, "wait for the new process", at);
	if (helpers === undefined) {
		add(steps, "idmap", { uids: text(uids), gids: text(gids), deny: user.deny ? 1 : 0 }, "map ids", at);
	} else {
		add(steps, "newidmap", { program: helpers.uid, mappings: words(uids) }, `map user ids with "${helpers.uid}"`, at);
		add(steps, "newidmap", { program: helpers.gid, mappings: words(gids) }, `map group ids with "${helpers.gid}"`, "/linux/gidMappings");
	}
	add(steps, "resume", {}, "let the new process go on", at);
}
