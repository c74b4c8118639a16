// What the programs need of the engine they run on, in Bun. The start path runs on QuickJS, with src/quick/native.ts in this file's place
// (docs/decisions/0015). Loading bun:ffi costs 0.15 ms; node:fs costs 1 ms, which is why nothing on the way of a start uses it.

import { dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import type { Native } from "./native-types.ts";

const { symbols: libc } = dlopen("libc.so.6", {
	__errno_location: { args: [], returns: "ptr" },
	// syscall(2) itself: six register arguments, numbers and pointers alike. i64_fast: a BigInt only where a number cannot hold it.
	syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], returns: FFIType.i64_fast },
});

const errnoAddress = libc.__errno_location() as Pointer;

function raw(arg: number | bigint | ArrayBufferView | null): number | bigint {
	if (arg === null) return 0;
	return typeof arg === "object" ? addressOf(arg) : arg;
}

/** The name and version of the engine. */
export const engine: Native["engine"] = `bun ${Bun.version}`;

/** @see Native.systemCall */
export const systemCall: Native["systemCall"] = (number, a, b, c, d, e, f) => {
	const result = Number(libc.syscall(number, raw(a), raw(b), raw(c), raw(d), raw(e), raw(f)));
	return result === -1 ? -read.i32(errnoAddress, 0) : result;
};

/** @see Native.addressOf */
export const addressOf: Native["addressOf"] = (memory) => (memory.byteLength === 0 ? 0 : ptr(memory as unknown as NodeJS.TypedArray));

/** @see Native.runProgram */
export const runProgram: Native["runProgram"] = (path, argv, { env, input, timeoutMs }) => {
	const [argv0 = path, ...rest] = argv;
	const ended = Bun.spawnSync([path, ...rest], {
		argv0,
		stdin: input,
		stdout: "inherit",
		stderr: "inherit",
		...(env !== undefined && { env: Object.fromEntries(env.map(splitVariable)) }),
		...(timeoutMs > 0 && { timeout: timeoutMs, killSignal: "SIGKILL" }),
	});
	return ended.signalCode ?? ended.exitCode;
};

function splitVariable(word: string): [string, string] {
	const equals = word.indexOf("=");
	return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** @see Native.startProgram */
export const startProgram: Native["startProgram"] = (path, [argv0 = path, ...rest], stdout) =>
	Bun.spawn([path, ...rest], { argv0, stdio: ["ignore", stdout, "inherit"] }).pid;

/** @see Native.startSelf */
export const startSelf: Native["startSelf"] = (argv, fd) => {
	const [argv0 = "corten", ...rest] = argv;
	Bun.spawn([process.execPath, ...rest], { argv0, stdio: ["ignore", "ignore", "inherit", fd] });
};
