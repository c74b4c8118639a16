// From names to places: prefixes, locations, mirrors, blocks; and from short names to names.

import { describe, expect, test } from "bun:test";
import { formatReference, parseReference } from "../reference.ts";
import { decodeRegistries } from "./decode.ts";
import { checkAllowed, findRule, primaryPlace, pullPlaces } from "./places.ts";
import { resolveShortName } from "./short-names.ts";

const decode = (text: string) => decodeRegistries(text, "/the/file");
const sha = `sha256:${"a".repeat(64)}`;

describe("the longest prefix that ends where a part of the name ends is chosen", () => {
	const prefixes = [
		"example.com",
		"example.com/a",
		"example.com/a/b",
		"example.com/a/b:1",
		"*.example.com",
		"*.deep.example.com",
		"docker.io/library/alpine",
	];
	const config = decode(prefixes.map((prefix) => `[[registry]]\nprefix = "${prefix}"\nlocation = "x.example"\n`).join(""));
	const table: [name: string, prefix: string | undefined][] = [
		["example.com/x", "example.com"],
		["example.com:5000/x", "example.com"],
		["example.com/a:1", "example.com/a"],
		["example.com/ab", "example.com"],
		["example.com/a/c", "example.com/a"],
		["example.com/a/b:2", "example.com/a/b"],
		["example.com/a/b:1", "example.com/a/b:1"],
		["example.com/a/b:12", "example.com/a/b"],
		[`example.com/a/b@${sha}`, "example.com/a/b"],
		["www.example.com/x", "*.example.com"],
		["a.b.example.com:443/x", "*.example.com"],
		["w.deep.example.com/x", "*.deep.example.com"],
		["deep.example.com.example.com/x", "*.example.com"],
		["badexample.com/x", undefined],
		["example.com.evil.example/x", undefined],
		["evil.example/www.example.com/x", undefined],
		["alpine", "docker.io/library/alpine"],
		["docker.io/user/alpine", undefined],
	];
	for (const [name, prefix] of table) test(`${name}: ${prefix}`, () => expect(findRule(config, parseReference(name))?.prefix).toBe(prefix));
});

const config = decode(`
[[registry]]
prefix = "example.com/foo"
location = "internal.example/bar"
[[registry.mirror]]
location = "all.example/m"
insecure = true
[[registry.mirror]]
location = "digest.example"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "tag.example"
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "blocked.example"

[[registry]]
location = "blocked.example"
blocked = true

[[registry]]
prefix = "never.example"
location = "never.example"
blocked = true
[[registry.mirror]]
location = "all.example/never"

[[registry]]
prefix = "*.wild.example"
insecure = true
[[registry.mirror]]
location = "all.example/wild"

[[registry]]
prefix = "broken.example"
location = "nowhere"
`);

const shown = (name: string) =>
	pullPlaces(config, parseReference(name)).map(
		({ reference, insecure, blockedBy }) =>
			`${formatReference(reference)}${insecure ? " insecure" : ""}${blockedBy === undefined ? "" : ` ${blockedBy}`}`,
	);

test("mirrors come in order, the location last; each with the reference rewritten", () => {
	expect(shown("example.com/foo/app:1")).toEqual([
		"all.example/m/app:1 insecure",
		"tag.example/app:1",
		"blocked.example/app:1 /the/file",
		"internal.example/bar/app:1",
	]);
	expect(shown(`example.com/foo/app@${sha}`)).toEqual([
		`all.example/m/app@${sha} insecure`,
		`digest.example/app@${sha}`,
		`blocked.example/app@${sha} /the/file`,
		`internal.example/bar/app@${sha}`,
	]);
	expect(shown("other.example/foo/app")).toEqual(["other.example/foo/app:latest"]);
	expect(shown("a.wild.example/x/y:2")).toEqual(["all.example/wild/x/y:2", "a.wild.example/x/y:2 insecure"]);
});

test("a blocked registry may have mirrors, which are then all there is", () => {
	expect(shown("never.example/app")).toEqual(["all.example/never/app:latest", "never.example/app:latest /the/file"]);
	const place = primaryPlace(config, parseReference("never.example/app"));
	expect(() => checkAllowed(place)).toThrow('it is blocked in "/the/file"');
});

test("after the mirrors comes the location, and a login is to the registry itself", () => {
	expect(formatReference(primaryPlace(config, parseReference("example.com/foo/app:1")).reference)).toBe("internal.example/bar/app:1");
	expect(
		primaryPlace(decode('[[registry]]\nprefix="a.example"\nlocation="b.example"\ninsecure=true'), { domain: "a.example", repository: "" }),
	).toEqual({
		reference: { domain: "a.example", repository: "" },
		insecure: true,
	});
});

test("a location that makes no reference names its file", () => {
	expect(() => shown("broken.example/app")).toThrow("/the/file");
});

describe("short names", () => {
	const search = (mode: string, ...registries: string[]) =>
		decode(
			`short-name-mode = "${mode}"\nunqualified-search-registries = ${JSON.stringify(registries)}\n[aliases]\napp = "quay.io/team/app"\nhub = "docker.io/thing"\ngone = ""\n`,
		);
	const resolve = (text: string, ...registries: string[]) =>
		resolveShortName(text, search("permissive", ...registries)).map(formatReference);

	test("without configuration docker.io is meant, also where search registries are none", () => {
		expect(resolveShortName("alpine", decode("")).map(formatReference)).toEqual(["docker.io/library/alpine:latest"]);
		expect(resolve("user/x:1")).toEqual(["docker.io/user/x:1"]);
	});

	test("an alias takes tag and digest along, and goes before search registries", () => {
		expect(resolve("app", "a.example")).toEqual(["quay.io/team/app:latest"]);
		expect(resolve("app:2", "a.example")).toEqual(["quay.io/team/app:2"]);
		expect(resolve(`app@${sha}`)).toEqual([`quay.io/team/app@${sha}`]);
		expect(resolve("hub")).toEqual(["docker.io/library/thing:latest"]);
		expect(resolve("gone:1", "a.example")).toEqual(["a.example/gone:1"]);
		const recorded = new Map([["app", "other.example/app"]]);
		expect(resolveShortName("app:2", search("permissive"), recorded).map(formatReference)).toEqual(["other.example/app:2"]);
	});

	test("search registries are tried in order; docker.io has its library", () => {
		expect(resolve("x:1", "a.example", "docker.io", "localhost:5000")).toEqual([
			"a.example/x:1",
			"docker.io/library/x:1",
			"localhost:5000/x:1",
		]);
		expect(resolve("quay.io/x:1", "a.example")).toEqual(["quay.io/x:1"]);
		expect(resolve("localhost/x:1", "a.example")).toEqual(["localhost/x:1"]);
	});

	test("the mode enforcing refuses to choose, and only then", () => {
		expect(() => resolveShortName("x", search("enforcing", "a.example", "b.example"))).toThrow("several search registries");
		expect(resolveShortName("x", search("enforcing", "a.example")).map(formatReference)).toEqual(["a.example/x:latest"]);
		expect(resolveShortName("x", search("disabled", "a.example", "b.example"))).toHaveLength(2);
	});
});
