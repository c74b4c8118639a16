// What of /proc and /sys a container does not see or may not write: docker's lists.
// @see runtime-spec config-linux.md#masked-paths

/**
 * The masked paths.
 * @param cpus number of CPUs: each has its thermal_throttle, whose counters tell of the whole machine
 */
export function maskedPaths(cpus: number): string[] {
	const paths = [
		"/proc/acpi",
		"/proc/asound",
		"/proc/interrupts",
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/sched_debug",
		"/proc/scsi",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/sys/devices/virtual/powercap",
		"/sys/firmware",
	];
	for (let cpu = 0; cpu < cpus; cpu++) paths.push(`/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`);
	return paths;
}

/** The read-only paths. */
export function readonlyPaths(): string[] {
	return ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
}
