// Attacks on the setting up of a root filesystem that worked against other runtimes, tried through corten-runtime. The image is the
// attacker's: what it holds, and in the races somebody who changes it (or a volume) while the container starts. Each test names the CVE
// whose mechanism it repeats. (CVE-2024-11218, -1753, -9407 and -9675 are of builds, which corten has none of.)

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type Result, top } from "../support/corten.ts";
import { must } from "../support/must.ts";
import { type BundleChange, usualMounts, World } from "../support/small-bundle.ts";

const world = new World();
/** A folder of the host that attacks aim at, with one file in it. */
const target = `${world.folder}/target`;
const secret = "host's own";

beforeAll(() => {
	mkdirSync(target);
	writeFileSync(`${target}/secret`, secret);
});
afterEach(() => {
	expect(readdirSync(target)).toEqual(["secret"]);
	expect(readFileSync(`${target}/secret`, "utf8")).toBe(secret);
});
afterAll(() => world[Symbol.asyncDispose]());

let roots = 0;
/** A root filesystem of its own for an attack. */
function image(prepare: (root: string) => void): string {
	const root = `${world.folder}/root-${roots++}`;
	cpSync(world.rootfs, root, { recursive: true });
	prepare(root);
	return root;
}

function link(root: string, name: string, to: string): void {
	rmSync(`${root}/${name}`, { recursive: true, force: true });
	symlinkSync(to, `${root}/${name}`);
}

const start = (root: string, script: string, change: BundleChange = {}): Promise<Result> =>
	world.run({ ...change, script, more: { root: { path: root }, ...change.more } });

/** It is refused as a whole, or shows this. */
async function refusedOr(result: Promise<Result>, expected: string): Promise<void> {
	const { status, stdout, stderr } = await result;
	if (status === 0) expect(stdout).toBe(expected);
	else expect(stderr).toMatch(/^corten(-runtime)?: cannot /);
}

/** Runs containers for some seconds while two names change places; each is refused or passes the check. @returns how many passed */
async function race(a: string, b: string, change: () => Promise<Result>, check: (stdout: string) => void): Promise<number> {
	const swapper = Bun.spawn(["python3", `${top}/test/support/swap.py`, a, b], { stdout: "pipe", stderr: "ignore" });
	const reader = swapper.stdout.getReader();
	await reader.read();
	let passed = 0;
	try {
		for (const end = Date.now() + 3000; Date.now() < end; ) {
			const { status, stdout } = await change();
			if (status !== 0) continue;
			passed++;
			check(stdout);
		}
	} finally {
		swapper.kill("SIGKILL");
		await swapper.exited;
	}
	return passed;
}

const tagged = { destination: "/vol/a/b", type: "tmpfs", source: "tagged", options: ["mode=755"] };
const withoutDev = usualMounts.filter(({ destination }) => !destination.startsWith("/dev"));

describe("/proc", () => {
	test("CVE-2019-19921, CVE-2023-27561: as a link, inside the image or to the host", async () => {
		for (const to of ["/tmp", target, "/mnt/../proc2", "../../../../../../../proc"]) {
			const root = image((path) => {
				mkdirSync(`${path}/proc2`);
				link(path, "proc", to);
			});
			await refusedOr(start(root, "cat /proc/self/comm"), "cat\n");
		}
	});
	test("CVE-2023-28642: /sys as a link", async () => {
		await refusedOr(
			start(
				image((path) => link(path, "sys", target)),
				"ls -d /sys/class",
			),
			"/sys/class\n",
		);
	});
	test("CVE-2019-16884: nothing can be mounted over it, by its name or through a link of the image", async () => {
		const fake = `${world.folder}/fake`;
		mkdirSync(`${fake}/attr`, { recursive: true });
		writeFileSync(`${fake}/attr/exec`, "");
		const root = image((path) => {
			symlinkSync("/proc/self", `${path}/self`);
			symlinkSync("/proc", `${path}/way`);
		});
		for (const destination of [
			"/proc",
			"/proc/self",
			"/proc/1/attr",
			"/mnt/../proc/self",
			"/proc/sys",
			"/self",
			"/self/attr",
			"/way",
			"/way/sys",
		]) {
			const mounts = [...usualMounts, { destination, source: fake, options: ["rbind"] }];
			const { status, stderr } = await start(root, "true", { mounts });
			expect(`${destination} ${status}`).toBe(`${destination} 1`);
			expect(stderr).toContain("/mounts/6/destination");
		}
		const allowed = { destination: "/proc/uptime", source: `${target}/secret`, options: ["bind", "ro"] };
		expect((await start(root, "cat /proc/uptime", { mounts: [...usualMounts, allowed] })).stdout).toBe(secret);
		expect(readFileSync(`${fake}/attr/exec`, "utf8")).toBe("");
	});
	test("CVE-2025-52881: what corten writes to /proc goes to the real one, whatever the image has there", async () => {
		const root = image((path) => {
			for (const folder of ["sys/net/ipv4", "sys/kernel", "self/attr", "self/fd"]) mkdirSync(`${path}/proc/${folder}`, { recursive: true });
			writeFileSync(`${path}/proc/sys/net/ipv4/ip_forward`, "fake");
			symlinkSync(`${target}/secret`, `${path}/proc/sys/kernel/msgmax`);
			writeFileSync(`${path}/proc/self/oom_score_adj`, "fake");
		});
		const linux = { sysctl: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "9000" } };
		const change = { linux, process: { oomScoreAdj: 500 } };
		const script = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/self/oom_score_adj";
		expect((await start(root, script, change)).stdout).toBe("1\n9000\n500\n");
		// Also where the container has no /proc of its own.
		await refusedOr(start(root, "read -r x < /proc/sys/net/ipv4/ip_forward; echo $x", { ...change, mounts: [] }), "fake\n");
		expect(readFileSync(`${root}/proc/sys/net/ipv4/ip_forward`, "utf8")).toBe("fake");
	});
});

describe("/dev", () => {
	test("CVE-2026-41579, CVE-2026-47766: as a link out of the root", async () => {
		for (const to of [target, `../../../../../../../..${target}`, "/proc/1/cwd", "/proc/self/root"]) {
			const root = image((path) => link(path, "dev", to));
			await refusedOr(start(root, "stat -c %t:%T /dev/null"), "1:3\n");
			await refusedOr(start(root, "stat -c %t:%T /dev/null", { mounts: withoutDev }), "1:3\n");
			await refusedOr(
				start(root, "true", { mounts: withoutDev, linux: { devices: [{ path: "/dev/evil", type: "c", major: 1, minor: 3 }] } }),
				"",
			);
		}
	});
	test("CVE-2026-41579: that becomes a link while devices are made", async () => {
		const root = image((path) => symlinkSync(target, `${path}/other`));
		const check = (stdout: string) => expect(stdout).toMatch(/^$|1:3/);
		await race(`${root}/dev`, `${root}/other`, () => start(root, "stat -c %t:%T /dev/null", { mounts: withoutDev }), check);
	}, 20_000);
	test("CVE-2025-31133: /dev/null as a link: nothing but the null device hides a path", async () => {
		const masked = { maskedPaths: ["/proc/timer_list"] };
		const root = image((path) => symlinkSync(`${target}/secret`, `${path}/dev/null`));
		await refusedOr(start(root, "cat /proc/timer_list", { mounts: withoutDev, linux: masked }), "");
		const dev = `${world.folder}/dev`;
		mkdirSync(dev);
		writeFileSync(`${dev}/null`, secret);
		const mounts = [...withoutDev, { destination: "/dev", source: dev, options: ["bind"] }];
		await refusedOr(start(world.rootfs, "cat /proc/timer_list", { mounts, linux: masked }), "");
		rmSync(`${dev}/null`);
		must(["mknod", `${dev}/null`, "c", "1", "3"]);
		symlinkSync(`${target}/secret`, `${dev}/other`);
		const run = () => start(world.rootfs, "cat /proc/timer_list", { mounts, linux: masked });
		await race(`${dev}/null`, `${dev}/other`, run, (stdout) => expect(stdout).toBe(""));
	}, 20_000);
	test("CVE-2025-52565: /dev/console and /dev/pts that change while a terminal is made", async () => {
		const root = image((path) => {
			writeFileSync(`${path}/dev/console`, "");
			symlinkSync(`${target}/secret`, `${path}/dev/other`);
			mkdirSync(`${path}/dev/pts`);
		});
		const mounts = [...withoutDev, ...usualMounts.filter(({ destination }) => destination === "/dev/pts")];
		const steps = JSON.stringify([["wait"]]);
		const run = async () => {
			const bundle = world.bundle({
				mounts,
				script: "echo x > /dev/console; tty",
				process: { terminal: true },
				more: { root: { path: root } },
			});
			const command = world.command("run", "--bundle", bundle, world.id());
			const { exitCode, stdout } = Bun.spawnSync(["python3", `${top}/test/support/terminal.py`, steps, ...command], { stdout: "pipe" });
			return { status: exitCode, stdout: stdout.toString(), stderr: "" };
		};
		await race(`${root}/dev/console`, `${root}/dev/other`, run, () => undefined);
		expect(readdirSync(target)).toEqual(["secret"]);
		const fake = image((path) => link(path, "dev/pts", target));
		await refusedOr(start(fake, "true", { mounts, process: { terminal: true } }), "");
	}, 20_000);
});

describe("mount points", () => {
	test("behind a link with .. are found while a neighbour renames files of its own, for which the kernel gives up (EAGAIN)", async () => {
		const root = image((path) => {
			mkdirSync(`${path}/run/there`, { recursive: true });
			link(path, "etc-link", `${"../run/".repeat(12)}there`);
		});
		const mounts = [...usualMounts, { destination: "/etc-link", type: "tmpfs", source: "tagged" }];
		for (const name of ["one", "two"]) writeFileSync(`${world.folder}/${name}`, "");
		let tried = 0;
		const run = () => {
			tried++;
			return start(root, "grep -c ^tagged /proc/mounts", { mounts });
		};
		const passed = await race(`${world.folder}/one`, `${world.folder}/two`, run, (stdout) => expect(stdout).toBe("1\n"));
		expect(passed).toBe(tried);
	}, 20_000);
	test("CVE-2021-30465: that are swapped for a link while they are mounted on, in a volume that two containers share", async () => {
		const volume = `${world.folder}/volume`;
		mkdirSync(`${volume}/a/b`, { recursive: true });
		symlinkSync(`../../../../../../../../../..${world.folder}/target/..`, `${volume}/other`);
		mkdirSync(`${world.folder}/b`);
		const mounts = [...usualMounts, { destination: "/vol", source: volume, options: ["rbind"] }, tagged];
		// A mount that landed outside of the root would be none of the container's.
		const passed = await race(
			`${volume}/a`,
			`${volume}/other`,
			() => world.run({ mounts, script: "grep -c ^tagged /proc/mounts" }),
			(stdout) => expect(stdout).toBe("1\n"),
		);
		expect(passed).toBeGreaterThan(0);
		expect(readdirSync(`${world.folder}/b`)).toEqual([]);
	}, 20_000);
	test("CVE-2024-45310: that are missing are made in the root alone, while their folders change places with links", async () => {
		const root = image((path) => {
			mkdirSync(`${path}/a`);
			symlinkSync(target, `${path}/other`);
		});
		let count = 0;
		const run = () => {
			const below = `/a/made-${count++}`;
			const mounts = [
				...usualMounts,
				{ destination: `${below}/x/file`, source: "/etc/hostname", options: ["bind"] },
				{ destination: `${below}/y`, type: "tmpfs" },
			];
			return start(root, "true", { mounts });
		};
		await race(`${root}/a`, `${root}/other`, run, () => undefined);
	}, 20_000);
	test("that are links out of the root are found inside of it", async () => {
		const root = image((path) => symlinkSync(`../../../../../../..${target}`, `${path}/escape`));
		const mounts = [...usualMounts, { destination: "/escape", type: "tmpfs", source: "tagged" }];
		expect((await start(root, "touch /escape/x; grep ^tagged /proc/mounts | cut -d ' ' -f 2", { mounts })).stdout).toBe(`${target}\n`);
		expect((await start(root, "pwd -P", { process: { cwd: "/escape/made" } })).stdout).toBe(`${target}/made\n`);
	});
});

describe("copying up", () => {
	const copied = (root: string, destination: string) => {
		const mounts = [...usualMounts, { destination, type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] }];
		return start(root, `find ${destination}/ -type f -exec cat {} +; true`, { mounts });
	};
	test("CVE-2022-23648, CVE-2020-1726, CVE-2024-9341: of a folder that is a link to the host, or has such links in it", async () => {
		const root = image((path) => {
			symlinkSync(target, `${path}/data`);
			symlinkSync(`../../../../../../..${target}`, `${path}/up`);
			mkdirSync(`${path}/deep/er`, { recursive: true });
			symlinkSync(target, `${path}/deep/er/folder`);
			symlinkSync(`${target}/secret`, `${path}/deep/er/file`);
		});
		for (const destination of ["/data", "/up", "/deep"]) expect((await copied(root, destination)).stdout).not.toContain(secret);
	});
	test("the same, while a folder in it changes places with a link", async () => {
		const root = image((path) => {
			mkdirSync(`${path}/deep/a`, { recursive: true });
			symlinkSync(target, `${path}/deep/b`);
			for (let file = 0; file < 50; file++) copyFileSync("/etc/hostname", `${path}/deep/a/${file}`);
		});
		await race(
			`${root}/deep/a`,
			`${root}/deep/b`,
			() => copied(root, "/deep"),
			(stdout) => expect(stdout).not.toContain(secret),
		);
	}, 20_000);
});

test("CVE-2017-5226: the caller's terminal is not the container's controlling one", async () => {
	const bundle = world.bundle({ script: "read -r _ _ _ _ _ session terminal _ < /proc/1/stat; echo $session $terminal" });
	const steps = JSON.stringify([["wait"]]);
	const command = ["python3", `${top}/test/support/terminal.py`, steps, ...world.command("run", "--bundle", bundle, world.id())];
	const { stdout } = Bun.spawnSync(command, { stdout: "pipe" });
	expect(JSON.parse(stdout.toString()).output.trim()).toBe("1 0");
});
