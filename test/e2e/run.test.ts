// corten run: images from every source, exit statuses, signals, and the options that shape a container, seen from the inside.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Home, run } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";
import { debianName } from "../support/fixtures/debian.ts";
import { serveStorage } from "../support/registry.ts";
import { installed, testWhen } from "../support/skip.ts";

const home = new Home();
beforeAll(async () => {
	await home.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
});
afterAll(() => home[Symbol.asyncDispose]());

const inside = (...command: readonly string[]) => home.run([], "busybox", command);

describe("where an image comes from", () => {
	for (const name of ["busybox", "debian"] as const) {
		const refName = name === "busybox" ? busyboxName : debianName;
		for (const source of ["oci", "docker-archive"] as const) {
			test(`${name} runs from ${source}`, async () => {
				await using other = new Home();
				await other.must("pull", `${source}:${fixture(name)}/${source === "oci" ? "oci" : "docker.tar"}:${refName}`);
				const { status, stdout, stderr } = await other.run([], name, ["cat", "/etc/passwd"]);
				expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
				expect(stdout).toContain("root:x:0:0");
			});
		}
		testWhen(installed("docker-registry"), "docker-registry is not installed")(`${name} runs from a registry, pulled by run`, async () => {
			await using registry = await serveStorage(`${fixture("registry")}/storage`);
			await using other = new Home();
			const result = await other.run(["--quiet"], `${registry.host}/${name}:latest`, ["echo", "from the registry"]);
			expect(result).toEqual({ status: 0, stdout: "from the registry\n", stderr: "" });
		});
	}

	test("whiteouts, opaque folders and replaced files of a second layer hold", async () => {
		await using other = new Home();
		await other.must("pull", `oci:${fixture("debian")}/oci:${debianName}`);
		const script = "ls /usr/share/doc; cat /etc/issue.net /usr/share/doc/only-this; test -e /etc/issue || echo gone";
		const { stdout } = await other.run([], "debian", ["sh", "-c", script]);
		expect(stdout).toBe("only-this\nreplaced by the second layer\nsecond layer\ngone\n");
	});
});

describe("how a run ends", () => {
	test("every exit status from 0 to 255 is the payload's own", async () => {
		const statuses = Array.from({ length: 256 }, (_, status) => status);
		const seen: number[] = [];
		for (let at = 0; at < 256; at += 4) {
			const results = await Promise.all(statuses.slice(at, at + 4).map((status) => inside("sh", "-c", `exit ${status}`)));
			seen.push(...results.map((result) => result.status));
		}
		expect(seen).toEqual(statuses);
	});

	test("a payload that a signal ends gives 128 and the signal's number", async () => {
		// Process 1 of a pid namespace is deaf to its own signals, so it must not be one here. (busybox' shell ignores SIGQUIT.)
		for (const signal of [1, 2, 6, 8, 9, 11, 13, 14, 15]) {
			const { status } = await home.run(["--pid", "host"], "busybox", ["sh", "-c", `kill -${signal} $$`]);
			expect(status).toBe(128 + signal);
		}
	});

	test("a payload that is process 1 and killed from outside gives 137", async () => {
		const command = home.command("run", "--rm", "--name", "killed", "busybox", "sh", "-c", "echo up; sleep 60");
		const child = Bun.spawn(command, { stdout: "pipe", stdin: "ignore", stderr: "inherit" });
		await child.stdout.getReader().read();
		process.kill(Number(await home.must("inspect", "--format", "{{.State.Pid}}", "killed")), "SIGKILL");
		expect(await child.exited).toBe(137);
	});

	test("SIGTERM to corten reaches the payload, and its answer is the status", async () => {
		const child = Bun.spawn(
			home.command("run", "--rm", "busybox", "sh", "-c", "trap 'exit 42' TERM; echo up; while :; do sleep 0.05; done"),
			{
				stdout: "pipe",
				stderr: "inherit",
				stdin: "ignore",
			},
		);
		const reader = child.stdout.getReader();
		await reader.read();
		child.kill("SIGTERM");
		expect(await child.exited).toBe(42);
	});

	test("a program that is not there is 127, one that cannot be executed 126, corten's own failure 125", async () => {
		expect((await inside("no-such-program")).status).toBe(127);
		expect((await inside("/no/such/program")).status).toBe(127);
		expect((await inside("/etc/not-executable")).status).toBe(126);
		expect((await inside("/etc")).status).toBe(126);
		expect((await home.run(["--no-such-option"], "busybox", ["true"])).status).toBe(125);
		expect((await home.run(["--pull", "never"], "not-in-the-store", ["true"])).status).toBe(125);
	});

	test("an error is one line that says what, where and why", async () => {
		const { stderr } = await inside("/no/such/program");
		expect(stderr).toMatch(/^corten: .*no\/such\/program.*ENOENT/);
		expect(stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
	});
});

describe("process options", () => {
	test("-e, -w and --hostname", async () => {
		const options = ["-e", "GREETING=hi there", "-e", "EMPTY=", "-w", "/tmp/new/folder", "--hostname", "abc"];
		expect(await home.sh(options, 'echo "$GREETING|$EMPTY|$PWD|$(hostname)|$(cat /etc/hostname)"')).toBe(
			"hi there||/tmp/new/folder|abc|abc",
		);
	});
	test("--env-file", async () => {
		writeFileSync(`${home.folder}/env`, "# comment\nA=1\nB=two words\n");
		expect(await home.sh(["--env-file", `${home.folder}/env`], 'echo "$A|$B"')).toBe("1|two words");
	});
	test("-u by name, by number, with a group; HOME follows the user", async () => {
		expect(await home.sh(["-u", "web"], 'id -u; id -g; id -G; echo "$HOME"')).toBe("1000\n1000\n1000 2000\n/home/web");
		expect(await home.sh(["-u", "1234:5678"], "id -u; id -g")).toBe("1234\n5678");
		expect(await home.sh(["-u", "web:extra"], "id -u; id -g")).toBe("1000\n2000");
		expect((await home.run(["-u", "nobody-knows"], "busybox", ["true"])).status).toBe(125);
	});
	test("--entrypoint", async () => {
		const { stdout } = await home.run(["--entrypoint", "echo"], "busybox", ["a", "b"]);
		expect(stdout).toBe("a b\n");
	});
	test("--ulimit", async () => {
		expect(await home.sh(["--ulimit", "nofile=123:456"], "ulimit -Sn; ulimit -Hn")).toBe("123\n456");
	});
	test("without -i stdin is empty, with -i it is the caller's", async () => {
		expect((await home.run([], "busybox", ["cat"], { input: "unseen" })).stdout).toBe("");
		expect((await home.run(["-i"], "busybox", ["cat"], { input: "seen" })).stdout).toBe("seen");
	});
	test("the payload has three descriptors and no other", async () => {
		expect(await home.sh([], "ls /proc/1/fd; true")).toBe("0\n1\n2");
	});
});

describe("files", () => {
	test("-v binds a folder, :ro without writing", async () => {
		const folder = `${home.folder}/volume`;
		mkdirSync(folder);
		writeFileSync(`${folder}/from-host`, "host\n");
		expect(await home.sh(["-v", `${folder}:/data`], "cat /data/from-host; echo inside > /data/from-inside")).toBe("host");
		expect(readFileSync(`${folder}/from-inside`, "utf8")).toBe("inside\n");
		expect((await home.run(["-v", `${folder}:/data:ro`], "busybox", ["touch", "/data/x"])).status).toBe(1);
	});
	test("-v binds a file, and onto a path that the image does not have", async () => {
		writeFileSync(`${home.folder}/one`, "one file\n");
		expect(await home.sh(["-v", `${home.folder}/one:/made/by/corten:ro`], "cat /made/by/corten")).toBe("one file");
	});
	test("--tmpfs with a size", async () => {
		expect(await home.sh(["--tmpfs", "/scratch:size=1m,mode=700"], "grep ' /scratch ' /proc/mounts; stat -c %a /scratch")).toMatch(
			/^tmpfs \/scratch tmpfs rw,nosuid,nodev,(noexec,)?.*size=1024k.*\n700$/,
		);
	});
	test("--read-only keeps the root unwritable and /dev/shm writable", async () => {
		expect(await home.sh(["--read-only"], "touch /x 2>/dev/null || echo refused; touch /dev/shm/x && echo shm")).toBe("refused\nshm");
	});
	test("what a container writes is gone with it", async () => {
		await home.sh([], "echo x > /trace");
		expect(await home.sh([], "test -e /trace || echo clean")).toBe("clean");
	});
	test("/etc/hosts, /etc/hostname and /etc/resolv.conf are there", async () => {
		expect(await home.sh(["--add-host", "example.test:192.0.2.7"], "cat /etc/hosts")).toMatch(
			/127\.0\.0\.1\s+localhost[\s\S]*192\.0\.2\.7\s+example\.test/,
		);
		expect(await home.sh([], "test -s /etc/hostname && test -e /etc/resolv.conf && echo yes")).toBe("yes");
	});
});

describe("isolation", () => {
	const capabilities = (options: readonly string[]) => home.sh(options, "grep CapEff /proc/self/status | cut -f2");

	test("the default capabilities are docker's fourteen", async () => {
		expect(await capabilities([])).toBe("00000000a80425fb");
	});
	test("--cap-drop, --cap-add and --privileged", async () => {
		expect(await capabilities(["--cap-drop", "all"])).toBe("0000000000000000");
		expect(await capabilities(["--cap-drop", "ALL", "--cap-add", "CAP_KILL"])).toBe("0000000000000020");
		expect(await capabilities(["--cap-add", "sys_admin"])).toBe("00000000a82425fb");
		const mine = BigInt(`0x${/CapBnd:\s*(\w+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
		expect(BigInt(`0x${await capabilities(["--privileged"])}`)).toBe(mine);
	});
	test("a user other than root has no capabilities in force", async () => {
		expect(await capabilities(["-u", "web"])).toBe("0000000000000000");
	});
	test("no-new-privileges", async () => {
		const flag = "grep NoNewPrivs /proc/self/status | cut -f2";
		expect(await home.sh(["--security-opt", "no-new-privileges"], flag)).toBe("1");
		expect(await home.sh([], flag)).toBe("0");
	});
	test("seccomp filters by default, not with unconfined", async () => {
		const mode = "grep '^Seccomp:' /proc/self/status | cut -f2";
		expect(await home.sh([], mode)).toBe("2");
		expect(await home.sh(["--security-opt", "seccomp=unconfined"], mode)).toBe("0");
		expect((await inside("unshare", "-U", "true")).status).not.toBe(0);
		expect((await inside("unshare", "-m", "true")).status).not.toBe(0);
	});
	test("masked and read-only paths", async () => {
		expect(await home.sh([], "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls /sys/firmware | wc -l")).toBe("0\n0");
		expect(
			await home.sh([], "echo 1 > /proc/sys/kernel/printk || echo refused 2>/dev/null; echo h > /proc/sysrq-trigger || echo refused"),
		).toBe("refused\nrefused");
		expect(await home.sh(["--privileged"], "touch /proc/sys/kernel/printk && echo writable")).toBe("writable");
	});
	test("own pid, uts, ipc, mount, net and cgroup namespaces; the time and user namespaces are the host's", async () => {
		const list = "cd /proc/self/ns; for n in cgroup ipc mnt net pid uts user; do readlink $n; done";
		const own = (await home.sh([], list)).split("\n");
		const host = (await run(["sh", "-c", list])).stdout.trimEnd().split("\n");
		expect(own.map((name, index) => name !== host[index])).toEqual([true, true, true, true, true, true, false]);
		expect(await home.sh([], "echo $$")).toBe("1");
	});
	test("--network none has only a loopback interface that is up, --network host has the host's", async () => {
		expect(await home.sh(["--network", "none"], "ls /sys/class/net; ping -c1 -w2 127.0.0.1 >/dev/null && echo up")).toBe("lo\nup");
		const host = (await run(["readlink", "/proc/self/ns/net"])).stdout.trim();
		expect(await home.sh(["--network", "host"], "readlink /proc/self/ns/net")).toBe(host);
	});
	test("--sysctl", async () => {
		expect(await home.sh(["--sysctl", "net.ipv4.ip_unprivileged_port_start=77"], "cat /proc/sys/net/ipv4/ip_unprivileged_port_start")).toBe(
			"77",
		);
		expect((await home.run(["--sysctl", "kernel.panic=1"], "busybox", ["true"])).status).toBe(125);
	});
	test("/dev has the standard devices and no other; --device adds one", async () => {
		const names = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero";
		expect((await home.sh([], "ls /dev")).split("\n").join(" ")).toBe(names);
		const options = ["--device", "/dev/null:/dev/other-null:rwm"];
		expect(await home.sh(options, "stat -c '%F %t %T' /dev/other-null")).toBe("character special file 1 3");
	});
	test("a device that is not allowed cannot be opened even when its node is made", async () => {
		const { stdout } = await inside("sh", "-c", "mknod /tmp/kmsg c 1 11; cat /tmp/kmsg 2>&1 | head -c 100");
		expect(stdout.toLowerCase()).toContain("not permitted");
	});
});

describe("limits", () => {
	// On cgroup v1 the own cgroup is seen at the mount's top; on v2 likewise. Whichever there is must hold the number.
	const read = (options: readonly string[], v1: string, v2: string) =>
		home.sh(options, `cat /sys/fs/cgroup/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`);

	test("-m", async () => {
		expect(await read(["-m", "64m"], "memory/memory.limit_in_bytes", "memory.max")).toBe(String(64 << 20));
	});
	test("--pids-limit", async () => {
		expect(await read(["--pids-limit", "50"], "pids/pids.max", "pids.max")).toBe("50");
		const { stdout } = await home.run(["--pids-limit", "10"], "busybox", ["sh", "-c", "for i in $(seq 30); do sleep 1 & done; true"]);
		expect(stdout).not.toContain("30");
	});
	test("--cpus", async () => {
		expect(await read(["--cpus", "0.5"], "cpu/cpu.cfs_quota_us", "cpu.max")).toMatch(/^50000( 100000)?$/);
	});
	test("a payload that needs more memory than its limit is killed: 137", async () => {
		const { status } = await home.run(["-m", "16m"], "busybox", ["sh", "-c", "head -c 200m /dev/zero | tail"]);
		expect(status).toBe(137);
	});
	test("the cgroup is gone afterwards", () => {
		expect(home.leftovers()).toEqual([]);
	});
});
