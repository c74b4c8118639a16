// Where cgroups are, for every form of linux.cgroupsPath and every kind of machine.

import { expect, test } from "bun:test";
import type { HostFacts } from "../linux/host.ts";
import { type CgroupChoice, resolveCgroups } from "./cgroup-paths.ts";
import { hybridHost, minimalConfig } from "./minimal.fixture.ts";

const own = { "": "/user.slice/session-1.scope", memory: "/jobs/7", cpu: "/" };
const version2 = { version: 2, mountPoint: "/sys/fs/cgroup" } as const;

function paths(cgroup: HostFacts["cgroup"], cgroupsPath: string | undefined, choice: Partial<CgroupChoice> = {}): readonly string[] {
	const linux = { ...minimalConfig.linux, ...(cgroupsPath !== undefined && { cgroupsPath }) };
	return resolveCgroups(linux, cgroup, { id: "c1", join: "needed", ...choice }).map(({ path }) => path);
}

test("v2: an absolute path begins at the mount, a relative or missing one beside the caller's own cgroup", () => {
	expect(paths(version2, "/a/b")).toEqual(["/sys/fs/cgroup/a/b"]);
	expect(paths(version2, "/a/b", { own })).toEqual(["/sys/fs/cgroup/a/b"]);
	expect(paths(version2, "b", { own })).toEqual(["/sys/fs/cgroup/user.slice/b"]);
	expect(paths(version2, undefined, { own })).toEqual(["/sys/fs/cgroup/user.slice/c1"]);
	expect(paths(version2, undefined, { own: { "": "/" } })).toEqual(["/sys/fs/cgroup/c1"]);
	expect(paths(version2, undefined)).toEqual(["/sys/fs/cgroup/corten-c1"]);
});

test("v2 inside a container: the mount is not the whole hierarchy", () => {
	expect(paths({ ...version2, root: "/docker/x" }, "b", { own: { "": "/docker/x/init/shell" } })).toEqual(["/sys/fs/cgroup/init/b"]);
});

test("v1: a relative path begins at the caller's cgroup of each hierarchy", () => {
	const found = paths(hybridHost.cgroup, "b", { own });
	expect(found).toContain("/sys/fs/cgroup/memory/jobs/7/b");
	expect(found).toContain("/sys/fs/cgroup/cpu,cpuacct/b");
	expect(found).not.toContain("/sys/fs/cgroup/blkio/b");
});

test("all hierarchies are joined on demand, v2's beside v1's too", () => {
	const cgroup = { ...hybridHost.cgroup, unified: "/sys/fs/cgroup/unified" } as HostFacts["cgroup"];
	const found = paths(cgroup, "/x", { join: "all" });
	for (const name of ["blkio", "cpuset", "systemd", "unified"]) expect(found).toContain(`/sys/fs/cgroup/${name}/x`);
});

test("systemd's path is taken as it is", () => {
	expect(paths(version2, "system.slice:x:c1", { path: "/system.slice/x-c1.scope" })).toEqual(["/sys/fs/cgroup/system.slice/x-c1.scope"]);
});
