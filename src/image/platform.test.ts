// Platforms as people type them, and the choice from an index.

import { describe, expect, test } from "bun:test";
import type { Descriptor, Platform } from "../spec/image.ts";
import { ociIndex, ociManifest } from "./media-types.ts";
import { choosePlatform, formatPlatform, parsePlatform, platformSuits } from "./platform.ts";

function entry(platform: string | undefined, mediaType = ociManifest): Descriptor {
	const [os = "", architecture = "", variant] = platform?.split("/") ?? [];
	return {
		mediaType,
		digest: `sha256:${Bun.SHA256.hash(platform ?? "", "hex")}`,
		size: 1,
		...(platform === undefined ? {} : { platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } }),
	};
}

function choose(wanted: string, ...offers: (string | undefined)[]): number {
	const entries = offers.map((offer) => entry(offer));
	const chosen = choosePlatform(entries, parsePlatform(wanted));
	return chosen === undefined ? -1 : entries.indexOf(chosen);
}

describe("a platform as typed", () => {
	for (const [text, formatted] of [
		["linux/amd64", "linux/amd64"],
		["amd64", "linux/amd64"],
		["linux/x86_64", "linux/amd64"],
		["aarch64", "linux/arm64"],
		["linux/arm64/v8", "linux/arm64"],
		["armhf", "linux/arm/v7"],
		["linux/arm/v6", "linux/arm/v6"],
		["Windows/AMD64", "windows/amd64"],
		["constructor", "linux/constructor"],
	] as const) {
		test(text, () => expect(formatPlatform(parsePlatform(text))).toBe(formatted));
	}
	for (const text of ["", "/", "linux/", "/amd64", "a/b/c/d", "linux/amd 64", "a/../b"]) {
		test(`${JSON.stringify(text)} is refused`, () => expect(() => parsePlatform(text)).toThrow("cannot parse platform"));
	}
});

describe("the choice from an index", () => {
	test("exact beats compatible, the first of equals wins", () => {
		expect(choose("arm/v7", "linux/arm/v5", "linux/arm/v7", "linux/arm/v7")).toBe(-1);
		expect(choose("linux/arm/v7", "linux/arm/v5", "linux/arm/v7", "linux/arm/v7")).toBe(1);
		expect(choose("linux/arm/v7", "linux/arm/v5", "linux/arm/v6", "linux/arm/v8")).toBe(1);
		expect(choose("linux/arm64", "linux/arm/v7", "linux/arm64/v8")).toBe(1);
	});

	test("a variant the machine may not have is not chosen", () => {
		expect(choose("linux/amd64", "linux/amd64/v3")).toBe(-1);
		expect(choose("linux/amd64", "linux/amd64/v3", "linux/amd64")).toBe(1);
		expect(choose("linux/amd64/v3", "linux/amd64/v4", "linux/amd64/v2", "linux/amd64")).toBe(1);
		expect(choose("linux/arm/v6", "linux/arm/v7")).toBe(-1);
		expect(choose("linux/arm/v7", "linux/arm/hostile")).toBe(-1);
	});

	test("other systems and attestations are not chosen", () => {
		expect(choose("linux/amd64", "windows/amd64", "unknown/unknown")).toBe(-1);
		expect(choose("linux/amd64", "linux/constructor", "linux/__proto__")).toBe(-1);
	});

	test("an entry without platform counts when it is alone, or an index", () => {
		expect(choose("linux/amd64", undefined)).toBe(0);
		expect(choose("linux/amd64", undefined, undefined)).toBe(-1);
		const nested = [entry(undefined), entry(undefined, ociIndex)];
		expect(choosePlatform(nested, parsePlatform("amd64"))).toBe(nested[1] as Descriptor);
		expect(choosePlatform([entry("linux/amd64", "text/plain")], parsePlatform("amd64"))).toBeUndefined();
	});
});

test("what suits a machine", () => {
	const suits = (offer: Platform, wanted: string) => platformSuits(offer, parsePlatform(wanted));
	expect(suits({ os: "linux", architecture: "x86_64" }, "amd64")).toBe(true);
	expect(suits({ os: "linux", architecture: "arm64", variant: "v8" }, "arm64")).toBe(true);
	expect(suits({ os: "linux", architecture: "" }, "amd64")).toBe(false);
});
