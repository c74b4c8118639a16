// Files of cgroups as numbers: "7", "max", "key value" lines, lists of CPUs, tables by device.

import { listFolder } from "../linux/file.ts";
import { readCgroupFile } from "../supervise/members.ts";
import type { Count, Json } from "./stats-json.ts";

/** What `max` counts as. */
export const unlimited = 0xffff_ffff_ffff_ffffn;

/** A file of one number; `absent` when there is no such file. */
export function readCount(path: string, absent: Count): Count;
/** undefined when there is no such file. */
export function readCount(path: string): Count | undefined;
export function readCount(path: string, absent?: Count): Count | undefined {
	const text = readCgroupFile(path)?.trim();
	if (text === undefined || text === "") return absent;
	return text === "max" ? unlimited : toCount(text);
}

/** Below zero counts as zero, as runc has it. */
function toCount(text: string): Count {
	if (!/^-?\d+$/.test(text)) return 0n;
	const value = BigInt(text);
	return value < 0n ? 0n : value;
}

/** A file of "key value" lines; none when there is no such file. */
export function readKeys(path: string): Record<string, Count> {
	const found: Record<string, Count> = {};
	for (const line of lines(path)) {
		const [key, value] = line.split(" ");
		if (key !== undefined && value !== undefined) found[key] = toCount(value);
	}
	return found;
}

/** The lines of a file that are not empty; none when there is no such file. */
export function lines(path: string): string[] {
	return (readCgroupFile(path) ?? "").split("\n").filter(Boolean);
}

/** A list like `0-3,7`. */
export function readList(path: string): number[] {
	const found: number[] = [];
	for (const part of (readCgroupFile(path) ?? "").trim().split(",")) {
		const [from, to] = part.split("-");
		if (from === undefined || from === "") continue;
		for (let number = Number(from); number <= Number(to ?? from); number++) found.push(number);
	}
	return found;
}

/** Sizes of huge pages of this machine, as the names of cgroup files have them: `2MB`. */
export function hugepageSizes(): string[] {
	return listFolder("/sys/kernel/mm/hugepages").flatMap((name) => {
		const kilobytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? Number.NaN);
		if (Number.isNaN(kilobytes)) return [];
		return kilobytes >= 1 << 20 ? [`${kilobytes >> 20}GB`] : kilobytes >= 1 << 10 ? [`${kilobytes >> 10}MB`] : [`${kilobytes}KB`];
	});
}

/** A pressure file of v2. @returns undefined when the kernel counts no pressure */
export function readPressure(path: string): Json | undefined {
	const found: Record<string, Json> = {};
	for (const line of lines(path)) {
		const [kind, ...words] = line.split(" ");
		if (kind !== "some" && kind !== "full") continue;
		const value = (word: string): string => words.find((pair) => pair.startsWith(`${word}=`))?.slice(word.length + 1) ?? "0";
		found[kind] = {
			avg10: Number(value("avg10")),
			avg60: Number(value("avg60")),
			avg300: Number(value("avg300")),
			total: BigInt(value("total")),
		};
	}
	return Object.keys(found).length === 0 ? undefined : found;
}
