// The rules of an appc image manifest, one a row: what breaks each, and what the lenient reading takes and the strict building does not.

import { describe, expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import { type AppcMode, appcArches, decodeAppcManifest } from "./appc.ts";

const minimal = { acKind: "ImageManifest", acVersion: "0.8.11", name: "example.com/app" };
const app = { exec: ["/x"], user: "0", group: "0" };

/** "" or the message behind "cannot decode m: ". */
function check(document: unknown, mode: AppcMode = "build"): string {
	try {
		decodeAppcManifest(typeof document === "string" ? document : JSON.stringify(document), "m", mode);
		return "";
	} catch (error) {
		if (!(error instanceof CortenError)) throw error;
		expect(error.code).toBe("invalid-spec");
		return error.message.replace("cannot decode m: ", "");
	}
}

const withApp = (more: Readonly<Record<string, unknown>>) => ({ ...minimal, app: { ...app, ...more } });
const withLabels = (...pairs: readonly (readonly [string, string])[]) => ({
	...minimal,
	labels: pairs.map(([name, value]) => ({ name, value })),
});
const withAnnotation = (name: string, value: string) => ({ ...minimal, annotations: [{ name, value }] });
const withIsolator = (name: string, value: unknown) => withApp({ isolators: [{ name, value }] });
const withPort = (port: Readonly<Record<string, unknown>>) => withApp({ ports: [{ name: "p", protocol: "tcp", port: 80, ...port }] });

describe("accepted", () => {
	const cases: Readonly<Record<string, unknown>> = {
		"the least there can be": minimal,
		"an app": { ...minimal, app },
		"an app without exec": { ...minimal, app: { user: "0", group: "/etc" } },
		"any separator in a name": { ...minimal, name: "a-b.c_d~e/f" },
		"a version with all parts": { ...minimal, acVersion: "1.2.3-rc.1+git.5" },
		"labels of one's own": withLabels(["a/b", ""], ["version", "x y"]),
		"an architecture alone": withLabels(["arch", "whatever"]),
		"an os alone": withLabels(["os", "freebsd"]),
		dependencies: {
			...minimal,
			dependencies: [
				{ imageName: "a" },
				{ imageName: "b", imageID: `sha512-${"a".repeat(128)}`, labels: [{ name: "x", value: "y" }], size: 1 },
			],
		},
		"an empty whitelist": { ...minimal, pathWhitelist: [] },
		"a whitelist": { ...minimal, pathWhitelist: ["/", "/a/"] },
		"a time with a fraction and a zone": withAnnotation("created", "2016-01-02T03:04:05.123+01:00"),
		"an empty working directory": withApp({ workingDirectory: "" }),
		"both handlers": withApp({
			eventHandlers: [
				{ name: "pre-start", exec: ["a"] },
				{ name: "post-stop", exec: [] },
			],
		}),
		"a variable with a dot and a dash": withApp({ environment: [{ name: "_a.b-C1", value: "" }] }),
		"ports to the last": withPort({ port: 65535 }),
		"a range to the last": withPort({ port: 65534, count: 2 }),
		"null lists": { ...minimal, labels: null, app: { ...app, ports: null } },
		"unknown keys": { ...minimal, more: 1 },
		capabilities: withIsolator("os/linux/capabilities-retain-set", { set: ["CAP_KILL"] }),
		"seccomp with a wildcard": withIsolator("os/linux/seccomp-remove-set", { set: ["@appc.io/empty"], errno: "EPERM" }),
		cpu: withIsolator("resource/cpu", { request: "250m", limit: "0.5" }),
		memory: withIsolator("resource/memory", { limit: "1Gi" }),
		bandwidth: withIsolator("resource/block-bandwidth", { default: true, limit: "2M" }),
		shares: withIsolator("os/linux/cpu-shares", 2),
		"a profile": withIsolator("os/linux/apparmor-profile", { profile: "p" }),
		"a context": withIsolator("os/linux/selinux-context", { user: "u", role: "r", type: "t", level: "s0:c1" }),
	};
	for (const [what, document] of Object.entries(cases)) test(what, () => expect(check(document)).toBe(""));
	for (const [os, arches] of Object.entries(appcArches))
		for (const arch of arches) test(`${os}/${arch}`, () => expect(check(withLabels(["os", os], ["arch", arch]))).toBe(""));
});

describe("refused", () => {
	const cases: readonly [what: string, document: unknown, message: string][] = [
		["another kind", { ...minimal, acKind: "PodManifest" }, "/acKind"],
		["no kind", { acVersion: "0.8.11", name: "a" }, "/acKind is missing"],
		["no version", { acKind: "ImageManifest", name: "a" }, "/acVersion is missing"],
		["version zero", { ...minimal, acVersion: "0.0.0" }, "/acVersion 0.0.0"],
		["half a version", { ...minimal, acVersion: "0.8" }, "/acVersion"],
		["a version with a leading zero", { ...minimal, acVersion: "0.08.1" }, "/acVersion"],
		["no name", { acKind: "ImageManifest", acVersion: "0.8.11" }, "/name is missing"],
		["an upper-case name", { ...minimal, name: "A" }, "/name"],
		["a name that ends with a separator", { ...minimal, name: "a/" }, "/name"],
		["an empty name", { ...minimal, name: "" }, "/name"],
		["a name with a colon", { ...minimal, name: "a:b" }, "/name"],
		["a label named name", withLabels(["name", "x"]), "/labels/0/name"],
		["a label twice", withLabels(["x", "1"], ["x", "2"]), "/labels/1/name"],
		["an unknown os", withLabels(["os", "plan9"]), "/labels the os"],
		["an os that every object has", withLabels(["os", "constructor"]), "/labels the os"],
		["an architecture of another os", withLabels(["os", "darwin"], ["arch", "amd64"]), "/labels the arch"],
		["Go's word for an architecture", withLabels(["os", "linux"], ["arch", "arm64"]), "/labels the arch"],
		[
			"an annotation twice",
			{
				...minimal,
				annotations: [
					{ name: "a", value: "" },
					{ name: "a", value: "" },
				],
			},
			"/annotations/1/name",
		],
		["a day without a time", withAnnotation("created", "2016-01-02"), "/annotations/0 created"],
		["a time with a space", withAnnotation("created", "2016-01-02 03:04:05Z"), "/annotations/0 created"],
		["an ftp homepage", withAnnotation("homepage", "ftp://example.com"), "/annotations/0 homepage"],
		["documentation at no host", withAnnotation("documentation", "https:///x"), "/annotations/0 documentation"],
		["notify that is neither", withAnnotation("appc.io/executor/supports-systemd-notify", "yes"), "/annotations/0"],
		["a dependency without a name", { ...minimal, dependencies: [{}] }, "/dependencies/0/imageName"],
		[
			"a dependency of another algorithm",
			{ ...minimal, dependencies: [{ imageName: "a", imageID: "sha256-00" }] },
			"/dependencies/0/imageID",
		],
		["a negative size", { ...minimal, dependencies: [{ imageName: "a", size: -1 }] }, "/dependencies/0/size"],
		["a relative path in a whitelist", { ...minimal, pathWhitelist: ["a"] }, "/pathWhitelist/0"],
		["no user", { ...minimal, app: { group: "0" } }, "/app/user"],
		["an empty group", withApp({ group: "" }), "/app/group"],
		["a negative gid", withApp({ supplementaryGIDs: [-1] }), "/app/supplementaryGIDs/0"],
		["an unknown event", withApp({ eventHandlers: [{ name: "post-start", exec: [] }] }), "/app/eventHandlers/0/name"],
		[
			"an event twice",
			withApp({
				eventHandlers: [
					{ name: "pre-start", exec: [] },
					{ name: "pre-start", exec: [] },
				],
			}),
			"/app/eventHandlers/1/name",
		],
		["a relative working directory", withApp({ workingDirectory: "a" }), "/app/workingDirectory"],
		["a variable that begins with a digit", withApp({ environment: [{ name: "1A", value: "" }] }), "/app/environment/0/name"],
		[
			"a variable twice",
			withApp({
				environment: [
					{ name: "A", value: "" },
					{ name: "A", value: "" },
				],
			}),
			"/app/environment/1/name",
		],
		["a mount point without a path", withApp({ mountPoints: [{ name: "a" }] }), "/app/mountPoints/0/path"],
		["a mount point named like an identifier", withApp({ mountPoints: [{ name: "a/b", path: "/" }] }), "/app/mountPoints/0/name"],
		["port 0", withPort({ port: 0 }), "/app/ports/0/port"],
		["port 65536", withPort({ port: 65536 }), "/app/ports/0/port"],
		["no ports at all", withPort({ count: 0 }), "/app/ports/0/count"],
		["a range beyond the last", withPort({ port: 65535, count: 2 }), "/app/ports/0 2 ports"],
		["a port without a protocol", withPort({ protocol: "" }), "/app/ports/0/protocol"],
		["a label of the user's that is no string", withApp({ userLabels: { a: 1 } }), "/app/userLabels/a"],
		["an unknown isolator", withIsolator("os/linux/unknown", {}), "/app/isolators/0/name"],
		["an isolator that every object has", withIsolator("constructor", {}), "/app/isolators/0/name"],
		["no capability", withIsolator("os/linux/capabilities-retain-set", { set: [] }), "/app/isolators/0/value/set"],
		[
			"something else among capabilities",
			withIsolator("os/linux/capabilities-remove-set", { set: ["KILL"] }),
			"/app/isolators/0/value/set",
		],
		[
			"both sets of capabilities",
			withApp({
				isolators: [
					{ name: "os/linux/capabilities-retain-set", value: { set: ["CAP_KILL"] } },
					{ name: "os/linux/capabilities-remove-set", value: { set: ["CAP_KILL"] } },
				],
			}),
			"/app/isolators has more than one",
		],
		[
			"an errno of another name",
			withIsolator("os/linux/seccomp-retain-set", { set: ["read"], errno: "eperm" }),
			"/app/isolators/0/value/errno",
		],
		["a cpu that is default", withIsolator("resource/cpu", { default: true, limit: "1" }), "/app/isolators/0/value"],
		["a memory of no quantity", withIsolator("resource/memory", { limit: "1 G" }), "/app/isolators/0/value/limit"],
		["bandwidth that is not default", withIsolator("resource/network-bandwidth", { limit: "1G" }), "/app/isolators/0/value"],
		["iops with a request", withIsolator("resource/block-iops", { default: true, limit: "1", request: "1" }), "/app/isolators/0/value"],
		["a score too high", withIsolator("os/linux/oom-score-adj", 1001), "/app/isolators/0/value"],
		["one share", withIsolator("os/linux/cpu-shares", 1), "/app/isolators/0/value"],
		[
			"a type with a colon",
			withIsolator("os/linux/selinux-context", { user: "u", role: "r", type: "a:b", level: "s0" }),
			"/app/isolators/0/value/type",
		],
		["a NUL byte", { ...minimal, app: { ...app, exec: ["a\0b"] } }, "/app/exec/0"],
		["a list", "[]", "the document expected object"],
		["no JSON", "{", "Expected"],
		["one key in two spellings", '{"acKind":"ImageManifest","acVersion":"0.8.11","name":"a","NAME":"b"}', "/name is there twice"],
		["what is too large", `"${"x".repeat(1 << 20)}"`, "it is larger"],
	];
	for (const [what, document, message] of cases) test(what, () => expect(check(document)).toContain(message));

	test("all of it at once", () => {
		const message = check({ acKind: "x", acVersion: "x", name: "X", app: {} });
		for (const at of ["/acKind", "/acVersion", "/name", "/app/user", "/app/group"]) expect(message).toContain(at);
	});
});

describe("what others built is read more leniently than corten builds", () => {
	test("two separators in a row", () => {
		const document = { ...minimal, name: "a--b", app: { ...app, mountPoints: [{ name: "a--b", path: "/" }] } };
		expect(check(document, "read")).toBe("");
		expect(check(document)).toContain("/name");
	});
	test("a shortened image ID, as rkt has it", () => {
		const document = { ...minimal, dependencies: [{ imageName: "a", imageID: `sha512-${"0".repeat(64)}` }] };
		expect(check(document, "read")).toBe("");
		expect(check(document)).toContain("/dependencies/0/imageID");
	});
	test("keys in any case", () => {
		const manifest = decodeAppcManifest(
			'{"AcKind":"ImageManifest","acversion":"0.8.11","NAME":"a","app":{"User":"0","group":"0","supplementaryGids":[7]}}',
			"m",
		);
		expect(manifest.name).toBe("a");
		expect(manifest.app?.supplementaryGIDs).toEqual([7]);
	});
});
