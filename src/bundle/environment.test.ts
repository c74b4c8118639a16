// Env files, -e, labels, and what the payload sees.

import { expect, test } from "bun:test";
import { composeEnv, defaultPath, parseEnv, parseEnvFile, parseLabel, parseLabelFile } from "./environment.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const caller = { HOME: "/me", EMPTY: "" };

test("an env file is read as docker reads it", () => {
	const text = [
		"# comment",
		"",
		"   # indented comment",
		"A=1",
		"  B=2  ",
		"C=",
		'D="quoted"',
		"E=a=b",
		"F=x # no comment",
		"HOME",
		"EMPTY",
		"ABSENT",
		"toString",
		"G=crlf\r",
		"H=é",
	].join("\n");
	expect(parseEnvFile(bytes(text), "f", caller)).toEqual([
		"A=1",
		"B=2  ",
		"C=",
		'D="quoted"',
		"E=a=b",
		"F=x # no comment",
		"HOME=/me",
		"EMPTY=",
		"G=crlf",
		"H=é",
	]);
	expect(parseEnvFile(bytes("\ufeffA=1"), "f", caller)).toEqual(["A=1"]);
	expect(parseEnvFile(bytes(""), "f", caller)).toEqual([]);
});

test("broken env files name the line", () => {
	expect(() => parseEnvFile(bytes("A=1\n=x"), "f", caller)).toThrow('cannot read "f": line 2 has no variable name');
	expect(() => parseEnvFile(bytes("a b=1"), "f", caller)).toThrow('line 1 has blanks in the variable name "a b"');
	expect(() => parseEnvFile(bytes("A =1"), "f", caller)).toThrow("has blanks");
	expect(() => parseEnvFile(bytes("A=\0"), "f", caller)).toThrow("it holds a NUL byte");
	expect(() => parseEnvFile(new Uint8Array([0x41, 0x3d, 0xff]), "f", caller)).toThrow("it is not UTF-8 text");
	expect(() => parseEnvFile(bytes(`A=${"x".repeat(70_000)}`), "f", caller)).toThrow("line 1 is too long");
});

test("-e takes the caller's value for a bare name", () => {
	expect(parseEnv("A=1", caller)).toBe("A=1");
	expect(parseEnv("A=", caller)).toBe("A=");
	expect(parseEnv("A==", caller)).toBe("A==");
	expect(parseEnv("HOME", caller)).toBe("HOME=/me");
	expect(parseEnv("ABSENT", caller)).toBe("ABSENT");
	expect(parseEnv("constructor", caller)).toBe("constructor");
	for (const text of ["", "=", "=x", "A\0=1"]) expect(() => parseEnv(text, caller)).toThrow("cannot use");
});

test("labels may be bare keys", () => {
	expect(parseLabel("a=b=c", "--label")).toEqual(["a", "b=c"]);
	expect(parseLabel("a", "--label")).toEqual(["a", ""]);
	expect(() => parseLabel("=b", "--label")).toThrow("it has no key");
	expect(parseLabelFile(bytes("# c\na=1\nb\n"), "f")).toEqual([
		["a", "1"],
		["b", ""],
	]);
	expect(() => parseLabelFile(bytes("a b=1"), "f")).toThrow("blanks in the key");
});

const compose = (image: string[], options: string[], tty = false, home = "/root") =>
	composeEnv({ image, options, hostname: "h", tty, home });

test("the environment is docker's: PATH, HOSTNAME, TERM, the options', the image's, HOME", () => {
	expect(compose([], [])).toEqual([`PATH=${defaultPath}`, "HOSTNAME=h", "HOME=/root"]);
	expect(compose([], [], true)).toEqual([`PATH=${defaultPath}`, "HOSTNAME=h", "TERM=xterm", "HOME=/root"]);
	expect(compose(["PATH=/bin", "X=image", "Y=image"], ["X=mine", "Z=mine"])).toEqual([
		"PATH=/bin",
		"HOSTNAME=h",
		"X=mine",
		"Z=mine",
		"Y=image",
		"HOME=/root",
	]);
});

test("the last word for a name wins, a bare name removes, HOME stays when it is set", () => {
	expect(compose([], ["A=1", "B=2", "A=3"])).toContain("A=3");
	expect(compose([], ["A=1", "A=3"]).filter((word) => word.startsWith("A="))).toEqual(["A=3"]);
	expect(compose(["A=image"], ["A"]).some((word) => word.startsWith("A"))).toBe(false);
	expect(compose([], ["PATH"]).some((word) => word.startsWith("PATH="))).toBe(false);
	expect(compose([], ["HOSTNAME=other"])).toContain("HOSTNAME=other");
	expect(compose(["HOME=/data"], [])).toContain("HOME=/data");
	expect(compose(["HOME="], [])).toContain("HOME=/root");
	expect(compose(["=x", "novalue", ""], [])).toEqual(compose([], []));
	expect(compose(["__proto__=1"], [])).toContain("__proto__=1");
});
