// The grammars of -v, --mount and --tmpfs.

import { expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import { parseCsv, parseMount } from "./mount-option.ts";
import type { MountRequest } from "./request.ts";
import { parseTmpfs } from "./tmpfs.ts";
import { parseVolume } from "./volume.ts";

const folder = () => "/cur/rent";
const volume = (text: string, selinux = false) => parseVolume(text, folder, selinux);
const mount = (text: string) => parseMount(text, folder);
const short = (request: MountRequest): string =>
	request.kind === "tmpfs"
		? `tmpfs ${request.target} ${request.options.join(",")}`
		: `${request.source} ${request.target} ${request.readonly} ${request.recursive ? "r" : ""}bind ${request.propagation} ${request.flags.join(",")}`.trim();
const codeOf = (parse: () => unknown): string => {
	try {
		parse();
		return "ok";
	} catch (error) {
		return error instanceof CortenError ? `${error.code} ${error.at}` : String(error);
	}
};

test.each([
	["/a:/b", "/a /b no rbind rprivate"],
	["/a:/b:ro", "/a /b yes rbind rprivate"],
	["/a:/b:rw", "/a /b no rbind rprivate"],
	["/a/../x//y/:/b/./c/", "/x/y /b/c no rbind rprivate"],
	["./a:/b", "/cur/rent/a /b no rbind rprivate"],
	[".:/b", "/cur/rent /b no rbind rprivate"],
	["../a:/b", "/cur/a /b no rbind rprivate"],
	["/:/host:ro,rslave", "/ /host yes rbind rslave"],
	["/a:/b:ro,z", "/a /b yes rbind rprivate"],
	["/a:/b:Z,cached", "/a /b no rbind rprivate"],
	["/a:/b:bind,private", "/a /b no bind private"],
	["/a:/b:nosuid,nodev,noexec,ro", "/a /b yes rbind rprivate nosuid,nodev,noexec"],
	["/a b:/c d", "/a b /c d no rbind rprivate"],
])("-v %s", (text, expected) => {
	expect(short(volume(text))).toBe(expected);
});

test("-v refuses what it cannot mean", () => {
	for (const text of [
		"",
		":",
		":/b",
		"/a:",
		"/a:b",
		"/a:/",
		"/a:/b/..",
		"/a:/b:",
		"/a:/b:ro,rw",
		"/a:/b:ro,ro",
		"/a:/b:shared,private",
		"/a:/b:x",
		"/a:/b:ro:z",
		"/a\0:/b",
		"/a:/b\0",
	]) {
		expect(codeOf(() => volume(text))).toBe("invalid-argument --volume");
	}
	for (const text of ["/a", "name:/b", "name", "a/b:/c", "/a:/b:U", "/a:/b:O"])
		expect(codeOf(() => volume(text))).toBe("unsupported --volume");
	expect(codeOf(() => volume("/a:/b:z", true))).toBe("unsupported --volume");
});

test.each([
	["type=bind,source=/a,target=/b", "/a /b no rbind rprivate"],
	["type=bind,src=/a,dst=/b,ro", "/a /b yes rbind rprivate"],
	["TYPE=BIND,src=./a,destination=/b,readonly=false", "/cur/rent/a /b no rbind rprivate"],
	["type=bind,src=/a,dst=/b,readonly=1,bind-propagation=rslave", "/a /b yes rbind rslave"],
	["type=bind,src=/a,dst=/b,bind-nonrecursive", "/a /b no bind rprivate"],
	["type=bind,src=/a,dst=/b,bind-recursive=disabled", "/a /b no bind rprivate"],
	["type=bind,src=/a,dst=/b,ro,bind-recursive=writable", "/a /b without-submounts rbind rprivate"],
	['type=bind,"src=/a,b",dst=/c', "/a,b /c no rbind rprivate"],
	['type=bind,"src=/a""b",dst=/c', '/a"b /c no rbind rprivate'],
	["type=tmpfs,dst=/t", "tmpfs /t noexec,nosuid,nodev,rprivate"],
	["type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1770", "tmpfs /t noexec,nosuid,nodev,rprivate,size=67108864,mode=1770"],
	["type=tmpfs,dst=/t,ro", "tmpfs /t noexec,nosuid,nodev,rprivate,ro"],
])("--mount %s", (text, expected) => {
	expect(short(mount(text))).toBe(expected);
});

test("--mount refuses what it cannot mean", () => {
	for (const text of [
		"",
		"type=bind",
		"type=bind,src=/a",
		"type=bind,dst=/b",
		"type=bind,src=a,dst=/b",
		"type=bind,src=/a,dst=b",
		"type=bind,src=/a,dst=/",
		"type=nfs,src=/a,dst=/b",
		"type=bind,src=/a,dst=/b,foo",
		"type=bind,src=/a,dst=/b,foo=1",
		"type=bind,src=/a,dst=/b,ro=maybe",
		"type=bind,src=/a,dst=/b,tmpfs-size=1m",
		"type=tmpfs,dst=/b,bind-propagation=shared",
		"type=tmpfs,src=/a,dst=/b",
		"type=bind,src",
		"type=tmpfs,dst=/b,tmpfs-mode=9",
		"type=tmpfs,dst=/b,tmpfs-size=x",
		"type=bind,src=/a,src=/b,dst=/c",
		"type=bind,src=/a,dst=/b,bind-propagation=x",
		'type=bind,"src=/a,dst=/b',
		'type=bind,"src=/a"x,dst=/b',
		'type=bind,sr"c=/a,dst=/b',
		"type=bind,src=/a,dst=/b,bind-recursive=readonly",
	]) {
		expect(`${text} ${codeOf(() => mount(text))}`).toBe(`${text} invalid-argument --mount`);
	}
	for (const text of ["type=volume,src=a,dst=/b", "src=a,dst=/b", "type=image,src=a,dst=/b", "type=bind,src=/a,dst=/b,volume-nocopy"]) {
		expect(codeOf(() => mount(text))).toBe("unsupported --mount");
	}
});

test("CSV fields are split with their quotes", () => {
	expect(parseCsv("a,b")).toEqual(["a", "b"]);
	expect(parseCsv("")).toEqual([""]);
	expect(parseCsv("a,")).toEqual(["a", ""]);
	expect(parseCsv('"a,b","c""d"')).toEqual(["a,b", 'c"d']);
	expect(parseCsv('""')).toEqual([""]);
});

test("--tmpfs words replace docker's defaults", () => {
	expect(codeOf(() => parseTmpfs("/t:tmpcopyup"))).toBe("unsupported --tmpfs");
	expect(short(parseTmpfs("/t"))).toBe("tmpfs /t noexec,nosuid,nodev,rprivate");
	expect(short(parseTmpfs("/t:exec,size=1g"))).toBe("tmpfs /t nosuid,nodev,rprivate,exec,size=1g");
	expect(short(parseTmpfs("/t:rw,mode=755,uid=5,size=10m,size=20m,ro"))).toBe(
		"tmpfs /t noexec,nosuid,nodev,rprivate,mode=755,uid=5,size=20m,ro",
	);
	expect(short(parseTmpfs("/t:"))).toBe("tmpfs /t noexec,nosuid,nodev,rprivate");
	for (const text of ["t", "/", "", "/t:bogus", "/t:size=", "/t:ro=1", "/t:constructor", "/t:exec=1", "/t:size"]) {
		expect(codeOf(() => parseTmpfs(text))).toBe("invalid-argument --tmpfs");
	}
});
