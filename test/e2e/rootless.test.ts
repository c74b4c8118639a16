// corten without privilege: pull, run, exec and removal by a user who maps nothing but their own id, as nobody in /etc/subuid grants more.
// What subordinate ids add is tested in a guest that has a user with some.

import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Result, run, top } from "../support/corten.ts";
import { fixture } from "../support/fixture.ts";
import { installed, testWhen } from "../support/skip.ts";

/** A number that no user of the machine has. */
const uid = 54_321;
const drop = ["setpriv", "--reuid", `${uid}`, "--regid", `${uid}`, "--clear-groups"];
const mayMap = Bun.spawnSync([...drop, "unshare", "--user", "--map-root-user", "--mount", "true"], { stderr: "ignore" }).exitCode === 0;
const reason =
	process.getuid?.() !== 0 ? "it needs root, to become somebody else" : mayMap ? undefined : "this kernel lets users make no namespaces";
const rootless = testWhen(reason === undefined && installed("setpriv"), reason ?? "setpriv is not installed");

let folder = "";
let home = "";

beforeAll(() => {
	// The programs may lie where only root can go.
	folder = mkdtempSync(`${tmpdir()}/corten-rootless-`);
	chmodSync(folder, 0o755);
	for (const name of ["corten", "corten-bun", "launch", "init"]) copyFileSync(`${top}/build/${name}`, `${folder}/${name}`);
	copyFileSync(`${fixture("busybox")}/docker.tar`, `${folder}/docker.tar`);
	chmodSync(`${folder}/docker.tar`, 0o644);
	home = `${folder}/home`;
	mkdirSync(home);
	chownSync(home, uid, uid);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function corten(args: readonly string[], input?: string): Promise<Result> {
	const env = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", HOME: home, XDG_RUNTIME_DIR: home };
	return run([...drop, `${folder}/corten`, ...args], { env, cwd: "/", ...(input !== undefined && { input }) });
}

async function must(...args: readonly string[]): Promise<string> {
	const { status, stdout, stderr } = await corten(args);
	if (status !== 0) throw new Error(`corten ${args.join(" ")}: status ${status}\n${stdout}${stderr}`);
	return stdout.trim();
}

rootless("an image is pulled into the user's own store, and its layers are theirs", async () => {
	await must("pull", "-q", `docker-archive:${folder}/docker.tar`);
	expect(await must("images", "--format", "{{.Repository}}")).toBe("busybox");
	const [layer = ""] = readdirSync(`${home}/.local/share/corten/layers`);
	expect(existsSync(`${home}/.local/share/corten/layers/${layer}/bin/busybox`)).toBe(true);
});

rootless("run: root of one's own ids, with a root filesystem one can write and a status of its own", async () => {
	expect(await must("run", "--rm", "busybox", "sh", "-c", "id -u; touch /x && echo written; cat /proc/self/uid_map | xargs echo")).toBe(
		`0\nwritten\n0 ${uid} 1`,
	);
	expect((await corten(["run", "--rm", "busybox", "sh", "-c", "exit 7"])).status).toBe(7);
	expect((await corten(["run", "--rm", "busybox", "no-such"])).status).toBe(127);
	expect((await corten(["run", "--rm", "-i", "busybox", "cat"], "through")).stdout).toBe("through");
	expect(await must("run", "--rm", "--init", "busybox", "cat", "/proc/1/comm")).toBe("init");
});

rootless("images come and go in every way: load, commit, diff, export, import, convert, check, prune", async () => {
	const own = async (...args: readonly string[]) => await must("--root", `${home}/images`, ...args);
	await own("load", "-q", "-i", `${folder}/docker.tar`);
	const script = "mkdir -m 700 /private; echo hidden >/private/file; chmod 0 /private/file; rm /bin/vi";
	await own("run", "--name", "changed", "busybox", "sh", "-c", script);
	expect(await own("diff", "changed")).toEndWith("D /bin/vi\nA /private\nA /private/file");
	await own("commit", "-q", "changed", "changed:1");
	await own("export", "-o", `${home}/changed.tar`, "changed");
	await own("import", `${home}/changed.tar`, "flat:1");
	await own("convert", "-q", "changed:1", `oci:${home}/changed:1`);
	await own("convert", "-q", `oci:${home}/changed:1`, "back:1");
	for (const name of ["flat:1", "back:1"]) expect(await own("run", "--rm", name, "cat", "/private/file")).toBe("hidden");
	expect(await own("store", "check")).toContain("all is well");
	await own("artifact", "add", "files:1", `${home}/changed.tar`);
	await own("artifact", "rm", "files:1");
	await own("rm", "changed");
	await own("image", "prune", "-af");
	for (const place of ["layers", "store/blobs/sha256", "store/tmp"]) expect(readdirSync(`${home}/images/${place}`)).toEqual([]);
});

rootless("with the host's network, and with folders of the host", async () => {
	const out = await must(
		"run",
		"--rm",
		"--network",
		"host",
		"-v",
		`${home}:/mnt`,
		"busybox",
		"sh",
		"-c",
		"echo mine >/mnt/made; ls /sys/class/net",
	);
	expect(out).toContain("lo");
	expect(await Bun.file(`${home}/made`).text()).toBe("mine\n");
});

rootless("what cannot be is refused with a reason: limits without a cgroup, another user than one's own", async () => {
	const limit = await corten(["run", "--rm", "-m", "64m", "busybox", "true"]);
	expect(limit).toMatchObject({ status: 125, stderr: expect.stringContaining("no cgroup") });
	const user = await corten(["run", "--rm", "-u", "33", "busybox", "true"]);
	expect(user).toMatchObject({ status: 125, stderr: expect.stringContaining("user 33") });
});

rootless("cp into one that runs, one that does not, and between them; what is copied out is the user's", async () => {
	await must("run", "-d", "--name", "runs", "-v", `${home}:/vol`, "busybox", "sleep", "1000");
	await must("create", "--name", "still", "-v", `${home}:/vol`, "busybox", "cat", "/etc/motd");
	await Bun.write(`${folder}/motd`, "copied");
	await must("cp", `${folder}/motd`, "runs:/etc/motd");
	expect(await must("exec", "runs", "stat", "-c", "%u:%g %s", "/etc/motd")).toBe("0:0 6");
	await must("cp", "runs:/etc/motd", "still:/etc/motd");
	expect(await must("start", "-a", "still")).toBe("copied");
	await must("cp", "-a", "still:/etc", `${home}/etc`);
	await must("cp", `${folder}/motd`, "still:/vol/from-still");
	for (const path of ["etc", "etc/motd", "etc/passwd", "from-still"]) expect(statSync(`${home}/${path}`).uid).toBe(uid);
	expect(await must("diff", "still")).toBe("C /etc\nA /etc/motd\nA /vol");
	expect((await corten(["cp", "still:/etc/motd", "/etc/corten-rootless-test"])).status).toBe(1);
	const bytes = await run(["tar", "c", "-C", folder, "motd"]);
	expect(await corten(["cp", "-", "runs:/tmp"], bytes.stdout)).toMatchObject({ status: 0, stderr: "" });
	await must("rm", "-f", "runs", "still");
});

rootless("a detached one: ps, exec, logs, stop, rm; nothing is left", async () => {
	const script = "trap 'exit 9' TERM; echo ready; touch /made; while :; do sleep 0.05; done";
	await must("run", "-d", "--name", "one", "busybox", "sh", "-c", script);
	for (const end = Date.now() + 20_000; Date.now() < end && !(await must("logs", "one")).includes("ready"); ) await Bun.sleep(20);
	await must("run", "-d", "--name", "two", "busybox", "sleep", "1000");
	expect(await must("ps", "--format", "{{.Names}} {{.State}}")).toBe("two running\none running");
	expect(await must("exec", "one", "sh", "-c", "id -u; ls /made; cat /proc/1/comm")).toBe("0\n/made\nsh");
	await must("stop", "one");
	expect(await must("ps", "-a", "--format", "{{.Names}} {{.Status}}")).toContain("one Exited (9)");
	await must("rm", "-f", "one", "two");
	expect(readdirSync(`${home}/.local/share/corten/containers`)).toEqual([]);
	await must("rmi", "busybox");
	expect(readdirSync(`${home}/.local/share/corten/layers`)).toEqual([]);
});

rootless(
	"health is checked by launch, which is in the user's namespace, and by hand from outside",
	async () => {
		const options = ["--health-interval", "200ms", "--health-retries", "1", "--health-cmd", "test -e /tmp/ok"];
		await must("pull", "-q", `docker-archive:${folder}/docker.tar`);
		await must("run", "-d", "--name", "asked", ...options, "busybox", "sleep", "1000");
		const becomes = async (word: string) => {
			for (const end = Date.now() + 60_000; Date.now() < end; await Bun.sleep(50))
				if ((await must("inspect", "-f", "{{.State.Health.Status}}", "asked")) === word) return;
			throw new Error(`never ${word}: ${await must("inspect", "asked")}`);
		};
		await becomes("unhealthy");
		await must("exec", "asked", "touch", "/tmp/ok");
		await becomes("healthy");
		expect(await corten(["healthcheck", "run", "asked"])).toMatchObject({ status: 0, stdout: "healthy\n", stderr: "" });
		await must("rm", "-f", "asked");
	},
	150_000,
);
