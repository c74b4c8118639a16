// The plan that mounts roots for a copy: the ops of a start, and none of those that make processes.

import { expect, test } from "bun:test";
import { minimalHost } from "../linux/host.fixture.ts";
import { compileMounted } from "./compile-mounted.ts";
import { minimalConfig, minimalInput } from "./minimal.fixture.ts";

const upper = { upperDir: "/c/upper", workDir: "/c/work" };
const layers = { kind: "layers", layers: [{ kind: "erofs", path: "/layers/a.erofs" }], upper } as const;
const plan = (...roots: readonly Partial<Parameters<typeof compileMounted>[0]["roots"][number]>[]) =>
	compileMounted({
		roots: roots.map((root, index) => ({ config: minimalConfig, rootfs: layers, frame: minimalInput.frame, fd: 200 + index, ...root })),
		host: minimalHost,
		program: "/usr/bin/corten",
		argv: ["corten", "cp"],
		env: ["A=b"],
		umask: 0o22,
	});

test("a mount namespace first, the program last, and no other process", () => {
	const names = plan({}).ops.map(({ op }) => op);
	expect(names.slice(0, 3)).toEqual(["unshare", "mount", "openat"]);
	expect(names.slice(-4)).toEqual(["fchdir", "dup3", "umask", "execve"]);
	for (const op of ["clone3", "fork", "pivot_root", "chroot", "seccomp", "capset"] as const) expect(names).not.toContain(op);
});

test("the writable layer is mounted to last", () => {
	const overlay = plan({ frame: { ...minimalInput.frame } }).ops.find(
		({ op, args }) => op === "mount" && "type" in args && args.type === "overlay",
	);
	expect(JSON.stringify(overlay?.args)).toContain("upperdir=u,workdir=w");
	expect(JSON.stringify(overlay?.args)).not.toContain("volatile");
});

test("what a start makes anew is an empty folder, read-only; binds are there; a read-only root is one", () => {
	const mounts = [
		{ destination: "/proc", type: "proc", source: "proc" },
		{ destination: "/mem", type: "tmpfs", source: "tmpfs", options: ["size=1m"] },
		{ destination: "/vol", type: "bind", source: "/srv", options: ["rbind"] },
	];
	const { ops } = plan({ config: { ...minimalConfig, mounts, root: { ...minimalConfig.root, readonly: true } } });
	const made = ops.flatMap(({ op, args }) =>
		op === "fsmount" && "type" in args ? [`${args.type} ${"attrs" in args ? args.attrs : ""}`] : [],
	);
	// MOUNT_ATTR_RDONLY, NOSUID, NODEV, NOEXEC
	expect(made).toEqual(["tmpfs 15", "tmpfs 15"]);
	expect(ops.some(({ op, args }) => op === "open_tree" && "path" in args && args.path === "/srv")).toBe(true);
	expect(ops.at(-5)).toMatchObject({ op: "mount_setattr", args: { set: 1 }, at: "/root/readonly" });
});

test("each root has a descriptor of its own", () => {
	const given = plan({}, { rootfs: { kind: "folder", path: "/srv/root" } }).ops.flatMap(({ op, args }) =>
		op === "dup3" && "fd" in args ? [args.fd] : [],
	);
	expect(given).toEqual([200, 201]);
});
