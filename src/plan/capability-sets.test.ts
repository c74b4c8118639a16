// What is left out of process.capabilities, and told.

import { expect, test } from "bun:test";
import { minimalHost } from "../linux/host.fixture.ts";
import type { CapabilitySets, Process } from "../spec/runtime.ts";
import { capabilityBits, refusedCapabilities } from "./capability-sets.ts";
import { minimalConfig } from "./minimal.fixture.ts";

const none: CapabilitySets = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };
const with_ = (sets: Partial<CapabilitySets>): Process => ({ ...minimalConfig.process, capabilities: { ...none, ...sets } });
const CAP_KILL = 1n << 5n;

test("unknown names, those of later kernels and those the caller lacks are left out", () => {
	const process = with_({ bounding: ["CAP_KILL", "CAP_FLY", "cap_kill", "CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"] });
	const host = { ...minimalHost, lastCapability: 39, capabilities: minimalHost.capabilities & ~1n };
	expect(capabilityBits(process, host, false).bounding).toBe(CAP_KILL);
	expect(refusedCapabilities(process, host, false)).toEqual(["CAP_CHECKPOINT_RESTORE", "CAP_CHOWN", "CAP_FLY", "cap_kill"]);
});

test("a user namespace of the container's own has everything to give", () => {
	const process = with_({ permitted: ["CAP_CHOWN"], effective: ["CAP_CHOWN"] });
	const host = { ...minimalHost, capabilities: 0n };
	expect(capabilityBits(process, host, true)).toMatchObject({ permitted: 1n, effective: 1n });
	expect(refusedCapabilities(process, host, true)).toEqual([]);
	expect(capabilityBits(process, host, false)).toMatchObject({ permitted: 0n, effective: 0n });
});

test("no set is more than the kernel takes", () => {
	const process = with_({ effective: ["CAP_KILL", "CAP_CHOWN"], permitted: ["CAP_KILL"], ambient: ["CAP_KILL"] });
	expect(capabilityBits(process, minimalHost, false)).toMatchObject({ effective: CAP_KILL, permitted: CAP_KILL, ambient: 0n });
});

test("without capabilities there are none", () => {
	expect(Object.values(capabilityBits(minimalConfig.process, minimalHost, false))).toEqual([0n, 0n, 0n, 0n, 0n]);
	expect(refusedCapabilities(minimalConfig.process, minimalHost, false)).toEqual([]);
});
