// --insecure-options as rkt had it: what an operator switches off for one command.

import { CortenError } from "./errors.ts";

/** image: signatures are not asked for; tls: certificates are not checked; http: plain http where https fails; pubkey: so for keys. */
export const insecureWords = ["image", "tls", "http", "pubkey"] as const;

/** One of {@link insecureWords}. */
export type Insecure = ReadonlySet<(typeof insecureWords)[number]>;

/** rkt's words that stand for several. */
const groups: Readonly<Record<string, readonly string[]>> = {
	none: [],
	"all-fetch": ["image", "tls", "http"],
	all: insecureWords,
};
/** rkt's words for what corten has other options for, or does not do. */
const others = ["ondisk", "capabilities", "paths", "seccomp", "all-run"];

/** Parses the option's value, words joined by commas. @throws `invalid-argument`; `unsupported` for rkt's other words */
export function parseInsecure(text: string | undefined): Insecure {
	const given = new Set<string>();
	for (const word of (text ?? "").split(",").filter((part) => part !== "")) {
		const at = "--insecure-options";
		if (others.includes(word)) throw new CortenError("unsupported", `cannot switch off "${word}"`, { at });
		const group = Object.hasOwn(groups, word) ? groups[word] : undefined;
		if (group === undefined && !insecureWords.some((known) => known === word))
			throw new CortenError("invalid-argument", `cannot use "${word}" as --insecure-options: expected ${insecureWords.join(", ")}`, { at });
		for (const one of group ?? [word]) given.add(one);
	}
	return new Set(insecureWords.filter((word) => given.has(word)));
}
