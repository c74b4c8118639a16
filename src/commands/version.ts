// corten version.

import { cortenVersion } from "../base/version.ts";
import { readText } from "../linux/file.ts";
import { engine as jsEngine } from "../linux/native.ts";
import { defineCommand } from "./command.ts";
import { formatOne } from "./format.ts";

/** `corten version` */
export const command = defineCommand({
	summary: "show the version",
	usage: "[OPTIONS]",
	options: {
		format: { kind: "value", short: "f", metavar: "FORMAT", help: "json, or a Go template" },
		short: { kind: "flag", help: "one line" },
	},
	operands: { min: 0, max: 0 },
	description: [
		"Shows the version of corten and of the kernel. Client and Server are one program: there is no daemon; templates have both.",
	],
	examples: [["corten version -f '{{.Client.Version}}'", "the number alone"]],
	run: (context, options) => {
		if (options.short) {
			context.print(`corten version ${cortenVersion}\n`);
			return 0;
		}
		const engine = {
			Version: cortenVersion,
			JsEngine: jsEngine,
			Os: process.platform,
			Arch: process.arch === "x64" ? "amd64" : process.arch,
			KernelVersion: readText("/proc/sys/kernel/osrelease").trim(),
		};
		if (options.format !== undefined) context.print(formatOne(options.format, { Client: engine, Server: engine }));
		else {
			const rows = [
				["Version", engine.Version],
				["JS engine", engine.JsEngine],
				["OS/Arch", `${engine.Os}/${engine.Arch}`],
				["Kernel", engine.KernelVersion],
			] as const;
			context.print(
				`corten (client and engine are one program)\n${rows.map(([name, value]) => ` ${`${name}:`.padEnd(18)}${value}\n`).join("")}`,
			);
		}
		return 0;
	},
});
