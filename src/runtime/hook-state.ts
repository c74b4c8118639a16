// The state document as hooks and seccomp agents get it. @see runtime-spec runtime.md#state

import type { RuntimeRecord } from "./state.ts";

/** The state document in two parts, between which the pid belongs: launch writes it there. @see runtime-spec runtime.md#state */
export function hookState({ ociVersion, id, bundle, annotations }: RuntimeRecord, status: string): readonly [string, string] {
	const rest = `,${JSON.stringify({ bundle, annotations }).slice(1)}`;
	return [`${JSON.stringify({ ociVersion, id, status }).slice(0, -1)},"pid":`, rest];
}
