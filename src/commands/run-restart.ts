// The options of `corten run` that a transient unit fulfils: --restart, --unit.

import { CortenError } from "../base/errors.ts";
import type { RunRequest } from "../bundle/request.ts";

const policy = /^(no|always|unless-stopped|on-failure)(?::(\d{1,9}))?$/;

/**
 * docker's policies: `no`, `on-failure[:TIMES]`, `always`, `unless-stopped`.
 * @param remove --rm, which no restart goes with: there would be nothing left to start
 */
export function parseRestart(text: string | undefined, remove: boolean): RunRequest["restart"] {
	if (text === undefined || text === "") return { name: "no", retries: 0 };
	const [, name, retries] = policy.exec(text) ?? [];
	if (name === undefined || (retries !== undefined && name !== "on-failure")) {
		throw new CortenError(
			"invalid-argument",
			`cannot use restart policy "${text}": it is no, on-failure[:TIMES], always or unless-stopped`,
			{
				at: "--restart",
			},
		);
	}
	if (remove && name !== "no") {
		throw new CortenError("invalid-argument", "cannot combine --restart and --rm: there would be nothing left to start", {
			at: "--restart",
		});
	}
	return { name: name as RunRequest["restart"]["name"], retries: Number(retries ?? 0) };
}

/** The full name of a service; `none` stays. @throws `invalid-argument` for what is no name of a unit */
export function parseUnit(text: string | undefined): string | undefined {
	if (text === undefined || text === "none") return text;
	const name = text.endsWith(".service") ? text : `${text}.service`;
	if (/^[A-Za-z0-9:_.-]+(?:\\x[0-9a-f]{2}[A-Za-z0-9:_.-]*)*\.service$/.test(name) && name.length <= 255) return name;
	throw new CortenError("invalid-argument", `cannot use "${text}" as the name of a unit`, {
		at: "--unit",
		hint: "a service's name is made of letters, digits, : _ . and -",
	});
}
