// Hooks: programs that the configuration asks for at points of a container's life. Each gets the container's state on stdin, and the
// whole start fails with it. They run on either side of clone3: as this process is, in whose namespaces it is.
// @see runtime-spec config.md#posix-platform-hooks

#include "launch.h"

static void become_hook(const struct plan_op *op, int input)
{
	static const char *argv[1024], *envp[16384];
	if (point(argv, 1024, op->args[1]) < 0 || point(envp, 16384, op->args[2]) < 0)
		exit_with(126);
	sys(dup3, input, 0, 0);
	sys(close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
	standard_signals();
	long result = sys(execve, text_at(op->args[0]), argv, envp);
	exit_with(result == -ENOENT ? 127 : 126);
}

// A hook that closes its stdin early loses the rest of the state, and that is its own business.
static void write_state(int fd, const struct plan_op *op)
{
	char number[24];
	struct text t = { number, number + sizeof number };
	put_number(&t, (uint64_t)(self.in_child ? sys(getpid) : self.ended ? 0 : self.child), 1);
	if (write_all(fd, text_at(op->args[4]), strlen(text_at(op->args[4]))) >= 0 && write_all(fd, number, strlen(number)) >= 0)
		write_all(fd, text_at(op->args[5]), strlen(text_at(op->args[5])));
}

long hook_op(const struct plan_op *op)
{
	int ends[2], pidfd = -1, timeout = op->args[3] ? (int)(op->args[3] & 0x7fffffff) : -1;
	struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uint64_t)&pidfd };
	struct siginfo_ info = { 0 };
	long result = sys(pipe2, ends, O_CLOEXEC);
	if (result < 0)
		return result;
	long pid = sys(clone3, &args, sizeof args);
	if (pid == 0)
		become_hook(op, ends[0]);
	sys(close, ends[0]);
	if (pid > 0)
		write_state(ends[1], op); // shorter than a pipe takes (64 KiB), so that nobody waits for a hook that does not read
	sys(close, ends[1]);
	if (pid < 0)
		return pid;
	struct pollfd ended = { pidfd, POLLIN, 0 };
	while ((result = sys(poll, &ended, 1, timeout)) == -EINTR)
		;
	if (result == 0)
		sys(pidfd_send_signal, pidfd, SIGKILL, 0, 0);
	while (sys(waitid, P_PIDFD, pidfd, &info, WEXITED, 0) == -EINTR)
		;
	sys(close, pidfd);
	if (result == 0)
		return -ETIMEDOUT;
	if (info.code != CLD_EXITED)
		return -(ENDED_BY_SIGNAL + info.status);
	return info.status ? -(ENDED_WITH_STATUS + info.status) : 0;
}
