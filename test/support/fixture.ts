// Fixtures are built once into build/fixtures/<name>-<hash of what builds them> and reused; safe when several tests ask at once.
// Run as a program (`bun test/support/fixture.ts NAME...`) it builds them, which is also how fixture() does it, under flock(1).

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { must } from "./must.ts";

/** The fixtures there are, each with the files that decide what it contains (below test/support/fixtures or scripts/lib). */
const fixtures = {
	busybox: ["busybox.ts"],
	debian: ["debian.ts", "mmdebstrap.sh"],
	guest: ["guest.ts", "mmdebstrap.sh"],
	many: ["many.ts", "mmdebstrap.sh"],
	vm: ["vm.ts", "guest.ts", "mmdebstrap.sh"],
	registry: ["registry.ts", "busybox.ts", "debian.ts", "mmdebstrap.sh"],
} as const;

/** Name of a fixture. */
export type FixtureName = keyof typeof fixtures;

const top = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

function place(name: FixtureName): string {
	const hash = createHash("sha256");
	for (const file of fixtures[name]) hash.update(readFileSync(`${import.meta.dir}/fixtures/${file}`));
	for (const file of ["tar.ts", "oci-layout.ts"]) hash.update(readFileSync(`${top}/scripts/lib/${file}`));
	return `${top}/build/fixtures/${name}-${hash.digest("hex").slice(0, 12)}`;
}

/** @returns the fixture's folder, built now if it was not there; read it, never write into it */
export function fixture(name: FixtureName): string {
	const folder = place(name);
	if (!existsSync(folder)) {
		mkdirSync(`${top}/build/fixtures`, { recursive: true });
		must(["flock", `${top}/build/fixtures/.${name}.lock`, process.execPath, `${import.meta.dir}/fixture.ts`, name]);
	}
	return folder;
}

if (import.meta.main) {
	for (const name of process.argv.slice(2) as FixtureName[]) {
		const folder = place(name);
		if (existsSync(folder)) continue; // somebody else was faster
		const unfinished = `${folder}.unfinished`;
		rmSync(unfinished, { recursive: true, force: true });
		const maker: { build(folder: string): void | Promise<void> } = await import(`${import.meta.dir}/fixtures/${name}.ts`);
		await maker.build(unfinished);
		renameSync(unfinished, folder);
	}
}
