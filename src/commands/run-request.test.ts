// The command line of run: every option is read or refused by name, and the words reach the request.

import { expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import type { RunRequest } from "../bundle/request.ts";
import { parseOptions } from "./options.ts";
import { isIp, parseExtraHost } from "./run-network.ts";
import { runOptions } from "./run-options.ts";
import { decodeRunRequest } from "./run-request.ts";

const spec = { options: runOptions, operands: { min: 0, max: 100 }, optionsFirst: true as const, usage: "" };
function request(...args: string[]): RunRequest {
	const line = parseOptions("run", spec, args);
	if (line.kind !== "run") throw new Error("help");
	return decodeRunRequest(line.options, { env: { CALLER: "yes" }, folder: () => "/cur", cpus: 4 });
}
function failure(...args: string[]): string {
	try {
		request(...args);
		return "ok";
	} catch (error) {
		return error instanceof CortenError ? `${error.code} ${error.at}` : String(error);
	}
}

test("without options nothing is asked for", () => {
	expect(request()).toMatchObject({
		detach: false,
		remove: false,
		pull: "missing",
		network: "none",
		ipc: "private",
		pid: "private",
		uts: "private",
		cgroupns: "private",
		env: [],
		mounts: [],
		resources: {},
		seccomp: "default",
		protectSystemPaths: true,
		shmSizeBytes: 64n << 20n,
		hostname: undefined,
	});
});

test("docker's spellings are read", () => {
	const all = request(
		..."-dit --rm=false --name web -e A=1 -e CALLER -w /w -u 1:2 -h host --entrypoint x -v ./a:/a:ro --tmpfs /t --read-only --net host".split(
			" ",
		),
		..."--cap-add net_admin --cap-drop ALL --security-opt no-new-privileges --security-opt seccomp=unconfined -m 1g --cpus 2 -c 5".split(
			" ",
		),
		..."--stop-signal int --stop-timeout 3 -l a=b -l c --annotation x=y --pull never --cidfile id --pidfile /p --cgroup-parent a/b".split(
			" ",
		),
		..."--ulimit core=1 --ulimit core=2 --shm-size 1m --oom-score-adj -5 --group-add 5 --restart on-failure:4 --unit web --userns host --platform linux/arm64".split(
			" ",
		),
	);
	expect(all).toMatchObject({
		detach: true,
		interactive: true,
		tty: true,
		remove: false,
		restart: { name: "on-failure", retries: 4 },
		unit: "web.service",
		name: "web",
		env: ["A=1", "CALLER=yes"],
		workdir: "/w",
		user: "1:2",
		hostname: "host",
		entrypoint: "x",
		readOnly: true,
		network: "host",
		capAdd: ["CAP_NET_ADMIN"],
		capDrop: ["ALL"],
		noNewPrivileges: true,
		seccomp: "unconfined",
		stopSignal: 2,
		stopTimeoutSeconds: 3,
		labels: { a: "b", c: "" },
		annotations: { x: "y" },
		pull: "never",
		cidFile: "/cur/id",
		pidFile: "/p",
		cgroupParent: "/a/b",
		rlimits: [{ type: "RLIMIT_CORE", soft: 2n, hard: 2n }],
		shmSizeBytes: 1n << 20n,
		oomScoreAdj: -5,
		groups: ["5"],
		platform: { os: "linux", architecture: "arm64" },
	});
	expect(all.mounts.map((mount) => mount.target)).toEqual(["/a", "/t"]);
	expect(all.resources).toEqual({ memory: { limit: 1n << 30n, swap: 2n << 30n }, cpu: { shares: 5n, period: 100_000n, quota: 200_000n } });
});

test.each([
	["--network bridge", "unsupported --network"],
	["--network container:x", "unsupported --network"],
	["--network none --net host", "invalid-argument --network"],
	["--ipc container:x", "unsupported --ipc"],
	["--pid container:x", "unsupported --pid"],
	["--userns keep-id", "unsupported --userns"],
	["--restart sometimes", "invalid-argument --restart"],
	["--restart always:3", "invalid-argument --restart"],
	["--restart always --rm", "invalid-argument --restart"],
	["--unit a/b", "invalid-argument --unit"],
	["--uts host --hostname x", "invalid-argument --hostname"],
	["--hostname -x", "invalid-argument --hostname"],
	[`--hostname ${"x".repeat(65)}`, "invalid-argument --hostname"],
	["--name -x", "invalid-argument --name"],
	["--name a/b", "invalid-argument --name"],
	["--pull often", "invalid-argument --pull"],
	["--stop-signal FOO", "invalid-argument --stop-signal"],
	["--stop-timeout -1", "invalid-argument --stop-timeout"],
	["--oom-score-adj 1001", "invalid-argument --oom-score-adj"],
	["--cgroup-parent ../x", "invalid-argument --cgroup-parent"],
	["--cap-add FOO", "invalid-argument --cap-add"],
	["--security-opt apparmor=x", "unsupported --security-opt"],
	["--security-opt label=type:x", "unsupported --security-opt"],
	["--security-opt foo", "invalid-argument --security-opt"],
	["--security-opt no-new-privileges=maybe", "invalid-argument --security-opt"],
	["--dns x", "invalid-argument --dns"],
	["--add-host a:host-gateway", "unsupported --add-host"],
	["--env-file /absent/file", "not-found undefined"],
	["--rootfs=", "invalid-argument --rootfs"],
	["-p 80:80", "unsupported -p"],
	["--gpus all", "unsupported --gpus"],
	["-P", "unsupported -P"],
])("%s: %s", (line, expected) => {
	expect(failure(...line.split(" "))).toBe(expected);
});

test("inert words are accepted", () => {
	for (const line of [
		"--no-healthcheck",
		"--security-opt label=disable",
		"--security-opt apparmor=unconfined",
		"--security-opt seccomp=builtin",
	]) {
		expect(failure(...line.split(" "))).toBe("ok");
	}
});

test("every option that is done has help, and none is listed twice", () => {
	const shorts = Object.values(runOptions).flatMap((option) => ("short" in option && option.short !== undefined ? [option.short] : []));
	expect(new Set(shorts).size).toBe(shorts.length);
	for (const [name, option] of Object.entries(runOptions)) {
		if ("unsupported" in option) continue;
		expect(`${name} ${option.help}`).toMatch(/^[a-z0-9-]+ .{4,}[^.]$/);
		expect(option.kind === "flag" || "metavar" in option).toBe(true);
	}
});

test("addresses", () => {
	for (const text of ["0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4"])
		expect(`${text} ${isIp(text)}`).toBe(`${text} true`);
	for (const text of [
		"",
		"1.2.3",
		"256.1.1.1",
		"01.2.3.4",
		"1.2.3.4.5",
		":::",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"g::",
		"fe80::1%eth0",
		"1.2.3.4::",
		"12345::",
	]) {
		expect(`${text} ${isIp(text)}`).toBe(`${text} false`);
	}
	expect(parseExtraHost("a:1.2.3.4")).toEqual({ name: "a", address: "1.2.3.4" });
	expect(parseExtraHost("a=[::1]")).toEqual({ name: "a", address: "::1" });
	expect(parseExtraHost("a:::1")).toEqual({ name: "a", address: "::1" });
	for (const text of ["", "a", "a:", ":1.2.3.4", "a:b", "a b:1.2.3.4", "a\n:1.2.3.4", "a:1.2.3.4\nx"])
		expect(() => parseExtraHost(text)).toThrow("cannot parse host");
});
