// config.md#user: uid, gid, umask, additionalGids.

import { expect } from "bun:test";
import { conformance } from "../../support/conformance.ts";

conformance("uid and gid are the process'", async (world) => {
	const out = await world.sh("grep -E '^[UG]id' /proc/self/status", (config) => (config.process.user = { uid: 1000, gid: 2000 }));
	expect(out).toBe("Uid:\t1000\t1000\t1000\t1000\nGid:\t2000\t2000\t2000\t2000");
});

conformance("ids need no name in the container", async (world) => {
	expect(await world.sh("id -u; id -g", (config) => (config.process.user = { uid: 54321, gid: 65533 }))).toBe("54321\n65533");
});

conformance("additionalGids are the supplementary groups", async (world) => {
	const out = await world.sh(
		"grep ^Groups /proc/self/status",
		(config) => (config.process.user = { uid: 1, gid: 1, additionalGids: [5, 6, 70000] }),
	);
	expect(out.trim()).toBe("Groups:\t5 6 70000");
});

conformance("without additionalGids there are none of the runtime's", async (world) => {
	const out = await world.sh("grep ^Groups /proc/self/status", (config) => (config.process.user = { uid: 1000, gid: 1000 }));
	expect(out.trim()).toMatch(/^Groups:(\s1000)?$/);
});

for (const [umask, shown] of [
	[0o077, "0077"],
	[0o022, "0022"],
	[0, "0000"],
] as const) {
	conformance(`umask ${shown}`, async (world) => {
		expect(await world.sh("umask", (config) => (config.process.user = { uid: 0, gid: 0, umask }))).toBe(shown);
	});
}

conformance("a user other than root has none of the effective capabilities unless they are ambient", async (world) => {
	const out = await world.sh("grep CapEff /proc/self/status", (config) => (config.process.user = { uid: 1000, gid: 1000 }));
	expect(out).toBe("CapEff:\t0000000000000000");
});

conformance("a user can write what belongs to it and nothing else", async (world) => {
	const out = await world.sh(
		"touch /tmp/mine && touch /etc/theirs 2>&1 || true",
		(config) => (config.process.user = { uid: 1000, gid: 1000 }),
	);
	expect(out).toContain("Permission denied");
});

conformance("a user that is not root can open its standard streams, where they are pipes", async (world) => {
	const container = world.container((config) => {
		config.process.user = { uid: 1000, gid: 1000 };
		config.process.args = ["sh", "-c", "echo text >/dev/stdout"];
	});
	// Bun's own pipes are sockets, which nobody can open.
	const ended = Bun.spawnSync([
		"sh",
		"-c",
		'"$@" | cat',
		"sh",
		...world.runtime.command("run", "--bundle", container.bundle, container.id),
	]);
	expect(ended.stdout.toString()).toBe("text\n");
});
