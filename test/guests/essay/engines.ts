// One service, written for each engine as its users write it. Docker twice: with nothing but ExecStart=, as most people begin, and with
// the lines around it that long experience adds.

import { payloadOptions, type UnitGuest } from "./units.ts";

/** What a service is to do. */
export type Wish = {
	/** The name of the unit without its suffix; of the container too, where it has one. */
	readonly unit: string;
	/** What slots() has returned for the unit. */
	readonly folder: string;
	/** The arguments of the payload after its folder. */
	readonly payload?: string;
	/** Options of the engine for the container. */
	readonly options?: string;
	/** More lines of [Service]. */
	readonly service?: readonly string[];
};

/** One way to run a container as a service. */
export type Engine = {
	/** For names of units and files. */
	readonly key: "docker" | "careful" | "podman" | "corten";
	/** For people. */
	readonly title: string;
	/** About how long a start takes here: the moments of kills are drawn from that and somewhat more. */
	readonly startMs: number;
	/** The lines of [Service]. */
	readonly service: (wish: Wish) => readonly string[];
	/** Removes what a unit may have left. */
	readonly clean: (unit: string) => string;
};

const container = ({ folder, payload = "wait", options = "" }: Wish) =>
	`${payloadOptions(folder)} ${options} busybox /web /slots ${payload}`;
const dockerHost = "Environment=DOCKER_HOST=unix:///run/d.sock";

/** All of them, corten last. */
export const engines: readonly Engine[] = [
	{
		key: "docker",
		title: "`docker run`",
		startMs: 600,
		service: (wish) => [dockerHost, `ExecStart=/usr/bin/docker run --rm --label=${wish.unit} ${container(wish)}`],
		clean: (unit) => `docker ps -aq --filter label=${unit} | xargs -r docker rm -f >/dev/null`,
	},
	{
		key: "careful",
		title: "`docker run`, careful",
		startMs: 700,
		service: (wish) => [
			dockerHost,
			`ExecStartPre=-/usr/bin/docker rm -f ${wish.unit}`,
			`ExecStart=/usr/bin/docker run --rm --name ${wish.unit} ${container(wish)}`,
			`ExecStop=/usr/bin/docker stop ${wish.unit}`,
		],
		clean: (unit) => `docker rm -f ${unit} >/dev/null 2>&1 || true`,
	},
	{
		key: "podman",
		title: "podman quadlet",
		startMs: 600,
		// What podman's generator emits for a .container file.
		service: (wish) => [
			...["Type=notify", "NotifyAccess=all", "KillMode=mixed", "Delegate=yes", "SyslogIdentifier=%N", "Environment=PODMAN_SYSTEMD_UNIT=%n"],
			`ExecStart=/usr/bin/podman run --name systemd-%N --replace --rm --cgroups=split --sdnotify=conmon -d ${container(wish)}`,
			"ExecStop=/usr/bin/podman rm -v -f -i systemd-%N",
			"ExecStopPost=-/usr/bin/podman rm -v -f -i systemd-%N",
		],
		clean: (unit) => `podman rm -f -i -t 0 systemd-${unit} >/dev/null`,
	},
	{
		key: "corten",
		title: "corten",
		startMs: 25,
		service: (wish) => ["Type=notify", `ExecStart=/corten/corten run --rm --name ${wish.unit} ${container(wish)}`],
		clean: () => "true",
	},
];

/** dockerd and podman in the guest, each with the image; their layers lie on the host's disk, for overlayfs. */
export async function preparePeers({ script }: UnitGuest): Promise<void> {
	await script(`systemd-run --quiet --unit=dockerd --property=Delegate=yes --setenv=PATH=$PATH dockerd -H unix:///run/d.sock \\
			--data-root /share/docker --exec-root /run/docker-exec --storage-driver overlay2 --bridge none --iptables=false --ip6tables=false \\
			--exec-opt native.cgroupdriver=systemd
		export DOCKER_HOST=unix:///run/d.sock
		for i in $(seq 300); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
		docker load -q -i /share/docker.tar
		mkdir -p /etc/containers
		printf '%s\\n' '[storage]' 'driver = "overlay"' 'runroot = "/run/containers/storage"' 'graphroot = "/share/podman"' >/etc/containers/storage.conf
		printf '%s\\n' '[containers]' 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]' '[engine]' 'cgroup_manager = "systemd"' \\
			'events_logger = "file"' >/etc/containers/containers.conf
		podman load -q -i /share/docker.tar`);
}

/** A whole unit file. Restarts are not limited in number; what hangs is killed after 20 seconds. */
export function unitFile(engine: Engine, wish: Wish): string {
	const service = [...engine.service(wish), ...(wish.service ?? []), "TimeoutStartSec=20", "TimeoutStopSec=20"];
	return ["[Unit]", "StartLimitIntervalSec=0", "[Service]", ...service, ""].join("\n");
}
