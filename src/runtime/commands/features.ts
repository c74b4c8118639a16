// `features`: what config.json may ask of this runtime, made from the tables its decoders and compilers use. It speaks of the program and
// not of the kernel it runs on. @see runtime-spec features.md, features-linux.md

import { cortenVersion } from "../../base/version.ts";
import { capabilityNames } from "../../linux/capabilities.ts";
import { mountOptionNames } from "../../linux/mount-words.ts";
import { hookNames, memoryPolicyFlags, memoryPolicyModes, namespaceTypes } from "../../spec/runtime.ts";
import {
	foreignSeccompArchitectures,
	seccompActions,
	seccompArchitectures,
	seccompFilterFlags,
	seccompOperators,
} from "../../spec/seccomp-words.ts";
import { defineRuntimeCommand } from "../command.ts";
import { runtimeSpecVersion } from "../spec-version.ts";

export const command = defineRuntimeCommand({
	summary: "print what the runtime can do",
	usage: "",
	options: {},
	operands: { min: 0, max: 0 },
	description: ["Prints the features document of the runtime specification as JSON: the words that config.json may use with this runtime."],
	run: (context) => {
		context.print(`${JSON.stringify(features(), undefined, 4)}\n`);
		return 0;
	},
});

/** The features document. @see runtime-spec features.md */
export function features() {
	return {
		ociVersionMin: "1.0.0",
		ociVersionMax: runtimeSpecVersion,
		hooks: hookNames,
		mountOptions: mountOptionNames,
		linux: {
			namespaces: namespaceTypes.toSorted(),
			capabilities: capabilityNames,
			cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
			seccomp: {
				enabled: true,
				actions: seccompActions.toSorted(),
				operators: seccompOperators.toSorted(),
				archs: [...seccompArchitectures, ...foreignSeccompArchitectures].sort(),
				knownFlags: seccompFilterFlags,
				supportedFlags: seccompFilterFlags,
			},
			apparmor: { enabled: true },
			selinux: { enabled: true },
			intelRdt: { enabled: true, schemata: true, monitoring: true },
			memoryPolicy: { modes: memoryPolicyModes, flags: memoryPolicyFlags },
			mountExtensions: { idmap: { enabled: true } },
			netDevices: { enabled: true },
		},
		annotations: { "io.github.corten.version": cortenVersion },
		potentiallyUnsafeConfigAnnotations: ["org.systemd.property."],
	};
}
