// The roots that corten cp works in. Of a container that runs: its first process's. Of another one: this program begins anew, by launch, in a
// mount namespace in which the root is mounted, and finds it there as an open descriptor.

import { CortenError } from "../base/errors.ts";
import { becomeLaunch } from "../launch/spawn.ts";
import { environmentWords, readUmask } from "../linux/caller.ts";
import { exists, Fd, LOCK_EX, LOCK_NB, LOCK_SH, lock, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, openFd } from "../linux/file.ts";
import { readHostFacts } from "../linux/host.ts";
import { check, syscall } from "../linux/libc.ts";
import { sleep } from "../linux/sleep.ts";
import { nr } from "../linux/syscalls.ts";
import { compileMounted } from "../plan/compile-mounted.ts";
import { encodePlan, noFd } from "../plan/encode.ts";
import { hostNeeds } from "../plan/host-needs.ts";
import { openRunningRoot } from "../supervise/root.ts";
import { type Container, findContainer, readContainer } from "../supervise/state.ts";
import type { Context } from "./command.ts";
import { readStartable } from "./start-launch.ts";

const F_SETFD = 2;
/** What the second beginning reads: `ID=FD,...` */
const variable = "CORTEN_CP_ROOTS";
/** Far above what launch and corten have open. */
const firstFd = 200;
const lockAttempts = 500;

/** Open roots, by the id of their containers. */
export type Roots = Disposable & { readonly byId: ReadonlyMap<string, Fd> };

/**
 * Opens the roots of containers. When one of them does not run, this process becomes launch and then this command again, with the same
 * descriptors, folder and number; a container's lock keeps it from being started or removed meanwhile.
 * @param words the command's own, to begin it anew
 * @throws `wrong-state` for a container that is being made, started or removed; `unsupported`; what a start's compilation throws
 */
export function openRoots(context: Context, targets: readonly Container[], words: readonly string[]): Roots {
	const given = readGiven();
	if (given !== undefined) return given;
	const open = new DisposableStack();
	try {
		const byId = new Map<string, Fd>();
		const held: Fd[] = [];
		const still: Container[] = [];
		// In the order of their ids, so that two copies between the same two containers do not wait for each other.
		for (const container of [...targets].sort((a, b) => (a.record.id < b.record.id ? -1 : 1))) {
			if (byId.has(container.record.id) || still.some(({ record }) => record.id === container.record.id)) continue;
			const { process } = container.state;
			const root = process === null ? undefined : openRunningRoot(process);
			if (root === undefined) {
				still.push(container);
				continue;
			}
			byId.set(container.record.id, open.use(root).folder);
			held.push(root.folder, root.namespace);
		}
		if (still.length > 0) {
			for (const fd of held) keep(fd);
			return beginAnew(context, still, byId, words);
		}
		return { byId, [Symbol.dispose]: () => open.dispose() };
	} catch (error) {
		open.dispose();
		throw error;
	}
}

function readGiven(): Roots | undefined {
	const text = process.env[variable];
	if (text === undefined) return undefined;
	const byId = new Map(
		text.split(",").flatMap((pair) => {
			const match = /^([0-9a-f]{64})=(\d{1,4})$/.exec(pair);
			return match === null ? [] : [[match[1] ?? "", new Fd(Number(match[2]))] as const];
		}),
	);
	return {
		byId,
		[Symbol.dispose]() {
			for (const fd of byId.values()) fd[Symbol.dispose]();
		},
	};
}

function keep(fd: Fd): void {
	check(syscall(nr.fcntl, fd.number, F_SETFD, 0), "cannot keep a descriptor for launch");
}

/** Shared, so that a listing still sees what the container is; who starts or removes it waits, or says that it is busy. */
function lockStill(root: string, { record, folder }: Container): void {
	for (let attempt = 0; ; attempt++) {
		const fd = openFd(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		const state = lock(fd, LOCK_SH | LOCK_NB, folder) ? readContainer(root, record.id)?.state : undefined;
		if (state !== undefined && state.process === null && state.status !== "creating") {
			keep(fd);
			break;
		}
		fd[Symbol.dispose]();
		if (attempt === lockAttempts)
			throw new CortenError("wrong-state", `cannot copy files of container "${record.name}": it is being started or removed`);
		sleep(2);
	}
	// One copy at a time: overlayfs must not have the same writable layer twice.
	const upper = `${folder}/upper`;
	if (!exists(upper)) return;
	const fd = openFd(upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	lock(fd, LOCK_EX, upper);
	keep(fd);
}

function beginAnew(context: Context, still: readonly Container[], running: ReadonlyMap<string, Fd>, words: readonly string[]): never {
	const { root, runroot, logLevel, logFormat } = context;
	for (const container of still) lockStill(root, container);
	const fds = new Map(still.map(({ record }, index) => [record.id, firstFd + index] as const));
	for (const [id, fd] of running) fds.set(id, fd.number);
	const startable = still.map((container) => ({ container, ...readStartable(container) }));
	const [first] = startable;
	if (first === undefined) throw new CortenError("bug", "no container to mount");
	const host = readHostFacts({ ...hostNeeds(first.config.process, first.config.linux), layersFolder: `${root}/layers` });
	const env = { ...process.env, [variable]: [...fds].map(([id, fd]) => `${id}=${fd}`).join(",") };
	const globals = ["--root", root, "--runroot", runroot, "--log-level", logLevel, "--log-format", logFormat];
	const plan = compileMounted({
		roots: startable.map(({ container, start, config }) => ({
			config,
			rootfs: start.rootfs,
			frame: { folder: container.folder, stage: `${runroot}/stage`, files: start.files },
			fd: fds.get(container.record.id) ?? firstFd,
		})),
		host,
		program: process.execPath,
		argv: ["corten", ...globals, "cp", ...words],
		env: environmentWords(env),
		umask: readUmask(),
	});
	becomeLaunch(encodePlan(plan, { lockFd: noFd, json: logFormat === "json", failureStatus: 1 }));
}

/** The root of a container that {@link openRoots} has opened. */
export function rootOf(roots: Roots, context: Context, target: string): Fd {
	const { record } = findContainer(context.root, target);
	const fd = roots.byId.get(record.id);
	if (fd === undefined) throw new CortenError("not-found", `cannot find container "${target}"`);
	return fd;
}
