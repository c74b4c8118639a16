// What of the mounts cannot be had as it is written when root is not root of the namespaces they show: the same sight is bound from the
// caller's mounts instead, as crun does, and an owner that is nobody in the container is left out, as podman does.
// @see user_namespaces(7), "Capabilities"; mount_namespaces(7)

import { lookUp } from "../base/look-up.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Config, Mount, NamespaceType } from "../spec/runtime.ts";
import { hostId, type UserNamespace } from "./userns.ts";

/** Filesystems that show a namespace, and may be mounted by whoever owns it. */
const sights: Readonly<Record<string, readonly [of: NamespaceType, source: string]>> = {
	proc: ["pid", "/proc"],
	sysfs: ["network", "/sys"],
	mqueue: ["ipc", "/dev/mqueue"],
};

/** Root of a user namespace that the container has no other one below. */
const callers: Pick<UserNamespace, "kind" | "uids" | "gids"> = { kind: "new", uids: [], gids: [] };

/** Changes what must be changed; without a user namespace, the container's or the caller's, nothing. */
export function adaptMounts(config: Config, given: UserNamespace | undefined, { initialUserNamespace }: HostFacts): Config {
	const user = given ?? (initialUserNamespace ? undefined : callers);
	if (user === undefined) return config;
	return { ...config, mounts: config.mounts.map((mount) => adapt(mount, config, user)) };
}

function adapt(mount: Mount, config: Config, user: typeof callers): Mount {
	if (mount.type === "devpts") return { ...mount, options: (mount.options ?? []).filter((word) => isMapped(word, user)) };
	const sight = mount.type === undefined ? undefined : lookUp(sights, mount.type);
	if (sight === undefined || mount.options?.some((word) => word === "bind" || word === "rbind")) return mount;
	const [of, source] = sight;
	const entry = config.linux.namespaces.find(({ type }) => type === of);
	// A new user namespace owns no namespace that was there before it; one that is joined may.
	const owned = entry !== undefined && (!entry.path || user.kind === "joined");
	return owned ? mount : { ...mount, type: "bind", source, options: ["rbind", ...(mount.options ?? [])] };
}

/** Whether `gid=5` says a group that is somebody in the container. Of a namespace that is joined nothing is known. */
function isMapped(word: string, { uids, gids }: typeof callers): boolean {
	const [, kind, id] = /^(uid|gid)=(\d+)$/.exec(word) ?? [];
	const mappings = kind === "uid" ? uids : gids;
	return kind === undefined || mappings.length === 0 || hostId(mappings, Number(id)) !== undefined;
}
