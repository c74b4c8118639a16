// The closed sets of words in a seccomp document.
// @see runtime-spec config-linux.md#seccomp

/** What the kernel may do at a system call. */
export const seccompActions = [
	"SCMP_ACT_KILL",
	"SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_TRAP",
	"SCMP_ACT_ERRNO",
	"SCMP_ACT_TRACE",
	"SCMP_ACT_ALLOW",
	"SCMP_ACT_LOG",
	"SCMP_ACT_NOTIFY",
] as const;

/** How an argument is compared. */
export const seccompOperators = [
	"SCMP_CMP_NE",
	"SCMP_CMP_LT",
	"SCMP_CMP_LE",
	"SCMP_CMP_EQ",
	"SCMP_CMP_GE",
	"SCMP_CMP_GT",
	"SCMP_CMP_MASKED_EQ",
] as const;

/** The architectures whose system calls a filter can be compiled for. */
export const seccompArchitectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"] as const;

/** Those of other machines. They are accepted and need no filter: their calls cannot come. */
export const foreignSeccompArchitectures: readonly string[] =
	"AARCH64 ARM LOONGARCH64 M68K MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PARISC PARISC64 PPC PPC64 PPC64LE RISCV64 S390 S390X SH SHEB"
		.split(" ")
		.map((word) => `SCMP_ARCH_${word}`);

/** How a filter is loaded. @see seccomp(2) */
export const seccompFilterFlags = [
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
] as const;
