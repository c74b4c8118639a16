// ps --filter: each key, what combines how, and what is refused.

import { expect, test } from "bun:test";
import type { Container } from "../supervise/state.ts";
import { parseFilters } from "./filter.ts";

const container: Container = {
	folder: "/x",
	record: {
		id: `abcdef${"0".repeat(58)}`,
		name: "web_1",
		created: "2026-01-01T00:00:00Z",
		image: {
			reference: "docker.io/library/alpine:latest",
			digest: `sha256:${"1".repeat(64)}`,
			configDigest: `sha256:beef${"2".repeat(60)}`,
		},
		layers: [],
		rootfs: null,
		path: "sh",
		args: [],
		labels: { app: "shop", tier: "a=b" },
		annotations: {},
		removeAtEnd: false,
		terminal: false,
		openStdin: false,
		detached: true,
		stopSignal: 15,
		stopTimeoutSeconds: 10,
		cgroups: [],
		network: "none",
		mounts: [],
		health: null,
		unit: null,
	},
	state: { status: "exited", process: null, startedAt: 1n, finishedAt: 2n, exitCode: 3, signal: 0 },
};

const cases: readonly (readonly [string, boolean])[] = [
	["id=abc", true],
	["id=bcd", false],
	["name=eb", true],
	["name=^/?web_1$", true],
	["name=^eb", false],
	["label=app", true],
	["label=app=shop", true],
	["label=tier=a=b", true],
	["label=app=x", false],
	["label=constructor", false],
	["status=exited", true],
	["status=running", false],
	["exited=3", true],
	["exited=0", false],
	["ancestor=alpine", true],
	["ancestor=alpine:latest", true],
	["ancestor=docker.io/library/alpine", true],
	["ancestor=pine", false],
	["ancestor=beef", true],
	[`ancestor=sha256:${"1".repeat(64)}`, true],
];
for (const [filter, wanted] of cases) {
	test(`${filter} ${wanted ? "holds" : "does not hold"}`, () => expect(parseFilters([filter])(container)).toBe(wanted));
}

test("one of several values of a key must hold, but every key and every label", () => {
	expect(parseFilters(["status=running", "status=exited"])(container)).toBe(true);
	expect(parseFilters(["status=exited", "name=other"])(container)).toBe(false);
	expect(parseFilters(["label=app", "label=none"])(container)).toBe(false);
});

for (const filter of ["nmae=x", "status", "status=sleeping", "exited=x", "name=("]) {
	test(`"${filter}" is refused`, () => expect(() => parseFilters([filter])).toThrow("cannot filter by"));
}
