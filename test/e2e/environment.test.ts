// corten is a root tool: what lies in the folder it is started from, and what is missing around it, must not matter.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Home, run } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { busyboxName } from "../support/fixtures/busybox.ts";
import { installed, testWhen } from "../support/skip.ts";

const home = new Home();
const poisoned = `${home.folder}/poisoned`;
const poison = {
	".env": "CORTEN_ROOT=/nowhere\nPATH=/nowhere\n",
	".env.local": "BUN_OPTIONS=--smol\n",
	".env.production": "X=1\n",
	"bunfig.toml": 'preload = ["./evil.ts"]\n',
	".bunfig.toml": 'preload = ["./evil.ts"]\n',
	"package.json": '{"type":"commonjs","imports":{"#x":"./evil.ts"}}\n',
	"tsconfig.json": '{"compilerOptions":{"paths":{"*":["./evil.ts"]}}}\n',
	"jsconfig.json": "{}\n",
	"evil.ts": 'await Bun.write("loaded", "yes"); process.exit(66);\n',
} as const;

beforeAll(async () => {
	await home.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
	mkdirSync(poisoned);
	for (const [name, content] of Object.entries(poison)) writeFileSync(`${poisoned}/${name}`, content);
});
afterAll(() => home[Symbol.asyncDispose]());

const hello = home.command("run", "--rm", "busybox", "echo", "well");
const well = { status: 0, stdout: "well\n", stderr: "" };

test("a folder full of other tools' settings changes nothing", async () => {
	expect(await run(hello, { cwd: poisoned })).toEqual(well);
	expect(await Bun.file(`${poisoned}/loaded`).exists()).toBe(false);
});

testWhen(installed("strace"), "strace is not installed")("no file of the current folder is opened or looked for", async () => {
	const trace = `${home.folder}/trace`;
	const result = await run(["strace", "-f", "-qq", "-e", "trace=%file", "-o", trace, ...hello], { cwd: poisoned });
	expect(result.status).toBe(0);
	const touched = readFileSync(trace, "utf8")
		.split("\n")
		.filter((line) => Object.keys(poison).some((name) => line.includes(`/${name}"`) || line.includes(`"${name}"`)));
	expect(touched).toEqual([]);
	rmSync(trace);
});

// BUN_OPTIONS is not among them: the runtime reads it before the first line of ours, as the loader reads LD_PRELOAD.
test("NODE_OPTIONS and BUN_CONFIG_* of the caller do not steer it", async () => {
	const env = { PATH: "/usr/bin:/bin", NODE_OPTIONS: "--require ./evil.ts", BUN_CONFIG_PRELOAD: "./evil.ts", NODE_PATH: poisoned };
	expect(await run(hello, { cwd: poisoned, env })).toEqual(well);
});

test("it runs with an empty environment, from an empty folder and from /", async () => {
	mkdirSync(`${home.folder}/empty`);
	expect(await run(hello, { env: {}, cwd: `${home.folder}/empty` })).toEqual(well);
	expect(await run(hello, { env: {}, cwd: "/" })).toEqual(well);
});

test("it runs where / is read-only, but for its own folders", async () => {
	const command = hello.map((word) => `'${word}'`).join(" ");
	const script = `mount --bind / / && mount -t tmpfs none /mnt && mount --bind '${home.folder}' /mnt && mount -o remount,bind,ro / && cd / && mount --bind /mnt '${home.folder}' && ${command}`;
	const result = await run(["unshare", "-m", "sh", "-c", script]);
	expect(result).toEqual(well);
});

test("other people's umask and limits do not change what the payload sees", async () => {
	const command = home.command("run", "--rm", "busybox", "sh", "-c", "umask; touch /x; stat -c %a /x").map((word) => `'${word}'`);
	expect((await run(["bash", "-c", `umask 0777; ${command.join(" ")}`])).stdout).toBe("0022\n644\n");
});

test("root and runroot are made with nobody else's access", async () => {
	await using other = new Home();
	await other.must("ps");
	await other.must("pull", `oci:${fixture("busybox")}/oci:${busyboxName}`);
	expect((await run(["stat", "-c", "%a", other.root])).stdout).toBe("700\n");
});
