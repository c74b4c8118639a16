// What config.json may ask for and no file of this stage compiles yet. It is refused by name, never passed over. Whoever implements a
// property deletes its line here.

import { CortenError } from "../base/errors.ts";
import type { Config } from "../spec/runtime.ts";

/** A JSON pointer, and whether something is asked for there. An empty text, list or object asks for nothing. */
type Check<T> = readonly [at: string, asked: (section: T) => unknown];

const some = (list: readonly unknown[] | Readonly<Record<string, unknown>> | string | undefined): boolean =>
	list !== undefined && Object.keys(list).length > 0;

const linuxChecks: readonly Check<Config["linux"]>[] = [["/linux/seccomp/listenerPath", ({ seccomp }) => some(seccomp?.listenerPath)]];

function refuse(asked: readonly string[]): void {
	if (asked.length === 0) return;
	throw new CortenError("unsupported", `cannot run config.json: not implemented: ${asked.join(", ")}`, { at: asked[0] ?? "" });
}

function askedOf<T>(checks: readonly Check<T>[], section: T, prefix = ""): string[] {
	return checks.filter(([, asked]) => asked(section)).map(([at]) => prefix + at);
}

/**
 * Refuses a configuration that asks for what is not implemented.
 * @throws `unsupported` with every JSON pointer, the first in `at`
 */
export function refuseUnsupported(config: Config): void {
	const asked: string[] = [];
	asked.push(...askedOf(linuxChecks, config.linux));
	refuse(asked);
}
