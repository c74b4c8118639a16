// A container as ps shows it: docker's fields, and docker's words for a state.

import { type HealthStatus, readHealth } from "../supervise/health.ts";
import type { Container, ContainerState } from "../supervise/state.ts";
import { formatDuration } from "./format.ts";

/** docker's headings of the fields of {@link viewContainer}. */
export const containerHeadings = {
	ID: "CONTAINER ID",
	Names: "NAMES",
	Image: "IMAGE",
	Command: "COMMAND",
	CreatedAt: "CREATED AT",
	RunningFor: "CREATED",
	Ports: "PORTS",
	State: "STATE",
	Status: "STATUS",
	Size: "SIZE",
	Labels: "LABELS",
	LocalVolumes: "LOCAL VOLUMES",
	Mounts: "MOUNTS",
	Networks: "NETWORKS",
	Unit: "UNIT",
} as const;

/** docker's state word: it has no word for a container that is being made. */
export function stateWord(state: ContainerState): "created" | "running" | "exited" {
	return state.status === "creating" ? "created" : state.status;
}

/** docker's word for the health of a container: `none` without a check. */
export function healthWord({ record: { health }, folder, state }: Container): HealthStatus | "none" {
	return health === null || state.status !== "running" ? "none" : readHealth(folder, health, state.startedAt).status;
}

/** `Up 5 minutes`, `Up 2 hours (healthy)`, `Exited (0) 2 hours ago`, `Created`. @param nowMs milliseconds of the Unix clock */
export function formatStatus(state: ContainerState, nowMs: number, health: HealthStatus | "none" = "none"): string {
	const since = (time: bigint) => formatDuration(Math.max(0, nowMs - Number(time / 1_000_000n)));
	const shown = health === "none" ? "" : health === "starting" ? " (health: starting)" : ` (${health})`;
	if (state.status === "running") return `Up ${since(state.startedAt ?? BigInt(nowMs) * 1_000_000n)}${shown}`;
	if (state.status !== "exited") return "Created";
	return state.finishedAt === null ? `Exited (${state.exitCode})` : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
}

/** One row of ps. @param truncate shortens ids and commands as docker does @param nowMs milliseconds of the Unix clock */
export function viewContainer(container: Container, truncate: boolean, nowMs: number): Record<keyof typeof containerHeadings, string> {
	const { record, state } = container;
	const words = [record.path, ...record.args].join(" ");
	const createdMs = Date.parse(record.created);
	const mounts = record.mounts.map(({ type, source, destination }) => (type === "tmpfs" ? destination : source));
	return {
		ID: truncate ? record.id.slice(0, 12) : record.id,
		Names: record.name,
		Image: record.image?.reference ?? record.rootfs ?? "",
		Command: `"${truncate && words.length > 20 ? `${words.slice(0, 19)}…` : words}"`,
		CreatedAt: formatCreated(createdMs),
		RunningFor: `${formatDuration(Math.max(0, nowMs - createdMs))} ago`,
		Ports: "",
		State: stateWord(state),
		Status: formatStatus(state, nowMs, healthWord(container)),
		Size: "0B",
		Labels: Object.entries(record.labels)
			.map(([key, value]) => `${key}=${value}`)
			.sort()
			.join(","),
		LocalVolumes: String(record.mounts.filter(({ type }) => type === "volume").length),
		Mounts: mounts.join(","),
		Networks: record.network,
		Unit: record.unit?.name ?? "",
	};
}

/** `2026-01-31 12:34:56 +0000 UTC` */
function formatCreated(ms: number): string {
	return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}

/** Nanoseconds of the Unix clock as RFC 3339 with nine digits; Go's zero time for null, as docker has it. */
export function formatTime(time: bigint | null): string {
	if (time === null) return "0001-01-01T00:00:00Z";
	const date = new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19);
	return `${date}.${String(time % 1_000_000_000n).padStart(9, "0")}Z`;
}
