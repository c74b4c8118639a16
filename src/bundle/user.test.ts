// The user parser: grammar, hostile files, and a comparison with a second, slower reading of the same rules over random words.

import { expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import { maxId, maxLineLength, parseId, resolveUser, type UserFiles } from "./user.ts";

const files: UserFiles = {
	passwd: "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001:Bob:/home/bob:/bin/sh\n1000:x:0:0:trap:/trap:/bin/sh\nnohome:x:7:7:::\n",
	group: "root:x:0:root\nwheel:x:10:root,bob\nbob:x:1001:\nvideo:x:44:alice,bob\n1001:x:0:bob2\n",
};
const ids = (text: string, added: readonly string[] = []) => {
	const { uid, gid, additionalGids, home } = resolveUser(text, files, added);
	return `${uid}:${gid} ${additionalGids.join(",")} ${home}`;
};
const codeOf = (text: string, from: UserFiles = files, added: readonly string[] = []) => {
	try {
		resolveUser(text, from, added);
		return "ok";
	} catch (error) {
		return error instanceof CortenError ? error.code : String(error);
	}
};

test("users resolve as docker resolves them", () => {
	expect(ids("")).toBe("0:0 0,10 /root");
	expect(ids("root")).toBe("0:0 0,10 /root");
	expect(ids("0")).toBe("0:0 0,10 /root");
	expect(ids("bob")).toBe("1000:1001 1001,10,44 /home/bob");
	expect(ids("1000")).toBe("1000:1001 1001,10,44 /home/bob");
	expect(ids("bob:wheel")).toBe("1000:10 10 /home/bob");
	expect(ids("bob:0")).toBe("1000:0 0 /home/bob");
	expect(ids("4242")).toBe("4242:0 0 /");
	expect(ids("4242:4243")).toBe("4242:4243 4243 /");
	expect(ids("nohome")).toBe("7:7 7 /");
	expect(ids("bob", ["video", "77", "wheel", "77"])).toBe("1000:1001 1001,10,44,77 /home/bob");
});

test("a word of digits is an id even where passwd or group has such a name", () => {
	expect(resolveUser("1000", files).uid).toBe(1000);
	expect(resolveUser("5:1001", files).gid).toBe(1001);
});

test("ids are 0 to 2^32-2", () => {
	expect(parseId("0")).toBe(0);
	expect(parseId("4294967294")).toBe(maxId);
	for (const text of [
		"",
		"00",
		"01",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1e3",
		"0x1",
		"4294967295",
		"4294967296",
		"9999999999",
		"18446744073709551616",
		"١",
	]) {
		expect(parseId(text)).toBeUndefined();
	}
	for (const text of ["4294967295", "4294967296:0", "0:4294967295", "99999999999999999999", "2147483648000", "007"]) {
		expect(codeOf(text)).toBe("invalid-argument");
	}
	expect(codeOf("2147483648:2147483648")).toBe("ok");
});

test("what is outside the grammar is refused", () => {
	for (const text of [":", ":0", "0:", "bob:", "a:b:c", "-1", "+0", "-", "a b", "a\0", "\n", "a,b", "a/b", "x".repeat(257)]) {
		expect(codeOf(text)).toBe("invalid-argument");
	}
	for (const text of ["alice", "bob:nogroup", "Root", "roo", "root2"]) expect(codeOf(text)).toBe("not-found");
	expect(codeOf("", files, ["nogroup"])).toBe("not-found");
	expect(codeOf("", files, ["-1"])).toBe("invalid-argument");
});

test("malformed lines of passwd and group name nobody", () => {
	const bad = (line: string): UserFiles => ({ passwd: `${line}\n`, group: "" });
	for (const line of [
		"eve",
		"eve:x",
		"eve:x:0",
		"eve:x::0::/:",
		"eve:x:-1:0::/:",
		"eve:x:0x0:0::/:",
		"eve:x:4294967295:0::/:",
		"#eve:x:5:5::/:",
		"ev\0e:x:5:5::/:",
		"eve\0:x:5:5::/:",
	]) {
		expect(codeOf("eve", bad(line))).toBe("not-found");
	}
	expect(resolveUser("eve", bad("eve:x:5:5::/home/eve:/bin/sh\r")).uid).toBe(5);
	expect(resolveUser("eve", { passwd: "eve:x:5:5::/a:", group: "" }).home).toBe("/a");
	expect(resolveUser("eve", { passwd: "eve:x:5:5::relative:", group: "" }).home).toBe("/");
});

test("of duplicates the first counts", () => {
	const twice: UserFiles = { passwd: "a:x:1:1::/one:\na:x:2:2::/two:\nb:x:1:3::/three:\n", group: "g:x:8:a\ng:x:9:a\n" };
	expect(resolveUser("a", twice)).toEqual({ uid: 1, gid: 1, additionalGids: [1, 8, 9], home: "/one" });
	expect(resolveUser("1", twice).home).toBe("/one");
	expect(resolveUser("a:g", twice).gid).toBe(8);
});

test("huge lines are refused, huge files are read once", () => {
	const line = `a:x:1:1::/${"x".repeat(maxLineLength)}:\n`;
	expect(codeOf("a", { passwd: line, group: "" })).toBe("invalid-spec");
	expect(codeOf("0", { passwd: "", group: "x".repeat(maxLineLength + 1) })).toBe("ok");
	expect(codeOf("root", { passwd: files.passwd, group: "x".repeat(maxLineLength + 1) })).toBe("invalid-spec");
	const many = "u:x:5:5::/:/bin/sh\n".repeat(100_000);
	const start = performance.now();
	expect(codeOf("nobody", { passwd: many, group: many })).toBe("not-found");
	expect(performance.now() - start).toBeLessThan(2000);
	const groups = Array.from({ length: 70_000 }, (_, gid) => `g${gid}:x:${gid}:root`).join("\n");
	expect(codeOf("root", { passwd: files.passwd, group: groups })).toBe("invalid-spec");
});

test("random words never give an id that they do not spell", () => {
	const alphabet = ["0", "1", "9", "a", ":", "-", "+", " ", "x", "4294967295", "root", "bob", "\0", "\n", "%", "é"];
	let seed = 1;
	const random = (below: number) => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 8) % below;
	};
	for (let round = 0; round < 20_000; round++) {
		const text = Array.from({ length: 1 + random(5) }, () => alphabet[random(alphabet.length)]).join("");
		let resolved: ReturnType<typeof resolveUser>;
		try {
			resolved = resolveUser(text, files);
		} catch (error) {
			expect(error).toBeInstanceOf(CortenError);
			continue;
		}
		const [user = "", group] = text.split(":");
		expect(String(resolved.uid)).toBe({ root: "0", bob: "1000" }[user] ?? user);
		if (group !== undefined) expect(String(resolved.gid)).toBe({ root: "0", bob: "1001" }[group] ?? group);
		expect(resolved.additionalGids[0]).toBe(resolved.gid);
	}
});
