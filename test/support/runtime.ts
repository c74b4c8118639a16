// An OCI runtime by its command line, whichever it is: corten-runtime, or a peer that the conformance tests are themselves tested with.
// CORTEN_TEST_RUNTIME names the one under test.

import { existsSync } from "node:fs";
import { type Result, type RunOptions, run, top } from "./corten.ts";
import { installed } from "./skip.ts";

/** The runtimes a conformance test can run against; the first is ours. */
export const runtimeNames = ["corten-runtime", "runc", "crun"] as const;

/** Name of a runtime. */
export type RuntimeName = (typeof runtimeNames)[number];

/** The runtime under test. @throws Error when CORTEN_TEST_RUNTIME names one that is not known */
export function runtimeUnderTest(): RuntimeName {
	const asked = process.env.CORTEN_TEST_RUNTIME ?? runtimeNames[0];
	const found = runtimeNames.find((name) => name === asked);
	if (found === undefined) throw new Error(`CORTEN_TEST_RUNTIME: no runtime "${asked}"; there are ${runtimeNames.join(", ")}`);
	return found;
}

/** Whether this machine has the runtime. */
export function hasRuntime(name: RuntimeName): boolean {
	return name === "corten-runtime" ? existsSync(`${top}/build/corten-runtime`) : installed(name);
}

/** The newest version of the specification that the runtime knows; Debian's runtimes refuse newer ones unread. */
export function ociVersionOf(name: RuntimeName): string {
	return name === "corten-runtime" ? "1.3.0" : "1.0.2";
}

/** Debian's crun gives up on a host with v1 hierarchies and a v2 one beside them: it gets a mount namespace without the latter. */
const withoutUnified = ["unshare", "-m", "--propagation", "slave", "sh", "-c", `umount /sys/fs/cgroup/unified; exec "$@"`, "sh"];

/** The command line of a runtime, up to its first argument. */
export function programOf(name: RuntimeName): readonly string[] {
	if (name === "corten-runtime") return [`${top}/build/corten-runtime`];
	if (name === "crun" && existsSync("/sys/fs/cgroup/unified")) return [...withoutUnified, "crun"];
	return [name];
}

/** What `state` prints (runtime-spec runtime.md#state), and whatever more a runtime adds. */
export type State = {
	readonly ociVersion: string;
	readonly id: string;
	readonly status: string;
	readonly pid?: number;
	readonly bundle: string;
	readonly annotations?: Readonly<Record<string, string>>;
};

/** One runtime with a state folder of its own. */
export class Runtime {
	readonly name: RuntimeName;
	readonly root: string;

	constructor(name: RuntimeName, root: string) {
		this.name = name;
		this.root = root;
	}

	/** The command line of an operation. */
	command(...args: readonly string[]): string[] {
		return [...programOf(this.name), "--root", this.root, ...args];
	}

	/** Runs an operation to its end. What it starts must not keep its output: for `create` see Container. */
	call(args: readonly string[], options: RunOptions = {}): Promise<Result> {
		return run(this.command(...args), { timeoutMs: 30_000, ...options });
	}
}
