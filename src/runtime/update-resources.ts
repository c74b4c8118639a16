// What an update makes of the limits of a container: what is written now, and what its config.json says from then on.

import type { BlockIO, Resources } from "../spec/runtime.ts";

/** Both halves of an update. */
export type Update = {
	/** To be written: what was asked for, with the values that it depends on. */
	readonly now: Resources;
	/** What config.json says afterwards. */
	readonly after: Resources;
};

/**
 * Merges an update into what holds. Values that were not given stay; of lists of devices those entries stay that are not named. Devices
 * rules cannot be updated. @see runc-update(8)
 */
export function mergeUpdate(before: Resources, asked: Resources): Update {
	const memory = { ...before.memory, ...asked.memory };
	// Memory without a limit has none for swap either, whatever was said about it before.
	if (asked.memory?.limit === -1n && asked.memory.swap === undefined) memory.swap = 0n;
	const cpu = { ...before.cpu, ...asked.cpu };
	const blockIO = mergeBlockIO(before.blockIO ?? {}, asked.blockIO ?? {});
	const { devices: _devices, ...others } = asked;
	const after: Resources = {
		...before,
		...others,
		...(before.memory || asked.memory ? { memory } : {}),
		...(before.cpu || asked.cpu ? { cpu } : {}),
		...(before.blockIO || asked.blockIO ? { blockIO } : {}),
		...(before.unified || asked.unified ? { unified: { ...before.unified, ...asked.unified } } : {}),
	};
	const touched = asked.memory !== undefined && Object.keys(asked.memory).some((key) => key !== "checkBeforeUpdate");
	return { after, now: { ...others, ...(touched && { memory: dependents(memory, asked.memory ?? {}) }), ...cpuNow(cpu, asked.cpu) } };
}

/** A limit of swap means memory and swap together, so it needs the limit of memory; the other way round it holds as it is. */
function dependents(merged: NonNullable<Resources["memory"]>, asked: NonNullable<Resources["memory"]>): NonNullable<Resources["memory"]> {
	if (asked.swap === undefined && asked.limit === undefined) return asked;
	const { limit, swap } = merged;
	const given = swap !== undefined && limit !== undefined && swap > 0n && limit > swap ? { limit } : { limit, swap };
	return { ...asked, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

/** Quota and period are one file on v2: the one that was not given is as it was. An idle cgroup has no weight. */
function cpuNow(merged: NonNullable<Resources["cpu"]>, asked: Resources["cpu"]): Pick<Resources, "cpu"> {
	if (asked === undefined) return {};
	const { quota, period } = merged;
	const times = asked.quota !== undefined || asked.period !== undefined;
	return {
		cpu: { ...asked, ...(times && quota !== undefined && { quota }), ...(times && period !== undefined && { period }) },
	};
}

function mergeBlockIO(before: BlockIO, asked: BlockIO): BlockIO {
	const merged: Record<string, unknown> = { ...before, ...asked };
	for (const key of [
		"weightDevice",
		"throttleReadBpsDevice",
		"throttleWriteBpsDevice",
		"throttleReadIOPSDevice",
		"throttleWriteIOPSDevice",
	] as const) {
		const added = asked[key] ?? [];
		const named = new Set(added.map(({ major, minor }) => `${major}:${minor}`));
		const kept = (before[key] ?? []).filter(({ major, minor }) => !named.has(`${major}:${minor}`));
		if (kept.length + added.length > 0) merged[key] = [...kept, ...added];
	}
	return merged as BlockIO;
}
