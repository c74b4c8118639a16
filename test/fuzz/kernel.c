// A kernel for the fuzzer: it does nothing, but reads and writes the memory that the real one would, so that the address sanitizer sees
// it, and answers each call with what the fuzzer's input says: a success, or an errno.

#include "kernel.h"
#include <asm/unistd.h>

extern void abort(void) __attribute__((noreturn));
extern void _longjmp(void **, int) __attribute__((noreturn));
extern void *__asan_region_is_poisoned(void *start, size_t size);
extern void __asan_report_error(void *pc, void *bp, void *sp, void *address, int write, size_t size);

void *fuzz_exit[64];
static const unsigned char *answers;
static size_t answers_left;
static long calls_left, next_fd;

void fuzz_start(const unsigned char *given, size_t length, long limit)
{
	answers = given, answers_left = length, calls_left = limit, next_fd = 3;
}

void fuzz_leave(void)
{
	_longjmp(fuzz_exit, 1);
}

enum { SIGNAL_INFO = 128 }; // the size of what a signalfd yields

static unsigned char answer(void)
{
	return answers_left ? answers_left--, *answers++ : 0;
}

static void touch(const void *memory, size_t size, int write)
{
	void *bad = size ? __asan_region_is_poisoned((void *)memory, size) : 0;
	if (bad)
		__asan_report_error(__builtin_return_address(0), __builtin_frame_address(0), __builtin_frame_address(0), bad, write, size);
}

static void put_in(void *memory, size_t size)
{
	touch(memory, size, 1);
	for (size_t i = 0; i < size; i++)
		((unsigned char *)memory)[i] = i < 4096 ? answer() : 0;
}

static void text(long address)
{
	if (address) // the loop is instrumented: it stops at the first byte that is not ours
		touch((const char *)address, strlen((const char *)address) + 1, 0);
}

static void texts(long vector)
{
	const char **v = (const char **)vector;
	for (; v && *v; v++)
		text((long)*v);
}

void *fuzz_memcpy(void *to, const void *from, size_t n)
{
	touch(from, n, 0), touch(to, n, 1);
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *fuzz_memset(void *to, int value, size_t n)
{
	touch(to, n, 1);
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = (char)value;
	return to;
}

static long number_of_bytes(size_t room)
{
	unsigned char said = answer();
	return (long)(said == 255 ? room : said < room ? said : room);
}

static long take_in(long buffer, size_t room)
{
	touch((void *)buffer, room, 1);
	long n = number_of_bytes(room);
	put_in((void *)buffer, (size_t)n);
	if (room == SIGNAL_INFO && n == SIGNAL_INFO)
		*(uint32_t *)buffer = 1 + answer() % 64;
	return n;
}

// Names of extended attributes: each ends with NUL.
static long take_names(char *buffer, size_t room)
{
	long n = take_in((long)buffer, room);
	if (n)
		buffer[n - 1] = 0;
	return n;
}

// How a process ended, as waitid tells it: a status of one byte, or a signal.
static void end_of_process(struct siginfo_ *info)
{
	put_in(info, sizeof *info);
	info->code = 1 + answer() % 3;
	info->status = info->code == CLD_EXITED ? answer() : 1 + answer() % 64;
}

// A folder's entries as the kernel lays them out: a name of 1 to 255 bytes, records of a multiple of 8.
static long entries(char *buffer, size_t room)
{
	size_t at = 0;
	touch(buffer, room, 1);
	for (int count = answer() % 4; count; count--) {
		size_t name = (size_t)answer() % 255 + 1, length = (sizeof(struct dirent_) + name + 8) & ~7ul;
		struct dirent_ *entry = (struct dirent_ *)(buffer + at);
		if (at + length > room)
			break;
		entry->length = (uint16_t)length, entry->type = answer() % 2 ? 4 : 8;
		for (size_t i = 0; i < name; i++)
			entry->name[i] = "abc."[answer() % 4];
		entry->name[name] = 0;
		at += length;
	}
	return (long)at;
}

static void status(struct stat *s)
{
	static const unsigned modes[] = { 0040755, 0100644, 0020666, 0120777, 0140600 };
	touch(s, sizeof *s, 1);
	put_in(s, 8);
	s->st_mode = modes[answer() % 5], s->st_rdev = answer() % 2 ? 0x103 : answer(), s->st_size = answer();
}

static long receive(struct msghdr *header)
{
	touch(header, sizeof *header, 1);
	long n = 0;
	for (size_t i = 0; i < header->iov_count; i++) {
		touch(header->iov[i].base, header->iov[i].length, 1);
		long more = answer() % 4 ? (long)header->iov[i].length : number_of_bytes(header->iov[i].length);
		for (long k = 0; k < more; k++) // small numbers, as messages have
			((unsigned char *)header->iov[i].base)[k] = k % 4 ? answers_left % 64 ? 0 : answer() : answer() % 16;
		n += more;
	}
	if (header->control)
		touch(header->control, header->control_length, 1);
	if (header->control && header->control_length >= sizeof(struct cmsg_fd) && answer() % 2)
		*(struct cmsg_fd *)header->control = (struct cmsg_fd){ 20, SOL_SOCKET, SCM_RIGHTS, (int)next_fd++ };
	return n;
}

static void vectors(const struct iovec *v, size_t count)
{
	touch(v, count * sizeof *v, 0);
	for (size_t i = 0; i < count; i++)
		touch(v[i].base, v[i].length, 0);
}

static long poll_answer(struct pollfd *list, size_t count)
{
	long ready = 0;
	touch(list, count * sizeof *list, 1);
	unsigned char said = answer();
	if (!answers_left)
		said = 0xff; // all is ready: what waits goes on
	for (size_t i = 0; i < count; i++) {
		list[i].revents = list[i].fd >= 0 && said >> i % 8 & 1 ? (short)(POLLIN | (list[i].events & POLLOUT) | (answer() % 8 ? 0 : POLLHUP)) : 0;
		ready += list[i].revents != 0;
	}
	return ready;
}

static long control(long request, long address)
{
	switch ((unsigned long)request) {
	case TIOCGWINSZ: put_in((void *)address, 8); return 0;
	case TIOCSWINSZ: touch((void *)address, 8, 0); return 0;
	case TCGETS: put_in((void *)address, 36); return 0;
	case TCSETS: touch((void *)address, 36, 0); return 0;
	case TIOCSPTLCK_: touch((void *)address, 4, 0); return 0;
	case SIOCGIFFLAGS: put_in((void *)address, 40); return 0;
	case SIOCSIFFLAGS: touch((void *)address, 40, 0); return 0;
	case 0x4C0A: touch((void *)address, 304, 0); return 0;
	case TIOCGPTPEER_: return next_fd++;
	default: return answer();
	}
}

static const short errnos[] = { ENOENT, EPERM, EINTR, EIO, EAGAIN, EACCES, EBUSY, EEXIST, ENOTDIR, EISDIR, EINVAL, ENOTEMPTY, ESRCH, ENOSYS, ELOOP, EPIPE };

// The texts of a call, as bits of the places of its arguments.
static unsigned texts_of(long number)
{
	switch (number) {
	case __NR_chdir: case __NR_chroot: case __NR_stat: case __NR_umount2: case __NR_sethostname: case __NR_setdomainname: case __NR_fsopen: case __NR_unlink: return 1;
	case __NR_openat: case __NR_openat2: case __NR_mkdirat: case __NR_mknodat: case __NR_fchownat: case __NR_fchmodat: case __NR_unlinkat:
	case __NR_open_tree: case __NR_mount_setattr: case __NR_faccessat: case __NR_readlinkat: case __NR_newfstatat: case __NR_statx: case __NR_utimensat: case __NR_fgetxattr: case __NR_fsetxattr: return 2;
	case __NR_pivot_root: return 3;
	case __NR_symlinkat: return 1 | 4;
	case __NR_renameat: case __NR_renameat2: case __NR_move_mount: case __NR_linkat: return 2 | 8;
	case __NR_mount: return 1 | 2 | 4 | 16;
	case __NR_execve: return 1;
	default: return 0;
	}
}

static long clone(struct clone_args *args, size_t size)
{
	touch(args, size, 1);
	if (args->flags & CLONE_PIDFD) {
		if (!args->pidfd)
			return -EFAULT;
		touch((void *)args->pidfd, sizeof(int), 1), *(int *)args->pidfd = (int)next_fd++;
	}
	return answer() % 2 ? 0 : 1000;
}

static long succeed(long number, long a, long b, long c, long d)
{
	switch (number) {
	case __NR_openat: case __NR_open_tree: case __NR_fsopen: case __NR_fsmount: case __NR_pidfd_open: case __NR_pidfd_getfd: case __NR_memfd_create:
	case __NR_socket: case __NR_accept4: case __NR_signalfd4: case __NR_eventfd2: case __NR_timerfd_create: case __NR_dup: return next_fd++;
	case __NR_openat2: touch((void *)c, (size_t)d, 0); return next_fd++;
	case __NR_read: return take_in(b, (size_t)c);
	case __NR_pread64: return take_in(b, (size_t)c);
	case __NR_recvfrom: return take_in(b, (size_t)c);
	case __NR_flistxattr: return take_names((char *)b, (size_t)c);
	case __NR_fgetxattr: return take_in(c, (size_t)d);
	case __NR_fsetxattr: touch((void *)c, (size_t)d, 0); return 0;
	case __NR_sendfile: return answer() % 4 ? 0 : answer();
	case __NR_wait4: if (b) put_in((void *)b, sizeof(int)); return 1000;
	case __NR_utimensat: if (c) touch((void *)c, 32, 0); return 0;
	case __NR_sched_setaffinity: touch((void *)c, (size_t)b, 0); return 0;
	case __NR_set_mempolicy: if (b) touch((void *)b, (size_t)(c - 1) / 8, 0); return 0;
	case __NR_readlinkat: return take_in(c, (size_t)d);
	case __NR_write: case __NR_sendto: touch((void *)b, (size_t)c, 0); return answer() % 8 ? c : number_of_bytes((size_t)c);
	case __NR_writev: vectors((void *)b, (size_t)c); return 0;
	case __NR_sendmsg: touch((void *)b, sizeof(struct msghdr), 0), vectors(((struct msghdr *)b)->iov, ((struct msghdr *)b)->iov_count);
		touch(((struct msghdr *)b)->control, ((struct msghdr *)b)->control_length, 0); return 1;
	case __NR_recvmsg: return receive((void *)b);
	case __NR_fstat: case __NR_stat: status((void *)b); return 0;
	case __NR_newfstatat: status((void *)c); return 0;
	case __NR_getdents64: return entries((void *)b, (size_t)c);
	case __NR_pipe2: touch((void *)a, 8, 1); ((int *)a)[0] = (int)next_fd++, ((int *)a)[1] = (int)next_fd++; return 0;
	case __NR_socketpair: touch((void *)d, 8, 1); ((int *)d)[0] = (int)next_fd++, ((int *)d)[1] = (int)next_fd++; return 0;
	case __NR_waitid: end_of_process((void *)c); return 0;
	case __NR_poll: return poll_answer((void *)a, (size_t)b);
	case __NR_getcwd: touch((void *)a, (size_t)b, 1); ((char *)a)[0] = answer() % 4 ? '/' : '(', ((char *)a)[1] = 0; return 2;
	case __NR_clock_gettime: touch((void *)b, 16, 1); ((int64_t *)b)[0] = answer() * 100000000l, ((int64_t *)b)[1] = answer(); return 0;
	case __NR_ioctl: return control(b, c);
	case __NR_fstatfs: put_in((void *)b, 120); if (answer() % 4) *(long *)b = DEVPTS_SUPER_MAGIC; return 0;
	case __NR_clone3: return clone((void *)a, (size_t)b);
	case __NR_fork: return answer() % 2 ? 0 : 1001;
	case __NR_execve: texts(b), texts(c); fuzz_leave();
	case __NR_setgroups: touch((void *)b, (size_t)a * 4, 0); return 0;
	case __NR_sethostname: case __NR_setdomainname: touch((void *)a, (size_t)b, 0); return 0;
	case __NR_prlimit64: if (c) touch((void *)c, 16, 0); if (d) put_in((void *)d, 16); return 0;
	case __NR_mount_setattr: touch((void *)d, 32, 0); return 0;
	case __NR_capset: touch((void *)a, 8, 0), touch((void *)b, 24, 0); return 0;
	case __NR_seccomp: touch((void *)c, 16, 0), touch(*(void **)(c + 8), *(uint16_t *)c * 8ul, 0); return answer() % 4 ? 0 : next_fd++;
	case __NR_bpf: touch((void *)b, (size_t)c, 0); return next_fd++;
	case __NR_bind: case __NR_connect: touch((void *)b, (size_t)c, 0); return 0;
	case __NR_rt_sigprocmask: if (b) touch((void *)b, 8, 0); return 0;
	case __NR_rt_sigaction: if (b) touch((void *)b, 32, 0); return 0;
	case __NR_nanosleep: touch((void *)a, 16, 0); return 0;
	case __NR_getpid: case __NR_getppid: case __NR_gettid: return 1000 + answer() % 4;
	case __NR_mmap: return -ENOMEM;
	default: return 0;
	}
}

long fuzz_call(long number, long a, long b, long c, long d, long e, long f)
{
	const long all[6] = { a, b, c, d, e, f };
	if (number == __NR_exit_group || number == __NR_exit || --calls_left <= 0)
		fuzz_leave();
	for (unsigned bits = texts_of(number), i = 0; bits; bits >>= 1, i++)
		if (bits & 1)
			text(all[i]);
	if (number == __NR_fsconfig)
		text(c), text(b == FSCONFIG_SET_STRING ? d : 0);
	unsigned char said = answer();
	if (said >= 0xc0 && number != __NR_close)
		return -(long)errnos[said % (sizeof errnos / sizeof *errnos)];
	return succeed(number, a, b, c, d);
}
