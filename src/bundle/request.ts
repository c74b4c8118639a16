// What `corten run` was asked for, after every option word has been parsed: plain data, no text left to interpret. commands/run-request.ts
// makes it from the command line; createBundle makes config.json from it and the image.

import type { Insecure } from "../base/insecure.ts";
import type { Platform } from "../spec/image.ts";
import type { Resources } from "../spec/runtime.ts";
import type { HealthRequest } from "./health.ts";
import type { SeccompProfile } from "./seccomp-profile.ts";
import type { systemdModes } from "./systemd.ts";

/** A mount asked for by -v, --mount or --tmpfs. Paths are absolute and clean. */
export type MountRequest =
	| {
			readonly kind: "bind";
			readonly source: string;
			readonly target: string;
			/** `without-submounts` leaves the mounts below the source writable. */
			readonly readonly: "no" | "yes" | "without-submounts";
			readonly recursive: boolean;
			readonly propagation: Propagation;
			/** nosuid, nodev, noexec and their opposites. */
			readonly flags: readonly string[];
			/** -v makes a missing source as a folder, --mount does not. */
			readonly createSource: boolean;
			/** The option it came from, for errors. */
			readonly at: string;
	  }
	| { readonly kind: "tmpfs"; readonly target: string; readonly options: readonly string[]; readonly at: string };

/** @see mount_namespaces(7) */
export type Propagation = (typeof propagations)[number];
/** The words for mount propagation. */
export const propagations = ["private", "rprivate", "shared", "rshared", "slave", "rslave"] as const;

/** A device, or a folder of devices, of the host. */
export type DeviceRequest = { readonly source: string; readonly target: string; readonly access: string };

/** One rule of the device list of a cgroup. */
export type DeviceRule = NonNullable<Resources["devices"]>[number];

/** One line that /etc/hosts gets. */
export type ExtraHost = { readonly name: string; readonly address: string };

/** podman's words: conmon is launch, at the payload's start; container the payload itself. */
export const sdNotifyModes = ["conmon", "container", "healthy", "ignore"] as const;
/** One of {@link sdNotifyModes}. */
export type SdNotify = (typeof sdNotifyModes)[number];

/** The whole of a run. Absent values are undefined or empty: nothing has been decided here that the image may still decide. */
export type RunRequest = {
	readonly name: string | undefined;
	readonly detach: boolean;
	readonly remove: boolean;
	readonly interactive: boolean;
	readonly tty: boolean;
	readonly init: boolean;
	readonly pull: "always" | "missing" | "never";
	readonly quiet: boolean;
	/** What is not asked of images of appc's. */
	readonly insecure: Insecure;
	/** Who tells the unit's manager that the container is ready; undefined: the usual one, conmon. */
	readonly sdnotify: SdNotify | undefined;
	/** Whether the command gets what a systemd expects; true: when it is one. */
	readonly systemd: (typeof systemdModes)[number];
	/** A container that has the name goes first. */
	readonly replace: boolean;
	/** docker's policy; retries: how often at most, 0 without end. */
	readonly restart: { readonly name: "no" | "on-failure" | "always" | "unless-stopped"; readonly retries: number };
	/** The name of the transient unit of a detached container, or none; undefined: the usual one, where there is systemd. */
	readonly unit: string | undefined;
	/** Have systemd-machined know it. */
	readonly register: boolean;
	readonly platform: Platform | undefined;
	/** A folder of the host that is the root instead of an image. Absolute. */
	readonly rootfs: string | undefined;
	/** Absolute. */
	readonly cidFile: string | undefined;
	/** Absolute. */
	readonly pidFile: string | undefined;
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
	readonly stopSignal: number | undefined;
	readonly stopTimeoutSeconds: number | undefined;

	/** "" resets the image's. */
	readonly entrypoint: string | undefined;
	/** `NAME=value`, or `NAME` alone: then the image's NAME is removed. */
	readonly env: readonly string[];
	readonly workdir: string | undefined;
	readonly user: string | undefined;
	readonly groups: readonly string[];
	readonly capAdd: readonly string[];
	readonly capDrop: readonly string[];
	readonly privileged: boolean;
	readonly noNewPrivileges: boolean;
	readonly seccomp: "default" | "unconfined" | SeccompProfile;
	/** false: nothing of /proc and /sys is masked or made read-only (`systempaths=unconfined`). */
	readonly protectSystemPaths: boolean;
	readonly writableCgroups: boolean;
	readonly oomScoreAdj: number | undefined;
	readonly rlimits: readonly { readonly type: string; readonly soft: bigint; readonly hard: bigint }[];

	readonly network: "none" | "host";
	readonly ipc: "private" | "host" | "none";
	readonly pid: "private" | "host";
	readonly uts: "private" | "host";
	readonly cgroupns: "private" | "host";
	readonly hostname: string | undefined;
	readonly domainname: string | undefined;
	readonly extraHosts: readonly ExtraHost[];
	readonly dns: { readonly servers: readonly string[]; readonly search: readonly string[]; readonly options: readonly string[] };
	readonly sysctls: Readonly<Record<string, string>>;
	/** Of the payload; 022 when it is not given. */
	readonly umask?: number;

	readonly readOnly: boolean;
	readonly mounts: readonly MountRequest[];
	readonly devices: readonly DeviceRequest[];
	readonly deviceRules: readonly DeviceRule[];
	readonly shmSizeBytes: bigint;

	readonly health: HealthRequest;

	/** Without `devices`. */
	readonly resources: Omit<Resources, "devices">;
	/** An absolute cgroup path. */
	readonly cgroupParent: string | undefined;
};
