// What the manager of a unit is asked for or told by `corten run`, over D-Bus: limits of the options, and the numbers of the unit's users.

import { CortenError } from "../base/errors.ts";
import type { RunRequest } from "../bundle/request.ts";
import { readTextIfPresent } from "../linux/file.ts";
import type { HostFacts } from "../linux/host.ts";
import { weightOfShares } from "../plan/cgroup2-settings.ts";
import { resourceProperties } from "../systemd/properties.ts";
import { connectSystemd, setProperties, unitProperty } from "../systemd/scope.ts";
import type { Service } from "../systemd/service.ts";

/** Limits of the options, as properties of the unit. @see org.freedesktop.systemd1(5) SetUnitProperties */
export function holdLimits({ name, user }: Service, { resources }: RunRequest, host: HostFacts): void {
	const { version } = host.cgroup;
	if (Object.keys(resources).length === 0) return;
	using systemd = connectSystemd(user);
	setProperties(systemd, name, resourceProperties(resources, { version, systemd: systemd.version, weightOfShares }));
}

/** User=, Group=, SupplementaryGroups= and DynamicUser= of the unit: the manager has found the numbers, also of users that it has made up. */
export function userOf(service: Service, { groups }: RunRequest): Partial<RunRequest> {
	using systemd = connectSystemd(false);
	const get = (property: string): unknown => unitProperty(systemd, service.name, "Service", property);
	const [uid, gid] = [Number(get("UID")), Number(get("GID"))];
	if (uid >= 0xffff_ffff) return {};
	const more = (get("SupplementaryGroups") as readonly string[]).map(groupNumber);
	return { user: `${uid}:${gid >= 0xffff_ffff ? uid : gid}`, groups: [...more, ...groups] };
}

/**
 * What a systemd needs of its unit.
 * @throws `unsupported` when the manager has not given the unit's cgroup away; `unavailable` when it does not answer
 */
export function checkDelegated({ name, user }: Service): void {
	using systemd = connectSystemd(user);
	if (unitProperty(systemd, name, "Service", "Delegate") === true) return;
	throw new CortenError("unsupported", `cannot run systemd in unit "${name}": the unit's cgroup is not its own to divide`, {
		at: "--systemd",
		hint: "add to the unit: Delegate=yes, KillMode=mixed and KillSignal=SIGRTMIN+3",
	});
}

/** The number of a group of the host: the image's names are not meant. */
function groupNumber(group: string): string {
	if (/^\d+$/.test(group)) return group;
	const line = (readTextIfPresent("/etc/group") ?? "").split("\n").find((text) => text.startsWith(`${group}:`));
	const number = line?.split(":")[2];
	if (number === undefined) throw new CortenError("not-found", `cannot find group "${group}" of SupplementaryGroups= in /etc/group`);
	return number;
}
