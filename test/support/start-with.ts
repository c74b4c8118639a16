// Starts a container as `corten run` does, but on a machine with other facts: `bun start-with.ts ROOT RUNROOT FACTS-JSON RUN-ARGUMENTS...`.
// For what a plan does on kernels that this machine does not have (loop devices instead of EROFS from a file).

import { createContext } from "../../src/commands/global.ts";
import { startLaps } from "../../src/commands/laps.ts";
import { parseOptions } from "../../src/commands/options.ts";
import { command, obtainImage, start } from "../../src/commands/run.ts";
import { decodeRunRequest } from "../../src/commands/run-request.ts";
import { readHostFacts } from "../../src/linux/host.ts";

const [root = "", runroot = "", facts = "{}", ...args] = process.argv.slice(2);
const context = createContext(
	{ root, runroot, "log-level": undefined, "log-format": undefined, "no-sync": false, version: false },
	() => undefined,
);
const line = parseOptions("run", command, args);
if (line.kind === "help") throw new Error("no options");
const request = decodeRunRequest(line.options);
const [reference = "", ...words] = line.operands;
using held = await obtainImage(context, reference, request);
const host = { ...readHostFacts(), ...(JSON.parse(facts) as object) };
await start(context, { request, service: undefined, host, reference, image: held.image, words }, startLaps(context));
