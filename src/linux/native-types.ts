// What an engine has to offer: all that the programs need and ECMAScript does not have.

/** An argument of a system call: an integer, or memory that stays alive during the call. */
export type Arg = number | bigint | ArrayBufferView | null;

/** How a program is run to its end. */
export type ProgramOptions = {
	/** `NAME=value` each; undefined: our own environment. */
	readonly env: readonly string[] | undefined;
	/** Its stdin. */
	readonly input: Uint8Array;
	/** 0: as long as it takes. */
	readonly timeoutMs: number;
};

/** The exports of native.ts, once for each engine. */
export type Native = {
	/** The name and version of the engine. */
	readonly engine: string;
	/** Makes one system call. @returns its result, or the negative error number, as the kernel itself returns it */
	readonly systemCall: (number: number, a: Arg, b: Arg, c: Arg, d: Arg, e: Arg, f: Arg) => number;
	/** The address of memory, 0 of empty memory. It holds as long as the memory is referenced. */
	readonly addressOf: (memory: ArrayBufferView) => number;
	/**
	 * Runs a program to its end; its stdout and stderr are ours. With a timeout it is killed when the time is over.
	 * @returns its exit status, or the name of the signal that ended it
	 * @throws Error when it cannot be started
	 */
	readonly runProgram: (path: string, argv: readonly string[], options: ProgramOptions) => number | string;
	/** Starts a program with our environment, without input and with `stdout`, and does not wait. @returns its pid @throws Error when it cannot be started */
	readonly startProgram: (path: string, argv: readonly string[], stdout: number) => number;
	/** Starts this program once more, with `fd` as its descriptor 3 and stderr as ours, and does not wait. @param argv with argv[0] */
	readonly startSelf: (argv: readonly string[], fd: number) => void;
};
