// Hooks: programs that config.json asks for at points of a container's life. Those before pivot_root run on both sides of clone3, so the
// two sides meet once more when there are any for the runtime's side.
// @see runtime-spec config.md#posix-platform-hooks

import type { Config, Hooks } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { opFlags } from "./ops.ts";
import { add, type Steps } from "./steps.ts";

/** Which status the state on a hook's stdin says. */
function statusAt(kind: keyof Hooks): "creating" | "created" | "running" {
	return kind === "poststart" ? "running" : kind === "startContainer" ? "created" : "creating";
}

/** Runs the hooks of one kind, in their order. Of poststart and poststop a failure is only told. */
export function addHooks(steps: Steps, config: Config, frame: Frame, kind: keyof Hooks): void {
	const hooks = config.hooks?.[kind];
	if (hooks === undefined || hooks.length === 0) return;
	const [before, after] = frame.hookState?.(statusAt(kind)) ?? ["", ""];
	const flags = kind === "poststart" || kind === "poststop" ? opFlags.warn : 0;
	for (const [index, { path, args, env, timeout }] of hooks.entries()) {
		const run = { path, argv: args ?? [path], envp: env ?? frame.hookEnv ?? [], timeoutMs: (timeout ?? 0) * 1000, before, after };
		add(steps, "hook", run, `run ${kind} hook "${path}"`, `/hooks/${kind}/${index}`, flags);
	}
}

const onRuntimeSide = ["prestart", "createRuntime"] as const;

/** Whether the parent has something to do between the mounts and pivot_root. */
function meetsEarly({ hooks }: Config): boolean {
	return onRuntimeSide.some((kind) => (hooks?.[kind]?.length ?? 0) > 0);
}

/** The new process, right before pivot_root. */
export function addContainerHooks(steps: Steps, config: Config, frame: Frame): void {
	if (meetsEarly(config)) add(steps, "sync", { tied: 1 }, "wait for the hooks of the runtime's side", "/hooks");
	addHooks(steps, config, frame, "createContainer");
}

/** The parent, first of all. */
export function addRuntimeHooks(steps: Steps, config: Config, frame: Frame): void {
	if (!meetsEarly(config)) return;
	add(steps, "wait", {}, "wait for the root filesystem", "/hooks");
	for (const kind of onRuntimeSide) addHooks(steps, config, frame, kind);
	add(steps, "resume", {}, "let the new process go on", "/hooks");
}
