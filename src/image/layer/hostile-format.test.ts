// Hostile headers: attributes, numbers, pax records, sparse maps, and archives cut short.

import {
	base256,
	type Case,
	device,
	dir,
	file,
	global,
	longName,
	n,
	pax,
	rawPax,
	sparse,
	sparse01,
	sparse10,
	testCases,
} from "./hostile.fixture.ts";
import { archive, member, paxData } from "./tar.fixture.ts";

const xattrs: readonly Case[] = [
	["attributes", [pax({ "SCHILY.xattr.user.a": "1", "SCHILY.xattr.security.b": "2" })], ["file 3 security.b,user.a"]],
	[
		"overlayfs' attributes",
		[
			pax({
				"SCHILY.xattr.trusted.overlay.redirect": "/etc",
				"SCHILY.xattr.trusted.overlay.metacopy": "",
				"SCHILY.xattr.user.overlay.opaque": "y",
			}),
		],
		["file 3"],
	],
	["overlayfs' nested attributes", [pax({ "SCHILY.xattr.trusted.overlay.overlay.whiteout": "" })], ["file 3"]],
	[
		"overlayfs' attributes by libarchive",
		[pax({ "LIBARCHIVE.xattr.trusted.overlay%2Eopaque": "eQ==", "LIBARCHIVE.xattr.user.a": "eQ" })],
		["file 3 user.a"],
	],
	[
		"an opaque mark by attribute on a folder",
		[pax({ "SCHILY.xattr.trusted.overlay.opaque": "y" }, { name: "d", type: "5", data: "" })],
		["d/ 644"],
	],
	[
		"attributes of other systems",
		[pax({ "SCHILY.xattr.com.apple.quarantine": "x", "SCHILY.xattr.system.nfs4_acl": "x", "SCHILY.xattr.plain": "x" })],
		["file 3"],
	],
	["an attribute without a name", [pax({ "SCHILY.xattr.user.": "x" })], /attribute's name is malformed/],
	["an attribute with a NUL in its name", [pax({ "SCHILY.xattr.user.a\0b": "x" })], /attribute's name is malformed/],
	["an attribute with a long name", [pax({ [`SCHILY.xattr.user.${n(251)}`]: "x" })], /attribute's name is malformed/],
	["an attribute of 60,000 bytes", [pax({ "SCHILY.xattr.user.a": n(60_000) })], /.*/],
	["an attribute of 65,536 bytes", [pax({ "SCHILY.xattr.user.a": n(65_536) })], /attributes are too large/],
	[
		"attributes of 80,000 bytes together",
		[pax({ "SCHILY.xattr.user.a": n(40_000), "SCHILY.xattr.user.b": n(40_000) })],
		/attributes are too large/,
	],
	["an attribute that is no base64", [pax({ "LIBARCHIVE.xattr.user.a": "***" })], /not base64/],
	["user attributes on a link", [pax({ "SCHILY.xattr.user.a": "1" }, { type: "2", linkname: "x", data: "" })], ["file -> x"]],
];

const numbers: readonly Case[] = [
	["a size that is no number", [file("a", { size: "12345678xyz" })], /its size is not a number/],
	["a negative size", [file("a", { size: base256(...Array(12).fill(255)) })], /its size is negative/],
	["a size beyond 2^53", [file("a", { size: base256(0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) })], /its size is out of range/],
	["a size of 7 EiB", [file("a", { size: base256(0x80, 0, 0, 0, 0x60, 0, 0, 0, 0, 0, 0, 0) })], /its size is out of range/],
	["a size of 8 GiB that is not there", [file("a", { size: "77777777777" })], /ends within the data of "a"/],
	["a pax size that is not there", [pax({ size: "99999999999" })], /ends within the data/],
	["a pax size over a header's", [pax({ size: "3" }, { size: 0 })], ["file 3"]],
	["a pax size beyond 2^53", [pax({ size: "99999999999999999" })], /its size is not a number/],
	["a pax size with a sign", [pax({ size: "-1" })], /its size is not a number/],
	[
		"a pax size of a prefix header, not the entry's",
		[member({ name: "pax", type: "x", data: paxData({ size: "3" }) }), longName("ln"), file("short", { size: 0 })],
		["ln 3"],
	],
	["a checksum that is wrong", [file("a", { spoil: (b) => b.set([0x39], 0) })], /checksum/],
	["a checksum that is no number", [file("a", { spoil: (b) => b.set([0x7a, 0x7a], 148) })], /checksum is not a number/],
	[
		"a checksum of signed bytes",
		[
			file("\xe9", {
				spoil: (b) =>
					b.set(
						Buffer.from(
							`${b
								.reduce((s, x, i) => s + (i >= 148 && i < 156 ? 32 : x > 127 ? x - 256 : x), 0)
								.toString(8)
								.padStart(6, "0")}\0 `,
						),
						148,
					),
			}),
		],
		["\xe9 3"],
	],
	["a uid by base-256", [file("a", { uid: base256(0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe) })], ["a 3"]],
	["a uid of -1", [file("a", { uid: base256(0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff) })], /its uid is out of range/],
	["a negative gid", [file("a", { gid: base256(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) })], /its gid is out of range/],
	["a pax uid too large", [pax({ uid: "4294967296" })], /its uid is out of range/],
	["a pax uid that is text", [pax({ uid: "root" })], /its uid is not a number/],
	["a negative mtime", [file("a", { mtime: base256(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00) })], ["a 3"]],
	["a pax mtime before 1970", [pax({ mtime: "-1.25" })], ["file 3"]],
	["a pax mtime that is text", [pax({ mtime: "1e9" })], /its mtime is not a number/],
	["a pax mtime beyond all", [pax({ mtime: "99999999999999999" })], /its mtime is not a number/],
	["empty number fields", [file("a", { uid: "", gid: "", mtime: "", mode: "", patch: (b) => b.fill(0, 100, 124) })], ["a 3"]],
	["a mode of all bits", [file("a", { mode: "7777777" })], ["a 3"]],
	["a device beyond the kernel's numbers", [device("a", 4096, 0)], /device number is out of range/],
	["a minor beyond the kernel's numbers", [device("a", 1, 1 << 20)], /device number is out of range/],
	[
		"a negative device",
		[{ ...device("a", 0, 0), major: base256(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) }],
		/device number is out of range/,
	],
	["the disk as a device", [device("sda", 8, 0, "4")], ["sda block 8:0"]],
	["a type that is unknown", [file("a", { type: "Q" })], /its type "Q" is unknown/],
	["a member of many volumes", [file("a", { type: "M" })], /its type "M" is unknown/],
	["a volume label", [file("label", { type: "V", data: "" }), file("a")], ["a 3"]],
	[
		"a file of the old kind",
		[file("a", { type: "\0", magic: "\0" }), file("d/", { type: "\0", data: "", magic: "\0" })],
		["a 3", "d/ 644"],
	],
];

const paxes: readonly Case[] = [
	["an empty record list", rawPax(""), ["file 3"]],
	["a record without a length", rawPax("path=x\n"), /pax record at byte 0 is malformed/],
	["a record that is too long", rawPax("99 path=x\n"), /pax record at byte 0 is malformed/],
	["a record that is too short", rawPax("5 path=x\n"), /is malformed/],
	["a record of length zero", rawPax("0 path=x\n"), /is malformed/],
	["a record of a negative length", rawPax("-9 path=x\n"), /is malformed/],
	["a record of a huge length", rawPax("99999999999999999999 path=x\n"), /is malformed/],
	["a record without =", rawPax("9 path x\n"), /is malformed/],
	["a record without a key", rawPax("5 =x\n"), /is malformed/],
	["a record without an end", rawPax("10 path=xyz"), /is malformed/],
	["a second record that is broken", rawPax(`${paxData({ mtime: "1" })}bad`), /pax record at byte 11 is malformed/],
	["a value with a newline", [pax({ path: "a\nb" })], ["a\nb 3"]],
	["a value with =", [pax({ path: "a=b" })], ["a=b 3"]],
	["an empty path falls back", [pax({ path: "" })], ["file 3"]],
	["a global header with a comment", [global({ comment: "commit" }), file("a")], ["a 3"]],
	["a global path", [global({ path: "x" }), file("a")], /global pax header sets path/],
	["a global size", [global({ size: "0" }), file("a")], /global pax header sets size/],
	["a global sparse map", [global({ "GNU.sparse.map": "0,1" }), file("a")], /global pax header sets GNU.sparse.map/],
	["two extended headers in a row", [...rawPax("").slice(0, 1), member(pax({ mtime: "1" }))], /.*/],
	[
		"two extended headers with records in a row",
		[member({ type: "x", data: paxData({ mtime: "1" }) }), pax({ mtime: "2" })],
		/two extended headers precede/,
	],
	["a long name that differs from the pax path", [longName("one"), pax({ path: "two" })], /differ/],
	["a long link that differs from the pax path", [longName("one", "K"), pax({ linkpath: "two" }, { type: "2", data: "" })], /differ/],
	["an extended header of 1 GiB (CVE-2023-25153)", [member({ type: "x", size: 1 << 30 })], /extended header has 1073741824 bytes/],
	["a long name of 1 GiB", [member({ type: "L", size: 1 << 30 })], /extended header has 1073741824 bytes/],
	["an extended header of negative size", [member({ type: "x", size: base256(...Array(12).fill(255)) })], /extended header has -1 bytes/],
	["an extended header without an entry", [member({ type: "x", data: paxData({ path: "x" }) })], /.*/],
];

const sparses: readonly Case[] = [
	["an old sparse file", [sparse([4096, 3], 10_000, "abc")], ["s 10000"]],
	["an old map that overlaps", [sparse([10, 3, 11, 3], 100, "abcdef")], /sparse map overlaps/],
	["an old map that runs backwards", [sparse([50, 3, 10, 3], 100, "abcdef")], /sparse map overlaps/],
	["an old map beyond the file", [sparse([99, 3], 100, "abc")], /leaves the file/],
	["an old map of more than the data", [sparse([0, 50], 100, "abc")], /holds 50 bytes, its data 3/],
	["an old map of less than the data", [sparse([0, 1], 100, "abc")], /holds 1 bytes, its data 3/],
	["an old map whose extension is missing", archive(sparse([0, 3], 100, "", true)).subarray(0, 512), /ends within the sparse map/],
	["an old map of 4 PiB of hole", [sparse([0, 3], 2 ** 33 - 1, "abc")], ["s 8589934591"]],
	["a 1.0 map", [sparse10("1\n5000\n3\n", "abc", 9000)], ["s 9000"]],
	["a 1.0 map that ends in padding", [sparse10("2\n0\n3\n", "", 9000)], /line too long/],
	["a 1.0 map without an end", [sparse10(`300\n${"0\n".repeat(254)}`, "", 9000)], /sparse map is longer than its data/],
	["a 1.0 map of a billion", [sparse10("1000000000\n", "abc", 9000)], /more than 131072 extents/],
	["a 1.0 map that is text", [sparse10("x\n", "abc", 9000)], /sparse map is not a number/],
	["a 1.0 map with a long line", [sparse10("1".repeat(30), "abc", 9000)], /line too long/],
	["a 1.0 map with empty lines", [sparse10("\n\n", "abc", 9000)], /sparse map is not a number/],
	["a 1.0 map that overlaps", [sparse10("2\n0\n2\n1\n1\n", "abc", 9000)], /sparse map overlaps/],
	["a 1.0 map without data", [sparse10("", "", 9000)], /.*/],
	["a 0.1 map", [sparse01("10,2,20,1", "abc", 30)], ["s 30"]],
	["a 0.1 map of an odd length", [sparse01("10,2,20", "abc", 30)], /odd number/],
	["a 0.1 map with a negative length", [sparse01("10,-2", "abc", 30)], /not a number/],
	["a 0.1 map of 16 EiB", [sparse01("18446744073709551615,3", "abc", 30)], /not a number/],
	[
		"a 0.0 map",
		[
			pax([
				["GNU.sparse.numblocks", "1"],
				["GNU.sparse.size", "9"],
				["GNU.sparse.offset", "6"],
				["GNU.sparse.numbytes", "3"],
			]),
		],
		["file 9"],
	],
	[
		"a 0.0 map that does not alternate",
		[
			pax([
				["GNU.sparse.size", "9"],
				["GNU.sparse.numbytes", "3"],
				["GNU.sparse.offset", "6"],
			]),
		],
		/do not alternate/,
	],
	["a sparse format of the future", [pax({ "GNU.sparse.major": "2", "GNU.sparse.minor": "0" })], /sparse format 2.0 is unknown/],
	["a sparse file of 8 PiB", [sparse01("0,3", "abc", 2 ** 53 - 1)], /.*/],
];

const shapes: readonly Case[] = [
	["a stream of nothing", new Uint8Array(0), []],
	["no end mark", member(file("a")), ["a 3"]],
	["one zero block at the end", Buffer.concat([member(file("a")), new Uint8Array(512)]), ["a 3"]],
	["a zero block between entries", [file("a"), new Uint8Array(512), file("b")], /lone zero block/],
	["entries behind the end mark", Buffer.concat([archive(file("a")), archive(file("b"))]), ["a 3"]],
	["noise behind the end mark", Buffer.concat([archive(file("a")), Buffer.from("noise")]), ["a 3"]],
	["noise alone", Buffer.alloc(2048, "noise"), /checksum/],
	["less than a header", Buffer.from("abc"), /ends within a header/],
	["less than a header's end", archive(file("a")).subarray(0, 511), /ends within a header/],
	["a header without its data", archive(file("a")).subarray(0, 512), /ends within the data of "a"/],
	["data without its end", archive(file("a")).subarray(0, 514), /ends within the data of "a"/],
	["data without its padding", archive(file("a")).subarray(0, 515), ["a 3"]],
	["data without all of its padding", archive(file("a")).subarray(0, 600), ["a 3"]],
	["an extended header without its data", archive(pax({ path: "x" })).subarray(0, 512), /ends within the extended header/],
	["an extended header without its padding", archive(pax({ path: "x" })).subarray(0, 600), /ends within the extended header/],
	["an extended header without an entry", archive(pax({ path: "x" })).subarray(0, 1024), /ends within an extended header's entry/],
	["a long name without an entry", longName("x"), /ends within an extended header's entry/],
	["more entries than allowed", Array.from({ length: 1001 }, (_, i) => dir(`d${i}`)), /more than 1000 entries/],
	["more bytes than allowed", [file("a", { data: new Uint8Array(5 << 20) })], /larger than 4194304 bytes/],
];

testCases("xattrs", xattrs);
testCases("numbers", numbers);
testCases("paxes", paxes);
testCases("sparses", sparses);
testCases("shapes", shapes);
