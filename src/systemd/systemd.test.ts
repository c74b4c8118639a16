// What is said to systemd: D-Bus bytes, names of units, properties of limits, values of annotations.

import { describe, expect, test } from "bun:test";
import { weightOfShares } from "../plan/cgroup2-settings.ts"; // only here: runtime/ hands it over
import { Reader, splitSignature, Writer } from "./marshal.ts";
import { annotationProperties, bitsOfList, oomPolicy, type Property, resourceProperties } from "./properties.ts";
import { expandSlice, unitOf } from "./unit.ts";
import { parseVariant } from "./variant-text.ts";

describe("D-Bus bytes", () => {
	test("a signature is split into complete types", () => {
		expect(splitSignature("sa(sv)a{sv}uaay(i(ss))")).toEqual(["s", "a(sv)", "a{sv}", "u", "aay", "(i(ss))"]);
		for (const broken of ["(", "a", "(s", "z"]) expect(() => splitSignature(broken)).toThrow("signature");
	});

	test("values come back as they were written", () => {
		const signature = "ybnqiuxtdsoga(sv)auaay";
		const values = [
			...[200, true, -5, 65535, -7, 4294967295, -(2n ** 62n), 2n ** 64n - 1n, 1.5, "häßlich", "/a/b", "a(sv)"],
			...[[["PIDs", { signature: "au", value: [1, 2] }]], [], [[1], []]],
		];
		const writer = new Writer();
		writer.values(signature, values);
		expect(new Reader(writer.bytes.subarray(0, writer.length)).values(signature)).toEqual(values);
	});

	test("numbers are little-endian at multiples of their size, and a text ends with a NUL", () => {
		const writer = new Writer();
		writer.values("yus", [1, 2, "ab"]);
		expect([...writer.bytes.subarray(0, writer.length)]).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 97, 98, 0]);
	});

	test("a list that grows beyond the first buffer is whole", () => {
		const writer = new Writer();
		const list = Array.from({ length: 5000 }, (_, index) => `value ${index}`);
		writer.value("as", list);
		expect(new Reader(writer.bytes.subarray(0, writer.length)).value("as")).toEqual(list);
	});

	test("bytes that end too early are refused", () => {
		expect(() => new Reader(new Uint8Array([5, 0, 0, 0, 97])).value("s")).toThrow("too early");
	});
});

describe("units", () => {
	test("a slice's cgroup has those of all its prefixes above it", () => {
		expect(expandSlice("a-b-c.slice")).toBe("/a.slice/a-b.slice/a-b-c.slice");
		expect(expandSlice("system.slice")).toBe("/system.slice");
		expect(expandSlice("-.slice")).toBe("");
		for (const wrong of ["a", ".slice", "a--b.slice", "-a.slice", "a/b.slice", ""]) expect(() => expandSlice(wrong)).toThrow("slice");
	});

	test("slice:prefix:name names a scope", () => {
		expect(unitOf("kubepods-pod1.slice:cri:c1", "x", false)).toEqual({
			name: "cri-c1.scope",
			slice: "kubepods-pod1.slice",
			path: "/kubepods.slice/kubepods-pod1.slice/cri-c1.scope",
		});
		expect(unitOf("::c1", "x", false).path).toBe("/system.slice/c1.scope");
		expect(unitOf(undefined, "x", false).path).toBe("/system.slice/corten-x.scope");
		expect(unitOf(undefined, "x", true).path).toBe("/user.slice/corten-x.scope");
		for (const wrong of ["/a/b", "a:b", "a.slice:b:", "a.slice:b:c/d", "a.slice:b:c.slice"])
			expect(() => unitOf(wrong, "x", false)).toThrow("cannot");
	});
});

const names = (properties: readonly Property[]) => Object.fromEntries(properties.map(([name, { value }]) => [name, value]));

describe("properties", () => {
	const resources = {
		memory: { limit: 64n << 20n, swap: 128n << 20n, reservation: 32n << 20n },
		cpu: { shares: 1024n, quota: 12345n, period: 100000n, cpus: "0-2,9", mems: "0" },
		pids: { limit: 0n },
		blockIO: { weight: 500 },
	};

	test("of cgroup v2", () => {
		expect(names(resourceProperties(resources, { version: 2, systemd: 252, weightOfShares }))).toEqual({
			MemoryMax: 64n << 20n,
			MemoryLow: 32n << 20n,
			MemorySwapMax: 64n << 20n,
			CPUWeight: 100n,
			CPUQuotaPeriodUSec: 100000n,
			CPUQuotaPerSecUSec: 130000n, // 12.345 % is not a whole number of percents
			TasksMax: 1n,
			AllowedCPUs: [7, 2],
			AllowedMemoryNodes: [1],
		});
	});

	test("of cgroup v1, and of a systemd that knows less", () => {
		expect(names(resourceProperties(resources, { version: 1, systemd: 241, weightOfShares }))).toEqual({
			MemoryLimit: 64n << 20n,
			CPUShares: 1024n,
			BlockIOWeight: 500n,
			CPUQuotaPerSecUSec: 130000n,
			TasksMax: 1n,
		});
	});

	test("no limit is systemd's infinity", () => {
		const all = { memory: { limit: -1n }, pids: { limit: -1n }, cpu: { quota: -1n } };
		const infinity = 2n ** 64n - 1n;
		expect(names(resourceProperties(all, { version: 2, systemd: 252, weightOfShares }))).toEqual({
			MemoryMax: infinity,
			MemorySwapMax: infinity,
			CPUQuotaPerSecUSec: infinity,
			TasksMax: infinity,
		});
	});

	test("files of cgroup v2 that systemd has a property for", () => {
		const unified = {
			"memory.high": "max",
			"pids.max": "0",
			"cpu.max": "50000 100000",
			"cpuset.cpus": "1",
			"io.max": "8:0 rbps=1",
			"cpu.idle": "1",
		};
		expect(names(resourceProperties({ unified }, { version: 2, systemd: 252, weightOfShares }))).toEqual({
			MemoryHigh: 2n ** 64n - 1n,
			TasksMax: 1n,
			CPUQuotaPeriodUSec: 100000n,
			CPUQuotaPerSecUSec: 500000n,
			AllowedCPUs: [2],
			CPUWeight: 0n,
		});
		expect(names(oomPolicy({ "memory.oom.group": "1" }, 253))).toEqual({ OOMPolicy: "kill" });
		expect(oomPolicy({ "memory.oom.group": "1" }, 252)).toEqual([]);
	});

	test("a list of CPUs that is none is refused", () => {
		expect(() => bitsOfList("0-a", "/x")).toThrow("cannot read list");
	});
});

test("values of annotations are read in GVariant's text form", () => {
	const read = (text: string) => parseVariant(text, "/annotations/x");
	expect(read("uint64 18446744073709551615")).toEqual({ signature: "t", value: 2n ** 64n - 1n });
	expect(read("5")).toEqual({ signature: "i", value: 5 });
	expect(read("1.5")).toEqual({ signature: "d", value: 1.5 });
	expect(read("'a \\'b\\' c'")).toEqual({ signature: "s", value: "a 'b' c" });
	expect(read('["a", "b"]')).toEqual({ signature: "as", value: ["a", "b"] });
	expect(read("@as []")).toEqual({ signature: "as", value: [] });
	expect(read("[('/dev/null', 'rw')]")).toEqual({ signature: "a(ss)", value: [["/dev/null", "rw"]] });
	expect(read("true")).toEqual({ signature: "b", value: true });
	for (const wrong of ["", "[", "[1, 'a']", "5 6", "uint32 1.5", "text", "[]"]) expect(() => read(wrong)).toThrow("cannot read value");
});

test("annotations become properties, seconds become microseconds", () => {
	const annotations = { "org.systemd.property.TimeoutStopSec": "5", "org.systemd.property.CollectMode": "'inactive'", other: "x" };
	expect(names(annotationProperties(annotations))).toEqual({ TimeoutStopUSec: 5_000_000n, CollectMode: "inactive" });
	expect(() => annotationProperties({ "org.systemd.property.A-b": "1" })).toThrow("property's name");
	expect(() => annotationProperties({ "org.systemd.property.TimeoutStopSec": "'x'" })).toThrow("not a number");
});
