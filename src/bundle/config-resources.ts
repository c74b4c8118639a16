// Decodes `linux.resources` of config.json.
// @see runtime-spec config-linux.md#control-groups

import { boolean, int64, integer, lazy, list, map, object, oneOf, optional, record, refine, text, uint64 } from "../spec/decode.ts";
import { uint16, uint32 } from "./config-words.ts";

/** Engines write -1 for "all" (and "" for all types), which the specification says by leaving the property out. */
const ruleNumber = integer(-1, 0xffff_ffff);
function ruleOf<T extends { readonly major?: number; readonly minor?: number; readonly type?: string }>({
	major,
	minor,
	type,
	...rule
}: T) {
	return {
		...rule,
		...(type !== undefined && type !== "" && { type }),
		...(major !== undefined && major >= 0 && { major }),
		...(minor !== undefined && minor >= 0 && { minor }),
	};
}

const rule = () =>
	object({
		allow: boolean,
		type: optional(oneOf(["a", "b", "c", "u", "p", ""])),
		major: optional(ruleNumber),
		minor: optional(ruleNumber),
		access: optional(text),
	});

const memory = () =>
	object({
		limit: optional(int64),
		reservation: optional(int64),
		swap: optional(int64),
		kernel: optional(int64),
		kernelTCP: optional(int64),
		swappiness: optional(uint64),
		disableOOMKiller: optional(boolean),
		useHierarchy: optional(boolean),
		checkBeforeUpdate: optional(boolean),
	});

const cpu = () =>
	object({
		shares: optional(uint64),
		quota: optional(int64),
		burst: optional(uint64),
		period: optional(uint64),
		realtimeRuntime: optional(int64),
		realtimePeriod: optional(uint64),
		cpus: optional(text),
		mems: optional(text),
		idle: optional(int64),
	});

function blockIO() {
	const throttle = optional(list(object({ major: uint32, minor: uint32, rate: uint64 })));
	const weighted = object({ major: uint32, minor: uint32, weight: optional(uint16), leafWeight: optional(uint16) });
	const oneWeight = refine(weighted, ({ weight, leafWeight }) =>
		weight === undefined && leafWeight === undefined ? "has neither weight nor leafWeight" : undefined,
	);
	return object({
		weight: optional(uint16),
		leafWeight: optional(uint16),
		weightDevice: optional(list(oneWeight)),
		throttleReadBpsDevice: throttle,
		throttleWriteBpsDevice: throttle,
		throttleReadIOPSDevice: throttle,
		throttleWriteIOPSDevice: throttle,
	});
}

const network = () => object({ classID: optional(uint32), priorities: optional(list(object({ name: text, priority: uint32 }))) });

const rdma = () =>
	record(
		refine(object({ hcaHandles: optional(uint32), hcaObjects: optional(uint32) }), ({ hcaHandles, hcaObjects }) =>
			hcaHandles === undefined && hcaObjects === undefined ? "has neither hcaHandles nor hcaObjects" : undefined,
		),
	);

/** The decoder of the whole section. */
export function resourcesDecoder() {
	return object({
		devices: optional(lazy(() => list(map(rule(), ruleOf)))),
		memory: optional(lazy(memory)),
		cpu: optional(lazy(cpu)),
		pids: optional(lazy(() => object({ limit: optional(int64) }))),
		blockIO: optional(lazy(blockIO)),
		hugepageLimits: optional(lazy(() => list(object({ pageSize: text, limit: uint64 })))),
		network: optional(lazy(network)),
		rdma: optional(lazy(rdma)),
		unified: optional(lazy(() => record(text))),
	});
}
