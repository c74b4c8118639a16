// corten-runtime --version. containerd's go-runc, moby and podman read the lines: "NAME version X", then "key: value".

import { cortenVersion } from "../../base/version.ts";
import { engine } from "../../linux/native.ts";
import { defineRuntimeCommand } from "../command.ts";
import { runtimeSpecVersion } from "../spec-version.ts";

export const command = defineRuntimeCommand({
	summary: "print the version",
	usage: "",
	options: {},
	operands: { min: 0, max: 0 },
	description: ["Prints the version of the runtime, and of the runtime specification it implements."],
	run: (context) => {
		context.print(`corten-runtime version ${cortenVersion}\nspec: ${runtimeSpecVersion}\nengine: ${engine}\n`);
		return 0;
	},
});
