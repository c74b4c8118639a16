// Resource limits by name.
// @see getrlimit(2), include/uapi/asm-generic/resource.h

/** `rlimitNames[n]` is the name of resource n. */
export const rlimitNames = [
	"RLIMIT_CPU",
	"RLIMIT_FSIZE",
	"RLIMIT_DATA",
	"RLIMIT_STACK",
	"RLIMIT_CORE",
	"RLIMIT_RSS",
	"RLIMIT_NPROC",
	"RLIMIT_NOFILE",
	"RLIMIT_MEMLOCK",
	"RLIMIT_AS",
	"RLIMIT_LOCKS",
	"RLIMIT_SIGPENDING",
	"RLIMIT_MSGQUEUE",
	"RLIMIT_NICE",
	"RLIMIT_RTPRIO",
	"RLIMIT_RTTIME",
] as const;

export const RLIMIT_NOFILE = 7;
/** No limit. */
export const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;
