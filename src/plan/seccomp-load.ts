// How a filter is loaded: its flags, and whether somebody outside the container answers for it (SCMP_ACT_NOTIFY).
// @see runtime-spec config-linux.md#seccomp, seccomp(2)

import { CortenError } from "../base/errors.ts";
import { lookUp } from "../base/look-up.ts";
import type { Seccomp } from "../spec/runtime.ts";
import type { Frame } from "./frame.ts";
import { add, type Steps } from "./steps.ts";

const SPEC_ALLOW = 4;
const NEW_LISTENER = 8;
const WAIT_KILLABLE_RECV = 0x20;

const bitOfFlag: Readonly<Record<string, number>> = {
	// There is one thread at this point, so that all threads have the filter anyway; and the kernel does not take it with a listener.
	SECCOMP_FILTER_FLAG_TSYNC: 0,
	SECCOMP_FILTER_FLAG_LOG: 2,
	SECCOMP_FILTER_FLAG_SPEC_ALLOW: SPEC_ALLOW,
	SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: WAIT_KILLABLE_RECV,
};

/** Whether a rule asks an agent. */
export function notifies(seccomp: Seccomp): boolean {
	return seccomp.syscalls?.some((rule) => rule.action === "SCMP_ACT_NOTIFY") === true;
}

/**
 * SECCOMP_FILTER_FLAG_* bits. Without `flags` a filter does not turn speculative store bypass off (as the kernel's own default is since
 * Linux 5.16); an empty list asks for the kernel's treatment.
 * @throws `invalid-spec` for an unknown flag
 */
export function seccompFlags(seccomp: Seccomp): number {
	let bits = seccomp.flags === undefined ? SPEC_ALLOW : 0;
	for (const [index, flag] of (seccomp.flags ?? []).entries()) {
		const bit = lookUp(bitOfFlag, flag);
		if (bit === undefined)
			throw new CortenError("invalid-spec", `cannot use seccomp flag "${flag}"`, { at: `/linux/seccomp/flags/${index}` });
		bits |= bit;
	}
	// Without a listener nobody receives, and the kernel refuses the flag.
	return notifies(seccomp) ? bits | NEW_LISTENER : bits & ~WAIT_KILLABLE_RECV;
}

/** @throws `invalid-spec` for notifications that could not work */
export function checkListener(seccomp: Seccomp): void {
	const refuse = (at: string, why: string): never => {
		throw new CortenError("invalid-spec", `cannot use seccomp notification: ${why}`, { at: `/linux/seccomp/${at}` });
	};
	if (seccomp.listenerMetadata !== undefined && (seccomp.listenerPath ?? "") === "")
		refuse("listenerMetadata", "there is listenerMetadata and no listenerPath");
	if (seccomp.defaultAction === "SCMP_ACT_NOTIFY") refuse("defaultAction", "SCMP_ACT_NOTIFY cannot be the default action");
	if (!notifies(seccomp)) return;
	if ((seccomp.listenerPath ?? "") === "") refuse("listenerPath", "there is no listenerPath");
	for (const [index, { action, names }] of (seccomp.syscalls ?? []).entries()) {
		// By `write` the filtered process says which descriptor the listener is; until then nobody could answer.
		if (action === "SCMP_ACT_NOTIFY" && names.includes("write")) refuse(`syscalls/${index}`, "SCMP_ACT_NOTIFY cannot be used for write");
	}
}

/**
 * The parent's step that sends the listener to the agent, when there is one: right before the word to go on.
 * @param state the state document around its pid @see runtime-spec config-linux.md#containerprocessstate
 * @param pid of the container's first process where that is not the new one
 */
export function addNotify(
	steps: Steps,
	seccomp: Seccomp | undefined,
	frame: Pick<Frame, "hookState">,
	ociVersion: string,
	pid?: number,
): void {
	if (seccomp === undefined || !notifies(seccomp)) return;
	const { listenerPath: path = "", listenerMetadata: metadata } = seccomp;
	const at = "/linux/seccomp/listenerPath";
	const around = frame.hookState?.(pid === undefined ? "creating" : "running");
	if (around === undefined)
		throw new CortenError("unsupported", "cannot notify an agent of system calls: there is no state to send", { at });
	const [before, after] = around;
	const head = `${JSON.stringify({ ociVersion, fds: ["seccompFd"] }).slice(0, -1)},"pid":`;
	const between = `,${metadata === undefined ? "" : `"metadata":${JSON.stringify(metadata)},`}"state":${before}`;
	const state = pid === undefined ? [head, between, `${after}}`] : [head, `${between}${pid}${after}}`];
	add(steps, "notify", { path, state }, `send the seccomp listener to "${path}"`, at);
}
