// One line for one file of a cgroup folder: what cgroup1-settings.ts and cgroup2-settings.ts make of linux.resources, for the plan of a
// start, which writes them through launch, and for an update of a running container, which writes them itself.

import { CortenError } from "../base/errors.ts";

/** A line for a cgroup file, and the field that asked for it. */
export type Setting = {
	readonly file: string;
	readonly value: string;
	/** The JSON pointer of the field. */
	readonly at: string;
	/** An or of `opFlags`. */
	readonly flags?: number;
	/** What is written instead where the kernel has no such file. */
	readonly otherwise?: { readonly file: string; readonly value: string };
};

type Value = bigint | number | string;

/** Appends a setting when the field is given. @param at below /linux/resources/ */
export function put(
	settings: Setting[],
	file: string,
	value: Value | undefined,
	at: string,
	flags = 0,
	otherwise?: { readonly file: string; readonly value: Value | undefined },
): void {
	if (value === undefined) return;
	const setting = { file, value: `${value}`, at: `/linux/resources/${at}`, flags };
	settings.push(otherwise === undefined ? setting : { ...setting, otherwise: { file: otherwise.file, value: `${otherwise.value}` } });
}

/** Zero is how documents written in Go say that a limit is not given. */
export function given<T extends bigint | number>(value: T | undefined): T | undefined {
	return value === undefined || value === 0 || value === 0n ? undefined : value;
}

/** The value of pids.max; systemd takes no 0, so that is 1 as runc has it. */
export function pidsMaximum(limit: bigint): bigint | "max" {
	return limit < 0n ? "max" : limit === 0n ? 1n : limit;
}

/** `hugetlb.2MB` of a page size. @throws `invalid-spec` for a size that is no size: it becomes a part of a file's name */
export function hugepageFile(pageSize: string, index: number): string {
	if (/^[1-9][0-9]*(KB|MB|GB)$/.test(pageSize)) return `hugetlb.${pageSize}`;
	throw new CortenError("invalid-spec", `cannot limit huge pages of size "${pageSize}": it is not of the form 2MB`, {
		at: `/linux/resources/hugepageLimits/${index}/pageSize`,
	});
}

/** Lines of rdma.max. */
export function putRdma(
	settings: Setting[],
	rdma: Readonly<Record<string, { hcaHandles?: number; hcaObjects?: number }>> | undefined,
): void {
	for (const [device, { hcaHandles, hcaObjects }] of Object.entries(rdma ?? {})) {
		const words = [device];
		if (hcaHandles !== undefined) words.push(`hca_handle=${hcaHandles}`);
		if (hcaObjects !== undefined) words.push(`hca_object=${hcaObjects}`);
		put(settings, "rdma.max", words.join(" "), `rdma/${device.replaceAll("~", "~0").replaceAll("/", "~1")}`);
	}
}
