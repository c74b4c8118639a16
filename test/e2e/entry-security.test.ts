// Attacks on the moment in which a process enters a container, by `corten-runtime run` and `exec`. Every test names the CVE whose mechanism
// it repeats, runs the attack from inside and sees it fail; each with and without a user namespace where that makes a difference.

import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { run, top } from "../support/corten.ts";
import { must } from "../support/must.ts";
import { type BundleChange, capabilities, fresh, usualMounts, World } from "../support/small-bundle.ts";

const base = 1_000_000;
const range = [{ containerID: 0, hostID: base, size: 65_536 }];
const host = new World();
const user = new World(base);
afterAll(async () => {
	await host[Symbol.asyncDispose]();
	await user[Symbol.asyncDispose]();
});

const types = ["pid", "mount", "ipc", "uts", "network"] as const;
/** With the host's users and with users of its own. */
const kinds = [
	["the host's users", host, (change: BundleChange): BundleChange => ({ namespaces: fresh(...types), ...change })],
	[
		"a user namespace",
		user,
		(change: BundleChange): BundleChange => ({
			namespaces: fresh(...types, "user"),
			...change,
			linux: { uidMappings: range, gidMappings: range, ...change.linux },
		}),
	],
] as const;

const sum = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const programs = [`${top}/build/launch`, `${top}/build/corten`];

/** A volume that the container writes its findings into. */
function notebook(world: World): { readonly file: string; readonly mount: object } {
	const folder = `${world.folder}/notes-${world.made}`;
	mkdirSync(folder);
	must(["chmod", "0777", folder]);
	return { file: `${folder}/found`, mount: { destination: "/mnt", type: "bind", source: folder, options: ["bind"] } };
}

function found(file: string): string {
	try {
		return readFileSync(file, "utf8");
	} catch {
		return "";
	}
}

describe.each(kinds)("with %s", (_, world, shape) => {
	test("CVE-2016-9962: a process that enters can be neither read nor listed nor traced", async () => {
		// mem wants the right to attach, fd and environ the right to read: both are ptrace's.
		// What is still launch after it was read was launch when it was read: the payload that it becomes is the container's own.
		const attempt = {
			FD: "readlink $p/fd/0",
			ENVIRON: "head -c 1 $p/environ | grep -q .",
			MEM: "dd if=$p/mem bs=1 count=1 skip=4194304 2>/dev/null | grep -q .",
			MAPS: "grep -q . $p/maps",
			CWD: "readlink $p/cwd",
			ROOT: "ls $p/root/",
			EXE: "readlink $p/exe",
		};
		const tries = Object.entries(attempt).map(([name, command]) => `${command} >/dev/null 2>&1 && hit ${name};`);
		const script = `is() { read -r c < $p/comm && [ "$c" = corten-launch ]; }; hit() { is && echo $1 >> /mnt/found; }
			for i in 1 2 3; do while :; do for p in /proc/[0-9]*; do if is; then echo $p >> /mnt/seen; ${tries.join(" ")} fi; done; done 2>/dev/null & done; wait`;
		const { file, mount } = notebook(world);
		const { id } = await world.start(shape({ script, mounts: [...usualMounts, mount] }));
		for (let round = 0; round < 40; round++) await world.call(["exec", id, "/bin/busybox", "true"]);
		await world.call(["delete", "--force", id]);
		expect(found(file.replace("found", "seen"))).not.toBe("");
		expect(found(file)).toBe("");
	}, 60_000);

	test("CVE-2019-5736: the runtime's program cannot be overwritten through /proc/self/exe", async () => {
		const before = programs.map(sum);
		const script =
			'while :; do for p in /proc/[0-9]*; do case "$(readlink $p/exe 2>/dev/null)" in /bin/busybox|"") ;; *) ( : >> $p/exe ) 2>/dev/null && echo WROTE >> /mnt/found;; esac; done; done';
		const { file, mount } = notebook(world);
		const all = capabilities("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN");
		const { id } = await world.start(shape({ script, mounts: [...usualMounts, mount], process: { capabilities: all } }));
		for (let round = 0; round < 20; round++) await world.call(["exec", id, "/proc/self/exe", "true"]);
		await world.call(["delete", "--force", id]);
		symlinkSync("/proc/self/exe", `${world.rootfs}/bin/evil`);
		await world.run(shape({ process: { args: ["/bin/evil", "x"], capabilities: all } }));
		expect(found(file)).toBe("");
		expect(programs.map(sum)).toEqual(before);
	}, 60_000);

	test("CVE-2024-21626: no descriptor and no working directory of the host is left", async () => {
		const look = "ls /proc/self/fd | tr '\\n' ' '; ls ../../../../../../.. | tr '\\n' ' '";
		const inside = (await world.run(shape({ script: look }))).stdout;
		expect(inside).toStartWith("0 1 2 3 ");
		// A caller that leaks descriptors of its own, folders of the host among them.
		const leaky = (...command: readonly string[]) => run(["sh", "-c", 'exec 7</ 8</etc 9</proc; exec "$@"', "sh", ...command]);
		const bundle = world.bundle(shape({ script: look }));
		expect((await leaky(...world.command("run", "--bundle", bundle, world.id()))).stdout).toBe(inside);
		const { id } = await world.start(shape({}));
		expect((await leaky(...world.command("exec", id, "/bin/busybox", "sh", "-c", look))).stdout).toBe(inside);
		symlinkSync("/proc/self/fd", `${world.rootfs}/fds`);
		for (let fd = 3; fd < 24; fd++) {
			for (const cwd of [`/proc/self/fd/${fd}`, `/proc/self/fd/${fd}/../../..`, `/fds/${fd}`]) {
				const result = await leaky(
					...world.command("exec", "--cwd", cwd, id, "/bin/busybox", "sh", "-c", "ls -d ../../../../../../../usr"),
				);
				expect(result.stdout).toBe("");
				if (fd % 5 === 0) {
					const made = world.bundle(shape({ script: "ls -d ../../../../../../../usr", process: { cwd } }));
					expect((await leaky(...world.command("run", "--bundle", made, world.id()))).stdout).toBe("");
				}
			}
		}
		await world.call(["delete", "--force", id]);
	}, 60_000);

	test("CVE-2022-29162, CVE-2022-24769: inheritable and ambient capabilities are those of config.json alone", async () => {
		const script = "grep -E 'CapInh|CapAmb|CapEff' /proc/self/status | tr -d '\\n'";
		const none = "CapInh:\t0000000000000000CapEff:\t0000000000000020CapAmb:\t0000000000000000";
		const process = { capabilities: capabilities("CAP_KILL") };
		// A caller that has inheritable capabilities.
		const inheriting = ["setpriv", "--inh-caps=+chown,+sys_admin,+kill"];
		const bundle = world.bundle(shape({ script, process }));
		expect((await run([...inheriting, ...world.command("run", "--bundle", bundle, world.id())])).stdout).toBe(none);
		const { id } = await world.start(shape({ process }));
		expect((await run([...inheriting, ...world.command("exec", id, "/bin/busybox", "sh", "-c", script)])).stdout).toBe(none);
		const added = await run([...inheriting, ...world.command("exec", "--cap", "CAP_SYS_ADMIN", id, "/bin/busybox", "sh", "-c", script)]);
		expect(added.stdout).not.toContain("CapInh:\t0000000000200");
		await world.call(["delete", "--force", id]);
	});

	test("CVE-2022-36109: the caller's groups stay outside", async () => {
		const grouped = ["setpriv", "--groups=4,24,27"];
		const groups = "grep ^Groups /proc/self/status | tr -d ' '";
		const bundle = world.bundle(shape({ script: groups, process: { user: { uid: 5, gid: 6 } } }));
		expect((await run([...grouped, ...world.command("run", "--bundle", bundle, world.id())])).stdout).toBe("Groups:\t\n");
		const { id } = await world.start(shape({}));
		expect((await run([...grouped, ...world.command("exec", id, "/bin/busybox", "sh", "-c", groups)])).stdout).toBe("Groups:\t\n");
		await world.call(["delete", "--force", id]);
	});

	test("exec goes into the container that was meant or nowhere: a number that went to another process", async () => {
		const { id, pid } = await world.start(shape({}));
		const file = `${world.folder}/run/${id}/pid`;
		const [, ...rest] = readFileSync(file, "utf8").split(" ");
		await Bun.sleep(30); // the kernel counts start times in hundredths of a second
		const bystander = Bun.spawn(["sleep", "100"]);
		try {
			writeFileSync(file, [bystander.pid, ...rest].join(" "));
			const { status, stdout } = await world.call(["exec", id, "/bin/busybox", "echo", "RAN"]);
			expect(status).not.toBe(0);
			expect(stdout).toBe("");
		} finally {
			bystander.kill();
			await bystander.exited;
			writeFileSync(file, [pid, ...rest].join(" "));
		}
		await world.call(["delete", "--force", id]);
	});

	test("exec goes into the container that was meant or nowhere: a container that ends meanwhile", async () => {
		const outside = readlinkSync("/proc/self/ns/mnt");
		for (let round = 0; round < 12; round++) {
			const { id, pid } = await world.start(shape({}));
			const inside = readlinkSync(`/proc/${pid}/ns/mnt`);
			const execs = [0, 1, 2].map(() => world.call(["exec", id, "/bin/busybox", "readlink", "/proc/self/ns/mnt"]));
			await Bun.sleep(round * 2);
			process.kill(pid, "SIGKILL");
			for (const { stdout } of await Promise.all(execs)) {
				expect(stdout).not.toContain(outside);
				expect(["", `${inside}\n`]).toContain(stdout);
			}
			await world.call(["delete", "--force", id]);
		}
	}, 60_000);

	test("CVE-2022-0492: no cgroup hierarchy can be mounted writable to set its release_agent", async () => {
		const script =
			"for c in cpu memory rdma devices freezer; do mkdir -p /tmp/$c; mount -t cgroup -o $c x /tmp/$c 2>/dev/null && (echo /tmp/evil > /tmp/$c/release_agent) 2>/dev/null && echo WROTE; done; echo done";
		// Whoever has CAP_SYS_ADMIN over the host owns it: with the host's users the attack is made without.
		const caps = world === user ? capabilities("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE") : capabilities("CAP_DAC_OVERRIDE");
		expect((await world.run(shape({ script, process: { capabilities: caps } }))).stdout).toBe("done\n");
	});

	test("the caller's keys and environment stay outside", async () => {
		const { id } = await world.start(shape({}));
		const script = "env | grep -c CORTEN_SECRET; cat /proc/self/environ | tr '\\0' '\\n' | grep -c SECRET; true";
		const env = { PATH: process.env.PATH ?? "", CORTEN_SECRET: "x" };
		expect((await world.call(["exec", id, "/bin/busybox", "sh", "-c", script], { env })).stdout).toBe("0\n0\n");
		await world.call(["delete", "--force", id]);
	});
});

describe("users of its own", () => {
	const shape = kinds[1][2];
	test("root of the container is nobody to files and processes of the host", async () => {
		const folder = `${user.folder}/host-files`;
		mkdirSync(folder);
		writeFileSync(`${folder}/secret`, "host's own\n", { mode: 0o600 });
		must(["cp", "/bin/busybox", `${folder}/busybox`]);
		must(["chmod", "4755", `${folder}/busybox`]);
		const mount = { destination: "/mnt", type: "bind", source: folder, options: ["bind"] };
		const all = capabilities("CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER", "CAP_KILL", "CAP_SETUID", "CAP_SYS_ADMIN");
		const script =
			"cat /mnt/secret 2>/dev/null && echo READ; chown 0:0 /mnt/secret 2>/dev/null && echo OWNED; chmod 777 /mnt/secret 2>/dev/null && echo CHMOD; rm -f /mnt/secret 2>/dev/null && echo REMOVED; kill -0 -1 2>/dev/null; stat -c %u /mnt/secret; /mnt/busybox id -u";
		const out = (await user.run(shape({ script, mounts: [...usualMounts, mount], process: { capabilities: all } }))).stdout;
		expect(out).toBe("65534\n0\n");
		expect(readFileSync(`${folder}/secret`, "utf8")).toBe("host's own\n");
		expect(readdirSync(folder).sort()).toEqual(["busybox", "secret"]);
	});
	test("CVE-2023-25809: a rootless container without a cgroup namespace cannot write the host's cgroups", async () => {
		const uid = 23_457;
		await using rootless = new World(uid, ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"]);
		const own = [{ containerID: 0, hostID: uid, size: 1 }];
		const mounts = [
			...usualMounts.filter(({ type }) => type !== "devpts"),
			{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] },
		];
		const script =
			"for f in $(busybox find /sys/fs/cgroup -name cgroup.procs -o -name release_agent -o -name tasks | busybox head -n 50); do (echo 0 > $f) 2>/dev/null && echo WROTE $f; done; mkdir /sys/fs/cgroup/x 2>/dev/null && echo MADE; echo done";
		const { stdout } = await rootless.run({
			script,
			mounts,
			namespaces: fresh(...types, "user"),
			linux: { uidMappings: own, gidMappings: own },
		});
		expect(stdout).toBe("done\n");
	});
});
