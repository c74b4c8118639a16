// Properties that are there and empty.

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
