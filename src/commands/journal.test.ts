// Which words journalctl gets for whose log.

import { expect, test } from "bun:test";
import type { ContainerRecord } from "../supervise/record.ts";
import { type JournalRequest, journalArguments } from "./journal.ts";

const all: JournalRequest = { follow: false, timestamps: false, since: undefined, until: undefined, lines: undefined };
const always = ["--quiet", "--no-pager", "--all", "--output=json", "--output-fields=MESSAGE,_LINE_BREAK"];

function words(unit: Partial<NonNullable<ContainerRecord["unit"]>>, request: Partial<JournalRequest> = {}, after?: string): string[] {
	const record = {
		id: "a".repeat(64),
		created: "2026-01-31T12:00:00.000Z",
		unit: { name: "web.service", invocation: "b".repeat(32), user: false, own: false, ...unit },
	} as ContainerRecord;
	const given = journalArguments({ record }, { ...all, ...request }, after);
	expect(given.slice(0, always.length)).toEqual(always);
	return given.slice(always.length);
}

test("of a unit of corten's all lines of the container, of a person's those of the run that made it", () => {
	expect(words({ own: true })).toEqual([`CONTAINER_ID_FULL=${"a".repeat(64)}`]);
	expect(words({})).toEqual(["_SYSTEMD_UNIT=web.service", `_SYSTEMD_INVOCATION_ID=${"b".repeat(32)}`]);
	expect(words({ user: true })).toEqual(["--user", "_SYSTEMD_USER_UNIT=web.service", `_SYSTEMD_INVOCATION_ID=${"b".repeat(32)}`]);
});

test("of a user's unit of corten's what was said since the container was made", () => {
	const unit = { own: true, user: true };
	const match = ["--user", "_SYSTEMD_USER_UNIT=web.service"];
	expect(words(unit)).toEqual(["--since=@1769860800.000000", ...match]);
	expect(words(unit, { since: 1n })).toEqual(["--since=@1769860800.000000", ...match]);
	expect(words(unit, { since: 1_769_860_801_500_000_000n })).toEqual(["--since=@1769860801.500000", ...match]);
});

test("--tail, --since, --until and -f; after a cursor only what came later", () => {
	const match = `CONTAINER_ID_FULL=${"a".repeat(64)}`;
	expect(words({ own: true }, { lines: 3, until: 2_000_000_000n })).toEqual(["--lines=3", "--until=@2.000000", match]);
	expect(words({ own: true }, { follow: true })).toEqual(["--lines=all", "--follow", match]);
	expect(words({ own: true }, { lines: 3, since: 1n, until: 2_000_000_000n }, "s=1")).toEqual([
		...["--after-cursor=s=1", "--until=@2.000000"],
		match,
	]);
});
