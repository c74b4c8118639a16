// Namespaces in every mix: user namespaces with the privilege of root, and rootless starts without any; namespaces that are joined.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { run } from "../support/corten.ts";
import { must } from "../support/must.ts";
import { installed, testWhen } from "../support/skip.ts";
import { type BundleChange, capabilities, fresh, usualMounts, World } from "../support/small-bundle.ts";

const base = 1_000_000;
const range = [{ containerID: 0, hostID: base, size: 65_536 }];
const mapped = { uidMappings: range, gidMappings: range };
const allTypes = ["pid", "mount", "ipc", "uts", "network", "user"] as const;
const world = new World(base);
const plain = new World();
const inUser = (change: BundleChange): BundleChange => ({
	namespaces: fresh(...allTypes),
	...change,
	linux: { ...mapped, ...change.linux },
});
afterAll(async () => {
	await world[Symbol.asyncDispose]();
	await plain[Symbol.asyncDispose]();
});

/** Runs a script in a user namespace. @returns its output. @throws when it fails */
async function sh(script: string, change: BundleChange = {}, where = world): Promise<string> {
	const { status, stdout, stderr } = await where.run({ ...change, script });
	if (status !== 0) throw new Error(`status ${status}: ${stdout}${stderr}`);
	return stdout.replace(/\n$/, "");
}

describe("a user namespace made with root's rights", () => {
	test("has root, its mappings, and the groups that config.json names", async () => {
		const process_ = { user: { uid: 0, gid: 0, additionalGids: [7] } };
		const out = await sh("id; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '", inUser({ process: process_ }));
		expect(out).toBe(`uid=0 gid=0 groups=7\n 0 ${base} 65536\n 0 ${base} 65536`);
		expect(await sh("id", inUser({ process: { user: { uid: 5, gid: 6 } } }))).toBe("uid=5 gid=6");
	});
	test("has devices and queues that are its own", async () => {
		const out = await sh(
			"stat -c '%n %u %t:%T' /dev/null /dev/mqueue /dev/shm 2>/dev/null; echo x > /dev/null; head -c 3 /dev/zero | wc -c",
			inUser({}),
		);
		expect(out).toBe("/dev/null 0 1:3\n/dev/mqueue 0 0:0\n3");
	});
	test("can open its standard output again, in run and in exec", async () => {
		// A pipe: the test runner itself gives sockets.
		const piped = (command: readonly string[]) => run(["sh", "-c", '"$@" 2>&1 | cat', "sh", ...command]);
		const user = { user: { uid: 5, gid: 5 } };
		const bundle = world.bundle(inUser({ script: "echo y > /dev/stdout", process: user }));
		expect((await piped(world.command("run", "--bundle", bundle, world.id()))).stdout).toBe("y\n");
		const { id } = await world.start(inUser({}));
		expect((await piped(world.command("exec", "--user", "9:9", id, "sh", "-c", "echo z > /dev/stdout"))).stdout).toBe("z\n");
		await world.call(["delete", "--force", id]);
	});
	test("has devices of config.json with their owner", async () => {
		const device = { type: "c", path: "/dev/sub/rng", major: 1, minor: 8, fileMode: 0o664, uid: 3, gid: 4 };
		expect(
			await sh("stat -c '%u %g %a %t:%T' /dev/sub/rng; head -c 2 /dev/sub/rng | wc -c", inUser({ linux: { devices: [device] } })),
		).toBe("3 4 664 1:8\n2");
	});
	test("takes a volume that lies where only its owner may go", async () => {
		const hidden = `${world.folder}/hidden`;
		mkdirSync(`${hidden}/volume`, { recursive: true });
		writeFileSync(`${hidden}/volume/file`, "seen\n");
		must(["chown", "4242:4242", hidden]);
		must(["chmod", "0700", hidden]);
		const volume = { destination: "/mnt", type: "bind", source: `${hidden}/volume`, options: ["rbind"] };
		expect(await sh("cat /mnt/file", inUser({ mounts: [...usualMounts, volume] }))).toBe("seen");
	});
	test("cannot take back what was set on a mount", async () => {
		const volume = { destination: "/mnt", type: "bind", source: world.folder, options: ["bind", "ro", "nodev", "noexec", "nosuid"] };
		const attempt =
			"for o in rw exec dev suid; do mount -o remount,bind,$o /mnt 2>/dev/null && echo TOOK $o; done; touch /mnt/x 2>/dev/null && echo WROTE; echo done";
		const out = await sh(attempt, inUser({ mounts: [...usualMounts, volume], process: { capabilities: capabilities("CAP_SYS_ADMIN") } }));
		expect(out).toBe("done");
	});
	test("may mount in its own mount namespace and nothing of it reaches the host", async () => {
		const change = inUser({ process: { capabilities: capabilities("CAP_SYS_ADMIN") } });
		expect(await sh("mount -t tmpfs mine /mnt && grep -c ' /mnt ' /proc/mounts", change)).toBe("1");
		expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(world.folder);
	});
	test("is entered by exec, by its root and with the container's capabilities", async () => {
		const { id } = await world.start(
			inUser({ process: { capabilities: capabilities("CAP_KILL"), rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }] } }),
		);
		const script = "id; grep CapEff /proc/self/status; for p in 1 self; do readlink /proc/$p/ns/user; done | uniq | wc -l; ulimit -n";
		const { stdout, stderr } = await world.call(["exec", id, "sh", "-c", script]);
		expect(stderr).toBe("");
		expect(stdout).toBe("uid=0 gid=0\nCapEff:\t0000000000000020\n1\n100\n");
		expect((await world.call(["exec", "--user", "8:9", id, "busybox", "id"])).stdout).toBe("uid=8 gid=9\n");
		expect((await world.call(["delete", "--force", id])).status).toBe(0);
	});
	test("shows the host's /sys where the network is the host's, and drops a terminal group that is nobody", async () => {
		const short = [{ containerID: 0, hostID: base, size: 5 }];
		const change = { namespaces: fresh("pid", "mount", "ipc", "user"), linux: { uidMappings: short, gidMappings: short } };
		expect(await sh("ls -d /sys/class/net/lo /dev/pts/ptmx", change)).toBe("/dev/pts/ptmx\n/sys/class/net/lo");
	});
	test("has limits, a name and a loopback interface", async () => {
		const change = inUser({
			process: { rlimits: [{ type: "RLIMIT_CORE", soft: 0, hard: 4096 }], oomScoreAdj: 300 },
			more: { hostname: "inner" },
		});
		const out = await sh("hostname; ulimit -c; cat /proc/self/oom_score_adj; ip -o link show lo | grep -c UP", change);
		expect(out).toBe("inner\n0\n300\n1");
	});
	test("is refused without mappings, without root and with users that are not mapped", async () => {
		for (const [change, message] of [
			[{ linux: { uidMappings: [] } }, "without mappings"],
			[{ linux: { gidMappings: [{ ...range[0], containerID: 1 }] } }, "id 0 is not mapped"],
			[{ process: { user: { uid: 70_000, gid: 0 } } }, "70000"],
			[{ namespaces: fresh("mount") }, "no user namespace"],
		] as const) {
			const { status, stderr } = await world.run(inUser(change as BundleChange));
			expect(status).not.toBe(0);
			expect(stderr).toContain(message);
		}
	});
});

describe("joined namespaces", () => {
	const kinds = { pid: "pid", network: "net", ipc: "ipc", uts: "uts", user: "user", cgroup: "cgroup", time: "time" } as const;
	const seen = Object.values(kinds)
		.map((kind) => `/proc/self/ns/${kind}`)
		.join(" ");
	test("all types at once are those of the other container", async () => {
		const { id, pid } = await world.start(inUser({ namespaces: fresh(...allTypes, "cgroup", "time") }));
		const paths = Object.entries(kinds).map(([type, kind]) => ({ type, path: `/proc/${pid}/ns/${kind}` }));
		const out = await sh(`for n in ${seen}; do readlink $n; done; id -u`, { namespaces: [...paths, { type: "mount" }], linux: {} });
		const expected = Object.values(kinds).map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
		expect(out.split("\n")).toEqual([...expected, "0"]);
		await world.call(["delete", "--force", id]);
	});
	test("each type alone, without a user namespace", async () => {
		const { id, pid } = await plain.start({ namespaces: fresh("pid", "mount", "ipc", "uts", "network", "cgroup", "time") });
		for (const [type, kind] of Object.entries(kinds)) {
			if (type === "user") continue;
			const out = await sh(
				`readlink /proc/self/ns/${kind}`,
				{ namespaces: [{ type: "mount" }, { type, path: `/proc/${pid}/ns/${kind}` }] },
				plain,
			);
			expect(out).toBe(readlinkSync(`/proc/${pid}/ns/${kind}`));
		}
		await plain.call(["delete", "--force", id]);
	});
	test("a new user namespace beside a network that is joined", async () => {
		const { id, pid } = await plain.start();
		const namespaces = [...fresh("pid", "mount", "ipc", "user"), { type: "network", path: `/proc/${pid}/ns/net` }];
		const out = await sh("readlink /proc/self/ns/net; id -u; ls -d /sys/class", inUser({ namespaces }));
		expect(out).toBe(`${readlinkSync(`/proc/${pid}/ns/net`)}\n0\n/sys/class`);
		await plain.call(["delete", "--force", id]);
	});
	test("a mount namespace gets the root filesystem built in it", async () => {
		const holder = Bun.spawn(
			[
				"unshare",
				"-m",
				"--propagation",
				"slave",
				"sh",
				"-c",
				"mount -t tmpfs holder /mnt && echo mark > /mnt/mark && echo ready && exec sleep 100",
			],
			{ stdout: "pipe" },
		);
		try {
			const reader = holder.stdout.getReader();
			await reader.read();
			const mount = { type: "mount", path: `/proc/${holder.pid}/ns/mnt` };
			const volume = { destination: "/mnt", type: "bind", source: "/mnt", options: ["bind"] };
			const own = readlinkSync(mount.path);
			const out = await sh(
				"readlink /proc/self/ns/mnt; cat /mnt/mark; pwd",
				{ namespaces: [mount, { type: "pid" }], mounts: [...usualMounts.slice(0, 1), volume] },
				plain,
			);
			expect(out).toBe(`${own}\nmark\n/`);
		} finally {
			holder.kill();
			await holder.exited;
		}
	});
	test("what is no namespace of the type is refused, and a FIFO holds up nobody", async () => {
		must(["mkfifo", `${plain.folder}/fifo`]);
		for (const path of ["/proc/self/ns/uts", "/etc/hostname", `${plain.folder}/fifo`, "/nonexistent"]) {
			const { status, stderr } = await plain.run({ namespaces: [{ type: "mount" }, { type: "network", path }], script: "echo RAN" });
			expect(status).not.toBe(0);
			expect(stderr).toContain("network namespace");
		}
	});
	test("hooks of the runtime's side stay in its pid namespace", async () => {
		const { id, pid } = await plain.start();
		const out = `${plain.folder}/hook`;
		const hook = { path: "/bin/sh", args: ["sh", "-c", `readlink /proc/self/ns/pid > ${out}`], env: ["PATH=/bin:/usr/bin"] };
		await sh(
			"true",
			{ namespaces: [{ type: "mount" }, { type: "pid", path: `/proc/${pid}/ns/pid` }], more: { hooks: { createRuntime: [hook] } } },
			plain,
		);
		expect(readFileSync(out, "utf8").trim()).toBe(readlinkSync("/proc/self/ns/pid"));
		await plain.call(["delete", "--force", id]);
	});
	test("exec joins also what the container has from whoever started it", async () => {
		const bundle = plain.bundle({ namespaces: fresh("pid", "mount"), script: "sleep 100" });
		const elsewhere = ["unshare", "--net", "--uts", "--ipc"];
		const { exitCode } = Bun.spawnSync([...elsewhere, ...plain.command("run", "-d", "--bundle", bundle, plain.id())], {
			stdio: ["ignore", "ignore", "ignore"],
		});
		expect(exitCode).toBe(0);
		const id = plain.id();
		const { pid } = JSON.parse((await plain.call(["state", id])).stdout) as { pid: number };
		const script = "for n in net uts ipc pid mnt; do readlink /proc/self/ns/$n; done";
		const { stdout } = await plain.call(["exec", id, "/bin/busybox", "sh", "-c", script]);
		expect(stdout.trim().split("\n")).toEqual(["net", "uts", "ipc", "pid", "mnt"].map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)));
		await plain.call(["delete", "--force", id]);
	});
	test("without a mount namespace the root is a folder of the caller's, and nothing is mounted for the caller", async () => {
		const namespaces = fresh("pid", "network");
		const out = await sh("busybox ls -d /bin /usr 2>/dev/null; busybox ls -di / | busybox tr -dc 0-9", { namespaces, mounts: [] }, plain);
		expect(out).toBe(`/bin\n${statSync(plain.rootfs).ino}`);
		for (const change of [{}, { mounts: [], linux: { maskedPaths: ["/etc"] } }, { mounts: [], linux: { readonlyPaths: ["/etc"] } }]) {
			const { status, stderr } = await plain.run({ namespaces, ...change });
			expect(status).not.toBe(0);
			expect(stderr).toContain("without a mount namespace");
		}
		expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(plain.folder);
	});
	test("clocks of a new time namespace differ by their offsets", async () => {
		const offsets = { timeOffsets: { monotonic: { secs: 7200, nanosecs: 0 }, boottime: { secs: 864_000, nanosecs: 0 } } };
		const change = { namespaces: fresh("mount", "pid", "time"), linux: offsets };
		const before = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
		const inside = Number((await sh("cat /proc/uptime", change, plain)).split(" ")[0]);
		expect(Math.abs(inside - before - 864_000)).toBeLessThan(60);
		const inUserToo = { ...inUser({ namespaces: fresh(...allTypes, "time") }), linux: { ...mapped, ...offsets } };
		expect(Math.abs(Number((await sh("cat /proc/uptime", inUserToo)).split(" ")[0]) - before - 864_000)).toBeLessThan(60);
	});
});

describe("rootless", () => {
	const uid = 23_456;
	const ordinary = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--inh-caps=-all"];
	const own = [{ containerID: 0, hostID: uid, size: 1 }];
	const rootless = (change: BundleChange = {}): BundleChange => ({
		...change,
		namespaces: fresh(...allTypes, "cgroup"),
		mounts: change.mounts ?? mounts,
		linux: { uidMappings: own, gidMappings: own, ...change.linux },
	});
	const mounts = usualMounts.filter(({ type }) => type !== "devpts");

	test("an ordinary user's container has a root, devices, an own network, and no trace afterwards", async () => {
		await using home = new World(uid, ordinary);
		const out = await sh(
			"id -u; cat /proc/self/uid_map | tr -s ' '; echo x > /dev/null; hostname inner; hostname; ip -o link | wc -l; touch /tmp/a && stat -c %u /tmp/a",
			rootless({ process: { capabilities: capabilities("CAP_SYS_ADMIN") } }),
			home,
		);
		expect(out).toBe(`0\n 0 ${uid} 1\ninner\n1\n0`);
		expect(readdirSync(`${home.folder}/run`)).toEqual([]);
	});
	test("create, start, exec, kill and delete need no privilege", async () => {
		await using home = new World(uid, ordinary);
		const { id } = await home.start(rootless());
		expect(
			(await home.call(["exec", id, "sh", "-c", "id -u; for p in 1 self; do readlink /proc/$p/ns/user; done | uniq | wc -l"])).stdout,
		).toBe("0\n1\n");
		expect((await home.call(["kill", id, "KILL"])).status).toBe(0);
		expect((await home.call(["delete", "--force", id])).status).toBe(0);
		expect(readdirSync(`${home.folder}/run`)).toEqual([]);
	});
	test("the configuration of spec --rootless runs as it is", async () => {
		await using home = new World(uid, ordinary);
		const bundle = `${home.folder}/b`;
		mkdirSync(bundle);
		must(["chown", `${uid}:${uid}`, bundle]);
		expect((await home.call(["spec", "--rootless", "--bundle", bundle])).status).toBe(0);
		const config = JSON.parse(readFileSync(`${bundle}/config.json`, "utf8"));
		config.process.terminal = false;
		config.process.args = ["sh", "-c", "id -u; grep -c . /proc/self/uid_map"];
		config.root.path = home.rootfs;
		writeFileSync(`${bundle}/config.json`, JSON.stringify(config));
		expect((await home.call(["run", "--bundle", bundle, "spec"])).stdout).toBe("0\n1\n");
	});
	test("what an ordinary user may not do is said, not passed over", async () => {
		await using home = new World(uid, ordinary);
		for (const [change, message] of [
			[rootless({ process: { user: { uid: 0, gid: 0, additionalGids: [0, 5] } } }), "supplementary group"],
			[{ ...rootless(), namespaces: fresh("mount", "pid"), linux: {} }, ""],
			[rootless({ mounts: [...mounts, { destination: "/mnt", type: "ext4", source: "/dev/vda" }] }), "/mnt"],
			[rootless({ linux: { uidMappings: [{ containerID: 0, hostID: 0, size: 1 }] } }), "map"],
		] as const) {
			const { status, stderr } = await home.run(change as BundleChange);
			expect(status).not.toBe(0);
			expect(stderr).toContain(message);
			expect(readdirSync(`${home.folder}/run`)).toEqual([]);
		}
	});
	test("inside a user namespace of somebody else's making a container needs none of its own", async () => {
		await using home = new World(uid, ordinary);
		const bundle = home.bundle({ script: "id -u; echo x > /dev/null && ls -d /sys/class", mounts });
		const nested = [
			...ordinary,
			"unshare",
			"--user",
			"--map-root-user",
			"--mount",
			...home.command("run", "--bundle", bundle, home.id()).slice(ordinary.length),
		];
		expect(await run(nested)).toEqual({ status: 0, stdout: "0\n/sys/class\n", stderr: "" });
	});
	testWhen(installed("newuidmap") && installed("useradd"), "uidmap is not installed")(
		"newuidmap and newgidmap map the ids that /etc/subuid gives",
		async () => {
			const name = `corten-test-${process.pid}`;
			must(["useradd", "--no-create-home", "--shell", "/bin/false", name]);
			try {
				const id = Number(must(["id", "-u", name]).toString());
				const start = (file: string) =>
					Number(
						readFileSync(file, "utf8")
							.split("\n")
							.find((line) => line.startsWith(`${name}:`))
							?.split(":")[1],
					);
				await using home = new World(id, ["setpriv", `--reuid=${id}`, `--regid=${id}`, "--clear-groups"]);
				const map = (file: string) => [
					{ containerID: 0, hostID: id, size: 1 },
					{ containerID: 1, hostID: start(file), size: 65_536 },
				];
				const change = {
					...rootless({ process: { user: { uid: 7, gid: 8, additionalGids: [9] } } }),
					linux: { uidMappings: map("/etc/subuid"), gidMappings: map("/etc/subgid") },
				};
				expect(await sh("id; cat /proc/self/setgroups", change, home)).toBe("uid=7 gid=8 groups=9\nallow");
				const wrong = { ...change, linux: { ...change.linux, uidMappings: [{ containerID: 0, hostID: 0, size: 1000 }] } };
				const { status, stderr } = await home.run(wrong);
				expect(status).not.toBe(0);
				expect(stderr).toContain("newuidmap");
			} finally {
				must(["userdel", name]);
			}
		},
	);
});

test("nothing of these containers is mounted on the host or left in its cgroups", async () => {
	expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain("corten-test-small");
	const { stdout } = await run(["find", "/sys/fs/cgroup", "-name", "small-*"]);
	expect(stdout).toBe("");
	expect(existsSync("/proc/self/ns/user")).toBe(true);
});
