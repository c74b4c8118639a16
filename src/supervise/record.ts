// container.json: what corten must know about a container later, and config.json does not say. Written when the folder is made.
// The types and the encoder alone, for the fast path; decode-record.ts reads it back.

import type { HealthCheck } from "../spec/health.ts";

/** A mount as `inspect` shows it. */
export type MountSummary = {
	readonly type: "bind" | "volume" | "tmpfs";
	/** Absolute path on the host; "" for tmpfs. */
	readonly source: string;
	/** Absolute path in the container. */
	readonly destination: string;
	readonly readonly: boolean;
};

/** The content of container.json. */
export type ContainerRecord = {
	/** 64 hexadecimal digits. */
	readonly id: string;
	/** docker's grammar, `[a-zA-Z0-9][a-zA-Z0-9_.-]*`; reserved in the names folder. */
	readonly name: string;
	/** RFC 3339, UTC. */
	readonly created: string;
	/** What it was made from; null for `--rootfs`. */
	readonly image: {
		/** As the person wrote it. */
		readonly reference: string;
		/** Of the manifest. */
		readonly digest: string;
		/** Of the image config: docker's image id. */
		readonly configDigest: string;
	} | null;
	/** Paths of the layer files in use, lowest first: `rmi` keeps them. */
	readonly layers: readonly string[];
	/** The host folder that is the root (`--rootfs`); null when the root is layers. */
	readonly rootfs: string | null;
	/** The command as it was asked for: its first word and the rest. */
	readonly path: string;
	readonly args: readonly string[];
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
	/** `--rm` */
	readonly removeAtEnd: boolean;
	/** `-t` */
	readonly terminal: boolean;
	/** `-i` */
	readonly openStdin: boolean;
	/** `-d` */
	readonly detached: boolean;
	/** Signal number of a polite stop. */
	readonly stopSignal: number;
	/** How long a polite stop waits before SIGKILL. */
	readonly stopTimeoutSeconds: number;
	/** Absolute cgroup folders that are the container's own and go with it. */
	readonly cgroups: readonly string[];
	/** `none`, `host`, `container:<id>`... as given to --network. */
	readonly network: string;
	readonly mounts: readonly MountSummary[];
	/** How its health is checked; null: not at all. */
	readonly health: HealthCheck | null;
	/** The unit of systemd's that it is in: nobody of corten's watches it there. */
	readonly unit: {
		/** `web.service` */
		readonly name: string;
		/** 32 hexadecimal digits, or "". */
		readonly invocation: string;
		/** Of a user's manager. */
		readonly user: boolean;
		/** Made by corten for this container, by `run -d` or `start`: it goes with it. */
		readonly own: boolean;
	} | null;
};

/** The text of container.json. Written again by each start in a unit, which has another invocation. */
export function encodeRecord(record: ContainerRecord): string {
	return `${JSON.stringify(record)}\n`;
}
