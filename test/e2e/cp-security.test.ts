// What worked against the cp of other engines, tried on corten's: a container that exchanges its files for links, or mounts something over
// them, while they are copied; libraries and decompressors of a container's. docs/security.md has the table.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { Home, type RunOptions, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";

const home = new Home();
const { folder } = home;
const secret = "the host's secret";
/** A folder of the host's; the container has one of the same path, with content of its own. */
const host = `${folder}/host`;
const volume = `${folder}/volume`;
const cp = (words: readonly string[], options: RunOptions = {}) => home.corten(["cp", ...words], { cwd: folder, ...options });
const inside = (script: string) => home.must("exec", "evil", "sh", "-c", script);

/** The container's root, as the host sees it. */
async function rootOf(name: string): Promise<string> {
	return `/proc/${await home.must("inspect", "--format", "{{.State.Pid}}", name)}/root`;
}

function look(path: string): string[] {
	const stat = lstatSync(path, { bigint: true });
	if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(path)}`];
	if (stat.isDirectory()) return [`${path} ${stat.mode} ${stat.uid}`, ...readdirSync(path).flatMap((name) => look(`${path}/${name}`))];
	return [`${path} ${stat.mode} ${stat.uid} ${stat.ino} ${stat.mtimeNs} ${stat.isFile() ? readFileSync(path, "utf8") : ""}`];
}

beforeAll(async () => {
	for (const path of [`${host}/d`, volume, `${folder}/tree/d`]) mkdirSync(path, { recursive: true });
	for (const path of [`${host}/f`, `${host}/d/f`]) writeFileSync(path, secret);
	for (const path of ["f", "d/f", "d/new"]) writeFileSync(`${folder}/tree/${path}`, "copied in");
	// Called as the folder that is exchanged, with many folders: each of them is found anew.
	for (let index = 0; index < 40; index++) {
		mkdirSync(`${folder}/x/d/${index}`, { recursive: true });
		mkdirSync(`${host}/d/${index}`);
		writeFileSync(`${folder}/x/d/${index}/f`, "copied in");
	}
	await home.must("load", "-q", "-i", `${fixture("busybox")}/docker.tar`);
	const options = ["--network", "none", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "-v", `${volume}:/vol`];
	await home.must("run", "-d", "--name", "evil", ...options, "busybox", "sleep", "10000");
	await inside(`mkdir -p ${host}/d && echo own > ${host}/f && echo own > ${host}/d/f`);
});
afterAll(async () => {
	await home.corten(["rm", "-f", "evil", "short"]);
	expect(home.leftovers().filter((line) => !/^(container folder|name) /.test(line))).toEqual([]);
	await home[Symbol.asyncDispose]();
});

describe("a folder that is a link to the host's at every other moment (CVE-2018-15664, CVE-2019-10152, CVE-2023-0778)", () => {
	for (const place of ["/w", "/vol/w"]) {
		for (const target of [host, `../../../../../../../../../../../../../..${host}`]) {
			test(`${place === "/w" ? "in the container's own files" : "in a volume"}, ${target === host ? "absolute" : "climbing"}: nothing leaks, nothing outside changes`, async () => {
				await inside(
					`rm -rf ${place} && mkdir -p ${place}/x/d && echo own > ${place}/x/f && echo own > ${place}/x/d/f && ln -s ${target} ${place}/y`,
				);
				const before = look(host);
				const top_ = `${await rootOf("evil")}${place}`;
				const swapper = Bun.spawn(["python3", `${top}/test/support/swap.py`, `${top_}/x`, `${top_}/y`], {
					stdout: "pipe",
					stderr: "inherit",
				});
				let copied = 0;
				try {
					await swapper.stdout.getReader().read();
					for (let turn = 0; turn < 6; turn++) {
						const out = `${folder}/out`;
						for (const source of [`${place}/x`, `${place}/x/`, `${place}/x/d`, `${place}/x/f`, `${place}/x/d/f`, `${place}/.`]) {
							rmSync(out, { recursive: true, force: true });
							if ((await cp([`evil:${source}`, out])).status === 0) copied++;
							if (existsSync(out)) expect(look(out).join("\n")).not.toContain(secret);
						}
						for (const target of [`${place}/x`, `${place}/x/d`, `${place}/x/d/f2`, `${place}/x/d/new/deeper`])
							if ((await cp(["tree/.", `evil:${target}`])).status === 0) copied++;
						if ((await cp(["x", `evil:${place}`])).status === 0) copied++;
						if ((await cp(["-a", "tree/f", `evil:${place}/x/f`])).status === 0) copied++;
						expect(look(host)).toEqual(before);
					}
				} finally {
					swapper.kill("SIGKILL");
					await swapper.exited;
				}
				expect(copied).toBeGreaterThan(10);
			}, 120_000);
		}
	}
});

/** A copy into the container that is in the middle: one file is there, and more come when they are sent. */
async function begin(target: string): Promise<{ readonly finish: () => Promise<number> }> {
	const tar = async (...names: readonly string[]) => Buffer.from((await run(["tar", "c", "-C", `${folder}/tree`, ...names])).stdout);
	const child = Bun.spawn(home.command("cp", "-", `evil:${target}`), { stdin: "pipe", stdout: "ignore", stderr: "inherit" });
	child.stdin.write((await tar("f")).subarray(0, 1024));
	child.stdin.flush();
	await inside(`until test -e ${target}/f; do sleep 0.05; done`);
	return {
		finish: async () => {
			child.stdin.write(await tar("d"));
			child.stdin.end();
			return await child.exited;
		},
	};
}

describe("a mount over the folder that is copied to, in the middle of it (CVE-2026-42306)", () => {
	for (const [what, mount] of [
		["a tmpfs", "mount -t tmpfs none /m"],
		["a folder of its own", "mkdir -p /else && mount --bind /else /m"],
		["its own root", "mount --bind / /m"],
		["its volume", "mount --bind /vol /m"],
	] as const) {
		test(`${what}: the rest goes where the copy began, and nothing outside changes`, async () => {
			await inside("rm -rf /m /vol/d /d; mkdir /m");
			const before = look(host);
			const copy = await begin("/m");
			await inside(mount);
			expect(await copy.finish()).toBe(0);
			expect(await inside("ls -d /m/d 2>/dev/null; umount -l /m; find /m -type f | sort")).toBe("/m/d/f\n/m/d/new\n/m/f");
			expect(look(host)).toEqual(before);
			expect(existsSync(`${volume}/d`)).toBe(false);
		});
	}
	test("and a volume that gives way because the container ends: the rest still goes into the volume", async () => {
		await home.must("run", "-d", "--name", "short", "--network", "none", "-v", `${volume}:/vol`, "busybox", "sleep", "10000");
		const child = Bun.spawn(home.command("cp", "-", "short:/"), { stdin: "pipe", stdout: "ignore", stderr: "pipe" });
		const tar = Buffer.from(
			(await run(["tar", "c", "-C", `${folder}/tree`, "--transform", "s,^,vol/s/,", "--no-recursion", "f", "d/f"])).stdout,
		);
		child.stdin.write(tar.subarray(0, 1024));
		child.stdin.flush();
		await inside("until test -e /vol/s/f; do sleep 0.05; done");
		await home.must("kill", "short");
		await home.must("wait", "short");
		child.stdin.write(tar.subarray(1024));
		child.stdin.end();
		expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, ""]);
		expect(readFileSync(`${volume}/s/d/f`, "utf8")).toBe("copied in");
		expect(await home.must("diff", "short")).not.toContain("/vol/");
	});
});

test("no library, decompressor or name service of the container's is loaded or run (CVE-2019-14271, CVE-2026-41567)", async () => {
	const programs = [
		"gzip",
		"gunzip",
		"unpigz",
		"pigz",
		"zstd",
		"unzstd",
		"bzip2",
		"bunzip2",
		"xz",
		"unxz",
		"tar",
		"docker-tar",
		"corten",
		"corten-bun",
	];
	const script = "#!/bin/sh\\ntouch /vol/ran /tmp/ran\\n";
	await inside(
		`mkdir -p /evil /lib/x86_64-linux-gnu; for p in ${programs.join(" ")}; do for d in /evil /usr/bin /usr/local/bin; do mkdir -p $d; printf '${script}' > $d/$p; chmod 755 $d/$p; done; done; ` +
			"for l in libnss_files.so.2 libnss_compat.so.2 libc.so.6 gconv/UTF-16.so; do mkdir -p /lib/x86_64-linux-gnu/gconv; echo no > /lib/x86_64-linux-gnu/$l; done; echo 'passwd: evil' > /etc/nsswitch.conf",
	);
	await home.must("create", "--name", "evil2", "--network", "none", "-v", `${volume}:/vol`, "busybox", "true");
	expect((await cp(["evil:/evil", "evil2:/usr/bin"])).status).toBe(0);
	// Every file that is opened and every program that is run, by corten and what it starts.
	const strace = Bun.which("strace");
	for (const name of ["evil", "evil2"]) {
		for (const packer of ["gzip", "bzip2", "xz", "zstd"]) {
			const input = Bun.spawnSync(["sh", "-c", `tar c -C ${folder}/tree f | ${packer}`]).stdout;
			expect((await cp(["-", `${name}:/tmp`], { input })).status).toBe(0);
		}
		if (strace !== null) {
			const trace = `${folder}/trace`;
			const { status } = await run(
				[strace, "-f", "-qq", "-e", "trace=execve,execveat", "-o", trace, ...home.command("cp", "-a", "tree", `${name}:/tmp`)],
				{ cwd: folder },
			);
			expect(status).toBe(0);
			const ran = [...readFileSync(trace, "utf8").matchAll(/exec\w+\([^"]*"([^"]*)"/g)].map((match) => match[1] ?? "");
			expect(ran.filter((path) => path !== "" && !path.startsWith(`${top}/build/`))).toEqual([]);
		}
	}
	expect([existsSync(`${volume}/ran`), existsSync("/tmp/ran")]).toEqual([false, false]);
});
