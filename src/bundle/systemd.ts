// What a container needs whose command is a systemd: its container interface, asked for by --systemd or seen by the command's name.
// @see https://systemd.io/CONTAINER_INTERFACE, podman-run(1) --systemd

import { CortenError } from "../base/errors.ts";
import type { HostFacts } from "../linux/host.ts";
import type { Mount } from "../spec/runtime.ts";
import type { MountRequest, RunRequest } from "./request.ts";

/** podman's words: true, when the command is a systemd. */
export const systemdModes = ["true", "false", "always"] as const;

/** Commands that are a systemd on the distributions that have one, beside every program of that name. */
const inits = ["/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"];
/** SIGRTMIN+3 of the C libraries: halt.target. @see systemd(1) "Signals" */
const haltSignal = 37;
/** Where the interface has what the host shows; systemd makes /run/systemd/notify itself, for its own services. */
const socketInside = "/run/host/notify";
/** The journal's folder in the container's. */
const journalFolder = "journal";

/**
 * Whether the command is to be served as a systemd.
 * @param args the command, without --init
 * @throws `invalid-argument` for `always` where it cannot be the first process
 */
export function isSystemd(
	{ systemd, init, pid }: Pick<RunRequest, "systemd" | "init" | "pid">,
	[program = ""]: readonly string[],
): boolean {
	const first = !init && pid !== "host";
	if (systemd === "always" && !first) {
		const other = init ? "--init" : "--pid=host";
		throw new CortenError("invalid-argument", `cannot combine --systemd=always and ${other}: systemd is the first process`, {
			at: "--systemd",
		});
	}
	if (systemd !== "true") return systemd === "always";
	return first && (inits.includes(program) || program.slice(program.lastIndexOf("/") + 1) === "systemd");
}

/**
 * The request with what a systemd expects: empty folders where it keeps what is of one boot, who contains it, its id, cgroups it may write, and
 * the manager's socket where it does not hide its own. What was asked for at one of these places is meant.
 * @param id 64 hexadecimal digits
 */
export function forSystemd(asked: RunRequest, id: string): RunRequest {
	const socket = asked.env.find((word) => word.startsWith("NOTIFY_SOCKET=/"))?.slice("NOTIFY_SOCKET=".length);
	const moved = (mount: MountRequest): MountRequest => (mount.target === socket ? { ...mount, target: socketInside } : mount);
	const mounts = asked.mounts.map(moved);
	const tmpfs = (target: string, ...options: readonly string[]): MountRequest[] => {
		if (mounts.some((mount) => mount.target === target)) return [];
		return [{ kind: "tmpfs", target, options: ["nosuid", "nodev", ...options], at: "--systemd" }];
	};
	return {
		...asked,
		mounts: [...tmpfs("/run", "mode=755"), ...tmpfs("/run/lock", "noexec", "mode=1777"), ...tmpfs("/tmp", "mode=1777"), ...mounts],
		env: [
			"container=corten",
			`container_uuid=${uuid(id)}`,
			...asked.env.map((word) => (word === `NOTIFY_SOCKET=${socket}` ? `NOTIFY_SOCKET=${socketInside}` : word)),
		],
		writableCgroups: true,
	};
}

/** The signal that stops a systemd, where neither the options nor the image name one. */
export function stopSignalOf(image: string): string {
	return image === "" ? String(haltSignal) : image;
}

function uuid(id: string): string {
	return [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20, 32)].join("-");
}

/**
 * The mounts of a container of systemd's, made from those of any: cgroup v2, also on a machine that has it beside v1, where the payload is
 * then told of no controllers; and its journal in the container's folder, where the host reads it, unless something else was asked for there.
 * @returns journal: the folder to be made, if any
 * @throws `unsupported` on a machine without cgroup v2
 */
export function systemdMounts(
	mounts: readonly Mount[],
	folder: string,
	cgroup: HostFacts["cgroup"],
): { readonly mounts: Mount[]; readonly journal: string | undefined } {
	if (cgroup.version === 1 && cgroup.unified === undefined) {
		throw new CortenError("unsupported", "cannot run systemd in a container: this machine has no cgroup v2, not even beside v1", {
			at: "--systemd",
			hint: "--systemd=false runs the command like any other",
		});
	}
	const seen = mounts.map((mount) =>
		mount.type === "cgroup" && cgroup.version === 1 ? { ...mount, type: "cgroup2", source: "cgroup2" } : mount,
	);
	const destination = "/var/log/journal";
	if (mounts.some((mount) => mount.destination === destination)) return { mounts: seen, journal: undefined };
	const journal = `${folder}/${journalFolder}`;
	return {
		mounts: [...seen, { destination, type: "bind", source: journal, options: ["bind", "rprivate", "nosuid", "nodev", "noexec"] }],
		journal,
	};
}
