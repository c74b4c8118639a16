// Which commands are a systemd, and what such a container gets beside the usual.

import { expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import { minimalHost } from "../linux/host.fixture.ts";
import { busyboxImage, plainRequest } from "./bundle.fixture.ts";
import { type Bundle, type BundleInput, createBundle } from "./bundle.ts";
import type { RunRequest } from "./request.ts";
import { isSystemd } from "./systemd.ts";

const folder = "/var/lib/corten/containers/x";
const id = "0123456789abcdef".repeat(4);
const bundle = (options: Partial<RunRequest> = {}, more: Partial<BundleInput> = {}): Bundle =>
	createBundle({
		...{ id, image: busyboxImage(), rootfsPath: undefined, operands: ["/sbin/init"], folder, host: minimalHost },
		options: { ...plainRequest, ...options },
		...more,
	});
const mountAt = (made: Bundle, destination: string) => made.config.mounts.find((mount) => mount.destination === destination);
const failure = (make: () => unknown): string => {
	try {
		make();
		return "ok";
	} catch (error) {
		return error instanceof CortenError ? `${error.code} ${error.at}` : String(error);
	}
};

test("true, the default, knows a systemd by the command; always and false do not look", () => {
	for (const command of [
		"/sbin/init",
		"/usr/sbin/init",
		"/usr/local/sbin/init",
		"/lib/systemd/systemd",
		"/usr/lib/systemd/systemd",
		"systemd",
	])
		expect(isSystemd(plainRequest, [command])).toBe(true);
	for (const command of ["init", "/init", "/bin/sh", "/sbin/init/x", "systemd-run", ""])
		expect(isSystemd(plainRequest, [command])).toBe(false);
	expect(isSystemd(plainRequest, [])).toBe(false);
	expect(isSystemd({ ...plainRequest, systemd: "false" }, ["/sbin/init"])).toBe(false);
	expect(isSystemd({ ...plainRequest, systemd: "always" }, ["/bin/sh"])).toBe(true);
});

test("a systemd is the first process: behind --init and with the host's processes it is a command like any other, and no always", () => {
	expect(isSystemd({ ...plainRequest, init: true }, ["/sbin/init"])).toBe(false);
	expect(isSystemd({ ...plainRequest, pid: "host" }, ["/sbin/init"])).toBe(false);
	expect(failure(() => isSystemd({ ...plainRequest, systemd: "always", init: true }, []))).toBe("invalid-argument --systemd");
	expect(failure(() => isSystemd({ ...plainRequest, systemd: "always", pid: "host" }, []))).toBe("invalid-argument --systemd");
});

test("it gets empty folders, writable cgroups, its id, and its journal in the container's folder", () => {
	const made = bundle();
	const tmpfs = { type: "tmpfs", source: "tmpfs" };
	expect(mountAt(made, "/run")).toEqual({ destination: "/run", ...tmpfs, options: ["nosuid", "nodev", "mode=755"] });
	expect(mountAt(made, "/run/lock")).toEqual({ destination: "/run/lock", ...tmpfs, options: ["nosuid", "nodev", "noexec", "mode=1777"] });
	expect(mountAt(made, "/tmp")).toEqual({ destination: "/tmp", ...tmpfs, options: ["nosuid", "nodev", "mode=1777"] });
	expect(mountAt(made, "/sys/fs/cgroup")?.options).not.toContain("ro");
	expect(mountAt(made, "/var/log/journal")?.source).toBe(`${folder}/journal`);
	expect(made.journal).toBe(`${folder}/journal`);
	expect(made.bindKinds[`${folder}/journal`]).toBe("dir");
	expect(made.config.process.env).toContain("container=corten");
	expect(made.config.process.env).toContain("container_uuid=01234567-89ab-cdef-0123-456789abcdef");
	const plain = bundle({ systemd: "false" });
	expect({ ...made.config.process, env: [] }).toEqual({ ...plain.config.process, env: [] }); // capabilities too are docker's
	expect(plain.config.mounts.map(({ destination }) => destination)).not.toContain("/run");
	expect(plain.journal).toBeUndefined();
});

test("it is stopped by SIGRTMIN+3, unless the options or the image name another", () => {
	expect(bundle().stopSignal).toBe(37);
	expect(bundle({ stopSignal: 10 }).stopSignal).toBe(10);
	expect(bundle({}, { image: busyboxImage({ stopSignal: "SIGPWR" }) }).stopSignal).toBe(30);
	expect(bundle({ systemd: "false" }).stopSignal).toBe(15);
});

test("what was asked for at one of its places is meant", () => {
	const at = "--tmpfs";
	const mounts = ["/run", "/tmp", "/var/log/journal"].map((target) => ({ kind: "tmpfs", target, options: ["size=1m"], at }) as const);
	const made = bundle({ mounts, env: ["container=mine"] });
	for (const { target } of mounts) expect(mountAt(made, target)?.options).toEqual(["size=1m"]);
	expect(made.journal).toBeUndefined();
	expect(made.config.process.env).toContain("container=mine");
});

test("the manager's socket is where a systemd does not make its own", () => {
	const target = "/run/systemd/notify";
	const bind = { kind: "bind", source: "/", target, readonly: "no", recursive: false, propagation: "rprivate" } as const;
	const made = bundle({ env: [`NOTIFY_SOCKET=${target}`], mounts: [{ ...bind, flags: [], createSource: false, at: "the unit" }] });
	expect(made.config.process.env).toContain("NOTIFY_SOCKET=/run/host/notify");
	expect(mountAt(made, "/run/host/notify")?.source).toBe("/");
	expect(mountAt(made, target)).toBeUndefined();
});

test("beside v1 it sees cgroup v2 alone; without any it is refused", () => {
	const hierarchies = [{ mountPoint: "/sys/fs/cgroup/memory", controllers: ["memory"] }];
	const on = (unified: string | undefined) =>
		bundle({}, { host: { ...minimalHost, cgroup: { version: 1, hierarchies, unified } as typeof minimalHost.cgroup } });
	expect(mountAt(on("/sys/fs/cgroup/unified"), "/sys/fs/cgroup")?.type).toBe("cgroup2");
	expect(failure(() => on(undefined))).toBe("unsupported --systemd");
});
