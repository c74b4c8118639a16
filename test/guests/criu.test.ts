// checkpoint and restore with the criu program, in the VM guest: criu must fit its kernel, and Debian's fits Debian's. runc goes the same
// way beside it.

import { beforeAll, describe, expect } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { must } from "../support/must.ts";
import { installed, testWhen } from "../support/skip.ts";
import { runInVm } from "./vm.ts";

const missing = ["qemu-system-x86_64", "mke2fs", "mmdebstrap", "depmod", "criu"].filter((program) => !installed(program));
const reason =
	process.getuid?.() !== 0
		? "it needs root"
		: process.arch !== "x64"
			? "the guest is for x86-64"
			: missing.length > 0
				? `not installed: ${missing.join(", ")}`
				: undefined;
const inVm = testWhen(reason === undefined, reason ?? "");

/** What each check shows. */
const expected: Readonly<Record<string, string>> = {
	"leave-running": "0 running",
	checkpoint: "0",
	gone: "1 1",
	stopped: "yes",
	restore: "0",
	"goes-on": "yes",
	state: "running same",
	exec: "0::/ 50",
	readonly: "touch: /x: Read-only file system touch: /ro/x: Read-only file system",
	loopback: "1",
	delete: "0 1 0",
	nsdelegate: "1",
	"bad-image": "1 1 0",
};
/** What runc's restore does not bring back, or its error does not say. */
const notByRunc = ["readonly", "loopback", "nsdelegate", "bad-image"];

const seen = new Map<string, string>();

beforeAll(async () => {
	if (reason !== undefined) return;
	const libraries = mkdtempSync(`${tmpdir()}/corten-criu-`);
	try {
		const criu = must(["sh", "-c", "PATH=$PATH:/usr/sbin:/sbin command -v criu"]).toString().trim();
		mkdirSync(`${libraries}/lib`);
		for (const [, path = ""] of must(["ldd", criu])
			.toString()
			.matchAll(/=> (\/\S+)/g)) {
			const name = path.slice(path.lastIndexOf("/") + 1);
			if (!name.startsWith("libc.")) copyFileSync(path, `${libraries}/lib/${name}`);
		}
		const checks = readFileSync(`${import.meta.dir}/criu-checks.sh`, "utf8");
		const files = { criu, "criu-libraries": `${libraries}/lib` };
		const { output } = await runInVm(`RUNTIMES="/corten/corten-runtime runc"\n${checks}`, files);
		for (const [, key = "", value = ""] of output.matchAll(/^(\S+ \S+): ?(.*)$/gm)) seen.set(key, value);
	} finally {
		rmSync(libraries, { recursive: true });
	}
}, 420_000);

describe("checkpoint and restore", () => {
	for (const [check, value] of Object.entries(expected)) {
		inVm(`${check}: ${value}`, () => {
			expect(seen.get(`corten-runtime ${check}`)).toBe(value);
			if (!notByRunc.includes(check)) expect(seen.get(`runc ${check}`)).toBe(value);
		});
	}
});
