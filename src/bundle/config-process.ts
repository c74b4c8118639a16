// Decodes `process` of config.json.
// @see runtime-spec config.md#process

import { boolean, fallback, integer, lazy, list, object, oneOf, optional, refine, text, textList, uint64 } from "../spec/decode.ts";
import { ioPriorityClasses, type Process, schedulerFlags, schedulerPolicies } from "../spec/runtime.ts";
import { absolute, id, int32, texts, uint32 } from "./config-words.ts";

/** What stands for a process that is not there: nothing can be started with it. */
export const absentProcess: Process = {
	terminal: false,
	user: { uid: 0, gid: 0, additionalGids: [] },
	args: [],
	env: [],
	cwd: "/",
	rlimits: [],
	noNewPrivileges: false,
};

const scheduler = () =>
	object({
		policy: oneOf(schedulerPolicies),
		nice: fallback(int32, 0),
		priority: fallback(int32, 0),
		flags: fallback(list(oneOf(schedulerFlags)), []),
		runtime: fallback(uint64, 0n),
		deadline: fallback(uint64, 0n),
		period: fallback(uint64, 0n),
	});

/** The decoder of a whole `process`. */
export function processDecoder() {
	return object({
		terminal: fallback(boolean, false),
		// Any size, as it counts for nothing without a terminal.
		consoleSize: optional(object({ height: uint32, width: uint32 })),
		user: object({ uid: id, gid: id, umask: optional(uint32), additionalGids: fallback(list(id), []) }),
		args: refine(textList, (args) => (args.length === 0 ? "is empty" : undefined)),
		env: texts,
		cwd: absolute,
		capabilities: optional(object({ bounding: texts, effective: texts, permitted: texts, inheritable: texts, ambient: texts })),
		rlimits: fallback(list(object({ type: text, soft: uint64, hard: uint64 })), []),
		noNewPrivileges: fallback(boolean, false),
		oomScoreAdj: optional(integer(-1000, 1000)),
		apparmorProfile: optional(text),
		selinuxLabel: optional(text),
		ioPriority: optional(lazy(() => object({ class: oneOf(ioPriorityClasses), priority: integer(0, 7) }))),
		scheduler: optional(lazy(scheduler)),
		execCPUAffinity: optional(lazy(() => object({ initial: optional(text), final: optional(text) }))),
	});
}
