// The frame of a conformance test: declares it with the peers it passes with, gives it a world (a runtime with a state folder of its
// own, bundles), and proves after each file that nothing is left on the machine. Outside of `bun test` declaring only makes a list,
// from which scripts/check-conformance.ts checks docs/conformance.md.

import { afterAll, afterEach, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Change, makeRootfs, minimalDocument, withScript } from "./bundle.ts";
import { Container, succeeded } from "./container.ts";
import type { Result } from "./corten.ts";
import { cgroupsOf, leftovers, remove } from "./leftovers.ts";
import { hasRuntime, ociVersionOf, Runtime, runtimeUnderTest } from "./runtime.ts";

/** A peer's name. */
export type Peer = "runc" | "crun";

/** What a test says of itself; by default it passes with both peers on any machine. */
export type Terms = {
	/** Peers that cannot pass, each with the reason. */
	readonly not?: { readonly [peer in Peer]?: string };
	/** What the machine must have, and the reason to give where it does not. */
	readonly needs?: readonly [condition: unknown, reason: string];
};

/** A test as it was declared. */
export type Declaration = { readonly name: string; readonly terms: Terms };

/** All tests declared in this process; whoever imports test files to list them empties it between files. */
export const declarations: Declaration[] = [];

const listing = process.env.CORTEN_TEST_LIST !== undefined;

/** One test's world: containers with ids and bundles of their own. */
export class World {
	readonly runtime: Runtime;
	readonly folder: string;
	readonly containers: Container[] = [];

	constructor(folder: string) {
		this.folder = folder;
		this.runtime = new Runtime(runtimeUnderTest(), `${folder}/state`);
	}

	/** A container with the minimal document, changed; not yet created. */
	container(change: Change = () => undefined): Container {
		const id = `cf${process.pid}n${readdirSync(this.folder).length}n${this.containers.length}`;
		const bundle = `${this.folder}/${id}`;
		mkdirSync(bundle);
		makeRootfs(`${bundle}/rootfs`, `${this.folder}/busybox`);
		const config = minimalDocument(ociVersionOf(this.runtime.name));
		change(config, bundle);
		writeFileSync(`${bundle}/config.json`, JSON.stringify(config));
		const container = new Container(this.runtime, id, bundle);
		this.containers.push(container);
		return container;
	}

	/** Runs a container to its end. */
	run(change: Change): Promise<Result> {
		return this.container(change).run();
	}

	/** Runs a script in a container; @returns its output, without the last line's end. @throws Error when its status is not 0 */
	async sh(script: string, change: Change = () => undefined): Promise<string> {
		const ended = await this.run((config, bundle) => {
			withScript(config, script);
			change(config, bundle);
		});
		return succeeded(script, ended).stdout.replace(/\n$/, "");
	}

	/** Proves that `create` refuses a document and leaves no container. @returns what the runtime said */
	async refused(change: Change): Promise<string> {
		const container = this.container(change);
		const created = await container.tryCreate();
		if (created.status === 0) throw new Error("create succeeded");
		if (created.status === 137) throw new Error("create was killed");
		if ((await container.tryState()).status === 0) throw new Error("create failed and left a container");
		if (created.stderr.trim() === "") throw new Error("create failed without a word");
		return created.stderr;
	}

	/** Removes what the test has left behind on purpose, and its containers. */
	async [Symbol.asyncDispose](): Promise<void> {
		for (const container of this.containers) await container.delete("--force");
		// crun 1.8.1 gives up on a container whose cgroup is still emptying.
		if (this.runtime.name === "crun") for (const container of this.containers) await container.delete("--force");
	}
}

const worlds: { folder: string | undefined; current: World | undefined } = { folder: undefined, current: undefined };

function worldFolder(): string {
	if (worlds.folder === undefined) {
		worlds.folder = mkdtempSync(`${tmpdir()}/corten-conformance-`);
		chmodSync(worlds.folder, 0o711);
	}
	return worlds.folder;
}

/** Declares a test: a sentence that is true of the runtime under test. */
export function conformance(name: string, fn: (world: World) => Promise<void>, terms: Terms = {}): void {
	declarations.push({ name, terms });
	if (listing) return;
	const runtime = runtimeUnderTest();
	if (runtime !== "corten-runtime" && terms.not?.[runtime] !== undefined) return;
	const missing = !hasRuntime(runtime) ? `${runtime} is not installed` : process.getuid?.() !== 0 ? "it needs root" : undefined;
	const reason = missing ?? (terms.needs !== undefined && !terms.needs[0] ? terms.needs[1] : undefined);
	if (reason !== undefined) {
		test.skip(`${name} (skipped: ${reason})`, () => undefined);
		return;
	}
	test(name, async () => {
		worlds.current = new World(worldFolder());
		await fn(worlds.current);
	}, 60_000);
}

if (!listing) {
	afterEach(async () => {
		await worlds.current?.[Symbol.asyncDispose]();
		worlds.current = undefined;
	});
	afterAll(async () => {
		const { folder } = worlds;
		if (folder === undefined) return;
		worlds.folder = undefined;
		const ids = readdirSync(folder).filter((name) => name.startsWith("cf"));
		const left = [...leftovers(folder, ids), ...stateOf(`${folder}/state`).map((name) => `state ${name}`)];
		await remove(folder);
		for (const path of cgroupsOf(ids).reverse()) rmdirSync(path);
		rmSync(folder, { recursive: true, force: true });
		// What the peers leave is their business, and not left on the machine.
		if (left.length > 0 && runtimeUnderTest() === "corten-runtime") throw new Error(`left behind:\n${left.join("\n")}`);
	});
}

function stateOf(root: string): string[] {
	try {
		return readdirSync(root).filter((name) => name.startsWith("cf"));
	} catch {
		return []; // no container was ever made
	}
}
