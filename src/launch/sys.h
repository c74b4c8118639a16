// The kernel's interface, without a C library: system calls by number, the few structures and constants that launch uses, and the
// text functions that gcc and we need. Without libc the program is small, starts in 0.2 ms and has no hidden state.
#ifndef CORTEN_SYS_H
#define CORTEN_SYS_H

#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <asm/poll.h>
#include <asm/errno.h>
#include <asm/termbits.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__x86_64__)
#error "launch is written for x86_64"
#endif

static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}
// Every argument becomes a register; results are the kernel's: a value, or minus an errno.
#define SYS_(n, a, b, c, d, e, f, ...) sys6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys(...) SYS_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

// Numbers and flags newer than the headers of Debian 12, or defined only by libc.
#define AT_FDCWD_SLOT 0xffffffffu
#define SEEK_SET 0
#define PROT_READ 1
#define MAP_PRIVATE 2
#define MNT_DETACH 2
#define P_PIDFD 3
#define WEXITED 4
#define SIGFD_CLOEXEC O_CLOEXEC
#define AF_UNIX 1
#define AF_INET 2
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define SOCK_CLOEXEC O_CLOEXEC
#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define MSG_CMSG_CLOEXEC 0x40000000
#define MSG_NOSIGNAL 0x4000
#define SIOCGIFFLAGS 0x8913
#define SIOCSIFFLAGS 0x8914
#define IFF_UP 1
#define CLD_EXITED 1
#define TIOCSPTLCK_ 0x40045431
#define TIOCGPTPEER_ 0x5441
#define DEVPTS_SUPER_MAGIC 0x1cd1
#define CLOCK_REALTIME 0
#define S_IFMT_ 0170000
#define S_IFDIR_ 0040000
#define S_IFCHR_ 0020000
#define S_IFIFO_ 0010000

struct iovec { void *base; size_t length; };
struct msghdr { void *name; int name_length; struct iovec *iov; size_t iov_count; void *control; size_t control_length; int flags; };
struct cmsg_fd { size_t length; int level; int type; int fd; };
struct sockaddr_un_ { uint16_t family; char path[108]; };
struct timespec_ { int64_t seconds; int64_t nanoseconds; };
struct kernel_sigaction { void *handler; unsigned long flags; void *restorer; uint64_t mask; };
struct siginfo_ { int signo, error, code, pad; int pid, uid, status; char rest[100]; };
struct dirent_ { uint64_t ino; int64_t off; uint16_t length; uint8_t type; char name[]; };
struct statfs_ { long type; long rest[31]; };

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);

// Appends into a fixed buffer; what does not fit is cut, and the text always ends with NUL.
struct text { char *at, *end; };
void put(struct text *t, const char *s);
long write_all(int fd, const void *data, size_t length);
void put_escaped(struct text *t, const char *s);
void put_unescaped(struct text *t, const char *s);
void put_bytes(struct text *t, const char *s, size_t n);
void put_number(struct text *t, uint64_t n, int width);
void put_time(struct text *t, int64_t seconds, int64_t nanoseconds);

#endif
