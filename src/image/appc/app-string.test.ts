// App strings, and the templates that are filled with them.

import { describe, expect, test } from "bun:test";
import { parseInsecure } from "../../base/insecure.ts";
import { formatAppString, parseAppString } from "./app-string.ts";
import { fillTemplate, prefixSuits } from "./discover.ts";
import { discoveryLabels } from "./fetch.ts";
import { usableUrl } from "./web.ts";

describe("app strings", () => {
	const good: readonly (readonly [text: string, name: string, labels: Readonly<Record<string, string>>])[] = [
		["example.com/app", "example.com/app", {}],
		["example.com/app:1.0.0", "example.com/app", { version: "1.0.0" }],
		["example.com/app:v1.0.0+5,os=linux,arch=aarch64", "example.com/app", { version: "v1.0.0+5", os: "linux", arch: "aarch64" }],
		[
			"example.com/a/b_c~d:1,channel=beta%2C2,url=http%3A%2F%2Fx",
			"example.com/a/b_c~d",
			{ version: "1", channel: "beta,2", url: "http://x" },
		],
		["localhost,version=2", "localhost", { version: "2" }],
	];
	for (const [text, name, labels] of good) {
		test(`${text} is parsed, and formatted so that it is parsed again`, () => {
			const app = parseAppString(text);
			expect([app.name, Object.fromEntries(app.labels)]).toEqual([name, labels]);
			expect(parseAppString(formatAppString(app).replace("+", "%2B"))).toEqual(app);
		});
	}
	const bad = [
		"",
		":",
		"Example.com/app",
		"example.com//app",
		"example.com/app/",
		"/app",
		"example.com:5000/app",
		"example.com/app:1:2",
		"example.com/app:",
		"example.com/../app",
		"example.com/app,version",
		"example.com/app:1,version=2",
		"example.com/app,os=a,os=b",
		"example.com/app,name=x",
		"example.com/app,os=",
		"example.com/app,os=%0a",
		"example.com/app,os=%",
		"example.com/app,O=1",
		"https://example.com/app",
		"a_b/app",
		"a~b/app",
		"user@example.com/app",
		"example.com/app?x",
		"example.com/app#x",
		"ex ample.com/app",
		"example.com/app\n",
		`example.com/${"a".repeat(3000)}`,
	];
	for (const text of bad)
		test(`${JSON.stringify(text.slice(0, 40))} is refused`, () => expect(() => parseAppString(text)).toThrow("cannot parse image name"));
});

describe("templates", () => {
	const labels = new Map([
		["version", "1.0+5"],
		["os", "linux"],
		["arch", "amd64"],
		["evil", "x/../@evil.test?#{os}%"],
	]);
	const fill = (template: string) => fillTemplate(template, "example.com/app", labels, "aci");
	test("are filled with the name, labels and the extension", () => {
		expect(fill("https://s.example.com/{os}/{arch}/{name}-{version}.{ext}")).toBe(
			"https://s.example.com/linux/amd64/example.com/app-1.0+5.aci",
		);
		expect(fill("https://x/{ext}{ext}")).toBe("https://x/aciaci");
		expect(fill("https://x/plain")).toBe("https://x/plain");
	});
	test("with something unfilled are of no use", () => {
		for (const template of [
			"https://x/{channel}",
			"https://x/{}",
			"https://x/{Version}",
			"https://x/{version",
			"https://x/version}",
			"https://x/{{version}}",
			"https://x/{?version}",
		])
			expect(fill(template)).toBeUndefined();
	});
	test("no value of a label becomes a host, a query or a template", () => {
		expect(fill("https://x/{evil}")).toBe("https://x/x%2F..%2F%40evil.test%3F%23%7Bos%7D%25");
		expect(usableUrl(fill("https://{evil}/x") ?? "", false)).toBe("it is no URL");
	});
	test("URLs are used over https, or http where that is allowed, and nothing else", () => {
		expect(String(usableUrl("https://example.com/x#y", false))).toBe("https://example.com/x");
		expect(usableUrl("http://example.com/x", false)).toBe("it is plain http");
		expect(String(usableUrl("http://example.com/x", true))).toBe("http://example.com/x");
		for (const text of [
			"file:///etc/passwd",
			"ftp://x/y",
			"javascript://x",
			"https://user:word@x/",
			"https://@/",
			"/x",
			"x",
			"//x/y",
			"data:x",
			"https:\\\\x",
			"https:///x y",
			"https://x/\ty",
			"ht\ntps://x/",
			"https://",
			"https:x",
			"unix:///run/x",
			"https://[::1/",
			"HTTPS://u@x",
		])
			expect(typeof usableUrl(text, true)).toBe("string");
	});
	test("a prefix ends with a path element", () => {
		const suits = (prefix: string) => prefixSuits(prefix, "example.com/foo/bar");
		expect(["example.com", "example.com/", "example.com/foo", "example.com/foo/bar"].map(suits)).toEqual([true, true, true, true]);
		expect(["example.co", "example.com/fo", "example.com/foo/bar/baz", "", "/", "com", "*"].map(suits)).toEqual(Array(7).fill(false));
	});
});

test("labels that are not asked for are the platform's, in appc's words", () => {
	const of = (text: string, architecture: string, variant?: string) =>
		Object.fromEntries(discoveryLabels(parseAppString(text), { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) }));
	expect(of("a.b/c", "amd64")).toEqual({ version: "latest", os: "linux", arch: "amd64" });
	expect(of("a.b/c:1", "arm64")).toEqual({ version: "1", os: "linux", arch: "aarch64" });
	expect(of("a.b/c", "arm", "v7").arch).toBe("armv7l");
	expect(of("a.b/c", "arm", "v6").arch).toBe("armv6l");
	expect(of("a.b/c", "386").arch).toBe("i386");
	expect(of("a.b/c", "riscv64").arch).toBe("riscv64");
	expect(of("a.b/c,arch=s390x,os=freebsd", "amd64")).toEqual({ version: "latest", os: "freebsd", arch: "s390x" });
});

test("--insecure-options has rkt's words", () => {
	const words = (text: string | undefined) => [...parseInsecure(text)];
	expect([words(undefined), words("none"), words("image"), words("http,tls"), words("all-fetch"), words("all")]).toEqual([
		[],
		[],
		["image"],
		["tls", "http"],
		["image", "tls", "http"],
		["image", "tls", "http", "pubkey"],
	]);
	expect(() => parseInsecure("ondisk")).toThrow('cannot switch off "ondisk"');
	expect(() => parseInsecure("images")).toThrow("expected image, tls, http, pubkey");
});
