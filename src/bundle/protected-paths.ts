// What of /proc and /sys a container does not see or may not write: docker's lists.
// @see runtime-spec config-linux.md#masked-paths

/**
 * The masked paths.
 * @param cpus number of CPUs: each has its thermal_throttle, whose counters tell of the whole machine
 */
export function maskedPaths(cpus: number): string[] {
	const proc = ["acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats"];
	const throttles = Array.from({ length: cpus }, (_, cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`);
	return [...proc.map((name) => `/proc/${name}`), "/sys/devices/virtual/powercap", "/sys/firmware", ...throttles];
}

/** The read-only paths. */
export function readonlyPaths(): string[] {
	return ["bus", "fs", "irq", "sys", "sysrq-trigger"].map((name) => `/proc/${name}`);
}
