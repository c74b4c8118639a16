// The globals of the web and of Node that the programs use and QuickJS does not have, made of what host.c offers. Loaded before all else.

type Host = {
	readonly encode: (text: string) => Uint8Array;
	readonly decode: (data: ArrayBufferView, fatal: boolean, ignoreBOM: boolean) => string;
	readonly nowMs: () => number;
	readonly argv: readonly string[];
	readonly env: readonly string[];
	readonly program: string;
	readonly cwd: () => string;
	readonly ids: readonly [pid: number, uid: number, euid: number, gid: number, egid: number];
	readonly exit: (status: number) => never;
};
declare const host: Host;

/** @see WHATWG Encoding */
class Encoder {
	readonly encoding = "utf-8";
	encode(text = ""): Uint8Array {
		return host.encode(text);
	}
	/** Only whole texts: corten measures its rooms before. */
	encodeInto(text: string, room: Uint8Array): { read: number; written: number } {
		const bytes = host.encode(text);
		if (bytes.length > room.length) return { read: 0, written: 0 };
		room.set(bytes);
		return { read: text.length, written: bytes.length };
	}
}

/** @see WHATWG Encoding; utf-8 is the only encoding */
class Decoder {
	readonly #options: { readonly fatal?: boolean; readonly ignoreBOM?: boolean };
	constructor(_encoding = "utf-8", options: { readonly fatal?: boolean; readonly ignoreBOM?: boolean } = {}) {
		this.#options = options;
	}
	decode(data: ArrayBufferView = new Uint8Array()): string {
		return host.decode(data, this.#options.fatal === true, this.#options.ignoreBOM === true);
	}
}

function environment(): Record<string, string> {
	const values: Record<string, string> = Object.create(null);
	for (const word of host.env) {
		const equals = word.indexOf("=", 1);
		if (equals > 0) values[word.slice(0, equals)] = word.slice(equals + 1);
	}
	return values;
}

const [pid, uid, euid, gid, egid] = host.ids;
let env: Record<string, string> | undefined;
const [argv0 = "corten", ...args] = host.argv;
const globals = {
	TextEncoder: Encoder,
	TextDecoder: Decoder,
	performance: { now: host.nowMs },
	process: {
		argv: [argv0, argv0, ...args],
		argv0,
		/** Made when somebody asks: most commands do not. */
		get env() {
			env ??= environment();
			return env;
		},
		execPath: host.program,
		arch: "x64",
		platform: "linux",
		pid,
		cwd: host.cwd,
		getuid: () => uid,
		geteuid: () => euid,
		getgid: () => gid,
		getegid: () => egid,
		exit: host.exit,
	},
};
Object.assign(globalThis, globals);
// What the bundler makes of `using` looks these up.
for (const name of ["dispose", "asyncDispose"]) if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol(name) });
