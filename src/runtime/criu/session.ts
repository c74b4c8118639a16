// One conversation with `criu swrk`: a request, notifications that it waits for, an answer. The program is started by launch, in a mount
// namespace of its own. It asks by SOCK_SEQPACKET, one message a packet; a terminal's master comes with one of them.

import { CortenError } from "../../base/errors.ts";
import { spawnLaunch } from "../../launch/spawn-child.ts";
import { Fd, O_CLOEXEC } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { addressOf } from "../../linux/native.ts";
import { nr } from "../../linux/syscalls.ts";
import { type CriuStart, compileCriu } from "../../plan/compile-criu.ts";
import { encodePlan } from "../../plan/encode.ts";
import type { RuntimeContext } from "../command.ts";
import { openLog } from "../log-file.ts";
import {
	type CriuOptions,
	type CriuResponse,
	decodeResponse,
	encodeNotified,
	encodeRequest,
	type RequestType,
	requestTypes,
} from "./request.ts";

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const EINTR = -4;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
/** Larger than any answer of criu's. */
const packetBytes = 64 << 10;
/** What launch ends with when it could not start criu; it has said why. */
const launchFailed = 125;

/** The descriptor that the first of `descriptors` becomes in criu: 3 is its socket, 4 launch's log. */
export const firstInherited = 5;

/** A notification: what is going on, the pid it is about (0: none), and the terminal's master that came with it. */
export type Notification = { readonly script: string; readonly pid: number; readonly descriptor: Fd | undefined };

/** A running criu. */
export type CriuSession = {
	readonly pid: number;
	/**
	 * Makes the one request and waits for its end.
	 * @param onNotify may throw: criu then gives up, and its error is passed on
	 * @returns the answer, a failure among them; undefined when criu ended without one
	 * @throws what a notification led to; `unavailable` for what is no answer; `system` when criu could not be started, and launch has said why
	 */
	readonly ask: (
		type: RequestType,
		options: CriuOptions,
		onNotify: (notification: Notification) => void | Promise<void>,
	) => Promise<CriuResponse | undefined>;
};

/**
 * Starts criu.
 * @param descriptors what it inherits from {@link firstInherited} on
 * @throws `system`
 */
export function startCriu(context: RuntimeContext, start: CriuStart, descriptors: readonly Fd[]): CriuSession {
	const ends = new Int32Array(2);
	check(syscall(nr.socketpair, AF_UNIX, SOCK_SEQPACKET | O_CLOEXEC, 0, ends), "cannot make a pair of sockets");
	const ours = new Fd(ends[0] ?? -1);
	using theirs = new Fd(ends[1] ?? -1);
	const log = openLog(context.log);
	using logFd = log === undefined ? undefined : new Fd(log.fd);
	const plan = encodePlan(compileCriu(start), {
		json: false,
		failureStatus: launchFailed,
		...(log !== undefined && { log: { fd: 4, format: log.format } }),
	});
	const child = spawnLaunch(plan, [theirs, logFd, ...descriptors]);
	return {
		pid: child.pid,
		ask: async (type, options, onNotify) => {
			const answer = await ask(ours, type, options, onNotify);
			const status = await child.exited;
			if (answer instanceof Error) throw answer;
			if (answer === undefined && status === launchFailed)
				throw new CortenError("system", "cannot start criu: its surroundings could not be made");
			return answer;
		},
	};
}

/** Closes the socket at the end: a pre-dump waits for a further request, or for that. */
async function ask(
	ours: Fd,
	type: RequestType,
	options: CriuOptions,
	onNotify: (notification: Notification) => void | Promise<void>,
): Promise<CriuResponse | Error | undefined> {
	using socket = ours;
	send(socket, encodeRequest(type, options));
	return await converse(socket, requestTypes[type], onNotify);
}

/** @returns what criu answers at last, undefined when it ended first; an error that a notification led to */
async function converse(
	socket: Fd,
	asked: number,
	onNotify: (notification: Notification) => void | Promise<void>,
): Promise<CriuResponse | Error | undefined> {
	let failure: Error | undefined;
	for (;;) {
		const packet = receive(socket);
		if (packet === undefined) return failure;
		using descriptor = packet.descriptor;
		const response = decodeResponse(packet.bytes);
		if (response.notify === undefined || response.type !== requestTypes.notify) {
			if (response.type !== asked && response.success)
				throw new CortenError("unavailable", "cannot understand criu: it answers something else");
			return failure ?? response;
		}
		try {
			await onNotify({ script: response.notify.script, pid: response.notify.pid ?? 0, descriptor });
		} catch (error) {
			failure ??= error instanceof Error ? error : new CortenError("bug", String(error));
		}
		send(socket, encodeNotified(failure === undefined));
	}
}

/** A criu that has ended already says so when it is listened to. */
function send(socket: Fd, bytes: Uint8Array): void {
	syscall(nr.write, socket.number, bytes, bytes.length);
}

/** @returns undefined at the end */
function receive(socket: Fd): { readonly bytes: Uint8Array; readonly descriptor: Fd | undefined } | undefined {
	const bytes = new Uint8Array(packetBytes);
	const control = new Int32Array(16);
	const vector = new BigUint64Array([BigInt(addressOf(bytes)), BigInt(bytes.length)]);
	const header = new BigUint64Array([0n, 0n, BigInt(addressOf(vector)), 1n, BigInt(addressOf(control)), BigInt(control.byteLength), 0n]);
	let length: number;
	do length = syscall(nr.recvmsg, socket.number, header, MSG_CMSG_CLOEXEC);
	while (length === EINTR);
	if (length <= 0) return undefined;
	// cmsghdr: length (8 bytes), level, type, then the descriptor
	const came = (header[5] ?? 0n) >= 20n && control[0] === 20;
	return { bytes: bytes.subarray(0, length), descriptor: came ? new Fd(control[4] ?? -1) : undefined };
}
