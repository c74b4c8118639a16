// Containers come into being, are watched, killed and swept: with real folders and locks, and real processes that die of SIGKILL.

import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type CortenError, isError } from "../base/errors.ts";
import { exists, listFolder, readLink, readText, unlink } from "../linux/file.ts";
import { type CreatedContainer, createContainer, discardContainer } from "./folder.ts";
import { containerFolder, linkTarget } from "./layout.ts";
import { newId, newName } from "./names.ts";
import { readProcess } from "./process.ts";
import type { ContainerRecord } from "./record.ts";
import { removeContainer } from "./remove.ts";
import { findContainer, listContainers, readContainer, readState } from "./state.ts";
import { sweep } from "./sweep.ts";

const base = mkdtempSync(`${tmpdir()}/corten-supervise-`);
afterAll(() => rmSync(base, { recursive: true, force: true }));
let root = "";
let count = 0;
beforeEach(() => {
	root = `${base}/${count++}`;
});
const runroot = `${base}/run`;

function record(changes: Partial<ContainerRecord> = {}): ContainerRecord {
	return {
		id: newId(),
		name: "",
		created: new Date(count * 1000).toISOString(),
		image: null,
		layers: [],
		rootfs: "/x",
		path: "sh",
		args: ["-c", "true"],
		labels: { a: "b" },
		annotations: {},
		removeAtEnd: true,
		terminal: false,
		openStdin: false,
		detached: false,
		stopSignal: 15,
		stopTimeoutSeconds: 10,
		cgroups: [],
		network: "none",
		mounts: [{ type: "bind", source: "/a", destination: "/b", readonly: true }],
		health: null,
		unit: null,
		...changes,
	};
}

function release(created: CreatedContainer): void {
	created.lockFd[Symbol.dispose]();
}

function errorOf(run: () => unknown): CortenError {
	try {
		run();
	} catch (error) {
		if (isError(error)) return error;
		throw error;
	}
	throw new Error("nothing was thrown");
}

function sweepQuietly(): string[] {
	const problems: string[] = [];
	sweep(root, (error) => problems.push(`${error.message}: ${(error.cause as Error | undefined)?.message}`));
	return problems;
}

/** Writes down a live process, as launch does. */
function startPayload(folder: string): { pid: number; exited: Promise<number> } {
	const child = Bun.spawn(["sleep", "1000"]);
	const now = Math.floor(Date.now() / 1000);
	writeFileSync(`${folder}/pid`, `${child.pid} ${readProcess(child.pid)?.startTime} ${now} 5\n`);
	return child;
}

describe("createContainer", () => {
	for (const removeAtEnd of [true, false]) {
		test(`makes the folder, its record and its name (removeAtEnd ${removeAtEnd})`, () => {
			const wanted = record({ name: "web", removeAtEnd });
			const created = createContainer(root, runroot, wanted);
			expect(readContainer(root, wanted.id)?.record).toEqual(wanted);
			expect(readLink(created.nameLink)).toBe(linkTarget(wanted.id));
			expect(readdirSync(`${root}/containers`)).toEqual([wanted.id]);
			expect(exists(`${runroot}/stage`)).toBe(true);
			release(created);
		});
	}

	test("gives a name away once: the second is told who has it, and leaves nothing", () => {
		const first = createContainer(root, runroot, record({ name: "web" }));
		const error = errorOf(() => createContainer(root, runroot, record({ name: "web" })));
		expect(error.code).toBe("already-exists");
		expect(error.message).toContain(first.id.slice(0, 12));
		expect(readdirSync(`${root}/containers`)).toEqual([first.id]);
		release(first);
	});

	test("takes over a name whose container is gone", () => {
		mkdirSync(`${root}/names`, { recursive: true });
		symlinkSync(linkTarget("0".repeat(64)), `${root}/names/web`);
		const created = createContainer(root, runroot, record({ name: "web" }));
		expect(readLink(`${root}/names/web`)).toBe(linkTarget(created.id));
		release(created);
	});

	test("makes names up, and others when they are taken", () => {
		const all = Array.from({ length: 50 }, () => createContainer(root, runroot, record()));
		expect(new Set(all.map(({ name }) => name)).size).toBe(50);
		for (const created of all) {
			expect(readContainer(root, created.id)?.record.name).toBe(created.name);
			release(created);
		}
		expect(newName(5)).toMatch(/^[a-z]+_[a-z]+_\d+$/);
	});

	for (const name of ["a", "../x", "a/b", "-a", "a b", ".."]) {
		test(`refuses the name "${name}"`, () => {
			expect(errorOf(() => createContainer(root, runroot, record({ name }))).code).toBe("invalid-argument");
		});
	}

	test("is undone by discardContainer, with what was added since", async () => {
		const created = createContainer(root, runroot, record({ name: "web" }));
		mkdirSync(`${created.folder}/upper/deep`, { recursive: true });
		await discardContainer(root, created);
		expect(readdirSync(`${root}/containers`)).toEqual([]);
		expect(readdirSync(`${root}/names`)).toEqual([]);
	});
});

describe("the state of a container", () => {
	test("follows the lock and the two files", async () => {
		const created = createContainer(root, runroot, record({ removeAtEnd: false }));
		const state = () => readState(root, created.id, false);
		expect(state().status).toBe("creating");
		const child = startPayload(created.folder);
		expect(state()).toMatchObject({ status: "running", process: { pid: child.pid } });
		process.kill(child.pid, "SIGKILL");
		await child.exited;
		expect(state()).toMatchObject({ status: "running", process: null });
		release(created);
		expect(state()).toMatchObject({ status: "exited", exitCode: 137, signal: 9, finishedAt: null });
		writeFileSync(`${created.folder}/exit`, "3 0 1700000000 7\n");
		expect(state()).toMatchObject({ status: "exited", exitCode: 3, signal: 0, finishedAt: 1_700_000_000_000_000_007n });
		writeFileSync(`${created.folder}/exit`, "143 15 1700000000 7\n");
		expect(state()).toMatchObject({ exitCode: 143, signal: 15 });
		unlink(`${created.folder}/exit`);
		unlink(`${created.folder}/pid`);
		expect(state().status).toBe("created");
	});

	test("does not take a stranger with the same pid for the payload", () => {
		const created = createContainer(root, runroot, record());
		writeFileSync(`${created.folder}/pid`, `${process.pid} 1 1700000000 0\n`);
		expect(readState(root, created.id, false).process).toBeNull();
		release(created);
	});
});

describe("findContainer", () => {
	test("knows names, ids and beginnings of ids, and says when several fit", () => {
		const id = (end: string) => `abc${"0".repeat(60)}${end}`;
		const one = createContainer(root, runroot, record({ id: id("1"), name: "one" }));
		const two = createContainer(root, runroot, record({ id: id("2"), name: "abc" }));
		const three = createContainer(root, runroot, record({ id: `d${id("3").slice(1)}`, name: "three" }));
		const find = (text: string) => findContainer(root, text).record.name;
		expect([id("1"), "one", "/one", "abc", "d", "three"].map(find)).toEqual(["one", "one", "one", "abc", "three", "three"]);
		expect(errorOf(() => find("ab"))).toMatchObject({ code: "invalid-argument" });
		for (const nobody of ["none", "e", "../names", ".", ""]) expect(errorOf(() => find(nobody)).code).toBe("not-found");
		for (const created of [one, two, three]) release(created);
		expect(listContainers(root, () => undefined)).toHaveLength(3);
	});
});

describe("sweep", () => {
	test("leaves alone what somebody watches", () => {
		const created = createContainer(root, runroot, record());
		expect(sweepQuietly()).toEqual([]);
		expect(exists(created.folder)).toBe(true);
		release(created);
	});

	test("keeps a container that was never started, with its name", () => {
		const created = createContainer(root, runroot, record({ removeAtEnd: false }));
		release(created);
		expect(sweepQuietly()).toEqual([]);
		expect(readState(root, created.id, false).status).toBe("created");
	});

	test("removes a start that was killed before it had its name", () => {
		const created = createContainer(root, runroot, record({ removeAtEnd: false }));
		unlink(created.nameLink);
		release(created);
		expect(sweepQuietly()).toEqual([]);
		expect(readdirSync(`${root}/containers`)).toEqual([]);
	});

	test("removes folders half made or half removed, and links to nobody", () => {
		mkdirSync(`${root}/containers/.new-${newId()}/upper/x`, { recursive: true });
		mkdirSync(`${root}/containers/${newId()}/upper`, { recursive: true });
		mkdirSync(`${root}/names`);
		symlinkSync(linkTarget(newId()), `${root}/names/gone`);
		expect(sweepQuietly()).toEqual([]);
		expect(readdirSync(`${root}/containers`)).toEqual([]);
		expect(readdirSync(`${root}/names`)).toEqual([]);
	});

	for (const removeAtEnd of [true, false]) {
		test(`kills the straggler of a killed supervisor and ${removeAtEnd ? "removes" : "ends"} the container`, async () => {
			const created = createContainer(root, runroot, record({ removeAtEnd }));
			const child = startPayload(created.folder);
			release(created);
			expect(sweepQuietly()).toEqual([]);
			expect(await child.exited).toBe(137);
			expect(exists(created.folder)).toBe(!removeAtEnd);
			expect(exists(created.nameLink)).toBe(!removeAtEnd);
			if (!removeAtEnd) expect(readText(`${created.folder}/exit`)).toMatch(/^137 9 \d+ \d+\n$/);
		});
	}

	test("kills nobody who merely has the pid", async () => {
		const child = Bun.spawn(["sleep", "1000"]);
		const created = createContainer(root, runroot, record());
		writeFileSync(`${created.folder}/pid`, `${child.pid} 1 ${Math.floor(Date.now() / 1000)} 0\n`);
		release(created);
		expect(sweepQuietly()).toEqual([]);
		expect(exists(created.folder)).toBe(false);
		expect(readProcess(child.pid)?.state).not.toBe("Z");
		child.kill();
		await child.exited;
	});

	test("reports a record it does not understand, and touches nothing of it", () => {
		const id = newId();
		mkdirSync(`${root}/containers/${id}`, { recursive: true });
		writeFileSync(`${root}/containers/${id}/container.json`, '{"id":1}');
		expect(sweepQuietly()[0]).toContain("/id expected string");
		expect(exists(`${root}/containers/${id}`)).toBe(true);
	});

	test("a creator that is killed at any moment leaves nothing a sweep does not finish", async () => {
		const script = `
			import { createContainer } from ${JSON.stringify(`${import.meta.dir}/folder.ts`)};
			import { newId } from ${JSON.stringify(`${import.meta.dir}/names.ts`)};
			const record = ${JSON.stringify(record())};
			for (let made = 0; ; made++) {
				if (made === 1) process.stdout.write("x");
				createContainer(${JSON.stringify(root)}, ${JSON.stringify(runroot)}, { ...record, id: newId() }).lockFd[Symbol.dispose]();
			}
		`;
		for (let round = 0; round < 12; round++) {
			const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
			await child.stdout.getReader().read();
			expect(sweepQuietly()).toEqual([]); // beside a creator at work
			child.kill("SIGKILL");
			await child.exited;
			expect(sweepQuietly()).toEqual([]);
			expect([listFolder(`${root}/containers`), listFolder(`${root}/names`)]).toEqual([[], []]);
		}
	}, 30_000);

	test("two at once do not disturb each other", async () => {
		const made = Array.from({ length: 60 }, () => createContainer(root, runroot, record()));
		for (const created of made) release(created);
		const script = `
			import { sweep } from ${JSON.stringify(`${import.meta.dir}/sweep.ts`)};
			sweep(${JSON.stringify(root)}, (error) => { console.log(error.message); process.exitCode = 1; });
		`;
		const sweepers = [1, 2, 3].map(() => Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" }));
		expect(await Promise.all(sweepers.map(({ exited }) => exited))).toEqual([0, 0, 0]);
		expect(readdirSync(`${root}/containers`)).toEqual([]);
	});
});

describe("removeContainer", () => {
	test("refuses a running one and removes an ended one, with its name", async () => {
		const created = createContainer(root, runroot, record({ name: "web", removeAtEnd: false }));
		const child = startPayload(created.folder);
		expect(errorOf(() => removeContainer(root, created.id, "web")).code).toBe("wrong-state");
		process.kill(child.pid, "SIGKILL");
		await child.exited;
		release(created);
		removeContainer(root, created.id, "web");
		expect(exists(containerFolder(root, created.id))).toBe(false);
		expect(readdirSync(`${root}/names`)).toEqual([]);
	});

	test("leaves a name alone that belongs to another by now", () => {
		const created = createContainer(root, runroot, record({ name: "web" }));
		unlink(created.nameLink);
		const other = createContainer(root, runroot, record({ name: "web" }));
		release(created);
		removeContainer(root, created.id, "web");
		expect(readLink(other.nameLink)).toBe(linkTarget(other.id));
		release(other);
	});
});
