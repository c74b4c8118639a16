// Hooks: programs that config.json asks for at points of a container's life. Those before pivot_root run on both sides of clone3, so the
// two sides meet once more when there are any for the runtime's side.
// @see runtime-spec config.md#posix-platform-hooks

import { O_DIRECTORY, O_PATH } from "../linux/file.ts";
import type { Config, Hooks } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { cwd, opFlags } from "./ops.ts";
import { add, freeSlot, type Steps, takeSlot } from "./steps.ts";

/** Which status the state on a hook's stdin says. */
function statusAt(kind: keyof Hooks): "creating" | "created" | "running" | "stopped" {
	if (kind === "poststop") return "stopped";
	return kind === "poststart" ? "running" : kind === "startContainer" ? "created" : "creating";
}

/** Of poststop a failure is only told. Where nobody of ours stays delete runs it, and here only a start that failed does. */
function flagsOf(kind: keyof Hooks, { watch }: Frame): number {
	if (kind !== "poststop") return 0;
	return watch === undefined || watch === "supervise" ? opFlags.warn : opFlags.warn | opFlags.onFailure;
}

/** Runs the hooks of one kind, in their order. */
export function addHooks(steps: Steps, config: Config, frame: Frame, kind: keyof Hooks): void {
	const hooks = config.hooks?.[kind];
	if (hooks === undefined || hooks.length === 0) return;
	const [before, after] = frame.hookState?.(statusAt(kind)) ?? ["", ""];
	const flags = flagsOf(kind, frame);
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

/** The host's side: hooks run in the bundle's folder, as runc's do. */
export function enterBundle(steps: Steps, { hooks }: Config, { bundle }: Frame): void {
	if (hooks === undefined || bundle === undefined) return;
	const slot = takeSlot(steps);
	add(steps, "openat", { out: slot, dir: cwd, path: bundle, flags: O_PATH | O_DIRECTORY, mode: 0 }, `open "${bundle}"`, "/hooks");
	add(steps, "fchdir", { slot }, `enter "${bundle}"`, "/hooks");
	freeSlot(steps, slot);
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
