// corten info: what an administrator wants to know about this machine and corten's state on it. Field names are docker's.

import { cortenVersion } from "../base/version.ts";
import { countCpus } from "../linux/cpus.ts";
import { exists, listFolder, readText, readTextIfPresent } from "../linux/file.ts";
import { listContainers } from "../supervise/state.ts";
import { type Context, defineCommand } from "./command.ts";
import { formatOne } from "./format.ts";
import { warn } from "./targets.ts";

/** `corten info` */
export const command = defineCommand({
	summary: "show facts about corten and this machine",
	usage: "[OPTIONS]",
	options: { format: { kind: "value", short: "f", metavar: "FORMAT", help: "json, or a Go template" } },
	operands: { min: 0, max: 0 },
	description: ["Counts the containers and images, and shows the kernel, the cgroup version and the folders in use."],
	examples: [["corten info -f '{{.CgroupVersion}}'", "the cgroup version alone"]],
	run: (context, options) => {
		const facts = readFacts(context);
		if (options.format !== undefined) context.print(formatOne(options.format, facts));
		else context.print(layOut(facts));
		return 0;
	},
});

type Facts = ReturnType<typeof readFacts>;

function readFacts(context: Context) {
	const containers = listContainers(context.root, warn(context));
	const count = (status: string) => containers.filter(({ state }) => state.status === status).length;
	return {
		ServerVersion: cortenVersion,
		Containers: containers.length,
		ContainersRunning: count("running"),
		ContainersPaused: 0,
		ContainersStopped: containers.length - count("running"),
		Images: listFolder(`${context.root}/records`).filter((name) => name.endsWith(".json")).length,
		Driver: "erofs",
		Filesystems: kernelFilesystems(),
		CgroupVersion: exists("/sys/fs/cgroup/cgroup.controllers") ? "2" : "1",
		CgroupDriver: "cgroupfs",
		KernelVersion: readText("/proc/sys/kernel/osrelease").trim(),
		OperatingSystem: /^PRETTY_NAME="?([^"\n]*)/m.exec(readTextIfPresent("/etc/os-release") ?? "")?.[1] ?? "Linux",
		OSType: "linux",
		Architecture: process.arch === "x64" ? "x86_64" : process.arch,
		NCPU: countCpus(),
		MemTotal: Number(/^MemTotal:\s+(\d+) kB/m.exec(readText("/proc/meminfo"))?.[1] ?? 0) * 1024,
		Name: readText("/proc/sys/kernel/hostname").trim(),
		DockerRootDir: context.root,
		RunRoot: context.runroot,
	};
}

function kernelFilesystems(): string[] {
	return readText("/proc/filesystems")
		.split("\n")
		.map((line) => line.replace(/^nodev/, "").trim())
		.filter((name) => name === "erofs" || name === "overlay");
}

function layOut(facts: Facts): string {
	const rows: (readonly [string, string | number])[] = [
		["Version", facts.ServerVersion],
		["Containers", facts.Containers],
		[" Running", facts.ContainersRunning],
		[" Stopped", facts.ContainersStopped],
		["Images", facts.Images],
		["Storage Driver", facts.Driver],
		["Kernel Filesystems", facts.Filesystems.join(" ") || "none of erofs and overlay loaded yet"],
		["Cgroup Driver", facts.CgroupDriver],
		["Cgroup Version", facts.CgroupVersion],
		["Kernel Version", facts.KernelVersion],
		["Operating System", facts.OperatingSystem],
		["Architecture", facts.Architecture],
		["CPUs", facts.NCPU],
		["Total Memory", `${Number((facts.MemTotal / 2 ** 30).toPrecision(4))}GiB`],
		["Name", facts.Name],
		["Root Dir", facts.DockerRootDir],
		["Run Root", facts.RunRoot],
	];
	return rows.map(([name, value]) => `${name}: ${value}\n`).join("");
}
