// registries.conf: what is read of it, and what is refused.

import { describe, expect, test } from "bun:test";
import { decodeRegistries } from "./decode.ts";

const path = "/etc/containers/registries.conf";

test("every key of version 2 is read, and unknown ones are passed over", () => {
	const config = decodeRegistries(
		`unqualified-search-registries = ["quay.io", "localhost:5000/"]
credential-helpers = ["containers-auth.json", "pass"]
short-name-mode = "enforcing"
additional-layer-store-auth-helper = "x"
future = 5

[[registry]]
prefix = "example.com/foo/"
location = "internal.example/bar"
insecure = true
blocked = false
[[registry.mirror]]
location = "one.example"
pull-from-mirror = "tag-only"
[[registry.mirror]]
location = "two.example/a"
insecure = true

[[registry]]
location = "registry.example"
mirror-by-digest-only = true
mirror = [{ location = "m.example" }]

[[registry]]
prefix = "*.wild.example"
blocked = true

[aliases]
"team/app" = "quay.io/team/app"
gone = ""
`,
		path,
	);
	expect(config.search).toEqual({ registries: ["quay.io", "localhost:5000"], origin: path });
	expect(config.credentialHelpers).toEqual(["containers-auth.json", "pass"]);
	expect(config.shortNameMode).toBe("enforcing");
	expect([...config.aliases]).toEqual([
		["team/app", "quay.io/team/app"],
		["gone", ""],
	]);
	expect([...config.rules.values()]).toEqual([
		{
			prefix: "example.com/foo",
			location: "internal.example/bar",
			insecure: true,
			blocked: false,
			origin: path,
			mirrors: [
				{ location: "one.example", insecure: false, use: "tag-only" },
				{ location: "two.example/a", insecure: true, use: "all" },
			],
		},
		{
			prefix: "registry.example",
			location: "registry.example",
			insecure: false,
			blocked: false,
			origin: path,
			mirrors: [{ location: "m.example", insecure: false, use: "digest-only" }],
		},
		{ prefix: "*.wild.example", location: "", insecure: false, blocked: true, origin: path, mirrors: [] },
	]);
});

test("an empty file says nothing, and the first of two tables with a prefix counts", () => {
	expect(decodeRegistries("# nothing\n", path)).toEqual({ rules: new Map(), aliases: new Map() });
	const twice = '[[registry]]\nprefix="a.example"\nlocation="b.example"\n[[registry]]\nprefix="a.example"\nlocation="c.example"\n';
	expect(decodeRegistries(twice, path).rules.get("a.example")?.location).toBe("b.example");
});

describe("what is refused, with the file's name", () => {
	const refused: [why: string, text: string, message: string][] = [
		["no TOML", "this is not toml", "it is no TOML"],
		["a key twice", "short-name-mode='disabled'\nshort-name-mode='enforcing'", "it is no TOML"],
		["a word where a truth value belongs", '[[registry]]\nlocation="a.example"\ninsecure="yes"', "/registry/0/insecure"],
		["a host that is a number", "unqualified-search-registries = [5]", "/unqualified-search-registries/0"],
		["a mode nobody knows", 'short-name-mode="strict"', "/short-name-mode"],
		["neither prefix nor location", "[[registry]]\ninsecure=true", "neither prefix nor location"],
		["a prefix without location", '[[registry]]\nprefix="a.example"', "has no location"],
		["a wildcard with a path", '[[registry]]\nprefix="*.a.example/b"', "not of the form *.example.com"],
		["a wildcard with a port", '[[registry]]\nprefix="*.a.example:5000"', "not of the form *.example.com"],
		["a location with a scheme", '[[registry]]\nlocation="https://a.example"', "has a scheme"],
		["a mirror without location", '[[registry]]\nlocation="a.example"\n[[registry.mirror]]\ninsecure=true', "has no location"],
		[
			"a mirror's use nobody knows",
			'[[registry]]\nlocation="a.example"\n[[registry.mirror]]\nlocation="b.example"\npull-from-mirror="x"',
			"/pull-from-mirror",
		],
		["a mirror's use at a registry", '[[registry]]\nlocation="a.example"\npull-from-mirror="all"', "only mirrors have"],
		[
			"two words on the use of mirrors",
			'[[registry]]\nlocation="a.example"\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation="b.example"\npull-from-mirror="all"',
			"only one can be",
		],
		[
			"a location that is blocked and is not",
			'[[registry]]\nprefix="a.example"\nlocation="c.example"\nblocked=true\n[[registry]]\nprefix="b.example"\nlocation="c.example"',
			"more than once",
		],
		["a search registry with a path", 'unqualified-search-registries=["a.example/b"]', "is not a host"],
		["a search registry that is no host", 'unqualified-search-registries=["a b"]', "is not a host"],
		["an alias with a tag", '[aliases]\n"a:1"="b.example/c"', "is not a short name"],
		["an alias with a registry", '[aliases]\n"a.example/b"="b.example/c"', "is not a short name"],
		["an alias that leads to a tag", '[aliases]\na="b.example/c:1"', "without tag and digest"],
		["an alias that leads to a short name", '[aliases]\na="b"', "is not a name with a registry"],
	];
	for (const [why, text, message] of refused) {
		test(why, () => {
			let error: unknown;
			try {
				decodeRegistries(text, path);
			} catch (caught) {
				error = caught;
			}
			expect(error).toMatchObject({ code: "invalid-spec" });
			expect(String(error)).toContain(message);
			expect(String(error)).toContain(path);
		});
	}

	test("version 1 of the format", () => {
		for (const table of ["search", "insecure", "block"])
			expect(() => decodeRegistries(`[registries.${table}]\nregistries = ["a.example"]\n`, path)).toThrow("version 1 of the format");
	});
});
