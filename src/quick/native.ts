// What the programs need of the engine they run on, in QuickJS: src/linux/native.ts's place is this file's in the program `corten`.
// @see host.c for `host`

import type { Native } from "../linux/native-types.ts";
import { nr } from "../linux/syscalls.ts";

/** The global that host.c makes. */
declare const host: {
	readonly engine: string;
	readonly systemCall: Native["systemCall"];
	readonly addressOf: Native["addressOf"];
	/** vfork and execve; fds become 0, 1, 2, ...; env undefined: ours. @returns the pid, or the negative error number */
	readonly spawn: (path: string, argv: readonly string[], env: readonly string[] | undefined, fds: readonly number[]) => number;
};

/** @see Native.engine */
export const engine: Native["engine"] = host.engine;
/** @see Native.systemCall */
export const systemCall: Native["systemCall"] = host.systemCall;
/** @see Native.addressOf */
export const addressOf: Native["addressOf"] = host.addressOf;

const O_CLOEXEC = 0x80000;
const MFD_CLOEXEC = 1;
const SIGKILL = 9;
const signalNames = [
	"",
	"SIGHUP",
	"SIGINT",
	"SIGQUIT",
	"SIGILL",
	"SIGTRAP",
	"SIGABRT",
	"SIGBUS",
	"SIGFPE",
	"SIGKILL",
	"SIGUSR1",
	"SIGSEGV",
];

/** @see Native.runProgram */
export const runProgram: Native["runProgram"] = (path, argv, { env, input, timeoutMs }) => {
	// A file in memory holds any input without a writer beside the program, which might not read it.
	const stdin = must(call(nr.memfd_create, text("stdin"), MFD_CLOEXEC), "memfd_create");
	try {
		must(call(nr.pwritev, stdin, vector(input), 1, 0, 0), "pwritev");
		const pid = host.spawn(path, argv, env, [stdin, 1, 2]);
		if (pid < 0) throw new Error(`errno ${-pid}`);
		if (timeoutMs > 0) killAfter(pid, timeoutMs);
		return waitFor(pid);
	} finally {
		call(nr.close, stdin);
	}
};

/** @see Native.startProgram */
export const startProgram: Native["startProgram"] = (path, argv, stdout) => {
	const nothing = must(call(nr.openat, -100, text("/dev/null"), O_CLOEXEC, 0), "open /dev/null");
	const pid = host.spawn(path, argv, undefined, [nothing, stdout, 2]);
	call(nr.close, nothing);
	return must(pid, "vfork");
};

/** @see Native.startSelf */
export const startSelf: Native["startSelf"] = (argv, fd) => {
	const nothing = must(call(nr.openat, -100, text("/dev/null"), 2 | O_CLOEXEC, 0), "open /dev/null");
	const pid = host.spawn("/proc/self/exe", argv, undefined, [nothing, nothing, 2, fd]);
	call(nr.close, nothing);
	must(pid, "vfork");
};

/** Waits for the end of a child, not for longer than it may run. */
function killAfter(pid: number, ms: number): void {
	const process = call(nr.pidfd_open, pid, 0);
	if (process < 0) return;
	const time = new BigInt64Array([BigInt(Math.floor(ms / 1000)), BigInt(Math.round((ms % 1000) * 1e6))]);
	// { int fd; short events; short revents }: POLLIN
	if (call(nr.ppoll, new Int32Array([process, 1]), 1, time, null, 8) === 0) call(nr.pidfd_send_signal, process, SIGKILL, null, 0);
	call(nr.close, process);
}

function waitFor(pid: number): number | string {
	const status = new Int32Array(1);
	for (;;) {
		const ended = call(nr.wait4, pid, status, 0, null);
		if (ended === pid) break;
		if (ended !== -4) throw new Error(`wait4: errno ${-ended}`); // EINTR
	}
	const word = status[0] ?? 0;
	const signal = word & 0x7f;
	return signal === 0 ? (word >> 8) & 0xff : (signalNames[signal] ?? `signal ${signal}`);
}

function call(number: number, ...args: Parameters<Native["systemCall"]> extends [number, ...infer Rest] ? Partial<Rest> : never): number {
	const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
	return systemCall(number, a, b, c, d, e, f);
}

function must(result: number, what: string): number {
	if (result < 0) throw new Error(`${what}: errno ${-result}`);
	return result;
}

function text(value: string): Uint8Array {
	return new TextEncoder().encode(`${value}\0`);
}

/** One struct iovec. */
function vector(data: Uint8Array): BigUint64Array {
	return new BigUint64Array([BigInt(addressOf(data)), BigInt(data.length)]);
}
