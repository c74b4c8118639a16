// Challenges as registries write them, and the credentials files of podman and docker.

import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { temporaryFolder } from "../../../test/support/images.ts";
import { parseChallenges } from "./auth.ts";
import { authFiles, findCredentials } from "./credentials.ts";

describe("parseChallenges", () => {
	const cases: [header: string, parsed: [string, Record<string, string>][]][] = [
		["", []],
		["Basic", [["basic", {}]]],
		['Basic realm="x"', [["basic", { realm: "x" }]]],
		["basic realm=x", [["basic", { realm: "x" }]]],
		[
			'Bearer realm="https://a/token",service="s",scope="repository:a/b:pull,push"',
			[["bearer", { realm: "https://a/token", service: "s", scope: "repository:a/b:pull,push" }]],
		],
		['Bearer Realm = "a" , SERVICE="b"', [["bearer", { realm: "a", service: "b" }]]],
		[
			'Negotiate, Basic realm="x, Bearer realm=y", Bearer realm="z"',
			[
				["negotiate", {}],
				["basic", { realm: "x, Bearer realm=y" }],
				["bearer", { realm: "z" }],
			],
		],
		['Basic realm="a\\"b"', [["basic", { realm: 'a"b' }]]],
		[
			'Basic realm="never ends',
			[
				["basic", { realm: "" }],
				["never", {}],
				["ends", {}],
			],
		],
		['realm="x"', []],
		["\u00e9\u00e9", []],
	];
	for (const [header, parsed] of cases) {
		test(JSON.stringify(header), () => {
			const found = parseChallenges(header);
			if (header.endsWith("ends")) expect(found[0]?.scheme).toBe("basic");
			else expect(found.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])).toEqual(parsed);
		});
	}

	test("a header of many challenges is cut, and a long one does not take long", () => {
		expect(parseChallenges("a ".repeat(100_000)).length).toBe(16);
		expect(parseChallenges(`Basic realm="${"\\\\".repeat(50_000)}`).length).toBeLessThan(17);
	});
});

describe("findCredentials", () => {
	const entry = (text: string) => ({ auth: btoa(text) });

	test("looks into podman's and docker's files, HOME may be unset", () => {
		expect(authFiles({ REGISTRY_AUTH_FILE: "/x", HOME: "/h" })).toEqual(["/x"]);
		expect(authFiles({ XDG_RUNTIME_DIR: "/r", HOME: "/h" })).toEqual([
			"/r/containers/auth.json",
			"/h/.config/containers/auth.json",
			"/h/.docker/config.json",
		]);
		expect(authFiles({})).toEqual([`/run/containers/${process.getuid?.()}/auth.json`]);
		expect(authFiles({ DOCKER_CONFIG: "/d", XDG_CONFIG_HOME: "/c", XDG_RUNTIME_DIR: "/r" })).toEqual([
			"/r/containers/auth.json",
			"/c/containers/auth.json",
			"/d/config.json",
		]);
	});

	test("the longest path wins, and nothing is given to a host of a similar name", async () => {
		using folder = temporaryFolder();
		const path = `${folder.path}/auth.json`;
		const auths = {
			"https://index.docker.io/v1/": entry("hub:1"),
			"quay.io": entry("q:2"),
			"quay.io/a": entry("qa:p:w"),
			"http://h.example:5000/v2/": entry("h:3"),
			"empty.example": {},
		};
		writeFileSync(path, JSON.stringify({ auths, unknown: true }));
		const find = (domain: string, repository: string) => findCredentials(domain, repository, { REGISTRY_AUTH_FILE: path });
		expect(await find("docker.io", "library/alpine")).toEqual({ username: "hub", password: "1" });
		expect(await find("quay.io", "b/c")).toEqual({ username: "q", password: "2" });
		expect(await find("quay.io", "a/c")).toEqual({ username: "qa", password: "p:w" });
		expect(await find("quay.io", "ab/c")).toEqual({ username: "q", password: "2" });
		expect(await find("h.example:5000", "x")).toEqual({ username: "h", password: "3" });
		for (const domain of [
			"h.example",
			"h.example:5001",
			"quay.io.evil.example",
			"xquay.io",
			"empty.example",
			"constructor",
			"docker.io.example",
		]) {
			expect(await find(domain, "a/c")).toBeUndefined();
		}
	});

	test("files are asked in turn; missing and empty ones are passed over", async () => {
		using folder = temporaryFolder();
		mkdirSync(`${folder.path}/containers`);
		writeFileSync(`${folder.path}/containers/auth.json`, "");
		writeFileSync(`${folder.path}/config.json`, JSON.stringify({ auths: { "a.example": entry("x:y") } }));
		expect(await findCredentials("a.example", "r", { XDG_RUNTIME_DIR: folder.path, DOCKER_CONFIG: folder.path })).toEqual({
			username: "x",
			password: "y",
		});
		expect(await findCredentials("a.example", "r", { REGISTRY_AUTH_FILE: `${folder.path}/none` })).toBeUndefined();
	});

	for (const [name, text] of [
		["no JSON", "{"],
		["auths as a list", '{"auths":[]}'],
		["auth as a number", '{"auths":{"a.example":{"auth":1}}}'],
		["auth that is no user:password", '{"auths":{"a.example":{"auth":"eHg="}}}'],
		["a helper with a path in its name", '{"credHelpers":{"a.example":"../../bin/sh"}}'],
	] as const) {
		test(`${name} is refused without showing the file`, async () => {
			using folder = temporaryFolder();
			writeFileSync(`${folder.path}/auth.json`, text);
			await expect(findCredentials("a.example", "r", { REGISTRY_AUTH_FILE: `${folder.path}/auth.json` })).rejects.toMatchObject({
				code: "invalid-spec",
			});
		});
	}

	test("a credential helper is asked for its host", async () => {
		using folder = temporaryFolder();
		const program = `${folder.path}/docker-credential-test`;
		writeFileSync(
			program,
			'#!/bin/sh\nread host\ncase "$host$1" in a.exampleget) echo \'{"Username":"u","Secret":"s"}\';; i.exampleget) echo \'{"Username":"<token>","Secret":"t"}\';; *) exit 1;; esac\n',
		);
		chmodSync(program, 0o755);
		writeFileSync(
			`${folder.path}/auth.json`,
			JSON.stringify({ credHelpers: { "a.example": "test", "x.example": "missing" }, credsStore: "test" }),
		);
		const find = (domain: string) =>
			findCredentials(domain, "r", { REGISTRY_AUTH_FILE: `${folder.path}/auth.json`, PATH: `${folder.path}:/bin:/usr/bin` });
		expect(await find("a.example")).toEqual({ username: "u", password: "s" });
		expect(await find("i.example")).toEqual({ identityToken: "t" });
		expect(await find("b.example")).toBeUndefined();
		await expect(find("x.example")).rejects.toMatchObject({ code: "unavailable" });
	});
});
