// The facts of the host: mountinfo texts of each kind of machine, and this machine.

import { expect, test } from "bun:test";
import { parseCgroupMounts, readHostFacts, readOwnCgroups } from "./host.ts";

const line = (mountPoint: string, type: string, options: string): string =>
	`31 23 0:28 / ${mountPoint} rw,relatime shared:9 - ${type} none ${options}\n`;

test("a machine with cgroup2 alone is version 2", () => {
	const mountinfo = `22 1 8:1 / / rw - ext4 /dev/sda rw\n${line("/sys/fs/cgroup", "cgroup2", "rw,nsdelegate")}`;
	expect(parseCgroupMounts(mountinfo)).toEqual({ version: 2, mountPoint: "/sys/fs/cgroup" });
});

test("a hybrid machine is version 1, each hierarchy once, with the names of its controllers", () => {
	const mountinfo =
		line("/sys/fs/cgroup", "tmpfs", "rw") +
		line("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct") +
		line("/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,release_agent=/lib/agent,name=systemd") +
		line("/sys/fs/cgroup/unified", "cgroup2", "rw") +
		line("/sys/fs/cgroup/with\\040space", "cgroup", "ro,clone_children,memory") +
		line("/mnt/again", "cgroup", "rw,cpu,cpuacct");
	expect(parseCgroupMounts(mountinfo)).toEqual({
		version: 1,
		hierarchies: [
			{ mountPoint: "/sys/fs/cgroup/cpu,cpuacct", controllers: ["cpu", "cpuacct"] },
			{ mountPoint: "/sys/fs/cgroup/systemd", controllers: ["name=systemd"] },
			{ mountPoint: "/sys/fs/cgroup/with space", controllers: ["memory"] },
		],
		unified: "/sys/fs/cgroup/unified",
	});
});

test("a machine without cgroups is refused", () => {
	expect(() => parseCgroupMounts("22 1 8:1 / / rw - ext4 /dev/sda rw\n")).toThrow("no cgroup filesystem");
});

test("the facts of this machine are plausible", () => {
	const facts = readHostFacts();
	expect(facts.kernel[0]).toBeGreaterThan(4);
	expect(facts.lastCapability).toBe(Number(new TextDecoder().decode(Bun.spawnSync(["cat", "/proc/sys/kernel/cap_last_cap"]).stdout)));
	expect(facts.cpus).toBeGreaterThanOrEqual(navigator.hardwareConcurrency);
	expect(facts.openFiles.soft).toBeLessThanOrEqual(facts.openFiles.hard);
	expect(facts.capabilities >= 0n).toBe(true);
});

test("inside a container the mounts say which cgroup they are", () => {
	const mountinfo = "31 23 0:28 /docker/abc /sys/fs/cgroup/memory rw - cgroup none rw,memory\n";
	expect(parseCgroupMounts(mountinfo)).toEqual({
		version: 1,
		hierarchies: [{ mountPoint: "/sys/fs/cgroup/memory", root: "/docker/abc", controllers: ["memory"] }],
	});
});

test("a process's own cgroups are read by controller", () => {
	for (const path of Object.values(readOwnCgroups())) expect(path).toStartWith("/");
	expect(readOwnCgroups("self")).toEqual(readOwnCgroups(process.pid));
});
