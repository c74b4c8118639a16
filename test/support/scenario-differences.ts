// At which steps of runtime-scenario.sh the runtimes may differ, and why. Reason -> steps.

/** Where runc 1.1 and crun 1.8 differ; corten-runtime does as one of them. */
export const peersDiffer: Readonly<Record<string, readonly string[]>> = {
	"crun names the file that it could not open, runc says that the container does not exist, which containerd looks for": [
		...["state", "start", "kill", "delete", "pause", "resume", "ps", "update"].map((command) => `absent-${command}`),
		...["delete-forced-state", "deleted-state", "deleted-delete", "log-json", "log-json-content", "log-text"],
	],
	"crun's exec exits with 1, runc's with 255 and so apart from the payload's": [
		...["absent-exec", "exec-without-program", "exec-detached-terminal-without-socket", "paused-exec", "stopped-exec"],
	],
	"crun 1.8 has no events and no features": ["absent-events", "events-stats", "features"],
	"exit status of a wrong command line: crun has 64 for options, runc 3 for commands": [
		...["unknown-command", "unknown-option", "option-without-value", "exec-bad-option"],
	],
	"crun lets config.json pass and fails at start, if at all": ["config-without-args", "config-relative-cwd"],
	"crun looks into its root folder with the id as it is": ["id-is-dots"],
	"runc says that the namespace does not exist, which is no word about the container": ["config-unknown-namespace"],
	"crun opens the socket first, runc looks whether there is a terminal": ["config-socket-without-terminal"],
	"crun says both that the file is not there and that it is in no folder of PATH, runc one of them": [
		...[
			"program-absent-create",
			"run-absent-program",
			"log-json-create",
			"log-json-create-content",
			"exec-absent-program",
			"exec-absent-in-path",
		],
	],
	"crun ends with the hook's trouble as its status": ["failing-hook-create"],
	"crun's list has neither version nor annotations": ["created-list-json", "stopped-list-json"],
	"crun resumes and pauses what is so already": ["created-resume", "running-resume", "paused-pause"],
	"other words for the wrong state; nobody looks for them": [
		...["killed-before-start-start", "running-start", "paused-start", "stopped-start", "stopped-resume"],
	],
	"runc says that the container does not run, crun that there is no such process; containerd looks for both": ["stopped-kill"],
	"crun kills with signal 0 for a word that is no signal": ["kill-bad-signal"],
	"crun ends by a signal": ["stopped-ps"],
	"crun's log has another text form": ["log-text-content"],
	"crun says that the file exists already, runc that it exists": ["spec-refuses-to-overwrite"],
};

/** What corten-runtime does as neither. */
export const ourOwn: Readonly<Record<string, readonly string[]>> = {
	"the kernel's word for the missing config.json is part of the message": ["bundle-without-config"],
	"the document is that of runtime-spec 1.3, which has potentiallyUnsafeConfigAnnotations": ["features"],
};
