// Policies, scopes, identities and payloads, without keys; the e2e test has those, and skopeo beside it.

import { describe, expect, test } from "bun:test";
import { parseReference } from "../reference.ts";
import { decodePayload, identityProblem } from "./payload.ts";
import { decodePolicy, type IdentityRule } from "./policy.ts";
import { requirementsOf } from "./scope.ts";

const bytes = (value: unknown) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const accept = { type: "insecureAcceptAnything" };
const reject = { type: "reject" };
const signedBy = { type: "signedBy", keyType: "GPGKeys", keyPath: "/k" };
const digest = `sha256:${"ab".repeat(32)}`;

describe("a policy is refused", () => {
	const refused: readonly (readonly [string, unknown])[] = [
		["without a default", { transports: {} }],
		["with an empty list of requirements", { default: [] }],
		["with a property nobody knows", { default: [accept], defaults: [] }],
		["with a property twice", '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}'],
		["with a property twice, once escaped", '{"default":[{"type":"reject"}],"d\\u0065fault":[{"type":"insecureAcceptAnything"}]}'],
		["with a requirement without type", { default: [{}] }],
		["with a requirement of another type", { default: [{ type: "accept" }] }],
		["with more than a type where a type is all", { default: [{ type: "reject", keyPath: "/k" }] }],
		["with two places for keys", { default: [{ ...signedBy, keyData: "AAAA" }] }],
		["without keys", { default: [{ type: "signedBy", keyType: "GPGKeys" }] }],
		["with an empty list of keys", { default: [{ type: "signedBy", keyType: "GPGKeys", keyPaths: [] }] }],
		["with keys of another type", { default: [{ ...signedBy, keyType: "X509Certificates" }] }],
		["with an identity of another type", { default: [{ ...signedBy, signedIdentity: { type: "any" } }] }],
		["with an identity that lacks its reference", { default: [{ ...signedBy, signedIdentity: { type: "exactReference" } }] }],
		["with requirements that are no list", { default: [accept], transports: { docker: { "": accept } } }],
		["that is no object", []],
		["that is no JSON", "{"],
	];
	for (const [why, document] of refused)
		test(why, () => expect(() => decodePolicy(bytes(document), "/p.json")).toThrow('cannot decode signature policy "/p.json"'));
	test("with a property twice around a string of two megabytes", () => {
		const long = "x".repeat(2 << 20);
		const text = `{"default":[{"type":"reject"}],"x":"${long}","default":[{"type":"insecureAcceptAnything"}]}`;
		expect(() => decodePolicy(bytes(text), "/p.json")).toThrow('"default" is there twice');
	});
	test("with what is not verified here, and said to be unsupported", () => {
		const fulcio = { type: "sigstoreSigned", keyPath: "/k", fulcio: { caPath: "/c" } };
		expect(() => decodePolicy(bytes({ default: [fulcio] }), "/p")).toThrow(expect.objectContaining({ code: "unsupported" }));
	});
});

test("the narrowest scope decides, and the others are not asked", () => {
	const table = {
		"example.com:5000": [reject],
		"example.com:5000/a": [signedBy],
		"example.com:5000/a/b": [accept],
		"example.com:5000/a/b:1": [reject],
		"*.wild.org": [accept],
		"sub.wild.org": [reject],
		"": [accept, accept],
	};
	const policy = decodePolicy(bytes({ default: [reject], transports: { docker: table, dir: { "/tmp": [accept] } } }), "/p");
	const scopeOf = (name: string) => requirementsOf(policy, { transport: "docker", reference: () => parseReference(name) }).scope;
	expect(scopeOf("example.com:5000/x:1")).toBe("docker:example.com:5000");
	expect(scopeOf("example.com:5000/ab:1")).toBe("docker:example.com:5000");
	expect(scopeOf("example.com:5000/a/x:1")).toBe("docker:example.com:5000/a");
	expect(scopeOf("example.com:5000/a/b:2")).toBe("docker:example.com:5000/a/b");
	expect(scopeOf("example.com:5000/a/b:1")).toBe("docker:example.com:5000/a/b:1");
	expect(scopeOf(`example.com:5000/a/b@${digest}`)).toBe("docker:example.com:5000/a/b");
	expect(scopeOf("x.wild.org/a")).toBe("docker:*.wild.org");
	expect(scopeOf("x.y.wild.org/a")).toBe("docker:*.wild.org");
	expect(scopeOf("sub.wild.org/a")).toBe("docker:sub.wild.org");
	expect(scopeOf("wild.org/a")).toBe("docker:");
	expect(requirementsOf(policy, { transport: "dir", path: "/tmp" }).scope).toBe("dir:/tmp");
	expect(requirementsOf(policy, { transport: "dir", path: "/etc" }).scope).toBe("default");
	expect(requirementsOf(policy, { transport: "dir", path: "/tmp/../etc" }).scope).toBe("default");
	expect(requirementsOf(policy, { transport: "docker-archive", path: "/tmp" }).scope).toBe("default");
	expect(requirementsOf(policy, { transport: "__proto__", path: "/tmp" }).scope).toBe("default");
});

describe("an identity", () => {
	const rows: readonly (readonly [IdentityRule, string, string, boolean])[] = [
		[{ type: "matchExact" }, "busybox:1", "docker.io/library/busybox:1", true],
		[{ type: "matchExact" }, "busybox:1", "busybox:1", true],
		[{ type: "matchExact" }, "busybox", "busybox:latest", true],
		[{ type: "matchExact" }, "busybox", "busybox", false],
		[{ type: "matchExact" }, "busybox:1", "busybox:2", false],
		[{ type: "matchExact" }, `busybox@${digest}`, "busybox:1", false],
		[{ type: "matchRepoDigestOrExact" }, `busybox@${digest}`, "busybox:1", true],
		[{ type: "matchRepoDigestOrExact" }, `busybox@${digest}`, "other:1", false],
		[{ type: "matchRepoDigestOrExact" }, "busybox:1", "busybox:2", false],
		[{ type: "matchRepository" }, "busybox:1", "busybox:2", true],
		[{ type: "matchRepository" }, "busybox:1", "busybox", true],
		[{ type: "matchRepository" }, "busybox:1", "evil/busybox:1", false],
		[{ type: "exactReference", dockerReference: "example.com/a:1" }, "busybox:1", "example.com/a:1", true],
		[{ type: "exactReference", dockerReference: "example.com/a:1" }, "busybox:1", "example.com/a:2", false],
		[{ type: "exactReference", dockerReference: "example.com/a" }, "busybox:1", "example.com/a", false],
		[{ type: "exactRepository", dockerRepository: "example.com/a" }, "busybox:1", "example.com/a:2", true],
		[{ type: "exactRepository", dockerRepository: "example.com/a" }, "busybox:1", "example.com/ab:2", false],
		[{ type: "remapIdentity", prefix: "mirror.org/x", signedPrefix: "vendor.com" }, "mirror.org/x/a/b:1", "vendor.com/a/b:1", true],
		[{ type: "remapIdentity", prefix: "mirror.org/x", signedPrefix: "vendor.com" }, "mirror.org/xy/b:1", "vendor.com/b:1", false],
		[{ type: "remapIdentity", prefix: "mirror.org/x", signedPrefix: "vendor.com" }, "other.org/b:1", "other.org/b:1", true],
		[{ type: "matchRepository" }, "busybox:1", "../busybox", false],
	];
	for (const [rule, wanted, signed, good] of rows)
		test(`${JSON.stringify(rule)} ${good ? "takes" : "refuses"} "${signed}" for "${wanted}"`, () => {
			expect(identityProblem(rule, parseReference(wanted), signed) === undefined).toBe(good);
		});
	test("that needs a name is not fulfilled by a folder", () => {
		expect(identityProblem({ type: "matchRepository" }, undefined, "busybox:1")).toContain("needs an image with a name");
		expect(identityProblem({ type: "exactRepository", dockerRepository: "busybox" }, undefined, "busybox:1")).toBeUndefined();
	});
});

describe("what is signed", () => {
	const payload = (change: (critical: Record<string, unknown>) => unknown = (critical) => critical, more: object = { optional: {} }) => ({
		critical: change({
			type: "atomic container signature",
			image: { "docker-manifest-digest": digest },
			identity: { "docker-reference": "busybox:1" },
		}),
		...more,
	});
	const decode = (document: unknown, form: "simple" | "sigstore" = "simple") => decodePayload(bytes(document), form, "signature 1");
	test("is a digest and a name", () => {
		const decoded = decode(payload(undefined, { optional: { creator: "x", timestamp: 1, other: [] } }));
		expect(decoded).toEqual({ digest: digest as `sha256:${string}`, reference: "busybox:1" });
	});
	const refused: readonly (readonly [string, unknown])[] = [
		["of another type", payload((critical) => ({ ...critical, type: "cosign container image signature" }))],
		["with more that is critical", payload((critical) => ({ ...critical, expires: 1 }))],
		["with a second image", payload((critical) => ({ ...critical, image: { "docker-manifest-digest": digest, other: digest } }))],
		["with a digest that is none", payload((critical) => ({ ...critical, image: { "docker-manifest-digest": "sha256:ab" } }))],
		["without a name", payload((critical) => ({ ...critical, identity: {} }))],
		["with more beside it", payload(undefined, { optional: {}, evil: 1 })],
		[
			"with a digest twice",
			JSON.stringify(payload()).replace('{"docker-manifest', `{"docker-manifest-digest":"${digest}","docker-manifest`),
		],
	];
	for (const [why, document] of refused)
		test(`is refused ${why}`, () => expect(() => decode(document)).toThrow("cannot decode signature 1"));
	test("of the one form is none of the other", () => expect(() => decode(payload(), "sigstore")).toThrow("its type is"));
});
