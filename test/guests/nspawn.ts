// A guest with systemd as its init: systemd-nspawn boots a Debian in namespaces and a cgroup of its own. The root filesystem is a
// fixture below a tmpfs; `build/` of this work tree is at /corten, a folder shared with the host at /share.
// By hand, as root: bun test/guests/nspawn.ts [COMMAND...]   (default: a shell)

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, type RunOptions, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { cgroupsOf } from "../support/leftovers.ts";

/** A running system. Disposal ends it and removes everything of it. */
export type Guest = AsyncDisposable & {
	/** The folder that the guest has at /share. */
	readonly share: string;
	/** Runs a command in a service of the guest, as its root or as `user` with a session of their own. */
	run(command: readonly string[], options?: RunOptions & { readonly user?: string }): Promise<Result>;
	/** `systemctl daemon-reload` (or -reexec), not in a service: a `systemd-run --wait` whose command ends while systemd reloads may wait for ever. */
	reload(how?: "daemon-reload" | "daemon-reexec"): Promise<void>;
	/** The words before a command that run it in the guest, for a terminal. */
	enter(options?: { readonly user?: string }): string[];
};

/** Runs in the guest before systemd: gives it the cgroup hierarchies that nspawn makes read-only, which are those of its own cgroup. */
const firstProcess = `#!/bin/bash
for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do mountpoint -q "$folder" && mount -o remount,bind,rw "$folder"; done
mount -o remount,bind,rw /proc/sys
exec /lib/systemd/systemd systemd.log_target=console systemd.show_status=0 systemd.log_level=warning
`;

const bootLimitMs = 60_000;

function hierarchies(): string[] {
	return readFileSync("/proc/self/mountinfo", "utf8")
		.split("\n")
		.filter((line) => / - cgroup2? /.test(line))
		.map((line) => line.split(" ")[4] ?? "");
}

/** The payload's first process: the only child of systemd-nspawn. */
function leaderOf(pid: number): number | undefined {
	try {
		const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").at(-1));
		return child > 0 ? child : undefined;
	} catch {
		return undefined;
	}
}

/** Boots a guest. @throws when it is not up within a minute, with what it said */
export async function bootNspawn(): Promise<Guest> {
	const folder = mkdtempSync(`${tmpdir()}/corten-nspawn-`);
	const name = folder.slice(folder.lastIndexOf("/") + 1);
	const share = `${folder}/share`;
	mkdirSync(share);
	writeFileSync(`${folder}/init`, firstProcess, { mode: 0o755 });
	// In a cgroup of its own in every hierarchy, so that the guest's are below it and go with it.
	const cgroups = hierarchies().map((top) => `${top}/${name}`);
	const join =
		'for g in $CGROUPS; do mkdir "$g"; case $g in */cpuset/*) for f in cpus mems; do cat "$(dirname "$g")/cpuset.$f" >"$g/cpuset.$f"; done;; esac; echo 0 >"$g/cgroup.procs"; done; exec "$@"';
	const nspawn = [
		...["systemd-nspawn", "--quiet", `--directory=${fixture("guest")}/root`, "--volatile=overlay", "--register=no", "--keep-unit"],
		...[
			"--capability=all",
			"--private-network",
			`--machine=${name}`,
			"--console=read-only",
			"--kill-signal=SIGRTMIN+4",
			"--link-journal=no",
		],
		...[`--bind-ro=${top}/build:/corten`, `--bind=${share}:/share`, `--bind-ro=${folder}/init:/first`, "--bind=/dev/fuse", "/first"],
	];
	const log = Bun.file(`${folder}/console`);
	const environment = { PATH: `/usr/sbin:/usr/bin:/sbin:/bin`, SYSTEMD_SECCOMP: "0", CGROUPS: cgroups.join(" ") };
	const child = Bun.spawn(["bash", "-c", join, "-", ...nspawn], { stdin: "ignore", stdout: log, stderr: log, env: environment });
	const inside = () => [
		...["nsenter", `--target=${leaderOf(child.pid)}`, "--all", "--", "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
	];
	const enter = (options: { readonly user?: string } = {}) => [
		...inside(),
		...["systemd-run", "--quiet", "--wait", "--collect", "--service-type=exec", "--setenv=PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
		...["--property=Delegate=yes", ...(options.user === undefined ? [] : [`--property=User=${options.user}`, "--property=PAMName=login"])],
	];
	const guest: Guest = {
		share,
		enter,
		run: (command, options = {}) => run([...enter(options), "--pipe", "--", ...command], { timeoutMs: 60_000, ...options }),
		reload: async (how = "daemon-reload") => {
			const { status, stderr } = await run([...inside(), "systemctl", how], { timeoutMs: 60_000 });
			if (status !== 0) throw new Error(`${how}: ${stderr}`);
		},
		[Symbol.asyncDispose]: async () => {
			const leader = leaderOf(child.pid);
			if (leader !== undefined) process.kill(leader, "SIGKILL"); // and with it all of its pid namespace
			const alarm = setTimeout(() => child.kill("SIGKILL"), 10_000);
			await child.exited;
			clearTimeout(alarm);
			for (const path of cgroupsOf([name]).flatMap(below)) Bun.spawnSync(["rmdir", path], { stderr: "ignore" });
			rmSync(`/run/systemd/nspawn/propagate/${name}`, { recursive: true, force: true });
			rmSync(folder, { recursive: true, force: true });
		},
	};
	try {
		for (const until = Date.now() + bootLimitMs; Date.now() < until && child.exitCode === null; await Bun.sleep(100)) {
			if (leaderOf(child.pid) === undefined) continue;
			const state = await guest.run(["systemctl", "is-system-running", "--wait"]);
			if (/^(running|degraded)$/m.test(state.stdout)) return guest;
		}
		throw new Error(`the guest did not come up:\n${await log.text()}`);
	} catch (error) {
		await guest[Symbol.asyncDispose]();
		throw error;
	}
}

/** A cgroup's folders, deepest first. */
function below(path: string): string[] {
	const found = Bun.spawnSync(["find", path, "-depth", "-type", "d"], { stderr: "ignore" });
	return found.stdout
		.toString()
		.split("\n")
		.filter((line) => line !== "");
}

if (import.meta.main) {
	await using guest = await bootNspawn();
	const command = process.argv.slice(2);
	const words = [...guest.enter(), process.stdin.isTTY ? "--pty" : "--pipe", "--", ...(command.length > 0 ? command : ["bash", "-l"])];
	process.exitCode = await Bun.spawn(words, { stdio: ["inherit", "inherit", "inherit"] }).exited;
}
