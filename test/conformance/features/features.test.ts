// features.md and features-linux.md: what `features` says the runtime does, it does.

import { expect } from "bun:test";
import { conformance, type World } from "../../support/conformance.ts";

type Features = {
	ociVersionMin: string;
	ociVersionMax: string;
	hooks?: string[];
	mountOptions?: string[];
	annotations?: Record<string, string>;
	linux?: {
		namespaces?: string[];
		capabilities?: string[];
		cgroup?: Record<string, boolean>;
		seccomp?: {
			enabled?: boolean;
			actions?: string[];
			operators?: string[];
			archs?: string[];
			knownFlags?: string[];
			supportedFlags?: string[];
		};
		memoryPolicy?: { modes?: string[]; flags?: string[] };
		mountExtensions?: { idmap?: { enabled?: boolean } };
	};
};
const noCrun = { not: { crun: "1.8.1 has no features" } };
const neither = { not: { runc: "1.1.5 does not tell", crun: "1.8.1 has no features" } };

async function features(world: World): Promise<Features> {
	const ended = await world.runtime.call(["features"]);
	expect(ended.status).toBe(0);
	return JSON.parse(ended.stdout) as Features;
}
const ran = (world: World, change: Parameters<World["sh"]>[1]) => world.sh("echo ran", change).then((out) => expect(out).toBe("ran"));

conformance(
	"features takes ociVersionMin and ociVersionMax as a document's version",
	async (world) => {
		const { ociVersionMin, ociVersionMax } = await features(world);
		await ran(world, (config) => (config.ociVersion = ociVersionMin));
		await ran(world, (config) => (config.ociVersion = ociVersionMax));
	},
	noCrun,
);

conformance(
	"features' ociVersionMax is not less than ociVersionMin",
	async (world) => {
		const { ociVersionMin, ociVersionMax } = await features(world);
		expect(Bun.semver.order(ociVersionMin, ociVersionMax)).toBeLessThanOrEqual(0);
	},
	noCrun,
);

conformance(
	"features has no properties that the specification does not",
	async (world) => {
		const known = ["ociVersionMin", "ociVersionMax", "hooks", "mountOptions", "annotations", "potentiallyUnsafeConfigAnnotations", "linux"];
		expect(Object.keys(await features(world)).filter((name) => !known.includes(name))).toEqual([]);
	},
	noCrun,
);

conformance(
	"features has no null",
	async (world) => {
		await features(world);
		expect((await world.runtime.call(["features"])).stdout).not.toMatch(/:\s*null/);
	},
	noCrun,
);

conformance(
	"features' hooks are those that are called",
	async (world) => {
		const { hooks } = await features(world);
		expect(hooks?.toSorted()).toEqual(["createContainer", "createRuntime", "poststart", "poststop", "prestart", "startContainer"]);
		await ran(
			world,
			(config) =>
				(config.hooks = Object.fromEntries(
					(hooks ?? []).map((name) => [name, [{ path: name === "startContainer" ? "/bin/busybox" : "/bin/true", args: ["true"] }]]),
				)),
		);
	},
	noCrun,
);

conformance(
	"features' mount options are recognized, each",
	async (world) => {
		const { mountOptions = [] } = await features(world);
		expect(mountOptions.length).toBeGreaterThan(40);
		const ended = await world.run((config, bundle) => {
			for (const option of mountOptions) {
				// Kernels have lost mandatory locks; these need a mapping, or a mount that is there.
				if (["mand", "acl", "noacl", "idmap", "ridmap", "remount", "defaults"].includes(option)) continue;
				const recursive = /^r(?!o$|w$|elatime$|bind$|private$|shared$|slave$|unbindable$)/.test(option);
				const bind = recursive || /bind$/.test(option);
				const place = bind ? { type: "bind", source: `${bundle}/rootfs/etc` } : { type: "tmpfs", source: "tmpfs" };
				config.mounts.push({ destination: `/m/${option}`, ...place, options: recursive ? ["rbind", option] : [option] });
			}
		});
		expect(ended).toEqual({ status: 0, stdout: "", stderr: "" });
	},
	{ not: { ...noCrun.not, runc: "1.1.5 names ratime and rstrictatime, which it cannot mount" } },
);

conformance(
	"features' namespaces are recognized, each",
	async (world) => {
		const { namespaces = [] } = (await features(world)).linux ?? {};
		expect(namespaces).toContain("pid");
		await ran(world, (config) => {
			config.linux.namespaces = namespaces.filter((type) => type !== "user").map((type) => ({ type }));
		});
	},
	noCrun,
);

conformance(
	"features' capabilities are recognized, each",
	async (world) => {
		const { capabilities = [] } = (await features(world)).linux ?? {};
		expect(capabilities).toContain("CAP_CHECKPOINT_RESTORE");
		const ended = await world.run((config) => {
			config.process.capabilities = {
				bounding: capabilities.filter((name) => name !== "CAP_SYS_RESOURCE"),
				permitted: ["CAP_KILL"],
				effective: ["CAP_KILL"],
			};
		});
		expect(ended).toEqual({ status: 0, stdout: "", stderr: "" });
	},
	noCrun,
);

conformance(
	"features' seccomp actions, operators, architectures and flags are recognized, each",
	async (world) => {
		const { seccomp } = (await features(world)).linux ?? {};
		expect(seccomp?.enabled).toBe(true);
		const args = (seccomp?.operators ?? []).map((op) => [{ index: 0, value: 77, op }]);
		const actions = (seccomp?.actions ?? []).filter((action) => action !== "SCMP_ACT_NOTIFY");
		await ran(world, (config) => {
			config.linux.seccomp = {
				defaultAction: "SCMP_ACT_ALLOW",
				architectures: seccomp?.archs?.filter((arch) => /X86|X32/.test(arch)),
				syscalls: [
					...actions.map((action) => ({
						names: ["acct"],
						action,
						args: [{ index: 1, value: actions.indexOf(action), op: "SCMP_CMP_EQ" }],
					})),
					...args.map((arg) => ({ names: ["swapoff"], action: "SCMP_ACT_ERRNO", args: arg })),
				],
			};
		});
	},
	noCrun,
);

conformance(
	"features' seccomp flags are supported, each",
	async (world) => {
		const { seccomp } = (await features(world)).linux ?? {};
		const { knownFlags = [], supportedFlags = [] } = seccomp ?? {};
		expect(supportedFlags.filter((flag) => !knownFlags.includes(flag))).toEqual([]);
		for (const flag of supportedFlags.filter((name) => name !== "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")) {
			await ran(
				world,
				(config) =>
					(config.linux.seccomp = {
						defaultAction: "SCMP_ACT_ALLOW",
						flags: [flag],
						syscalls: [{ names: ["acct"], action: "SCMP_ACT_ERRNO" }],
					}),
			);
		}
	},
	neither,
);

conformance(
	"features' memory policy modes are recognized, each",
	async (world) => {
		const { memoryPolicy } = (await features(world)).linux ?? {};
		for (const mode of memoryPolicy?.modes ?? []) {
			const ended = await world.run(
				(config) => (config.linux.memoryPolicy = { mode, ...(/DEFAULT|LOCAL/.test(mode) ? {} : { nodes: "0" }) }),
			);
			expect([mode, /unknown|invalid-spec|not implemented|cannot use/.test(ended.stderr)]).toEqual([mode, false]);
		}
	},
	neither,
);

conformance(
	"features' annotations are strings",
	async (world) => {
		for (const value of Object.values((await features(world)).annotations ?? {})) expect(typeof value).toBe("string");
	},
	noCrun,
);

conformance(
	"features' idmap is true, as the properties of mounts are recognized",
	async (world) => {
		expect((await features(world)).linux?.mountExtensions?.idmap?.enabled).toBe(true);
	},
	neither,
);
