// The bundle of the default busybox container as a golden file (its seccomp document has its own), and what single options change.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CortenError } from "../base/errors.ts";
import { minimalHost } from "../linux/host.fixture.ts";
import { parseJson } from "../spec/decode.ts";
import { checkPropagation } from "./bind-sources.ts";
import { busyboxImage, plainRequest } from "./bundle.fixture.ts";
import { type Bundle, type BundleInput, createBundle } from "./bundle.ts";
import { decodeConfig } from "./config-decode.ts";
import { encodeConfig } from "./config-encode.ts";
import type { Propagation, RunRequest } from "./request.ts";
import { readUserFiles } from "./user-files.ts";
import { parseVolume } from "./volume.ts";

let scratch = "";
beforeAll(() => {
	scratch = mkdtempSync(join(tmpdir(), "corten-bundle-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const id = "0123456789abcdef".repeat(4);
const bundle = (options: Partial<RunRequest> = {}, more: Partial<BundleInput> = {}): Bundle =>
	createBundle({
		id,
		image: busyboxImage(),
		rootfsPath: undefined,
		operands: [],
		options: { ...plainRequest, ...options },
		folder: "/var/lib/corten/containers/x",
		host: minimalHost,
		...more,
	});
const failure = (make: () => unknown): string => {
	try {
		make();
		return "ok";
	} catch (error) {
		return error instanceof CortenError ? `${error.code} ${error.at}` : String(error);
	}
};
const volume = (text: string) => parseVolume(text, () => "/", false);
const mountAt = (made: Bundle, destination: string) => made.config.mounts.find((mount) => mount.destination === destination);

test("the default container is the golden one", async () => {
	const { seccomp: _seccomp, ...linux } = bundle().config.linux;
	const text = encodeConfig({ ...bundle().config, linux });
	const path = join(import.meta.dir, "golden/busybox.json");
	if (process.env.UPDATE_GOLDEN) await Bun.write(path, `${JSON.stringify(JSON.parse(text), null, "\t")}\n`);
	expect(JSON.parse(text)).toEqual(await Bun.file(path).json());
});

test("the same input gives the same bytes, and they decode to the same config", () => {
	const options: Partial<RunRequest> = {
		tty: true,
		rlimits: [{ type: "RLIMIT_NOFILE", soft: 1n, hard: (1n << 64n) - 1n }],
		resources: {
			memory: { limit: 1n << 53n, swap: -1n },
			cpu: { shares: 2n, period: 100_000n, quota: -1n, cpus: "0" },
			pids: { limit: 5n },
		},
		annotations: { a: "b" },
		domainname: "d",
		oomScoreAdj: 3,
		mounts: [{ ...volume("/tmp:/mnt:ro,rprivate"), recursive: false }],
	};
	const text = encodeConfig(bundle(options).config);
	expect(encodeConfig(bundle(options).config)).toBe(text);
	expect(text).toContain('"hard":18446744073709551615');
	expect(text).toContain('"limit":9007199254740992');
	expect(decodeConfig(text, "config")).toEqual(bundle(options).config);
	expect(parseJson(text, "config")).toBeDefined();
});

test("labels of the image never reach config.json (CVE-2026-53488)", () => {
	const made = bundle({ labels: { mine: "1" } }, { image: busyboxImage({ labels: { "io.evil": "run me", mine: "0" } }) });
	expect(made.labels).toEqual({ "io.evil": "run me", mine: "1" });
	expect(encodeConfig(made.config)).not.toContain("evil");
});

test("user, folder, stop signal and environment come from the image when no option says otherwise", () => {
	const image = busyboxImage({
		user: "www",
		workingDir: "srv/../data/",
		stopSignal: "SIGQUIT",
		env: ["A=1"],
		entrypoint: ["/run"],
		cmd: ["x"],
	});
	const made = bundle({}, { image });
	expect(made.config.process).toMatchObject({
		user: { uid: 33, gid: 33, additionalGids: [33] },
		cwd: "/data",
		args: ["/run", "x"],
	});
	expect(made.config.process.env).toEqual(expect.arrayContaining(["A=1", "HOME=/var/www", "HOSTNAME=0123456789ab"]));
	expect(made.stopSignal).toBe(3);
	const changed = bundle(
		{ user: "0:10", workdir: "/w//", stopSignal: 9, entrypoint: "", stopTimeoutSeconds: 0 },
		{ image, operands: ["y"] },
	);
	expect(changed.config.process).toMatchObject({ user: { uid: 0, gid: 10, additionalGids: [10] }, cwd: "/w", args: ["y"] });
	expect([changed.stopSignal, changed.stopTimeoutSeconds]).toEqual([9, 0]);
	expect(failure(() => bundle({ workdir: "w" }))).toBe("invalid-argument --workdir");
	expect(failure(() => bundle({ user: "nobody" }))).toBe("not-found --user");
	expect(failure(() => bundle({}, { image: busyboxImage({ user: "nobody" }) }))).toBe("not-found USER");
	expect(failure(() => bundle({}, { image: busyboxImage({ stopSignal: "NO" }) }))).toBe("invalid-spec undefined");
});

test("privileged takes the protections away and keeps to what the caller holds", () => {
	const made = bundle({ privileged: true }, { host: { ...minimalHost, capabilities: 0x1ff_feff_ffffn } });
	expect(made.config.linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
	expect(made.config.linux.seccomp).toBeUndefined();
	expect(made.config.linux.resources?.devices).toEqual([{ allow: true, access: "rwm" }]);
	expect(made.config.process.capabilities?.bounding).toHaveLength(40);
	expect(made.config.process.capabilities?.bounding).not.toContain("CAP_SYS_RESOURCE");
	for (const path of ["/sys", "/sys/fs/cgroup"]) expect(mountAt(made, path)?.options).not.toContain("ro");
	for (const path of ["/sys", "/sys/fs/cgroup"]) expect(mountAt(bundle(), path)?.options).toContain("ro");
});

test("a mode of host leaves the namespace out", () => {
	const types = (options: Partial<RunRequest>) => bundle(options).config.linux.namespaces.map(({ type }) => type);
	expect(types({})).toEqual(["mount", "network", "uts", "pid", "ipc", "cgroup"]);
	expect(types({ network: "host", uts: "host", pid: "host", ipc: "host", cgroupns: "host" })).toEqual(["mount"]);
	const hostNetwork = bundle({ network: "host", extraHosts: [{ name: "a", address: "1.2.3.4" }] });
	expect(hostNetwork.config.linux.sysctl).toEqual({});
	expect(hostNetwork.files.find((file) => file.path === "hosts")?.content).toEndWith("1.2.3.4\ta\n");
	expect(bundle({ uts: "host" }).config.hostname).toBeUndefined();
	expect(mountAt(bundle({ ipc: "host" }), "/dev/shm")).toMatchObject({ type: "bind", source: "/dev/shm" });
	expect(mountAt(bundle({ ipc: "none" }), "/dev/shm")).toBeUndefined();
});

test("asked mounts take the place of ours and are made from the root outwards", () => {
	const made = bundle({ mounts: [volume("/tmp:/a/b/c"), volume("/tmp:/a"), volume("/etc:/etc/hosts"), volume("/dev:/dev:ro")] });
	const destinations = made.config.mounts.map((mount) => mount.destination);
	expect(destinations).toEqual([
		"/proc",
		"/sys",
		"/sys/fs/cgroup",
		"/etc/resolv.conf",
		"/etc/hostname",
		"/a",
		"/dev",
		"/etc/hosts",
		"/a/b/c",
	]);
	expect(mountAt(made, "/dev")?.options).toEqual(["rbind", "rro", "rprivate"]);
	expect(mountAt(bundle({ mounts: [volume("/tmp:/a:ro")] }, { host: { ...minimalHost, kernel: [5, 10] } }), "/a")?.options).toContain("ro");
	expect(failure(() => bundle({ mounts: [volume("/tmp:/a"), volume("/etc:/a")] }))).toBe("invalid-argument --volume");
});

test("-v makes a missing source, --mount does not", () => {
	const made = bundle({ mounts: [volume(`${scratch}/new/deep:/a`)] });
	expect(existsSync(`${scratch}/new/deep`)).toBe(true);
	expect(made.bindKinds[`${scratch}/new/deep`]).toBe("dir");
	writeFileSync(`${scratch}/file`, "");
	expect(bundle({ mounts: [volume(`${scratch}/file:/a`)] }).bindKinds[`${scratch}/file`]).toBe("file");
	const missing = { ...volume(`${scratch}/absent:/a`), createSource: false, at: "--mount" };
	expect(failure(() => bundle({ mounts: [missing] }))).toBe("not-found --mount");
});

test("propagation to and from the host needs a source that has it", () => {
	const info = [
		"1 0 8:1 / / rw - ext4 /dev/a rw",
		"2 1 8:1 / /shared rw shared:5 - ext4 /dev/a rw",
		"3 1 8:1 / /sl\\040ave rw master:5 - ext4 /dev/a rw",
		"4 2 8:1 / /shared/private rw - ext4 /dev/a rw",
	].join("\n");
	const check = (source: string, propagation: Propagation) =>
		failure(() => checkPropagation({ ...volume(`${source}:/t`), propagation }, info));
	expect(check("/shared/x", "rshared")).toBe("ok");
	expect(check("/shared", "slave")).toBe("ok");
	expect(check("/sl ave/x", "rslave")).toBe("ok");
	expect(check("/x", "private")).toBe("ok");
	for (const [source, propagation] of [
		["/x", "shared"],
		["/shared/private/x", "rshared"],
		["/sharedx", "shared"],
		["/sl ave", "shared"],
		["/x", "rslave"],
	] as const) {
		expect(check(source, propagation)).toBe("invalid-argument --volume");
	}
});

test("a read-only root keeps its writable layer, for mount points the image lacks", () => {
	const made = bundle({ readOnly: true });
	expect(made.config.root.readonly).toBe(true);
	expect(made.rootfs).toMatchObject({ kind: "layers", upper: { upperDir: "/var/lib/corten/containers/x/upper" } });
	expect(mountAt(made, "/etc/hosts")?.options).toContain("ro");
});

test("--init puts an init in front, but not before the host's", () => {
	const made = bundle({ init: true }, { initPath: "/libexec/init" });
	expect(made.config.process.args).toEqual(["/dev/init", "--", "sh"]);
	expect(mountAt(made, "/dev/init")).toMatchObject({ source: "/libexec/init", options: ["bind", "ro", "rprivate"] });
	expect(made.bindKinds["/libexec/init"]).toBe("file");
	expect(bundle({ init: true, pid: "host" }).config.process.args).toEqual(["sh"]);
	expect(failure(() => bundle({ init: true }))).toBe("not-found --init");
});

test("the users of a root folder are read within it", () => {
	const root = join(scratch, "root");
	mkdirSync(join(root, "etc"), { recursive: true });
	expect(readUserFiles(root)).toEqual({ passwd: "", group: "" });
	symlinkSync("/etc/passwd", join(root, "etc/passwd"));
	expect(failure(() => readUserFiles(root))).not.toBe("ok");
	rmSync(join(root, "etc/passwd"));
	symlinkSync("/data", join(root, "etc/passwd"));
	writeFileSync(join(root, "data"), "eve:x:5:6::/e:\n");
	const made = bundle({ user: "eve" }, { image: undefined, rootfsPath: root, operands: ["sh"] });
	expect(made.config.process.user).toMatchObject({ uid: 5, gid: 6 });
	expect(made.rootfs).toEqual({ kind: "folder", path: root });
	expect(Bun.spawnSync(["mkfifo", join(root, "etc/group")]).exitCode).toBe(0);
	expect(failure(() => readUserFiles(root))).toBe("invalid-spec undefined");
});

test("resolver options replace the host's lines of their kind", async () => {
	const { composeResolvConf } = await import("./network-files.ts");
	const host = "# c\nnameserver 9.9.9.9\nsearch a b\noptions ndots:2\n";
	const dns = { servers: ["1.1.1.1"], search: ["."], options: ["edns0"] };
	const none = { servers: [], search: [], options: [] };
	expect(composeResolvConf({ network: "host", extraHosts: [], dns: none }, host)).toBe(host);
	expect(composeResolvConf({ network: "host", extraHosts: [], dns }, host)).toBe("# c\nnameserver 1.1.1.1\noptions edns0\n");
	expect(composeResolvConf({ network: "none", extraHosts: [], dns: none }, host)).toBe("");
});
