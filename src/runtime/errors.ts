// The failures of the runtime that its clients tell apart by words, because the OCI runtime command line has no other way to say which
// failure it was. The house's message comes first, the words that are looked for last.
//
// Who looks for what:
//   containerd (go-runc, runc shim)   "does not exist", "os: process already finished", "container not running", "no such process"
//   moby (exit status 126, 127)       "executable file not found", "no such file or directory", "permission denied", "not a directory"
//   podman (libpod, oci_conmon)       "permission denied", "operation not permitted", "executable file not found in", "no such file or directory"
//   CRI-O                             "does not exist"

import { CortenError } from "../base/errors.ts";

/** state, kill, exec, ...: no container of this id. */
export function absentContainer(id: string): CortenError {
	return new CortenError("not-found", `cannot find container "${id}": container does not exist`);
}

/** create, run: the id is taken. */
export function takenId(id: string): CortenError {
	return new CortenError("already-exists", `cannot create container "${id}": container with given ID already exists`);
}

/** start: it is not in the state "created". */
export function unstartable(id: string, status: "creating" | "running" | "paused" | "stopped"): CortenError {
	const words =
		status === "stopped"
			? "cannot start a container that has stopped"
			: status === "creating"
				? "the container is being created"
				: status === "paused"
					? "cannot start a container in the paused state"
					: "cannot start an already running container";
	return new CortenError("wrong-state", `cannot start container "${id}": ${words}`);
}

/** kill, pause, ps, update, events: there is no process to act on. @param verb what was to be done: "kill" */
export function notRunning(verb: string, id: string): CortenError {
	return new CortenError("wrong-state", `cannot ${verb} container "${id}": container not running`);
}

/** exec: there is no container to run in. */
export function stoppedExec(id: string): CortenError {
	return new CortenError("wrong-state", `cannot exec in container "${id}": cannot exec in a stopped container`);
}

/** exec without --ignore-paused: the process would be frozen before it starts, and the caller would wait forever. */
export function pausedExec(id: string): CortenError {
	return new CortenError("wrong-state", `cannot exec in container "${id}": cannot exec in a paused container`, {
		hint: "use --ignore-paused to override",
	});
}

/** delete without --force: it lives. */
export function undeletable(id: string, status: string): CortenError {
	return new CortenError("wrong-state", `cannot delete container "${id}" that is not stopped: ${status}`);
}

/** kill, between the look and the signal: the process has ended by itself. */
export function finishedProcess(id: string): CortenError {
	return new CortenError("not-found", `cannot kill container "${id}": os: process already finished`);
}
