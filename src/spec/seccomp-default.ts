// The default seccomp profile: the rules Docker's default has (moby/profiles, seccomp/default.json) for x86_64, as a function of the
// container's capabilities. The bundle stage puts it into config.json, so that what filters a container can be read there; the plan
// stage knows its compiled form by heart.
//
// Stricter than Docker's in one place: i386's socketcall hides the address family behind a pointer no filter can follow, so opening
// a socket through it is refused (ENOSYS): else it is a way around the AF_ALG rule (CVE-2026-31431). Programs that call socket
// directly (musl, Go, everything of x86_64) notice nothing; a 32-bit glibc program that needs sockets needs a profile of its own.

import type { Seccomp } from "./runtime.ts";

type Rule = NonNullable<Seccomp["syscalls"]>[number];
type Arg = NonNullable<Rule["args"]>[number];

/** Allowed always. Names this machine does not have are passed over by whoever compiles the profile. */
const allowed =
	"_llseek _newselect accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown " +
	"chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep " +
	"clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 " +
	"epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit " +
	"exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown " +
	"fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 " +
	"fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv " +
	"futex_wake futimesat get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid getegid32 geteuid " +
	"geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp getpid getppid getpriority " +
	"getrandom getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid " +
	"gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch " +
	"io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set " +
	"ipc kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen " +
	"listmount listxattr listxattrat llistxattr lremovexattr lseek lsetxattr lstat lstat64 madvise map_shadow_stack " +
	"membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt " +
	"mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 " +
	"mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep " +
	"newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll " +
	"ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv process_vm_writev pselect6 " +
	"pselect6_time64 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg " +
	"recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat renameat2 restart_syscall rmdir " +
	"rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait " +
	"rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr " +
	"sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr " +
	"sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send " +
	"sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 " +
	"setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid " +
	"setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat " +
	"shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketpair splice stat stat64 " +
	"statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create " +
	"timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create " +
	"timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask " +
	"uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write " +
	"writev";

/** Allowed with a capability; `clone` is here and, with conditions, below. */
const allowedWith: readonly (readonly [capability: string, names: string])[] = [
	["CAP_DAC_READ_SEARCH", "open_by_handle_at"],
	[
		"CAP_SYS_ADMIN",
		"bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
	],
	["CAP_SYS_BOOT", "reboot"],
	["CAP_SYS_CHROOT", "chroot"],
	["CAP_SYS_MODULE", "delete_module init_module finit_module"],
	["CAP_SYS_PACCT", "acct"],
	["CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"],
	["CAP_SYS_RAWIO", "iopl ioperm"],
	["CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"],
	["CAP_SYS_TTY_CONFIG", "vhangup"],
	["CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"],
	["CAP_SYSLOG", "syslog"],
	["CAP_BPF", "bpf"],
	["CAP_PERFMON", "perf_event_open"],
];

/**
 * The address families a socket may have beside 0 to 11: no AF_ALG (38: page cache writes, CVE-2026-31431), no AF_VSOCK (40: reaches
 * the hypervisor past the network namespace), none of the abandoned ones. Only "is less" and "equals" are used: the kernel looks at
 * the low 32 bits, so "greater than 40" would let 2^32 + 38 through.
 */
const families = [13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45] as const;
/** Linux, and the ADDR_NO_RANDOMIZE and UNAME26 that debuggers and old installers set; 0xffffffff asks without setting. */
const personalities = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff] as const;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET. */
const namespaceFlags = 0x7e02_0000n;
const ENOSYS = 38;

const argsOf = (arg: Arg | undefined): { args?: readonly Arg[] } => (arg === undefined ? {} : { args: [arg] });

function allow(names: readonly string[], arg?: Arg): Rule {
	return { names, action: "SCMP_ACT_ALLOW", ...argsOf(arg) };
}

function refuse(name: string, arg?: Arg): Rule {
	return { names: [name], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS, ...argsOf(arg) };
}

function first(op: string, value: number | bigint): Arg {
	return { index: 0, value: BigInt(value), op };
}

function buildRules(capabilities: readonly string[]): readonly Rule[] {
	const names = allowed.split(" ");
	for (const [capability, more] of allowedWith) if (capabilities.includes(capability)) names.push(...more.split(" "));
	const rules: Rule[] = [allow(names), allow(["socket"], first("SCMP_CMP_LT", 12))];
	for (const family of families) rules.push(allow(["socket"], first("SCMP_CMP_EQ", family)));
	for (const personality of personalities) rules.push(allow(["personality"], first("SCMP_CMP_EQ", personality)));
	// SYS_SOCKET is 1; all other calls act on a socket that exists already. "Is less than 2" and not "equals 1": that rule libseccomp makes
	// itself, of those of `socket`, and refuses ours beside it (EEXIST).
	rules.push(refuse("socketcall", first("SCMP_CMP_LT", 2)), allow(["socketcall"], first("SCMP_CMP_GT", 1)));
	if (!capabilities.includes("CAP_SYS_ADMIN")) {
		// A filter cannot look behind clone3's pointer: ENOSYS makes the C library fall back to clone, whose flags it can see.
		rules.push(allow(["clone"], { ...first("SCMP_CMP_MASKED_EQ", namespaceFlags), valueTwo: 0n }), refuse("clone3"));
	}
	return rules;
}

/** A profile whose rules are built when they are looked at: a start that knows the filter by heart never does. */
function profile(capabilities: readonly string[]): Seccomp {
	let rules: readonly Rule[] | undefined;
	return {
		defaultAction: "SCMP_ACT_ERRNO",
		defaultErrnoRet: 1,
		architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
		get syscalls() {
			rules ??= buildRules(capabilities);
			return rules;
		},
	};
}

/**
 * The profile of a container with the default capabilities, of which CAP_SYS_CHROOT alone changes it. One document for all who ask, so
 * that the plan stage can tell by a glance that it has it compiled already.
 */
export const commonSeccomp: Seccomp = profile(["CAP_SYS_CHROOT"]);

/**
 * The profile of a container whose bounding set is `capabilities` (names): {@link commonSeccomp} itself where that is it, else a new
 * document. What is not allowed fails with EPERM.
 */
export function defaultSeccomp(capabilities: readonly string[]): Seccomp {
	for (const [capability] of allowedWith)
		if (capabilities.includes(capability) !== (capability === "CAP_SYS_CHROOT")) return profile(capabilities);
	return commonSeccomp;
}
