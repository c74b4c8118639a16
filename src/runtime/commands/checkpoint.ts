// `checkpoint`: what CRIU would do. The options are runc's, so that a caller is told of the command and not of an option.

import { CortenError } from "../../base/errors.ts";
import type { OptionTable } from "../../base/options.ts";
import { defineRuntimeCommand } from "../command.ts";
import { findRuntimeContainer } from "../state.ts";

/** What checkpoint and restore have in common. */
export const imageOptions = {
	"image-path": { kind: "value", metavar: "DIR", help: "folder of the image" },
	"work-path": { kind: "value", metavar: "DIR", help: "folder of criu's logs" },
	"tcp-established": { kind: "flag", help: "allow open TCP connections" },
	"ext-unix-sk": { kind: "flag", help: "allow outer unix sockets" },
	"shell-job": { kind: "flag", help: "allow the caller's terminal" },
	"file-locks": { kind: "flag", help: "allow file locks" },
	"manage-cgroups-mode": { kind: "value", metavar: "MODE", help: "soft, full, strict or ignore" },
	"empty-ns": { kind: "list", metavar: "NAMESPACE", help: "make this namespace, and nothing in it" },
	"auto-dedup": { kind: "flag", help: "leave out what an earlier image has" },
	"lsm-profile": { kind: "value", metavar: "PROFILE", help: "the security module's profile" },
	"lsm-mount-context": { kind: "value", metavar: "CONTEXT", help: "the security module's label of mounts" },
} as const satisfies OptionTable;

/** The error of both. */
export function noCheckpoints(what: string): CortenError {
	return new CortenError("unsupported", `cannot ${what}: corten-runtime has no checkpoints yet`);
}

export const command = defineRuntimeCommand({
	summary: "save the processes of a container (not yet)",
	usage: "[OPTIONS] CONTAINER",
	options: {
		...imageOptions,
		"leave-running": { kind: "flag", help: "let it run on" },
		"parent-path": { kind: "value", metavar: "DIR", help: "an earlier image" },
		"lazy-pages": { kind: "flag", help: "hand pages over when they are asked for" },
		"page-server": { kind: "value", metavar: "ADDRESS:PORT", help: "who takes the pages" },
		"status-fd": { kind: "value", metavar: "NUMBER", help: "descriptor that is told when the pages are ready" },
		"pre-dump": { kind: "flag", help: "memory alone, and let it run on" },
	},
	operands: { min: 1, max: 1 },
	description: ["Is refused: corten-runtime has no checkpoints yet."],
	run: (context, _options, [id = ""]) => {
		findRuntimeContainer(context.root, id);
		throw noCheckpoints(`checkpoint container "${id}"`);
	},
});
