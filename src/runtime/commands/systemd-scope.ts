// `systemd-scope`: not for people. create and run start it beside launch; descriptor 3 leads there. See ../scope.ts.

import { CortenError } from "../../base/errors.ts";
import { decodeResources } from "../../bundle/config-decode.ts";
import { Fd, writeFd } from "../../linux/file.ts";
import { check, syscall } from "../../linux/libc.ts";
import { nr } from "../../linux/syscalls.ts";
import { defineRuntimeCommand } from "../command.ts";
import { makeScope, type ScopeOrder } from "../scope.ts";
import { encodeJson } from "../stats-json.ts";

export const command = defineRuntimeCommand({
	summary: "make a systemd scope (started by create and run, not by hand)",
	usage: "ORDER",
	options: {},
	operands: { min: 1, max: 1 },
	description: ["Hears of a process on descriptor 3, asks systemd for a scope around it, and answers with one byte. ORDER is JSON."],
	run: (_context, _options, [text = ""]) => {
		const order = JSON.parse(text) as ScopeOrder;
		const resources = decodeResources(encodeJson(order.resources), "resources");
		// It stays open until this process ends: when it closes without an answer launch ends, and the error is to be told before.
		const launch = new Fd(3);
		const pid = readPid(launch);
		if (pid === undefined) return 0; // launch failed before there was a process, and has said why
		makeScope({ ...order, resources }, pid);
		writeFd(launch, new Uint8Array([1]), "launch");
		return 0;
	},
});

function readPid(launch: Fd): number | undefined {
	const buffer = new Uint8Array(32);
	const length = check(syscall(nr.read, launch.number, buffer, buffer.length), "cannot hear from launch");
	if (length === 0) return undefined;
	const pid = Number(new TextDecoder().decode(buffer.subarray(0, length)).trim());
	if (!Number.isInteger(pid) || pid <= 0) throw new CortenError("invalid-argument", "cannot make a scope: descriptor 3 names no process");
	return pid;
}
