// Mounts, devices and the root as config.json asks for them, seen from inside a container.
// @see runtime-spec config.md#mounts, config-linux.md#devices

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	copyFileSync,
	existsSync,
	lstatSync,
	mkdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { run as runCommand } from "../support/corten.ts";
import { must } from "../support/must.ts";
import { type BundleChange, capabilities, fresh, usualMounts, World } from "../support/small-bundle.ts";

const world = new World();
const inUser = new World(1_000_000);
const source = `${world.folder}/source`;

beforeAll(() => {
	mkdirSync(`${source}/below`, { recursive: true });
	writeFileSync(`${source}/file`, "text\n");
	symlinkSync(source, `${world.folder}/link`);
});
afterAll(async () => {
	await world[Symbol.asyncDispose]();
	await inUser[Symbol.asyncDispose]();
});

/** Runs a script with these mounts beside the usual ones. @returns its output. @throws when it fails */
async function sh(script: string, mounts: readonly object[], change: BundleChange = {}, where = world): Promise<string> {
	const { status, stdout, stderr } = await where.run({ ...change, mounts: [...usualMounts, ...mounts], script });
	if (status !== 0) throw new Error(`status ${status}: ${stdout}${stderr}`);
	return stdout.replace(/\n$/, "");
}

/** What the runtime says when it cannot. */
async function refusal(change: BundleChange, ...mounts: readonly object[]): Promise<string> {
	const { status, stderr } = await world.run({ ...change, mounts: [...usualMounts, ...mounts], script: "true" });
	expect(status).not.toBe(0);
	return stderr;
}

const tmpfs = (destination: string, ...options: readonly string[]) => ({ destination, type: "tmpfs", source: "tmpfs", options });
const bind = (destination: string, from: string, ...options: readonly string[]) => ({
	destination,
	source: from,
	options: ["bind", ...options],
});
const optionsOf = (path: string) => `grep " ${path} " /proc/mounts | cut -d ' ' -f 4`;
const propagationOf = (path: string) => `awk '$5 == "${path}"' /proc/self/mountinfo | grep -oE "(shared|master|unbindable)" | tr "\\n" " "`;
const admin = { process: { capabilities: capabilities("CAP_SYS_ADMIN", "CAP_CHOWN", "CAP_DAC_OVERRIDE") } };

describe("options", () => {
	test("of the mount are seen in it", async () => {
		const words = {
			nosuid: "nosuid",
			nodev: "nodev",
			noexec: "noexec",
			ro: "ro",
			noatime: "noatime",
			nodiratime: "nodiratime",
			nosymfollow: "nosymfollow",
		};
		for (const [word, seen] of Object.entries(words)) {
			const [made, bound] = (await sh(`${optionsOf("/a")}; ${optionsOf("/mnt")}`, [tmpfs("/a", word), bind("/mnt", source, word)])).split(
				"\n",
			);
			expect(made?.split(",")).toContain(seen);
			expect(bound?.split(",")).toContain(seen);
		}
		expect((await sh(optionsOf("/a"), [tmpfs("/a", "strictatime")])).split(",")).not.toContain("relatime");
	});
	test("of the superblock too", async () => {
		const out = await sh(optionsOf("/a"), [tmpfs("/a", "sync", "dirsync", "lazytime", "mand", "acl", "iversion", "silent", "loud")]);
		for (const word of ["sync", "dirsync", "lazytime"]) expect(out.split(",")).toContain(word);
	});
	test("with an r in front reach the mounts below, those without do not", async () => {
		const holder = `${world.folder}/tree`;
		mkdirSync(`${holder}/sub`, { recursive: true });
		must(["mount", "-t", "tmpfs", "tmpfs", `${holder}/sub`]);
		try {
			for (const word of ["ro", "nosuid", "noexec", "nodev", "noatime", "nodiratime", "nosymfollow"]) {
				const mounts = [
					{ destination: "/mnt", source: holder, options: ["rbind", `r${word}`] },
					{ destination: "/a", source: holder, options: ["rbind", word] },
				];
				const [deep, flat] = (await sh(`${optionsOf("/mnt/sub")}; ${optionsOf("/a/sub")}`, mounts)).split("\n");
				expect(deep?.split(",")).toContain(word);
				expect(flat?.split(",")).not.toContain(word);
			}
		} finally {
			must(["umount", `${holder}/sub`]);
		}
	});
	test("propagation words work together and in their order", async () => {
		const mounts = [
			bind("/mnt", source, "private"),
			bind("/a", source, "rslave"),
			bind("/b", source, "rslave", "shared"),
			bind("/c", source, "unbindable"),
		];
		must(["mount", "--bind", source, source]);
		must(["mount", "--make-shared", source]);
		try {
			const script = ["/mnt", "/a", "/b", "/c"].map((path) => `echo "$(${propagationOf(path)})"`).join("; ");
			expect((await sh(script, mounts)).split("\n").map((line) => line.trim())).toEqual(["", "master", "shared master", "unbindable"]);
		} finally {
			must(["umount", source]);
		}
	});
	test("remount changes what is there: of a filesystem, and of one mount alone", async () => {
		const again = { destination: "/a", type: "tmpfs", source: "tmpfs", options: ["remount", "size=64k", "ro"] };
		expect(await sh(optionsOf("/a"), [tmpfs("/a"), again])).toMatch(/^ro,.*size=64k/);
		const mount = { destination: "/mnt", type: "none", options: ["remount", "bind", "ro"] };
		expect(await sh(optionsOf("/mnt"), [bind("/mnt", source, "nosuid"), mount])).toMatch(/^ro,nosuid/);
		expect(await refusal({}, { destination: "/etc", type: "none", options: ["remount", "bind", "ro"] })).toContain("EINVAL");
	});
	test("a word that no filesystem knows is an error that names the mount", async () => {
		expect(await refusal({}, tmpfs("/a", "nonsense"))).toContain("/mounts/6");
		expect(await refusal({}, bind("/mnt", source, "size=1m"))).toContain("/mounts/6/options");
	});
});

describe("binds", () => {
	test("of a file, a folder, a device, a socket, and of what a link of the host leads to, also on targets that are missing", async () => {
		const server = createServer();
		await new Promise<void>((done) => server.listen(`${world.folder}/socket`, done));
		const mounts = [
			bind("/new/file", `${source}/file`),
			bind("/new/folder", source),
			bind("/new/device", "/dev/zero"),
			bind("/new/socket", `${world.folder}/socket`),
			bind("/new/linked", `${world.folder}/link`),
		];
		const script = "cat /new/file /new/folder/file /new/linked/file; stat -c '%F' /new/device /new/socket";
		expect(await sh(script, mounts)).toBe("text\ntext\ntext\ncharacter special file\nsocket");
		server.close();
	});
	test("without a type, with type none, and by a path that begins at the bundle", async () => {
		const bundle = world.bundle({
			mounts: [...usualMounts, { destination: "mnt", type: "none", source: "data", options: ["rbind"] }],
			script: "cat /mnt/f",
		});
		mkdirSync(`${bundle}/data`);
		writeFileSync(`${bundle}/data/f`, "of the bundle\n");
		const { stdout } = await world.call(["run", "--bundle", bundle, world.id()]);
		expect(stdout).toBe("of the bundle\n");
	});
	test("of what is not there are refused, with both names", async () => {
		expect(await refusal({}, bind("/mnt", "/no/such"))).toMatch(/"\/no\/such".*"\/mnt".*ENOENT/);
	});
	test("hide each other in their order", async () => {
		writeFileSync(`${source}/below/second`, "");
		expect(await sh("ls /mnt", [bind("/mnt", source), bind("/mnt", `${source}/below`)])).toBe("second");
		expect(await sh("ls /mnt /mnt/below", [bind("/mnt", source), tmpfs("/mnt/below")])).toBe("/mnt:\nbelow\nfile\n\n/mnt/below:");
	});
	test("show other owners with idmap: by their own mappings, and by those of the container", async () => {
		const mappings = {
			uidMappings: [{ containerID: 0, hostID: 1234, size: 100 }],
			gidMappings: [{ containerID: 0, hostID: 77, size: 100 }],
		};
		const own = { ...bind("/mnt", source, "idmap"), ...mappings };
		expect(await sh("stat -c '%u %g' /mnt/file", [own])).toBe("1234 77");
		expect(await sh("stat -c '%u %g' /mnt/file", [{ ...own, options: ["rbind", "ridmap"] }])).toBe("1234 77");
		const range = [{ containerID: 0, hostID: 1_000_000, size: 65_536 }];
		const change = {
			namespaces: fresh("pid", "mount", "ipc", "uts", "network", "user"),
			linux: { uidMappings: range, gidMappings: range },
		};
		expect(await sh("stat -c '%u' /mnt/file", [bind("/mnt", source, "idmap")], change, inUser)).toBe("0");
		expect(await sh("stat -c '%u' /mnt/file", [bind("/mnt", source)], change, inUser)).toBe("65534");
		expect(await refusal({}, bind("/mnt", source, "idmap"))).toContain("uidMappings");
	});
});

describe("filesystems", () => {
	test("tmpfs: size, mode, owner; without a mode that of the folder below, or everybody's", async () => {
		chmodSync(`${world.rootfs}/etc`, 0o750);
		const mounts = [tmpfs("/a", "size=64k,nr_inodes=50", "mode=0700", "uid=5"), tmpfs("/etc"), tmpfs("/nowhere/before")];
		expect(await sh(`stat -c '%a %u' /a; stat -c %a /etc /nowhere/before; ${optionsOf("/a")}`, mounts)).toMatch(
			/^700 5\n750\n1777\nrw,relatime,size=64k,nr_inodes=50,mode=700,uid=5/,
		);
		chmodSync(`${world.rootfs}/etc`, 0o755);
	});
	test("tmpfs with tmpcopyup has what the image has there: content, owners, modes, times, links as links", async () => {
		const folder = `${world.rootfs}/image`;
		mkdirSync(`${folder}/sub`, { recursive: true });
		writeFileSync(`${folder}/sub/program`, "x".repeat(200_000));
		chownSync(`${folder}/sub/program`, 7, 8);
		chmodSync(`${folder}/sub/program`, 0o4755);
		symlinkSync("/etc/passwd", `${folder}/link`);
		must(["mkfifo", `${folder}/pipe`]);
		utimesSync(`${folder}/sub/program`, 1000, 2000);
		utimesSync(`${folder}/sub`, 1000, 3000);
		chmodSync(folder, 0o1775);
		const look = "cd /image; stat -c '%n %F %a %u %g' . sub/program pipe; stat -c %Y sub/program sub; readlink link; wc -c < sub/program";
		const expected = ". directory 1775 0 0\nsub/program regular file 4755 7 8\npipe fifo 644 0 0\n2000\n3000\n/etc/passwd\n200000";
		expect(await sh(look, [tmpfs("/image", "tmpcopyup")])).toBe(expected);
		expect(await sh(`${look}; touch /image/x 2>&1 | grep -c Read-only`, [tmpfs("/image", "tmpcopyup", "ro")])).toBe(`${expected}\n1`);
		rmSync(folder, { recursive: true });
	});
	test("a read-only tmpfs has what is mounted in it, and /dev its devices", async () => {
		const mounts = [
			...usualMounts.map((mount) => (mount.destination === "/dev" ? { ...mount, options: ["ro", "mode=755"] } : mount)),
			tmpfs("/a", "ro"),
			tmpfs("/a/b/c"),
		];
		const { stdout } = await world.run({
			mounts,
			script: "ls /dev/null /a/b; touch /a/x 2>&1 | grep -c Read-only; touch /dev/x 2>&1 | grep -c Read-only",
		});
		expect(stdout).toBe("/dev/null\n\n/a/b:\nc\n1\n1\n");
	});
	test("overlay and others go through mount(2), with options as long as they like", async () => {
		const [lower, upper, work] = ["lower", "upper", "work"].map((name) => `${world.folder}/${name}`);
		for (const path of [lower, upper, work]) mkdirSync(`${path}`);
		const lowers = [lower, ...Array.from({ length: 9 }, (_, index) => `${lower}${"x".repeat(60)}${index}`)];
		for (const path of lowers.slice(1)) mkdirSync(`${path}`);
		writeFileSync(`${lower}/low`, "");
		const options = [`lowerdir=${lowers.join(":")}`, `upperdir=${upper}`, `workdir=${work}`, "nosuid"];
		const overlay = { destination: "/mnt", type: "overlay", source: "overlay", options };
		expect(await sh(`touch /mnt/high; ls /mnt; ${optionsOf("/mnt")} | cut -d , -f 1-2`, [overlay])).toBe("high\nlow\nrw,nosuid");
		expect(existsSync(`${upper}/high`)).toBe(true);
		expect(await refusal({}, { destination: "/mnt", type: "nosuchfs", source: "none" })).toContain("ENODEV");
	});
	test("at / one becomes the root, and what follows is mounted in it", async () => {
		mkdirSync(`${world.folder}/bin`);
		for (const name of ["busybox", "sh"]) copyFileSync("/bin/busybox", `${world.folder}/bin/${name}`);
		const mounts = [tmpfs("/", "mode=755"), bind("/bin", `${world.folder}/bin`), ...usualMounts];
		const { stdout, stderr } = await world.run({ mounts, script: "grep ' / ' /proc/mounts | cut -d ' ' -f 1-3; ls -d /bin /mnt" });
		expect(`${stdout}${stderr}`).toStartWith("tmpfs / tmpfs\n/bin\n");
		expect(stdout).not.toContain("/mnt");
	});
	test("sysfs in a user namespace that has the host's network is the host's", async () => {
		const range = [{ containerID: 0, hostID: 1_000_000, size: 65_536 }];
		const mounts = usualMounts.filter(({ type }) => type !== "mqueue");
		const change = { namespaces: fresh("pid", "mount", "uts", "user"), linux: { uidMappings: range, gidMappings: range } };
		const script = "ls -d /sys/class/net/lo; cut -d ' ' -f 2,3 /proc/mounts | grep -E '^/sys '; touch /sys/x 2>&1 | grep -c Read-only";
		const { stdout, stderr } = await inUser.run({ ...change, mounts, script });
		expect(`${stdout}${stderr}`).toBe("/sys/class/net/lo\n/sys sysfs\n1\n");
	});
	test("a destination without its first slash, or with dots, is below the root", async () => {
		expect(await sh("cat /mnt/file /etc/x/file", [bind("mnt/", source), bind("/../etc/./y/../x", source)])).toBe("text\ntext");
	});
});

describe("devices", () => {
	const device = (path: string, more: object = {}) => ({ path, type: "c", major: 1, minor: 5, ...more });
	test("of every type, anywhere, with mode and owner", async () => {
		const devices = [
			device("/dev/zero2", { fileMode: 0o640, uid: 3, gid: 4 }),
			device("/else/where", { type: "u", fileMode: 0o1666 }),
			{ path: "/dev/sub/block", type: "b", major: 7, minor: 300 },
			{ path: "/dev/pipe", type: "p", fileMode: 0o600 },
		];
		const script = "stat -c '%F %a %u %g %t:%T' /dev/zero2 /else/where /dev/sub/block /dev/pipe";
		expect(await sh(script, [], { linux: { devices } })).toBe(
			"character special file 640 3 4 1:5\ncharacter special file 1666 0 0 1:5\nblock special file 666 0 0 7:12c\nfifo 600 0 0 0:0",
		);
		rmSync(`${world.rootfs}/else`, { recursive: true });
	});
	test("that are there already must be the same", async () => {
		const path = `${world.rootfs}/here`;
		must(["mknod", path, "c", "1", "5"]);
		expect(await sh("stat -c %t:%T /here", [], { linux: { devices: [device("/here")] } })).toBe("1:5");
		expect(await refusal({ linux: { devices: [device("/here", { minor: 3 })] } })).toMatch(/"\/here".*EEXIST/);
		expect(await refusal({ linux: { devices: [device("/bin/busybox")] } })).toMatch(/EEXIST/);
		rmSync(path);
	});
	test("of the specification are there, with the links", async () => {
		const script =
			"cd /dev; stat -c '%n %a %t:%T' null zero full random urandom tty; for l in fd stdin stdout stderr ptmx; do readlink $l; done";
		expect(await sh(script, [])).toBe(
			"null 666 1:3\nzero 666 1:5\nfull 666 1:7\nrandom 666 1:8\nurandom 666 1:9\ntty 666 5:0\n/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx",
		);
	});
	test("are the host's where none can be made, and must be what was asked for", async () => {
		const without = ["setpriv", "--inh-caps=-mknod", "--bounding-set=-mknod"];
		const devices = [device("/dev/zero", { major: 1, minor: 5 }), { path: "/dev/pipe", type: "p", fileMode: 0o600 }];
		const run = (linux: object) => {
			const script = "stat -c '%n %F %t:%T' /dev/null /dev/zero /dev/pipe; echo x > /dev/null; head -c 2 /dev/zero | wc -c";
			return runCommand([...without, ...world.command("run", "--bundle", world.bundle({ linux, script }), world.id())]);
		};
		const special = "character special file";
		expect((await run({ devices })).stdout).toBe(`/dev/null ${special} 1:3\n/dev/zero ${special} 1:5\n/dev/pipe fifo 0:0\n2\n`);
		expect((await run({ devices: [device("/dev/zero", { minor: 3 })] })).stderr).toContain("ENODEV");
		expect((await run({ devices: [device("/dev/no-such")] })).stderr).toMatch(/"\/dev\/no-such": ENOENT/);
	});
	test("are not made in the host's own /dev", async () => {
		const mounts = [
			{ destination: "/proc", type: "proc" },
			{ destination: "/dev", source: "/dev", options: ["rbind"] },
		];
		const before = lstatSync("/dev/null").ctimeMs;
		const { status } = await world.run({ mounts, script: "test -c /dev/null" });
		expect(status).toBe(0);
		expect(lstatSync("/dev/null").ctimeMs).toBe(before);
	});
});

describe("the root", () => {
	test("can be read-only while volumes are not", async () => {
		const change = { more: { root: { path: world.rootfs, readonly: true } } };
		expect(await sh("touch /x 2>&1 | grep -c Read-only; touch /mnt/new && ls /mnt/new", [bind("/mnt", source)], change)).toBe(
			"1\n/mnt/new",
		);
		rmSync(`${source}/new`);
	});
	test("can be a mount, or the host's own /", async () => {
		const change = { more: { root: { path: "/", readonly: true } }, process: { args: ["/bin/true"] } };
		const { status, stderr } = await world.run({ ...change, mounts: [] });
		expect(`${status} ${stderr}`).toBe("0 ");
	});
	test("can be entered without pivot_root", async () => {
		const { stdout, stderr } = await world.run({ script: "ls -d /mnt /proc/1; ls /lib 2>/dev/null; cd /../..; ls -d mnt" }, "--no-pivot");
		expect(`${stdout}${stderr}`).toBe("/mnt\n/proc/1\nmnt\n");
		const range = [{ containerID: 0, hostID: 1_000_000, size: 65_536 }];
		const namespaces = fresh("pid", "mount", "ipc", "uts", "network", "user");
		const linux = { uidMappings: range, gidMappings: range };
		const inside = await inUser.run({ namespaces, linux, script: "ls -d /mnt; cd /../..; ls -d mnt" }, "--no-pivot");
		expect(`${inside.stdout}${inside.stderr}`).toBe("/mnt\nmnt\n");
	});
	test("has the propagation that is asked for", async () => {
		const seen: Record<string, string> = {};
		for (const word of ["private", "rprivate", "shared", "rshared", "unbindable"]) {
			seen[word] = (await sh(propagationOf("/"), [], { linux: { rootfsPropagation: word } })).trim();
		}
		expect(seen).toEqual({ private: "", rprivate: "", shared: "shared", rshared: "shared", unbindable: "unbindable" });
		for (const word of ["slave", "rslave"])
			expect(await sh(propagationOf("/"), [], { linux: { rootfsPropagation: word } })).not.toContain("shared");
	});
	test("hides masked paths and keeps read-only ones, absent ones are passed over, mounts below keep their own options", async () => {
		const linux = { maskedPaths: ["/proc/timer_list", "/sys/firmware", "/no/such"], readonlyPaths: ["/proc/sys", "/mnt", "/no/such"] };
		const script =
			"wc -c < /proc/timer_list; ls /sys/firmware | wc -l; touch /mnt/x 2>&1 | grep -c Read-only; touch /mnt/a/x && echo writable";
		expect(await sh(script, [tmpfs("/mnt"), tmpfs("/mnt/a")], { linux })).toBe("0\n0\n1\nwritable");
		const twice = { readonlyPaths: ["/mnt", "/mnt"] };
		expect((await sh(optionsOf("/mnt"), [tmpfs("/mnt", "ro", "nosuid", "noexec", "nodev")], { linux: twice })).split("\n").at(-1)).toMatch(
			/^ro,nosuid,nodev,noexec/,
		);
	});
	test("sysctls are set in the container's namespaces and refused elsewhere", async () => {
		const before = readFileSync("/proc/sys/kernel/msgmax", "utf8");
		const sysctl = { "kernel.msgmax": "9000", "net.ipv4.ip_forward": "1", "net/ipv4/conf/lo/forwarding": "1", "fs.mqueue.msg_max": "11" };
		const script = "cd /proc/sys; cat kernel/msgmax net/ipv4/ip_forward net/ipv4/conf/lo/forwarding fs/mqueue/msg_max";
		expect(await sh(script, [], { linux: { sysctl } })).toBe("9000\n1\n1\n11");
		expect(readFileSync("/proc/sys/kernel/msgmax", "utf8")).toBe(before);
		for (const name of ["kernel.hostname", "kernel.panic", "vm.swappiness", "net/../kernel/panic"]) {
			expect(await refusal({ linux: { sysctl: { [name]: "1" } } })).toContain(`"${name}"`);
		}
		expect(await refusal({ namespaces: fresh("pid", "mount"), linux: { sysctl: { "net.ipv4.ip_forward": "1" } } })).toContain("sysctl");
	});
});

test("without privilege, what the host's mounts forbid stays forbidden, and everything else works", async () => {
	const as = ["setpriv", "--reuid=1500", "--regid=1500", "--clear-groups"];
	await using rootless = new World(1500, as);
	const [volume, root] = [`${rootless.folder}/volume`, `${rootless.folder}/nosuid`];
	for (const path of [volume, root]) mkdirSync(path);
	must(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,ro", "tmpfs", volume]);
	must(["mount", "-t", "tmpfs", "-o", "nosuid,nodev", "tmpfs", root]);
	must(["cp", "-a", `${rootless.rootfs}/.`, root]);
	try {
		const mapping = [{ containerID: 0, hostID: 1500, size: 1 }];
		const pts = ["nosuid", "newinstance", "ptmxmode=0666"]; // gid=5 is nobody's here
		const base = usualMounts.map((mount) => (mount.destination === "/dev/pts" ? { ...mount, options: pts } : mount));
		const run = (...options: readonly string[]) =>
			rootless.run({
				mounts: [...base, { destination: "/mnt", source: volume, options }],
				namespaces: fresh("pid", "mount", "ipc", "uts", "user", "network"),
				linux: { uidMappings: mapping, gidMappings: mapping, maskedPaths: ["/proc/timer_list", "/sys/firmware"], readonlyPaths: ["/tmp"] },
				more: { root: { path: root, readonly: true } },
				script: `echo x > /dev/null; ${optionsOf("/mnt")}; ${optionsOf("/")}; ${optionsOf("/tmp")} | tail -n 1; wc -c < /proc/timer_list`,
			});
		for (const options of [["rbind"], ["bind", "ro"], ["rbind", "rro", "rprivate"], ["bind", "nosuid", "rslave"]]) {
			const { stdout, stderr } = await run(...options);
			expect(`${stdout}${stderr}`).toMatch(/^ro,nosuid,nodev,noexec,.*\nro,nosuid,nodev,.*\nro,relatime,.*\n0\n$/);
		}
		expect((await run("bind", "exec")).stderr).toMatch(/"\/mnt": EPERM/);
	} finally {
		must(["umount", volume]);
		must(["umount", root]);
	}
});

test("a container may mount, and what it mounts stays its own", async () => {
	expect(await sh("mount -t tmpfs t /mnt && touch /mnt/x && ls /mnt", [], admin)).toBe("x");
	expect(existsSync(`${world.rootfs}/mnt/x`)).toBe(false);
	expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(world.folder);
});
