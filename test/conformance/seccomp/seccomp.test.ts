// config-linux.md#seccomp: actions, arguments, errno values, flags.

import { expect } from "bun:test";
import { syscallNames } from "../../../src/linux/seccomp-syscalls.generated.ts";
import type { Document } from "../../support/bundle.ts";
import { conformance } from "../../support/conformance.ts";

type Rule = { names: string[]; action: string; [key: string]: unknown };
const profile =
	(rules: Rule[], more: object = {}) =>
	(config: Document) => {
		config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"], syscalls: rules, ...more };
	};
const x64 = { needs: [process.arch === "x64", "not x86_64"] as const };
const mkdir = ["mkdir", "mkdirat"];

conformance(
	"a filter is loaded",
	async (world) => {
		expect(await world.sh("grep ^Seccomp: /proc/self/status", profile([]))).toBe("Seccomp:\t2");
	},
	{ ...x64, not: { runc: "1.1.5 loads none that allows all", crun: "1.8.1 loads none that allows all" } },
);

conformance("without seccomp there is no filter", async (world) => {
	expect(await world.sh("grep ^Seccomp: /proc/self/status")).toBe("Seccomp:\t0");
});

conformance(
	"SCMP_ACT_ERRNO is EPERM by default",
	async (world) => {
		const out = await world.sh("mkdir /tmp/x 2>&1 || true", profile([{ names: mkdir, action: "SCMP_ACT_ERRNO" }]));
		expect(out).toContain("Operation not permitted");
	},
	x64,
);

conformance(
	"SCMP_ACT_ERRNO with errnoRet",
	async (world) => {
		const out = await world.sh("mkdir /tmp/x 2>&1 || true", profile([{ names: mkdir, action: "SCMP_ACT_ERRNO", errnoRet: 28 }]));
		expect(out).toContain("No space left on device");
	},
	x64,
);

conformance(
	"errnoRet 0 makes the call do nothing and succeed",
	async (world) => {
		const out = await world.sh("mkdir /tmp/x; ls /tmp", profile([{ names: mkdir, action: "SCMP_ACT_ERRNO", errnoRet: 0 }]));
		expect(out).toBe("");
	},
	x64,
);

conformance(
	"defaultErrnoRet is the default action's",
	async (world) => {
		const allowed = syscallNames.x86_64
			.split(" ")
			.map((word) => word.replace(/^\d+:/, ""))
			.filter((name) => !mkdir.includes(name));
		const out = await world.sh(
			"mkdir /tmp/x 2>&1; true",
			profile([{ names: allowed, action: "SCMP_ACT_ALLOW" }], { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 28 }),
		);
		expect(out).toContain("No space left on device");
	},
	x64,
);

for (const [action, signal] of [
	["SCMP_ACT_KILL", 31],
	["SCMP_ACT_KILL_THREAD", 31],
	["SCMP_ACT_KILL_PROCESS", 31],
	["SCMP_ACT_TRAP", 31],
] as const) {
	conformance(
		`${action} ends the caller`,
		async (world) => {
			const out = await world.sh("mkdir /tmp/x; echo $?; ls /tmp", profile([{ names: mkdir, action }]));
			expect(out.split("\n").at(-1)).toBe(String(128 + signal));
		},
		x64,
	);
}

conformance(
	"SCMP_ACT_LOG lets the call through",
	async (world) => {
		expect(await world.sh("mkdir /tmp/x; ls /tmp", profile([{ names: mkdir, action: "SCMP_ACT_LOG" }]))).toBe("x");
	},
	x64,
);

conformance(
	"SCMP_ACT_TRACE without a tracer is an error of the call",
	async (world) => {
		expect(await world.sh("mkdir /tmp/x 2>&1 || true; ls /tmp", profile([{ names: mkdir, action: "SCMP_ACT_TRACE" }]))).toContain(
			"not implemented",
		);
	},
	x64,
);

for (const [op, value, more, hit] of [
	["SCMP_CMP_EQ", 10, {}, true],
	["SCMP_CMP_EQ", 11, {}, false],
	["SCMP_CMP_NE", 10, {}, false],
	["SCMP_CMP_NE", 11, {}, true],
	["SCMP_CMP_LT", 11, {}, true],
	["SCMP_CMP_LT", 10, {}, false],
	["SCMP_CMP_LE", 10, {}, true],
	["SCMP_CMP_LE", 9, {}, false],
	["SCMP_CMP_GE", 10, {}, true],
	["SCMP_CMP_GE", 11, {}, false],
	["SCMP_CMP_GT", 9, {}, true],
	["SCMP_CMP_GT", 10, {}, false],
	["SCMP_CMP_MASKED_EQ", 8, { valueTwo: 8 }, true],
	["SCMP_CMP_MASKED_EQ", 4, { valueTwo: 4 }, false],
] as const) {
	conformance(
		`${op} ${value} ${hit ? "fits" : "does not fit"} an argument of 10`,
		async (world) => {
			// renice 10 is setpriority(PRIO_PROCESS, pid, 10).
			const args = [{ index: 2, value, op, ...more }];
			const out = await world.sh(
				"renice -n 10 -p $$ 2>&1; true",
				profile([{ names: ["setpriority"], action: "SCMP_ACT_ERRNO", errnoRet: 28, args }]),
			);
			expect(out.includes("No space left")).toBe(hit);
		},
		x64,
	);
}

conformance(
	"all args of a rule must fit",
	async (world) => {
		const rule = (first: number) => ({
			names: ["setpriority"],
			action: "SCMP_ACT_ERRNO",
			errnoRet: 28,
			args: [
				{ index: 0, value: first, op: "SCMP_CMP_EQ" },
				{ index: 2, value: 10, op: "SCMP_CMP_EQ" },
			],
		});
		const script = "renice -n 10 -p $$ 2>&1; true";
		expect(await world.sh(script, profile([rule(0)]))).toContain("No space left");
		expect(await world.sh(script, profile([rule(1)]))).not.toContain("No space left");
	},
	x64,
);

conformance(
	"names that the kernel does not know are passed over",
	async (world) => {
		expect(await world.sh("echo ran", profile([{ names: ["no_such_call", "mkdir"], action: "SCMP_ACT_ERRNO" }]))).toBe("ran");
	},
	x64,
);

conformance(
	"a rule without names is refused",
	async (world) => {
		await world.refused(profile([{ names: [], action: "SCMP_ACT_ERRNO" }]));
	},
	{ ...x64, not: { runc: "1.1.5 passes it over", crun: "1.8.1 passes it over" } },
);

conformance(
	"an action that there is not is refused",
	async (world) => {
		await world.refused(profile([{ names: mkdir, action: "SCMP_ACT_NOSUCH" }]));
	},
	x64,
);

conformance(
	"an operator that there is not is refused",
	async (world) => {
		await world.refused(profile([{ names: mkdir, action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 1, op: "SCMP_CMP_NOSUCH" }] }]));
	},
	x64,
);

conformance(
	"an errnoRet for an action that has none is refused",
	async (world) => {
		await world.refused(profile([{ names: mkdir, action: "SCMP_ACT_KILL", errnoRet: 1 }]));
	},
	{ ...x64, not: { runc: "1.1.5 passes it over", crun: "1.8.1 passes it over" } },
);

conformance(
	"a defaultErrnoRet for an action that has none is refused",
	async (world) => {
		await world.refused(profile([{ names: mkdir, action: "SCMP_ACT_ERRNO" }], { defaultErrnoRet: 5 }));
	},
	{ ...x64, not: { runc: "1.1.5 passes it over", crun: "1.8.1 passes it over" } },
);

for (const flag of ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"]) {
	conformance(
		`flag ${flag}`,
		async (world) => {
			expect(
				await world.sh("grep ^Seccomp: /proc/self/status", profile([{ names: mkdir, action: "SCMP_ACT_ERRNO" }], { flags: [flag] })),
			).toBe("Seccomp:\t2");
		},
		{ ...x64, not: { runc: "1.1.5 knows no flags" } },
	);
}

conformance(
	"a flag that there is not is refused",
	async (world) => {
		await world.refused(profile([{ names: mkdir, action: "SCMP_ACT_ERRNO" }], { flags: ["SECCOMP_FILTER_FLAG_NOSUCH"] }));
	},
	x64,
);

conformance(
	"the filter holds for a process without privileges, with noNewPrivileges or without",
	async (world) => {
		for (const noNewPrivileges of [true, false]) {
			const out = await world.sh("mkdir /tmp/x 2>&1 || true", (config) => {
				profile([{ names: mkdir, action: "SCMP_ACT_ERRNO", errnoRet: 28 }])(config);
				config.process.user = { uid: 1000, gid: 1000 };
				config.process.noNewPrivileges = noNewPrivileges;
			});
			expect(out).toContain("No space left");
		}
	},
	x64,
);
