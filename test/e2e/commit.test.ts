// From containers to images and back: commit, diff, export, import, history, with trees that are hard to keep.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { remove } from "../support/leftovers.ts";
import { must } from "../support/must.ts";

const folder = mkdtempSync(`${tmpdir()}/corten-commit-`);
const program = [`${top}/build/corten`, "--root", `${folder}/root`, "--runroot", `${folder}/run`];
const corten = (...args: readonly string[]): Promise<Result> => run([...program, ...args]);
const ok = async (...args: readonly string[]) => {
	const result = await corten(...args);
	if (result.status !== 0) throw new Error(`corten ${args.join(" ")}: ${result.status}\n${result.stdout}${result.stderr}`);
	return result.stdout;
};

beforeAll(async () => {
	await ok("load", "-q", "-i", `${fixture("busybox")}/docker.tar`);
});
afterAll(async () => {
	await remove(folder);
	rmSync(folder, { recursive: true, force: true });
});

// Names, links, modes, owners, devices, holes, whiteouts, opaque folders, a file where a folder was and the other way round.
const nasty = [
	"mkdir -p /t/a/b '/t/with blank' /t/sticky /t/empty && chmod 1777 /t/sticky",
	"echo one > /t/a/one && ln /t/a/one /t/a/b/same && ln -s a/one /t/link && ln -s /no/where /t/dangling",
	"printf '\\377\\n' > /t/bytes && chown 1000:2000 /t/bytes && chmod 4751 /t/bytes",
	"mkfifo /t/pipe && truncate -s 5000000 /t/hole && dd if=/dev/urandom of=/t/data bs=1k count=3000 2>/dev/null",
	"touch -d '2001-02-03 04:05:06' /t/old",
	"rm /etc/group && rm -rf /var && mkdir /var && echo new > /var/new",
	"rm -rf /root && echo file > /root",
	"name=$(yes 0123456789 | head -20 | tr -d '\\n'); mkdir -p /t/$name/$name && echo deep > /t/$name/$name/$name",
	"rm /bin/vi; echo changed >> /etc/passwd",
].join(" && ");
const look =
	'cd / && find bin etc/passwd var root t -xdev | sort | while read -r f; do stat -c \'%n %F %a %u %g %s %Y %h\' "$f"; [ -f "$f" ] && md5sum "$f"; [ -L "$f" ] && readlink "$f"; done; true';
// What a folder's size is, is the file system's own affair.
const comparable = (text: string) => text.replace(/^(.* directory \d+ \d+ \d+) \d+ (\d+) \d+$/gm, "$1 $2");

describe("what a container has written", () => {
	test("is an image that shows the same tree", async () => {
		const seen = await ok("run", "--name", "nasty", "--network", "none", "busybox", "sh", "-c", `${nasty} && ${look}`);
		const id = (await ok("commit", "-a", "someone", "-m", "a message", "-c", 'CMD ["sh", "-c", "echo ran"]', "nasty", "nasty:1")).trim();
		expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
		expect(await ok("run", "--rm", "--network", "none", "nasty:1")).toBe("ran\n");
		expect(comparable(await ok("run", "--rm", "--network", "none", "nasty:1", "sh", "-c", look))).toBe(comparable(seen));
		expect(await ok("image", "inspect", "--format", "{{.Author}} {{.Comment}} {{len .RootFS.Layers}}", "nasty:1")).toBe(
			"someone a message 2\n",
		);
		expect(await ok("history", "--format", "{{.Comment}}", "nasty:1")).toStartWith("a message\n");
	});

	test("gives the same layer each time, and the peers read the image", async () => {
		await ok("commit", "nasty", "nasty:2");
		const layers = async (name: string) => await ok("image", "inspect", "--format", "{{index .RootFS.Layers 1}}", name);
		expect(await layers("nasty:2")).toBe(await layers("nasty:1"));
		await ok("save", "--format", "oci-dir", "-o", `${folder}/oci`, "nasty:1");
		must(["umoci", "unpack", "--image", `${folder}/oci:docker.io/library/nasty:1`, `${folder}/bundle`]);
		expect(
			must(["cat", `${folder}/bundle/rootfs/t/link`, `${folder}/bundle/rootfs/root`, `${folder}/bundle/rootfs/var/new`]).toString(),
		).toBe("one\nfile\nnew\n");
		expect(
			must(["sh", "-c", `ls ${folder}/bundle/rootfs/var; ls ${folder}/bundle/rootfs/etc/group 2>&1 | grep -c 'No such'`]).toString(),
		).toBe("new\n1\n");
		expect(must(["stat", "-c", "%a %u %g", `${folder}/bundle/rootfs/t/bytes`]).toString()).toBe("4751 1000 2000\n");
	});

	test("diff tells of it as docker would", async () => {
		const lines = (await ok("diff", "nasty")).trim().split("\n");
		for (const line of ["A /t", "A /t/a/one", "D /etc/group", "C /etc", "C /etc/passwd", "C /root", "A /var/new", "D /bin/vi"])
			expect(lines).toContain(line);
		expect(lines.filter((line) => line.startsWith("D ")).length).toBeLessThan(20);
		const json = JSON.parse(await ok("diff", "--format", "json", "nasty")) as { deleted: string[] };
		expect(json.deleted).toContain("/etc/group");
	});

	test("is exported with its image, and imported as one of one layer", async () => {
		await ok("export", "-o", `${folder}/nasty.tar`, "nasty");
		const names = must(["tar", "-tf", `${folder}/nasty.tar`])
			.toString()
			.split("\n");
		expect(names).toContain("t/a/one");
		expect(names).not.toContain("etc/group");
		await ok("import", "-m", "flat", "-c", 'ENTRYPOINT ["sh"]', `${folder}/nasty.tar`, "flat:1");
		expect(await ok("image", "inspect", "--format", "{{len .RootFS.Layers}} {{.Comment}}", "flat:1")).toBe("1 flat\n");
		const before = await ok("run", "--rm", "--network", "none", "nasty:1", "sh", "-c", look);
		expect(comparable(await ok("run", "--rm", "--network", "none", "flat:1", "-c", look))).toBe(comparable(before));
		const piped = must(["sh", "-c", `${program.join(" ")} export nasty | gzip | ${program.join(" ")} import - flat:2`]).toString();
		expect(piped).toMatch(/^sha256:/);
	});

	test("a tar comes by a pipe, and by a socket", async () => {
		const imported = must(["sh", "-c", `cat ${folder}/nasty.tar | ${program.join(" ")} import - piped:1`]).toString();
		// Bun's pipes are sockets, which cannot be opened by a path.
		const child = Bun.spawn([...program, "import", "-", "sent:1"], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
		child.stdin.write(await Bun.file(`${folder}/nasty.tar`).bytes());
		await child.stdin.end();
		expect(await new Response(child.stdout).text()).toMatch(/^sha256:/);
		expect(imported).toMatch(/^sha256:/);
		const layer = (name: string) => ok("image", "inspect", "--format", "{{index .RootFS.Layers 0}}", name);
		expect(await layer("sent:1")).toBe(await layer("piped:1"));
	});

	test("a running container stands still while it is committed, and goes on", async () => {
		await ok(
			"run",
			"-d",
			"--name",
			"busy",
			"--network",
			"none",
			"busybox",
			"sh",
			"-c",
			"n=0; while :; do n=$((n+1)); echo $n > /c; mv /c /a; echo $n > /c; mv /c /b; done",
		);
		// Once it has begun.
		while (!(await corten("exec", "busy", "cat", "/b")).stdout.includes("\n")) await Bun.sleep(10);
		await ok("commit", "busy", "busy:1");
		const [a, b] = (await ok("run", "--rm", "--network", "none", "busy:1", "sh", "-c", "cat /a /b")).trim().split("\n").map(Number);
		expect(Math.abs((a ?? 0) - (b ?? 0))).toBeLessThanOrEqual(1);
		expect(await ok("inspect", "--format", "{{.State.Status}}", "busy")).toBe("running\n");
		await ok("rm", "-f", "busy");
	});
});

describe("bad input is refused, and nothing is left behind", () => {
	const cases: readonly (readonly [string, readonly string[], string])[] = [
		["a container that is not there", ["commit", "nobody", "x:1"], "nobody"],
		["a change that is none", ["commit", "-c", "RUN x", "nasty", "x:1"], "RUN x"],
		["a name with a digest", ["commit", "nasty", `x@sha256:${"0".repeat(64)}`], "no digest"],
		["an address", ["import", "http://127.0.0.1/x.tar", "x:1"], "curl"],
		["a file that is not there", ["import", `${folder}/missing.tar`, "x:1"], "missing.tar"],
	];
	for (const [what, args, said] of cases) {
		test(what, async () => {
			const result = await corten(...args);
			expect(result.status).toBe(1);
			expect(result.stderr).toContain(said);
		});
	}

	test("a file that is no tar", async () => {
		writeFileSync(`${folder}/none.tar`, "x".repeat(2000));
		expect((await corten("import", `${folder}/none.tar`, "x:1")).stderr).toContain("none.tar");
		expect((await corten("image", "inspect", "x:1")).status).toBe(1);
		expect(must(["ls", `${folder}/root/store/tmp`]).toString()).toBe("");
	});
});
