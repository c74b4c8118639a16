// config.md#posix-platform-hooks: in whose namespaces a hook's path is looked up and its program runs.

import { expect } from "bun:test";
import { chmodSync, existsSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { type HookName, hookNames, withSleep } from "../../support/bundle.ts";
import { conformance, type World } from "../../support/conformance.ts";
import { until } from "../../support/container.ts";

const inContainer: readonly HookName[] = ["createContainer", "startContainer"];
const kinds = ["mnt", "uts", "ipc", "net", "pid"];

/** The namespaces that the hook saw as its own, and those of the container's process. */
async function namespacesOf(world: World, name: HookName) {
	const container = world.container((config, bundle) => {
		const file = name === "startContainer" ? "/seen" : `${bundle}/rootfs/seen`;
		const script = `for k in ${kinds.join(" ")}; do readlink /proc/self/ns/$k; done >${file}`;
		config.hooks = { [name]: [{ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/usr/bin:/bin"] }] };
		withSleep(config);
	});
	await container.launch();
	const pid = await container.pid();
	const own = kinds.map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
	await container.stop();
	expect((await container.delete()).status).toBe(0);
	return { seen: readFileSync(`${container.rootfs}/seen`, "utf8").trim().split("\n"), own };
}

for (const name of hookNames) {
	const where = inContainer.includes(name) ? "container" : "runtime";
	conformance(`${name} hooks run in the namespaces of the ${where}`, async (world) => {
		const { seen, own } = await namespacesOf(world, name);
		const host = kinds.map((kind) => readlinkSync(`/proc/self/ns/${kind}`));
		if (where === "container") expect(seen).toEqual(own);
		else {
			expect(seen.slice(1)).toEqual(host.slice(1));
			// Here crun runs in a mount namespace of its own, whose number may be that of a container that has ended.
			if (world.runtime.name !== "crun") expect(seen[0]).toBe(host[0]);
		}
	});
}

conformance("the path of a createContainer hook is one of the runtime's", async (world) => {
	const container = world.container((config, bundle) => {
		writeFileSync(`${bundle}/hook`, `#!/bin/sh\necho called >${bundle}/rootfs/called\n`);
		chmodSync(`${bundle}/hook`, 0o755);
		config.hooks = { createContainer: [{ path: `${bundle}/hook` }] };
		withSleep(config);
	});
	await container.create();
	expect(readFileSync(`${container.rootfs}/called`, "utf8")).toBe("called\n");
});

conformance("the path of a startContainer hook is one of the container's", async (world) => {
	const container = world.container((config, bundle) => {
		writeFileSync(`${bundle}/rootfs/hook`, "#!/bin/sh\necho called >/called\n");
		chmodSync(`${bundle}/rootfs/hook`, 0o755);
		config.hooks = { startContainer: [{ path: "/hook", args: ["hook"] }] };
		withSleep(config);
	});
	await container.launch();
	// A peer's start may return before its hooks did.
	await until(
		"the hook was called",
		() => existsSync(`${container.rootfs}/called`) && readFileSync(`${container.rootfs}/called`, "utf8") !== "",
	);
	expect(readFileSync(`${container.rootfs}/called`, "utf8")).toBe("called\n");
});

conformance("createRuntime hooks find the container's namespaces made", async (world) => {
	const container = world.container((config, bundle) => {
		const script = `pid=$(sed 's/.*"pid": *\\([0-9]*\\).*/\\1/' | tr -d '\\n'); readlink /proc/$pid/ns/net >${bundle}/net`;
		config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/usr/bin:/bin"] }] };
		withSleep(config);
	});
	await container.create();
	expect(readFileSync(`${container.bundle}/net`, "utf8").trim()).toBe(readlinkSync(`/proc/${await container.pid()}/ns/net`));
});

conformance("createContainer hooks see the document's mounts below the bundle's root, before the pivot", async (world) => {
	const container = world.container((config, bundle) => {
		config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs" });
		const script = `grep ' ${bundle}/rootfs/mnt ' /proc/self/mounts >${bundle}/rootfs/mounts`;
		config.hooks = { createContainer: [{ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/usr/bin:/bin"] }] };
		withSleep(config);
	});
	await container.create();
	expect(readFileSync(`${container.rootfs}/mounts`, "utf8")).toContain("tmpfs");
});
