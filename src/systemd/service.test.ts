// What a manager tells its service, and who is one.

import { expect, test } from "bun:test";
import { findService, listenFds, unitDirectories, unitEnvironment } from "./service.ts";

const env = { SYSTEMD_EXEC_PID: "42", INVOCATION_ID: "abc", NOTIFY_SOCKET: "/run/systemd/notify" };
const cgroups = (path: string) => () => ({ "name=systemd": path, memory: "/", "": path });

test("the process that the manager started is its service", () => {
	const service = { name: "web.service", user: false, invocation: "abc", socket: "/run/systemd/notify" };
	expect(findService(env, 42, cgroups("/system.slice/web.service"), false)).toEqual(service);
	expect(findService(env, 42, () => ({ "": "/system.slice/system-a.slice/a@1.service/payload" }), false)?.name).toBe("a@1.service");
	expect(findService(env, 42, () => ({ "name=systemd": "/", "": "/system.slice/web.service" }), false)?.name).toBe("web.service");
	expect(findService({ ...env, NOTIFY_SOCKET: "" }, 42, cgroups("/system.slice/web.service"), false)?.socket).toBeUndefined();
});

test("whoever merely runs in a unit is not, unless it insists on messages", () => {
	expect(findService(env, 43, cgroups("/system.slice/web.service"), false)).toBeUndefined();
	expect(findService(env, 43, cgroups("/system.slice/web.service"), true)?.name).toBe("web.service");
	expect(findService({ SYSTEMD_EXEC_PID: "42" }, 43, cgroups("/system.slice/web.service"), true)).toBeUndefined();
	expect(findService(env, 42, cgroups("/user.slice/user-0.slice/session-1.scope"), false)).toBeUndefined();
});

test("a unit of a user's manager is known by its cgroup", () => {
	const path = "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service";
	expect(findService(env, 42, cgroups(path), false)).toMatchObject({ name: "web.service", user: true });
	expect(findService(env, 42, cgroups("/user.slice/user-1000.slice/user@1000.service"), false)).toMatchObject({ user: false });
});

test("the payload gets the unit's environment and not what is the manager's", () => {
	const all = { ...env, PATH: "/bin", HOME: "/root", LISTEN_FDS: "1", WATCHDOG_USEC: "5", A: "1", "B C": "x=y", INVOCATION_ID: "abc" };
	expect(unitEnvironment(all)).toEqual(["INVOCATION_ID=abc", "A=1", "B C=x=y"]);
});

test("folders of the service, and sockets only for the process that they are meant for", () => {
	expect(
		unitDirectories({ STATE_DIRECTORY: "/var/lib/a:/var/lib/b", CONFIGURATION_DIRECTORY: "/etc/a", CACHE_DIRECTORY: "relative" }),
	).toEqual([
		{ path: "/var/lib/a", readonly: false },
		{ path: "/var/lib/b", readonly: false },
		{ path: "/etc/a", readonly: true },
	]);
	expect(listenFds({ LISTEN_FDS: "2", LISTEN_PID: "7" }, 7)).toBe(2);
	expect(listenFds({ LISTEN_FDS: "2", LISTEN_PID: "8" }, 7)).toBe(0);
	for (const bad of ["-1", "x", "1.5", "99999", ""]) expect(listenFds({ LISTEN_FDS: bad, LISTEN_PID: "7" }, 7)).toBe(0);
	expect(listenFds({}, 7)).toBe(0);
});
