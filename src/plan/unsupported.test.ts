// What is refused by name before anything is compiled.

import { expect, test } from "bun:test";
import { CortenError } from "../base/errors.ts";
import type { Config } from "../spec/runtime.ts";
import { compile } from "./compile.ts";
import { minimalConfig, minimalInput } from "./minimal.fixture.ts";

const linux = (change: Partial<Config["linux"]>): Config => ({ ...minimalConfig, linux: { ...minimalConfig.linux, ...change } });
const failure = (config: Config): string => {
	try {
		compile({ ...minimalInput, config });
		return "ok";
	} catch (error) {
		return error instanceof CortenError ? `${error.code} ${error.at}` : String(error);
	}
};

test("empty forms ask for nothing", () => {
	const process = { ...minimalConfig.process, apparmorProfile: "", selinuxLabel: "", execCPUAffinity: {} };
	const config = linux({
		uidMappings: [],
		timeOffsets: {},
		mountLabel: "",
		netDevices: {},
		resources: { blockIO: {}, memory: { disableOOMKiller: false } },
	});
	expect(failure({ ...config, process })).toBe("ok");
});

test.each([["/linux/seccomp/listenerPath", linux({ seccomp: { defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/x" } })]] satisfies [
	string,
	Config,
][])("%s is known and refused", (at, config) => {
	expect(failure(config)).toBe(`unsupported ${at}`);
});
