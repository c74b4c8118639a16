// HOME in the environment: whose, and from which file.

import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { temporaryFolder } from "../../test/support/images.ts";
import type { Process } from "../spec/runtime.ts";
import { withHome } from "./home.ts";

const process_ = (uid: number, env: readonly string[]) => ({ env, user: { uid, gid: 0, additionalGids: [] } }) as unknown as Process;

test("HOME is that of the user by number, unless the environment has one", () => {
	using root = temporaryFolder();
	mkdirSync(`${root.path}/etc`);
	writeFileSync(`${root.path}/etc/passwd`, "root:x:0:0::/root:/bin/sh\nbad:x:7\nweb:x:1000:1000::/home/web:\nodd:x:8:8::relative:\n");
	expect(withHome(process_(0, ["A=b"]), root.path).env).toEqual(["A=b", "HOME=/root"]);
	expect(withHome(process_(1000, ["HOME="]), root.path).env).toEqual(["HOME=/home/web"]);
	expect(withHome(process_(0, ["HOME=/mine"]), root.path).env).toEqual(["HOME=/mine"]);
	for (const uid of [7, 8, 9]) expect(withHome(process_(uid, []), root.path).env).toEqual(["HOME=/"]);
});

test("a root without the file, or with a link that would lead out of it", () => {
	using root = temporaryFolder();
	expect(withHome(process_(0, []), root.path).env).toEqual(["HOME=/"]);
	mkdirSync(`${root.path}/etc`);
	symlinkSync("/etc/passwd", `${root.path}/etc/passwd`);
	expect(withHome(process_(0, []), root.path).env).toEqual(["HOME=/"]);
	expect(withHome(process_(0, []), `${root.path}/absent`).env).toEqual(["HOME=/"]);
});
