// corten cp beyond the question of where things go: owners, containers in every state, mounts, streams, kills. cp-rules.test.ts has docker's table.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
	chmodSync,
	chownSync,
	existsSync,
	linkSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { Home, type RunOptions, run } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";

const home = new Home();
const { folder } = home;
const volume = `${folder}/volume`;
const cp = (words: readonly string[], options: RunOptions = {}) => home.corten(["cp", ...words], { cwd: folder, ...options });
const ok = async (...words: readonly string[]): Promise<string> => {
	const { status, stderr } = await cp(words);
	if (status !== 0) throw new Error(`cp ${words.join(" ")}: ${status} ${stderr}`);
	return stderr;
};
const inside = (script: string, name = "runs") => home.must("exec", name, "sh", "-c", script);
const ended = (name: string, script: string, ...options: readonly string[]) =>
	home.must("run", "--name", name, "--network", "none", ...options, "busybox", "sh", "-c", script);
/** Starts it once more. @returns what it says; its command is `sh /script` */
const startAgain = async (name: string): Promise<string> => (await home.corten(["start", "-a", name])).stdout.trim();

beforeAll(async () => {
	mkdirSync(volume);
	await home.must("load", "-q", "-i", `${fixture("busybox")}/docker.tar`);
	const mounts = ["-v", `${volume}:/vol`, "-v", `${volume}:/locked:ro`, "--tmpfs", "/mem"];
	await home.must("run", "-d", "--name", "runs", "--network", "none", ...mounts, "busybox", "sleep", "10000");
	mkdirSync(`${folder}/tree/sub`, { recursive: true });
	writeFileSync(`${folder}/tree/f`, "content\n");
	writeFileSync(`${folder}/tree/sub/tool`, "tool\n");
	chownSync(`${folder}/tree/f`, 1000, 1001);
	chmodSync(`${folder}/tree/sub/tool`, 0o4755);
	linkSync(`${folder}/tree/f`, `${folder}/tree/same`);
	symlinkSync("f", `${folder}/tree/link`);
});
afterAll(async () => {
	await home.corten(["rm", "-f", "runs", "sealed"]);
	expect(home.leftovers().filter((line) => !/^(container folder|name) /.test(line))).toEqual([]);
	await home[Symbol.asyncDispose]();
});

describe("owners", () => {
	test("what is copied in belongs to root, with -a to the same numbers, and set-id bits go with them", async () => {
		await ok("tree", "runs:/plain");
		await ok("-a", "tree", "runs:/kept");
		const look = (top: string) => inside(`cd ${top} && stat -c '%n %u:%g %a' f sub/tool link`);
		expect(await look("/plain")).toBe("f 0:0 644\nsub/tool 0:0 755\nlink 0:0 777");
		expect(await look("/kept")).toBe("f 1000:1001 644\nsub/tool 0:0 4755\nlink 0:0 777");
		expect(await inside("stat -c %h /plain/f /plain/same")).toBe("2\n2");
	});
	test("what is copied out belongs to the caller, with -a to the same numbers", async () => {
		await inside("mkdir /own && echo x > /own/f && chown 7:8 /own/f && chmod 4711 /own/f && chown 9:9 /own");
		await ok("runs:/own", "out-plain");
		await ok("-a", "runs:/own", "out-kept");
		const look = (path: string) => {
			const { uid, gid, mode } = statSync(`${folder}/${path}`);
			return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
		};
		expect([look("out-plain"), look("out-plain/f")]).toEqual(["0:0 755", "0:0 711"]);
		expect([look("out-kept"), look("out-kept/f")]).toEqual(["9:9 755", "7:8 4711"]);
	});
	test("devices are left out with a warning; with -a, and in a tar, they are there", async () => {
		const warning = await ok("runs:/dev", "devices");
		expect(warning).toContain('cannot copy "devices/null": a device is left out without --archive');
		expect(existsSync(`${folder}/devices/null`)).toBe(false);
		await ok("-a", "runs:/dev/null", "null-device");
		expect(lstatSync(`${folder}/null-device`).isCharacterDevice()).toBe(true);
	});
	test("times are kept, those of folders as well", async () => {
		await inside("mkdir -p /times/in && touch -d '2001-02-03 04:05:06' /times/in/f && touch -d '2002-02-03 04:05:06' /times/in");
		await ok("runs:/times", "times");
		expect([statSync(`${folder}/times/in/f`).mtimeMs, statSync(`${folder}/times/in`).mtimeMs]).toEqual([981173106000, 1012709106000]);
	});
});

describe("a container that does not run", () => {
	test("shows at its next start, to diff and to commit what was copied into it", async () => {
		writeFileSync(`${folder}/script`, "cat /etc/motd; ls -d /etc/new /bin/vi 2>/dev/null; stat -c '%a %u' /root; ls /var\n");
		await home.must("create", "--name", "made", "--network", "none", "busybox", "sh", "/script");
		await ok("script", "made:/script");
		await ok("tree/f", "made:/etc/motd");
		await ok("tree", "made:/etc/new");
		await ok("tree/f", "made:/root/f");
		expect(await home.must("diff", "made")).toBe(
			["C /etc", "A /etc/motd", "A /etc/new", "A /etc/new/f", "A /etc/new/link", "A /etc/new/same", "A /etc/new/sub", "A /etc/new/sub/tool"]
				.concat(["C /root", "A /root/f", "A /script"])
				.join("\n"),
		);
		const before = await home.sh([], "ls -d /bin/vi; stat -c '%a %u' /root; ls /var");
		const said = `content\n/etc/new\n${before.replace("/bin/vi\n", "/bin/vi\n")}`.split("\n").sort();
		expect((await startAgain("made")).split("\n").sort()).toEqual(said);
		await home.must("commit", "-c", 'CMD ["sh", "/script"]', "made", "with:1");
		expect((await home.must("run", "--rm", "--network", "none", "with:1")).split("\n").sort()).toEqual(said);
	});
	test("has what it had removed and replaced as it left it", async () => {
		await ended(
			"changed",
			"if test -f /script; then exec sh /script; fi; rm -rf /etc /var /bin/vi 2>/dev/null; mkdir /var && echo 1 > /var/only",
		);
		await ok("tree/f", "changed:/etc/group");
		await ok("tree", "changed:/var");
		await ok("tree/f", "changed:/bin/vi");
		writeFileSync(`${folder}/script`, "ls /etc /var; cat /bin/vi /etc/group\n");
		await ok("script", "changed:/script");
		await ok("changed:/var", "changed-var");
		expect(readdirSync(`${folder}/changed-var`).sort()).toEqual(["only", "tree"]);
		expect(await home.must("diff", "changed")).toContain("D /etc/passwd");
		expect(await startAgain("changed")).toBe("/etc:\ngroup\nhostname\nhosts\nresolv.conf\n\n/var:\nonly\ntree\ncontent\ncontent");
	});
	test("has its volumes, and what is there only while it runs is empty and cannot be written", async () => {
		await ended("still", "echo in memory > /mem/f", "-v", `${volume}:/vol`, "-v", `${volume}:/locked:ro`, "--tmpfs", "/mem");
		await ok("tree/f", "still:/vol/from-still");
		expect(readFileSync(`${volume}/from-still`, "utf8")).toBe("content\n");
		for (const target of ["/locked/f", "/mem/f", "/dev/f", "/proc/f", "/sys/f"]) {
			const { status, stderr } = await cp(["tree/f", `still:${target}`]);
			expect([target, status, /EROFS|kernel's/.test(stderr)]).toEqual([target, 1, true]);
		}
		await ok("still:/mem", "empty-mem");
		expect(readdirSync(`${folder}/empty-mem`)).toEqual([]);
		expect(await home.must("diff", "still")).not.toContain("from-still");
	});
	test("is neither started nor removed while a copy goes on, and a kill of the copy leaves nothing", async () => {
		await home.must("create", "--name", "busy", "--network", "none", "busybox", "cat", "/big");
		const child = Bun.spawn(home.command("cp", "-", "busy:/"), { stdin: "pipe", stdout: "ignore", stderr: "ignore", cwd: folder });
		writeFileSync(`${folder}/large`, "x".repeat(100_000));
		const tar = (await run(["tar", "c", "-C", folder, "large"])).stdout;
		child.stdin.write(tar.slice(0, 1024));
		child.stdin.flush();
		// It has begun when others find the container's lock taken.
		const upper = (await home.must("inspect", "--format", "{{.Id}}", "busy")).trim();
		const holds = () => run(["flock", "--nonblock", "--shared", `${home.root}/containers/${upper}/upper`, "true"]);
		for (let held = 0; held !== 1; ) held = (await holds()).status;
		expect((await home.corten(["start", "busy"])).status).toBe(1);
		expect((await home.corten(["rm", "busy"])).status).toBe(1);
		expect(await home.must("ps", "-a", "--filter", "name=busy", "--format", "{{.State}}")).toBe("created");
		child.kill("SIGKILL");
		await child.exited;
		expect(home.leftovers().filter((line) => line.includes("mount"))).toEqual([]);
		await ok("tree/f", "busy:/big");
		expect(await startAgain("busy")).toBe("content");
		expect(await home.must("diff", "busy")).toBe("A /big");
		await home.must("rm", "busy");
	});
	test("takes copies that come at once, one after the other", async () => {
		await home.must("create", "--name", "many", "--network", "none", "busybox", "true");
		const all = await Promise.all(Array.from({ length: 8 }, (_, index) => cp(["tree/f", `many:/f${index}`])));
		expect(all.map(({ status, stderr }) => `${status}${stderr}`)).toEqual(Array.from({ length: 8 }, () => "0"));
		expect((await home.must("diff", "many")).split("\n").length).toBe(8);
	});
});

describe("a container that runs", () => {
	test("has its volumes and its tmpfs", async () => {
		await ok("tree/f", "runs:/vol/from-runs");
		await ok("tree/f", "runs:/mem/f");
		expect(readFileSync(`${volume}/from-runs`, "utf8")).toBe("content\n");
		expect(await inside("cat /mem/f")).toBe("content");
		await ok("runs:/mem/f", "from-mem");
		expect(readFileSync(`${folder}/from-mem`, "utf8")).toBe("content\n");
		const { status, stderr } = await cp(["tree/f", "runs:/locked/f"]);
		expect([status, stderr.includes("EROFS")]).toEqual([1, true]);
	});
	test("has nothing of the kernel's: refused by name, left empty in a folder that has it", async () => {
		for (const path of ["/proc/version", "/proc", "/sys/kernel", "/proc/self/root/etc/passwd"]) {
			const { status, stderr } = await cp([`runs:${path}`, "none"]);
			expect([path, status, /kernel's|ELOOP|not there|ENOENT/.test(stderr)]).toEqual([path, 1, true]);
		}
		expect((await cp(["tree/f", "runs:/proc/sys/kernel/core_pattern"])).stderr).toContain("it is the kernel's");
		await inside("ln -s /proc/1/oom_score_adj /lure");
		expect((await cp(["tree/f", "runs:/lure"])).stderr).toContain("it is the kernel's");
		await ok("runs:/", "whole");
		expect([readdirSync(`${folder}/whole/proc`), readdirSync(`${folder}/whole/sys`)]).toEqual([[], []]);
	});
	test("has the files that are mounted on others, which cannot be replaced", async () => {
		await ok("runs:/etc/hosts", "hosts");
		expect(readFileSync(`${folder}/hosts`, "utf8")).toContain("localhost");
		const { status, stderr } = await cp(["tree/f", "runs:/etc/hosts"]);
		expect([status, stderr.includes("EBUSY")]).toEqual([1, true]);
	});
	test("has nothing in half of a copy that is killed", async () => {
		await inside("mkdir /half");
		const child = Bun.spawn(home.command("cp", "-", "runs:/half"), { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
		writeFileSync(`${folder}/half`, "x".repeat(1_000_000));
		const tar = (await run(["tar", "c", "-C", folder, "tree/f", "half"])).stdout;
		child.stdin.write(tar.slice(0, 500_000));
		child.stdin.flush();
		await inside("until test -e /half/tree/f; do sleep 0.05; done");
		child.kill("SIGKILL");
		await child.exited;
		expect(await inside("find /half")).toBe("/half\n/half/tree\n/half/tree/f");
		expect(await home.must("ps", "--filter", "name=runs", "--format", "{{.State}}")).toBe("running");
	});
	test("with --read-only takes nothing but into its volumes, also when it does not run", async () => {
		await home.must(
			"run",
			"-d",
			"--name",
			"sealed",
			"--network",
			"none",
			"--read-only",
			"-v",
			`${volume}:/vol`,
			"busybox",
			"sleep",
			"10000",
		);
		for (const state of ["running", "exited"]) {
			expect((await cp(["tree/f", "sealed:/f"])).stderr).toContain("EROFS");
			await ok("tree/f", `sealed:/vol/${state}`);
			await ok("sealed:/etc/passwd", `passwd-${state}`);
			if (state === "running") await home.must("kill", "sealed").then(() => home.must("wait", "sealed"));
		}
		expect(readdirSync(volume)).toContain("exited");
	});
});

describe("from one container to another", () => {
	for (const [from, to] of [
		["runs", "pair"],
		["pair", "runs"],
		["pair", "twin"],
		["pair", "pair"],
		["runs", "runs"],
	]) {
		test(`from one that ${from === "runs" ? "runs" : "does not"} to ${from === to ? "itself" : `one that ${to === "runs" ? "runs" : "does not"}`}`, async () => {
			for (const name of ["pair", "twin"])
				if ((await home.corten(["inspect", name])).status !== 0)
					await home.must("create", "--name", name, "--network", "none", "busybox", "true");
			await ok("tree/.", `${from}:/origin`);
			await ok(`${from}:/origin`, `${to}:/copy-${from}-${to}`);
			const target = `check-${from}-${to}`;
			await ok(`${to}:/copy-${from}-${to}`, target);
			expect(readdirSync(`${folder}/${target}`).sort()).toEqual(["f", "link", "same", "sub"]);
		});
	}
});

describe("streams", () => {
	for (const packer of ["cat", "gzip", "bzip2", "xz", "zstd"]) {
		test(`a tar through ${packer} is unpacked with the owners in it, and comes out again`, async () => {
			const bytes = Bun.spawnSync(["sh", "-c", `tar c --numeric-owner -C ${folder} tree | ${packer}`]).stdout;
			for (const name of ["runs", "pair"]) {
				expect((await cp(["-", `${name}:/tmp`], { input: bytes })).stderr).toBe("");
				const child = Bun.spawn(home.command("cp", `${name}:/tmp/tree`, "-"), { stdout: "pipe" });
				const tar = await new Response(child.stdout).bytes();
				const list = Bun.spawnSync(["tar", "tv", "--numeric-owner"], { stdin: tar }).stdout.toString();
				expect(list).toMatch(/1000\/1001 +8 .* tree\/f\n/);
				expect(list).toMatch(/-rwsr-xr-x 0\/0 .* tree\/sub\/tool\n/);
				expect(list).toContain("link to tree/f");
			}
		});
	}
	test("are unpacked into folders only, and not between each other", async () => {
		expect((await cp(["-", "runs:/etc/passwd"], { input: "" })).status).toBe(1);
		expect((await cp(["-", "runs:/none"], { input: "" })).status).toBe(1);
		expect((await cp(["-", "-"])).status).toBe(1);
		expect((await cp(["-", "runs:/tmp"], { input: "this is no tar, and it is long enough to have a header. ".repeat(20) })).status).toBe(1);
	});
	test("of a hostile tar all stays in the container", async () => {
		const names = ["../../../../../../../../tmp/corten-cp-escape", "/tmp/corten-cp-escape"];
		for (const name of names) {
			const tar = Bun.spawnSync(["tar", "c", "-P", "--transform", `s,.*,${name},`, `${folder}/tree/f`]).stdout;
			expect((await cp(["-", "runs:/vol"], { input: tar })).status).toBe(0);
			expect(existsSync("/tmp/corten-cp-escape")).toBe(false);
			expect(existsSync(`${volume}/tmp/corten-cp-escape`)).toBe(true);
		}
	});
});

test("what cannot be is refused with a reason", async () => {
	const refused: readonly (readonly [readonly string[], string])[] = [
		[["tree", "elsewhere"], "cannot copy without a container"],
		[["none:/f", "x"], 'cannot find container "none"'],
		[["runs:", "x"], 'cannot copy "runs:": it has no path'],
		[["--overwrite", "tree", "runs:/x"], "--overwrite"],
	];
	for (const [words, message] of refused) {
		const { status, stderr } = await cp(words);
		expect([status > 0, stderr.includes(message)]).toEqual([true, true]);
	}
});
