// config.json by mutation: whatever a document says, decoding and compiling it gives a plan or an error of ours, never an exception of the
// language and never `bug`. Deterministic; CORTEN_FUZZ_CASES=1000000 makes it long, CORTEN_FUZZ_SEED=n starts elsewhere.

import { expect, test } from "bun:test";
import { CortenError } from "../../src/base/errors.ts";
import { decodeConfig, decodeProcess, decodeResources } from "../../src/bundle/config-decode.ts";
import { encodeConfig } from "../../src/bundle/config-encode.ts";
import { wholeConfig } from "../../src/bundle/config-whole.fixture.ts";
import { minimalHost } from "../../src/linux/host.fixture.ts";
import type { HostFacts } from "../../src/linux/host.ts";
import { refusedCapabilities } from "../../src/plan/capability-sets.ts";
import { compile } from "../../src/plan/compile.ts";
import { compileExec } from "../../src/plan/compile-exec.ts";
import { describePlan } from "../../src/plan/describe.ts";
import { encodePlan } from "../../src/plan/encode.ts";
import { hostNeeds } from "../../src/plan/host-needs.ts";
import { hybridHost, minimalInput } from "../../src/plan/minimal.fixture.ts";
import type { Config } from "../../src/spec/runtime.ts";
import { defaultSeccomp } from "../../src/spec/seccomp-default.ts";

const cases = Number(Bun.env.CORTEN_FUZZ_CASES ?? 2500);
const firstSeed = Number(Bun.env.CORTEN_FUZZ_SEED ?? 1);

/** mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
	};
}

const host: HostFacts = {
	...minimalHost,
	securityModules: { apparmor: "apparmor/exec", selinux: true },
	resctrl: { mountPoint: "/sys/fs/resctrl", schemata: "L3:0=7f0\nMB:0=20\nL2:0=f\n" },
};
const { securityModules, resctrl } = host;
const hosts: readonly HostFacts[] = [host, { ...hybridHost, ...(securityModules && { securityModules }), ...(resctrl && { resctrl }) }];

/** What engines write: compiles everywhere. */
const usual: Config = {
	...wholeConfig,
	mounts: [
		{ destination: "/proc", type: "proc", source: "proc" },
		{ destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
		{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] },
		{ destination: "/etc/hosts", type: "bind", source: "/srv/hosts", options: ["rbind", "rprivate", "ro"] },
	],
	linux: {
		namespaces: (["mount", "pid", "network", "ipc", "uts", "cgroup"] as const).map((type) => ({ type })),
		devices: [{ type: "c", path: "/dev/fuse", major: 10, minor: 229 }],
		resources: { devices: [{ allow: false, access: "rwm" }], memory: { limit: 1n << 30n, swap: 1n << 31n }, pids: { limit: 100n } },
		seccomp: defaultSeccomp(["CAP_SYS_CHROOT"]),
		sysctl: { "net.ipv4.ip_forward": "1" },
		maskedPaths: ["/proc/kcore"],
		readonlyPaths: ["/proc/sys"],
	},
};
const documents = [usual, wholeConfig].map((config) => parseExactly(encodeConfig(config)));

/** JSON with the numbers that are not exact in @@. */
function parseExactly(text: string): unknown {
	return JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }) =>
		typeof value === "number" && !Number.isSafeInteger(value) ? `@@${context?.source}@@` : value,
	);
}

const textOf = (root: unknown): string => JSON.stringify(root).replaceAll(/"@@([^"@]*)@@"/g, "$1");

/** Values that any property may get. Texts in @@ become raw JSON: numbers that JSON.stringify cannot write. */
const values: readonly unknown[] = [
	null,
	true,
	false,
	0,
	-1,
	1.5,
	255,
	65536,
	4294967295,
	4294967296,
	"@@9007199254740993@@",
	"@@18446744073709551615@@",
	"@@18446744073709551616@@",
	"@@-9223372036854775809@@",
	"@@1e400@@",
	"@@-0@@",
	"@@1.0@@",
	`@@${"9".repeat(400)}@@`,
	"",
	"a\0b",
	"/",
	"//",
	"/..",
	"../../x",
	".",
	"a".repeat(5000),
	"日本/🐳",
	"\ud800",
	"%n%d%s",
	"0-3,7",
	"a:b:c",
	"x=y,z",
	"\n",
	[],
	[null],
	[[[]]],
	{},
	{ __proto__x: 1, constructor: 2 },
	{ "": "" },
	"toString",
	"__proto__",
	"constructor",
];

/** All places of a document: the container and the key. */
function places(root: unknown): [holder: Record<string, unknown>, key: string][] {
	const found: [Record<string, unknown>, string][] = [];
	const walk = (value: unknown): void => {
		if (typeof value !== "object" || value === null) return;
		for (const key of Object.keys(value)) {
			found.push([value as Record<string, unknown>, key]);
			walk((value as Record<string, unknown>)[key]);
		}
	};
	walk(root);
	return found;
}

function nested(depth: number, inner: unknown): unknown {
	let value = inner;
	for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
	return value;
}

function mutate(root: unknown, random: () => number): void {
	const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
	// A copy: what is made of it is this document's alone.
	const value = (): unknown => structuredClone(pick(values));
	const all = places(root);
	if (all.length === 0) return;
	// Half of them above the 400 names of the seccomp profile.
	const near = all.filter(([holder]) => !Array.isArray(holder) || holder.length < 20);
	const [holder, key] = pick(near.length > 0 ? near : all);
	const old = holder[key];
	switch (Math.floor(random() * 10)) {
		case 0:
			if (Array.isArray(holder)) holder.splice(Number(key), 1);
			else delete holder[key];
			break;
		case 1:
			if (Array.isArray(holder)) holder.push(old, old);
			else holder[`${key}x`] = old;
			break;
		case 2: {
			const [other, otherKey] = pick(all);
			holder[key] = structuredClone(other[otherKey]);
			break;
		}
		case 3:
			holder[key] = nested(Math.floor(random() * 200), old);
			break;
		case 4:
			if (typeof old === "string")
				holder[key] = pick([`${old}\0`, `/${old}`, `${old}/..`, old.slice(1), old.toUpperCase(), `${old},${old}`]);
			else if (typeof old === "number") holder[key] = pick([-old, old + 1, old * 65536, old / 3, `@@${old}e3@@`, String(old)]);
			else holder[key] = value();
			break;
		case 5:
			if (Array.isArray(old)) old.push(value());
			else if (typeof old === "object" && old !== null) (old as Record<string, unknown>)[String(value())] = value();
			else holder[key] = [old];
			break;
		default:
			holder[key] = value();
	}
}

function mutant(seed: number): string | Uint8Array {
	const random = generator(seed);
	const root = structuredClone(documents[Math.floor(random() * documents.length)]);
	for (let count = 1 + Math.floor(random() * 3); count > 0; count--) mutate(root, random);
	const text = textOf(root);
	const kind = random();
	if (kind < 0.05) {
		// The same name twice, with another value first or last.
		const at = text.indexOf("{", Math.floor(random() * text.length)) + 1;
		const name = /"([a-zA-Z]+)":/.exec(text.slice(at))?.[1] ?? "x";
		return `${text.slice(0, at)}"${name}":${random() < 0.5 ? "7" : '"x"'},${text.slice(at)}`;
	}
	if (kind < 0.1) {
		const bytes = new TextEncoder().encode(text);
		for (let count = 1 + Math.floor(random() * 4); count > 0; count--)
			bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
		return random() < 0.3 ? bytes.slice(0, Math.floor(random() * bytes.length)) : bytes;
	}
	return text;
}

/** @returns how far the document came */
function attempt(data: string | Uint8Array, on: HostFacts): "decoded" | "compiled" | "refused" {
	let reached: "decoded" | "compiled" | "refused" = "refused";
	const guarded = (step: () => void): void => {
		try {
			step();
		} catch (error) {
			if (!(error instanceof CortenError) || error.code === "bug") throw error;
		}
	};
	guarded(() => {
		const config = decodeConfig(data, "c");
		reached = "decoded";
		if (!Bun.deepEquals(decodeConfig(encodeConfig(config), "c"), config)) throw new Error("another document after encoding and decoding");
		hostNeeds(config.process, config.linux);
		refusedCapabilities(config.process, on, false);
		guarded(() => {
			const plan = compileExec({
				pid: 4711,
				startTime: 99n,
				process: config.process,
				shared: config.linux,
				id: "c1",
				...(config.linux.seccomp !== undefined && { seccomp: config.linux.seccomp }),
				namespaces: config.linux.namespaces.map(({ type }) => type),
				cgroups: ["/sys/fs/cgroup/corten-c1"],
				frame: { output: "inherit", input: "null" },
				host: on,
			});
			encodePlan(plan, { json: true });
		});
		const plan = compile({ ...minimalInput, config, host: on, rootfs: { kind: "folder", path: config.root.path } });
		encodePlan(plan, { json: false });
		describePlan(plan);
		reached = "compiled";
	});
	guarded(() => void decodeProcess(data, "p"));
	guarded(() => void decodeResources(data, "r"));
	return reached;
}

test("the documents that are mutated compile as they are", () => {
	for (const document of documents.slice(0, 1)) expect(attempt(textOf(document), host)).toBe("compiled");
});

test(
	`of ${cases} mutated documents none is more than refused`,
	() => {
		const reached = { decoded: 0, compiled: 0, refused: 0 };
		for (let seed = firstSeed; seed < firstSeed + cases; seed++) {
			const data = mutant(seed);
			try {
				reached[attempt(data, hosts[seed % hosts.length] ?? host)]++;
			} catch (cause) {
				throw new Error(
					`seed ${seed}: ${cause instanceof Error ? cause.stack : cause} in ${typeof data === "string" ? data.slice(0, 20_000) : "bytes"}`,
					{ cause },
				);
			}
		}
		// Mutants that are all refused at once would try nothing.
		expect(reached.compiled).toBeGreaterThan(cases / 20);
	},
	Math.max(60_000, cases * 20),
);
