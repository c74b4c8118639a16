// What a source loads: a pull is measured by its memory, too, and a module that one source alone needs is every other's burden.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

const transpiler = new Bun.Transpiler({ loader: "ts" });

/** All modules that come with one, by static imports; packages by name. */
function loadedWith(path: string, seen = new Set<string>()): ReadonlySet<string> {
	if (seen.has(path)) return seen;
	seen.add(path);
	if (!path.endsWith(".ts")) return seen;
	for (const { kind, path: named } of transpiler.scanImports(readFileSync(path, "utf8")))
		if (kind === "import-statement") loadedWith(named.startsWith(".") ? resolve(dirname(path), named) : named, seen);
	return seen;
}

test("a pull from a registry loads no OpenPGP, and nothing of appc's archives", () => {
	for (const file of ["../pull.ts", "open.ts", "registry-or-appc.ts", "../registries/source.ts"]) {
		const loaded = [...loadedWith(resolve(import.meta.dir, file))];
		expect(loaded.length).toBeGreaterThan(5);
		expect(loaded.filter((path) => /openpgp|\/aci\/|\/sources\/appc\.ts$/.test(path))).toEqual([]);
	}
	expect([...loadedWith(resolve(import.meta.dir, "appc.ts"))].some((path) => /\/aci\//.test(path))).toBe(true);
});
