// What auto-update has done, a line of JSON each, in a file below the root: shown by --history, and asked before a digest that has been
// taken back is tried again.

import { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY, openFd, readTextIfPresent, writeFd } from "../linux/file.ts";
import { boolean, type Decoder, decode, object, oneOf, string } from "../spec/decode.ts";

/** How an update ended. `failed`: nothing was taken back, or it could not be. */
export const updateVerdicts = ["updated", "rolled back", "failed"] as const;

/** One update of one unit. */
export type UpdateEvent = {
	/** RFC 3339, UTC. */
	readonly time: string;
	readonly unit: string;
	/** Of a user's manager. */
	readonly user: boolean;
	/** The container's name. */
	readonly container: string;
	/** The full name. */
	readonly image: string;
	readonly policy: string;
	/** Digests of manifests. */
	readonly before: string;
	readonly after: string;
	readonly verdict: (typeof updateVerdicts)[number];
	/** Why it was not good; "" when it was. */
	readonly why: string;
};

const event: Decoder<UpdateEvent> = object({
	time: string,
	unit: string,
	user: boolean,
	container: string,
	image: string,
	policy: string,
	before: string,
	after: string,
	verdict: oneOf(updateVerdicts),
	why: string,
});

/** Of the file, for a person who looks for it. */
export function historyFile(root: string): string {
	return `${root}/auto-update.jsonl`;
}

/** Adds an event at the end. */
export function writeEvent(root: string, content: UpdateEvent): void {
	const path = historyFile(root);
	using fd = openFd(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
	writeFd(fd, new TextEncoder().encode(`${JSON.stringify(content)}\n`), path);
}

/** All events, the oldest first. Lines that a power cut or another corten made unreadable are passed over. */
export function readEvents(root: string): UpdateEvent[] {
	return (readTextIfPresent(historyFile(root)) ?? "").split("\n").flatMap((line) => {
		try {
			return [decode(event, JSON.parse(line), "event")];
		} catch {
			return [];
		}
	});
}

/** Whether a unit was taken back from this image, and not updated to it since. */
export function wasRolledBack(
	events: readonly UpdateEvent[],
	unit: { readonly name: string; readonly user: boolean },
	digest: string,
): boolean {
	const last = events.findLast((known) => known.unit === unit.name && known.user === unit.user && known.after === digest);
	return last?.verdict === "rolled back";
}
