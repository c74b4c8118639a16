// Which files count, and how they are merged.

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { temporaryFolder } from "../../../test/support/images.ts";
import { loadRecordedAliases, loadRegistries } from "./load.ts";

function write(path: string, text: string): void {
	mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
	writeFileSync(path, text);
}

const rule = (prefix: string, location: string) => `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\n`;

test("without any file nothing is said", () => {
	using folder = temporaryFolder();
	expect(loadRegistries({ HOME: `${folder.path}/home` }, `${folder.path}/etc`)).toEqual({ rules: new Map(), aliases: new Map() });
	expect(loadRegistries({}, `${folder.path}/etc`).rules.size).toBe(0);
});

test("later files count: the system's in their order, then the user's; rules and aliases are merged one by one", () => {
	using folder = temporaryFolder();
	const [system, home] = [`${folder.path}/etc`, `${folder.path}/home`];
	write(
		`${system}/registries.conf`,
		`unqualified-search-registries = ["a.example"]\n${rule("x.example", "main.example")}${rule("y.example", "main.example")}`,
	);
	write(
		`${system}/registries.conf.d/20.conf`,
		`${rule("x.example", "twenty.example")}[aliases]\none = "a.example/one"\ntwo = "a.example/two"\n`,
	);
	write(`${system}/registries.conf.d/10.conf`, `short-name-mode = "disabled"\n${rule("x.example", "ten.example")}`);
	write(`${system}/registries.conf.d/30.conf.off`, "not toml");
	mkdirSync(`${system}/registries.conf.d/40.conf`);
	write(`${home}/.config/containers/registries.conf.d/05.conf`, `unqualified-search-registries = []\n[aliases]\ntwo = ""\n`);
	const config = loadRegistries({ HOME: home }, system);
	expect([...config.rules.values()].map(({ prefix, location }) => [prefix, location])).toEqual([
		["x.example", "twenty.example"],
		["y.example", "main.example"],
	]);
	expect(config.search?.registries).toEqual([]);
	expect(config.search?.origin).toBe(`${home}/.config/containers/registries.conf.d/05.conf`);
	expect(config.shortNameMode).toBe("disabled");
	expect([...config.aliases]).toEqual([
		["one", "a.example/one"],
		["two", ""],
	]);
});

test("a main file of the user's takes the place of all the system has", () => {
	using folder = temporaryFolder();
	const [system, home] = [`${folder.path}/etc`, `${folder.path}/home`];
	write(`${system}/registries.conf`, rule("x.example", "main.example"));
	write(`${system}/registries.conf.d/10.conf`, rule("y.example", "ten.example"));
	write(`${home}/.config/containers/registries.conf`, rule("z.example", "own.example"));
	write(`${home}/.config/containers/registries.conf.d/10.conf`, rule("w.example", "own.example"));
	expect([...loadRegistries({ HOME: home }, system).rules.keys()]).toEqual(["z.example", "w.example"]);
});

test("a file named by $CONTAINERS_REGISTRIES_CONF is the main one, and must be there", () => {
	using folder = temporaryFolder();
	const [system, home] = [`${folder.path}/etc`, `${folder.path}/home`];
	write(`${system}/registries.conf`, rule("x.example", "main.example"));
	write(`${system}/registries.conf.d/10.conf`, rule("y.example", "ten.example"));
	write(`${home}/.config/containers/registries.conf`, rule("z.example", "own.example"));
	write(`${folder.path}/named`, rule("n.example", "named.example"));
	expect([...loadRegistries({ HOME: home, CONTAINERS_REGISTRIES_CONF: `${folder.path}/named` }, system).rules.keys()]).toEqual([
		"n.example",
		"y.example",
	]);
	expect(() => loadRegistries({ CONTAINERS_REGISTRIES_CONF: `${folder.path}/missing` }, system)).toThrow("missing");
});

test("a drop-in that is broken is named", () => {
	using folder = temporaryFolder();
	write(`${folder.path}/registries.conf.d/1.conf`, "[registries.search]\nregistries=['a']\n");
	expect(() => loadRegistries({}, folder.path)).toThrow(`${folder.path}/registries.conf.d/1.conf`);
});

test("aliases that podman has recorded are read where its file is", () => {
	using folder = temporaryFolder();
	expect(loadRecordedAliases({}, `${folder.path}/none`).size).toBe(0);
	write(`${folder.path}/aliases`, '[aliases]\n  "app" = "quay.io/team/app"\n');
	expect([...loadRecordedAliases({}, `${folder.path}/aliases`)]).toEqual([["app", "quay.io/team/app"]]);
});
