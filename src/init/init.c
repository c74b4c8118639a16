// The init of `corten run --init`: process 1 of a container whose payload is none. Starts the payload in a process group of its own,
// hands it every signal, reaps whatever loses its parent, and ends as the payload ended. Bound into the container read-only; needs
// no libc, allocates nothing, and executes nothing but its arguments. Usage: init -- COMMAND [ARG...]
// @see pid_namespaces(7), signal(7)

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

enum { PATH_SIZE = 4096, STATUS_NOT_FOUND = 127, STATUS_NOT_EXECUTABLE = 126, STATUS_FAILED = 125, WNOHANG = 1 };

struct siginfo_ { int signo, error, code, pad; int pid, uid, status; char rest[100]; };

static long sys(long n, long a, long b, long c, long d)
{
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}

static void quit(int status)
{
	for (;;) sys(__NR_exit_group, status, 0, 0, 0);
}

static size_t length(const char *text)
{
	size_t n = 0;
	while (text[n] != 0) n++;
	return n;
}

static void say(const char *text) { sys(__NR_write, 2, (long)text, (long)length(text), 0); }

// execvp(3): a name without a slash is looked for in PATH. A file that is there and cannot be executed is remembered: 126, not 127.
static int execute(char **argv, char **envp)
{
	const char *path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char candidate[PATH_SIZE];
	int status = STATUS_NOT_FOUND;
	for (const char *c = argv[0]; *c != 0; c++) {
		if (*c != '/') continue;
		long error = sys(__NR_execve, (long)argv[0], (long)argv, (long)envp, 0);
		return error == -ENOENT || error == -ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
	}
	for (char **e = envp; *e != NULL; e++) {
		if ((*e)[0] == 'P' && (*e)[1] == 'A' && (*e)[2] == 'T' && (*e)[3] == 'H' && (*e)[4] == '=') path = *e + 5;
	}
	size_t name = length(argv[0]);
	while (name > 0) {
		size_t folder = 0;
		while (path[folder] != 0 && path[folder] != ':') folder++;
		if (folder + name + 2 <= PATH_SIZE) {
			size_t at = 0;
			for (size_t i = 0; i < folder; i++) candidate[at++] = path[i];
			if (folder > 0) candidate[at++] = '/'; // an empty entry is the current folder
			for (size_t i = 0; i <= name; i++) candidate[at++] = argv[0][i];
			long error = sys(__NR_execve, (long)candidate, (long)argv, (long)envp, 0);
			if (error != -ENOENT && error != -ENOTDIR) status = STATUS_NOT_EXECUTABLE;
		}
		if (path[folder] == 0) break;
		path += folder + 1;
	}
	return status;
}

static void run_payload(char **argv, char **envp)
{
	uint64_t none = 0;
	// A group of its own, so that a terminal's ^C reaches the payload from the terminal and not once more from us. SIGTTOU is still
	// blocked, or taking the foreground would stop us.
	sys(__NR_setpgid, 0, 0, 0, 0);
	int group = (int)sys(__NR_getpid, 0, 0, 0, 0);
	sys(__NR_ioctl, 0, TIOCSPGRP, (long)&group, 0); // fails without a terminal
	sys(__NR_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, sizeof none);
	int status = execute(argv, envp);
	say("corten: cannot execute \"");
	say(argv[0]);
	say(status == STATUS_NOT_FOUND ? "\": not found\n" : "\": not executable\n");
	quit(status);
}

// Collects every child that has ended. Returns the payload's status word when it was among them, otherwise -1.
static int reap(int payload)
{
	int found = -1, word = 0;
	long pid;
	while ((pid = sys(__NR_wait4, -1, (long)&word, WNOHANG, 0)) > 0) if (pid == payload) found = word;
	return found;
}

__attribute__((used)) static void init_main(long *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1), **envp = argv + argc + 1;
	int skip = argc > 1 && argv[1][0] == '-' && argv[1][1] == '-' && argv[1][2] == 0 ? 2 : 1;
	if (argc <= skip) {
		say("usage: init -- COMMAND [ARG...]\n");
		quit(STATUS_FAILED);
	}
	uint64_t all = ~(uint64_t)0;
	// Before the fork: a signal that comes between is kept for the loop, and the payload's end cannot be missed.
	sys(__NR_rt_sigprocmask, SIG_SETMASK, (long)&all, 0, sizeof all);
	long payload = sys(__NR_fork, 0, 0, 0, 0);
	if (payload == 0) run_payload(argv + skip, envp);
	if (payload < 0) {
		say("corten: cannot fork the payload\n");
		quit(STATUS_FAILED);
	}
	for (;;) {
		struct siginfo_ info;
		long signal = sys(__NR_rt_sigtimedwait, (long)&all, (long)&info, 0, sizeof all);
		if (signal < 0) continue; // EINTR
		if (signal != SIGCHLD) {
			// SIGTTIN and SIGTTOU are about our own use of the terminal.
			if (signal != SIGTTIN && signal != SIGTTOU) sys(__NR_kill, payload, signal, 0, 0);
			continue;
		}
		int word = reap((int)payload);
		if (word >= 0) quit((word & 0x7f) == 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f));
	}
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall init_main\n");
