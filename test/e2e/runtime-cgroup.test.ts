// Cgroups of the OCI runtime, on this machine's own hierarchies: limits that hold, the freezer, who is in a container, what it uses.

import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { run } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { cgroupsOf } from "../support/leftovers.ts";
import { installed, testWhen } from "../support/skip.ts";

const top = new URL("../..", import.meta.url).pathname;
const version1 = existsSync("/sys/fs/cgroup/memory");
const folder = mkdtempSync("/tmp/corten-test-cgroup-");
const rootfs = `${folder}/rootfs`;
const corten = [`${top}build/corten-runtime`, "--root", `${folder}/root`];
let made = 0;

mkdirSync(`${rootfs}/bin`, { recursive: true });
for (const name of ["proc", "dev", "tmp", "sys"]) mkdirSync(`${rootfs}/${name}`);
Bun.spawnSync(["cp", "/bin/busybox", `${rootfs}/bin/busybox`]);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
fixture("busybox"); // says what is missing when the machine has no busybox

const allOf = ["CAP_KILL", "CAP_MKNOD", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"];

/** A bundle whose payload is a script of busybox' shell. @returns its folder */
function bundle(script: string, resources: object, linux: object = {}): string {
	const path = `${folder}/bundle-${made++}`;
	mkdirSync(path);
	const namespaces = ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type }));
	const config = {
		ociVersion: "1.0.2",
		process: {
			user: { uid: 0, gid: 0 },
			args: ["/bin/busybox", "sh", "-c", script],
			env: ["PATH=/bin"],
			cwd: "/",
			capabilities: { bounding: allOf, effective: allOf, permitted: allOf },
		},
		root: { path: rootfs, readonly: false },
		mounts: [
			{ destination: "/proc", type: "proc", source: "proc" },
			{ destination: "/tmp", type: "tmpfs", source: "tmpfs" },
		],
		linux: { namespaces, resources, ...linux },
	};
	writeFileSync(`${path}/config.json`, JSON.stringify(config));
	return path;
}

/** A running container that is gone at the end of the block. */
class Running implements AsyncDisposable {
	readonly id: string;
	readonly runtime: readonly string[];
	constructor(id: string, runtime: readonly string[] = corten) {
		this.id = id;
		this.runtime = runtime;
	}
	static start(script: string, resources: object, runtime: readonly string[] = corten, linux: object = {}): Running {
		const id = `cgroup-${process.pid}-${made}`;
		// The payload has the descriptors of run: no pipe of ours among them, or we would wait for its end.
		const log = `${folder}/log-${id}`;
		const command = [...runtime, "--log", log, "run", "-d", "--bundle", bundle(script, resources, linux), id];
		const { exitCode } = Bun.spawnSync(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
		if (exitCode !== 0) throw new Error(`status ${exitCode}: ${readFileSync(log, "utf8")}`);
		return new Running(id, runtime);
	}
	command(...args: readonly string[]) {
		return run([...this.runtime, ...args]);
	}
	/** The folder of a controller, by what the kernel says of the first process. */
	async cgroup(controller: string): Promise<string> {
		const { pid } = JSON.parse((await this.command("state", this.id)).stdout) as { pid: number };
		const line = readFileSync(`/proc/${pid}/cgroup`, "utf8")
			.split("\n")
			.find((text) => (version1 ? text.split(":")[1]?.split(",").includes(controller) : text.startsWith("0::")));
		return `/sys/fs/cgroup/${version1 ? controller : ""}${line?.split(":")[2]}`;
	}
	async [Symbol.asyncDispose](): Promise<void> {
		const { status, stderr } = await this.command("delete", "--force", this.id);
		expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
	}
}

const once = (script: string, resources: object, linux: object = {}) =>
	run([...corten, "run", "--bundle", bundle(script, resources, linux), `cgroup-${process.pid}-${made}`]);

describe("limits", () => {
	test("memory: what takes more is killed", async () => {
		const { status } = await once("exec busybox dd if=/dev/zero of=/tmp/big bs=1M count=64", { memory: { limit: 8 << 20, swap: 8 << 20 } });
		expect(status).toBe(137);
	});

	test("pids: no further process is made", async () => {
		const { stderr } = await once("busybox sleep 1 & busybox sleep 1 & busybox sleep 1 & wait", { pids: { limit: 2 } });
		expect(stderr).toContain("can't fork");
	});

	test("cpu quota: the kernel throttles", async () => {
		await using container = Running.start("while :; do :; done", { cpu: { quota: 10000, period: 100000, shares: 512 } });
		const folder = await container.cgroup("cpu");
		const text = () => readFileSync(`${folder}/cpu.stat`, "utf8");
		for (let round = 0; round < 300 && !/nr_throttled [1-9]/.test(text()); round++) await Bun.sleep(10);
		expect(text()).toMatch(/nr_throttled [1-9]/);
	});

	test("devices: only those that are allowed open", async () => {
		const { stdout } = await once(
			"busybox mknod /tmp/kmsg c 1 11; busybox mknod /tmp/full c 1 7; busybox dd if=/tmp/kmsg count=1 2>&1; busybox dd if=/tmp/full bs=1 count=1 2>&1 | busybox grep records; ",
			{ devices: [{ allow: false, access: "rwm" }] },
		);
		expect(stdout).toContain("Operation not permitted");
		expect(stdout).toContain("1+0 records in");
	});

	test("devices are denied also when config.json says nothing of them", async () => {
		const { stdout } = await once("busybox mknod /tmp/kmsg c 1 11; busybox dd if=/tmp/kmsg count=1 2>&1", {});
		expect(stdout).toContain("Operation not permitted");
	});

	test("a limit of a controller that the machine lacks is refused by the controller's name", async () => {
		if (existsSync("/sys/fs/cgroup/rdma")) return;
		const { status, stderr } = await once("true", { rdma: { mlx5_1: { hcaHandles: 1 } } });
		expect(status).toBe(1);
		expect(stderr).toContain('"rdma"');
	});

	test("a cpuset of a nested path is filled from above, at every level", async () => {
		const path = `/cgroup-${process.pid}-nest/inner/leaf`;
		const { status, stdout } = await once("busybox cat /proc/self/cgroup", { cpu: { cpus: "0" } }, { cgroupsPath: path });
		expect({ status, all: stdout.includes(path) }).toEqual({ status: 0, all: true });
		for (const hierarchy of readdirSync("/sys/fs/cgroup")) {
			for (const end of ["/inner", ""]) Bun.spawnSync(["rmdir", `/sys/fs/cgroup/${hierarchy}/cgroup-${process.pid}-nest${end}`]);
		}
	});

	test("a cgroup that somebody lives in is refused", async () => {
		await using container = Running.start("exec busybox sleep 100", {});
		const path = (await container.cgroup("pids")).replace(version1 ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup", "");
		const { status, stderr } = await once("true", {}, { cgroupsPath: path });
		expect(status).toBe(1);
		expect(stderr).toContain("cgroup is not empty");
	});
});

describe("pause, ps, events, update", () => {
	test("a paused container is frozen, resumed it goes on, and it can be deleted while it is paused", async () => {
		await using container = Running.start("while :; do busybox date +%N; busybox usleep 1000; done", {});
		const status = async () => (JSON.parse((await container.command("state", container.id)).stdout) as { status: string }).status;
		expect((await container.command("pause", container.id)).status).toBe(0);
		expect(await status()).toBe("paused");
		const again = await container.command("pause", container.id);
		expect({ status: again.status, said: again.stderr.includes("container not running") }).toEqual({ status: 1, said: true });
		expect((await container.command("resume", container.id)).status).toBe(0);
		expect(await status()).toBe("running");
		expect((await container.command("resume", container.id)).stderr).toContain("container not paused");
		expect((await container.command("pause", container.id)).status).toBe(0);
	});

	test("ps shows the container's processes and no others", async () => {
		await using container = Running.start("busybox sleep 100 & exec busybox sleep 101", {});
		const json = async () => JSON.parse((await container.command("ps", "--format", "json", container.id)).stdout) as number[];
		let pids = await json();
		for (let round = 0; round < 100 && pids.length < 2; round++) pids = await json();
		expect(pids).toHaveLength(2);
		const table = await container.command("ps", container.id);
		expect(table.stdout.split("\n")[0]).toContain("PID");
		expect(table.stdout.trim().split("\n")).toHaveLength(3);
		const own = await container.command("ps", container.id, "-o", "pid,args");
		expect(own.stdout).toContain("sleep 101");
	});

	test("kill --all ends everybody, also those who outlive the first process and make others all the time", async () => {
		const shared = { namespaces: ["mount", "ipc", "uts"].map((type) => ({ type })) };
		const script = "(while :; do busybox sleep 0.01 & done) & exec busybox sleep 100";
		await using container = Running.start(script, { pids: { limit: 50 } }, corten, shared);
		const procs = `${await container.cgroup("pids")}/cgroup.procs`;
		const count = () => readFileSync(procs, "utf8").split("\n").filter(Boolean).length;
		for (let round = 0; round < 4000 && count() < 3; round++) await Bun.sleep(5);
		expect(count()).toBeGreaterThan(2);
		expect(await container.command("kill", "--all", container.id, "KILL")).toEqual({ status: 0, stdout: "", stderr: "" });
		for (let round = 0; round < 4000 && count() > 0; round++) await Bun.sleep(5);
		expect(count()).toBe(0);
	});

	test("update sets new limits, keeps the others, and says them in config.json", async () => {
		await using container = Running.start("exec busybox sleep 100", { memory: { limit: 64 << 20 }, cpu: { quota: 20000, period: 100000 } });
		const memory = `${await container.cgroup("memory")}/${version1 ? "memory.limit_in_bytes" : "memory.max"}`;
		const pids = `${await container.cgroup("pids")}/pids.max`;
		const update = (...args: readonly string[]) => container.command("update", ...args, container.id);
		expect(await update("--memory", "32m", "--pids-limit", "7")).toEqual({ status: 0, stdout: "", stderr: "" });
		expect(readFileSync(memory, "utf8").trim()).toBe(`${32 << 20}`);
		expect(readFileSync(pids, "utf8").trim()).toBe("7");
		const file = `${folder}/resources.json`;
		writeFileSync(file, JSON.stringify({ memory: { limit: 128 << 20, swap: 128 << 20 }, cpu: { period: 50000 } }));
		expect(await update("--resources", file)).toEqual({ status: 0, stdout: "", stderr: "" });
		expect(readFileSync(memory, "utf8").trim()).toBe(`${128 << 20}`);
		const kept = JSON.parse(readFileSync(`${folder}/root/${container.id}/config.json`, "utf8")) as { linux: { resources: object } };
		expect(kept.linux.resources).toEqual({
			memory: { limit: 128 << 20, swap: 128 << 20 },
			cpu: { quota: 20000, period: 50000 },
			pids: { limit: 7 },
		});
		const refused = await update("--memory", "4k");
		if (version1)
			expect({ status: refused.status, said: refused.stderr.includes("unable to set memory limit to 4096") }).toEqual({
				status: 1,
				said: true,
			});
	});

	test("events tells of the out-of-memory killer, and ends with the container", async () => {
		const limits = { memory: { limit: 8 << 20, swap: 8 << 20 } };
		await using container = Running.start("busybox sleep 1; busybox dd if=/dev/zero of=/tmp/big bs=1M count=64; exit 0", limits);
		const { status, stdout } = await container.command("events", "--interval", "100ms", container.id);
		const events = stdout
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line) as { type: string; id: string });
		expect(status).toBe(0);
		expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["stats", "oom"]));
		expect(events.every(({ id }) => id === container.id)).toBe(true);
	});

	/** Every key of a document, without the values: `data.memory.usage.limit`. */
	function keysOf(value: unknown, prefix = ""): string[] {
		if (typeof value !== "object" || value === null || Array.isArray(value)) return [prefix];
		return Object.entries(value).flatMap(([key, member]) => keysOf(member, `${prefix}.${key}`));
	}

	testWhen(installed("runc"), "runc is not installed")("the statistics have the members that runc's have", async () => {
		const limits = { memory: { limit: 64 << 20 }, pids: { limit: 10 } };
		const keys = async (runtime: readonly string[]): Promise<string[]> => {
			await using container = Running.start("busybox cat /bin/busybox >/tmp/x; exec busybox sleep 100", limits, runtime);
			await Bun.sleep(0);
			const { stdout } = await container.command("events", "--stats", container.id);
			// Counts that are zero are left out, and which are depends on the moment.
			return keysOf(JSON.parse(stdout)).filter((key) => !/cache|\.usage\.(usage|max)|throttl|blkio|percpu|psi/.test(key));
		};
		const [ours, theirs] = [await keys(corten), await keys(["runc", "--root", `${folder}/runc`])];
		expect(theirs.filter((key) => !ours.includes(key))).toEqual([]);
	});
});

test("nothing is left in any hierarchy", () => {
	expect(cgroupsOf([`cgroup-${process.pid}-`])).toEqual([]);
});
