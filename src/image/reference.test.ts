// References and sources: normalized, or refused.

import { describe, expect, test } from "bun:test";
import { isError } from "../base/errors.ts";
import { familiarName, formatReference, parseReference, parseSource } from "./reference.ts";

const hex = "0123456789abcdef".repeat(4);

describe("references are normalized", () => {
	for (const [text, full, familiar] of [
		["alpine", "docker.io/library/alpine:latest", "alpine"],
		["alpine:3.20", "docker.io/library/alpine:3.20", "alpine"],
		["user/app", "docker.io/user/app:latest", "user/app"],
		["docker.io/alpine", "docker.io/library/alpine:latest", "alpine"],
		["index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine"],
		["library/alpine", "docker.io/library/alpine:latest", "alpine"],
		["library/a/b", "docker.io/library/a/b:latest", "library/a/b"],
		["localhost/app", "localhost/app:latest", "localhost/app"],
		["localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app"],
		["localhost:5000", "docker.io/library/localhost:5000", "localhost"],
		["127.0.0.1:5000/a/b_c/d__e/f-g:V1_x.y-z", "127.0.0.1:5000/a/b_c/d__e/f-g:V1_x.y-z", "127.0.0.1:5000/a/b_c/d__e/f-g"],
		["[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app"],
		["[fe80::1]/app:1", "[fe80::1]/app:1", "[fe80::1]/app"],
		["UPPER/app", "UPPER/app:latest", "UPPER/app"],
		[`quay.io/a/b@sha256:${hex}`, `quay.io/a/b@sha256:${hex}`, "quay.io/a/b"],
		[`alpine:3@sha256:${hex}`, `docker.io/library/alpine@sha256:${hex}`, "alpine"],
		[`alpine@sha512:${hex}${hex}`, `docker.io/library/alpine@sha512:${hex}${hex}`, "alpine"],
		["abcdef", "docker.io/library/abcdef:latest", "abcdef"],
	] as const) {
		test(text.slice(0, 60), () => {
			const reference = parseReference(text);
			expect(formatReference(reference)).toBe(full);
			expect(familiarName(reference)).toBe(familiar);
			expect(formatReference(parseReference(full))).toBe(full);
		});
	}

	test("tag and digest are both kept", () => {
		expect(parseReference(`a:1@sha256:${hex}`)).toEqual({
			domain: "docker.io",
			repository: "library/a",
			tag: "1",
			digest: `sha256:${hex}`,
		});
	});
});

describe("references are refused", () => {
	for (const text of [
		"",
		":tag",
		`@sha256:${hex}`,
		"/a",
		"a/",
		"a//b",
		"a:",
		"a:-x",
		"a: b",
		`a:${"x".repeat(129)}`,
		"a@",
		"a@sha256:",
		`a@sha256:${hex.toUpperCase()}`,
		`a@sha256:${hex}0`,
		`a@md5:${hex}`,
		"a@sha256:../../../etc",
		"A",
		"a/B",
		"a___b",
		"-a",
		"a-",
		"a..b",
		"../a",
		"a/../b",
		"a/./b",
		".a",
		"a b",
		"a\n",
		"a\0b",
		"é",
		"http://a/b",
		"a@b@c",
		"host:99999/a",
		"host:port/a",
		"ho_st.x/a",
		"-host.x/a",
		"[::1/a",
		hex,
		`a/${"b".repeat(260)}`,
		"x".repeat(700),
		"a?b",
		"a#b",
		"a%2fb",
		"user:pass@host.x/a",
		"host.x:80:80/a",
	]) {
		test(JSON.stringify(text).slice(0, 60), () => {
			let error: unknown;
			try {
				parseReference(text);
			} catch (caught) {
				error = caught;
			}
			expect(isError(error, "invalid-argument")).toBe(true);
		});
	}
});

describe("sources", () => {
	test("transports are told apart", () => {
		expect(parseSource("docker://a")).toEqual({ transport: "docker", reference: parseReference("a") });
		expect(parseSource("a:1")).toEqual({ transport: "docker", reference: parseReference("a:1") });
		expect(parseSource("oci:/x/y")).toEqual({ transport: "oci", path: "/x/y" });
		expect(parseSource("oci:y:docker.io/library/a:3")).toEqual({ transport: "oci", path: "y", name: "docker.io/library/a:3" });
		expect(parseSource("docker-archive:a.tar:a:3")).toEqual({ transport: "docker-archive", path: "a.tar", name: "a:3" });
		expect(parseSource("docker-archive:a.tar:@1")).toEqual({ transport: "docker-archive", path: "a.tar", name: "@1" });
	});

	for (const text of ["oci:", "oci::tag", "docker-archive:", "oci:a\0b"]) {
		test(`${JSON.stringify(text)} is refused`, () => expect(() => parseSource(text)).toThrow("cannot parse reference"));
	}

	test("a transport of other tools is unsupported", () =>
		expect(() => parseSource("docker-daemon:x")).toThrow('cannot use transport "docker-daemon"'));
});
