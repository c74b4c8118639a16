// User namespaces: who of the host is who in the container, and a start whose namespaces belong to another user namespace than the
// caller's. That one takes a process that passes: it gathers and joins what only it can, makes the container's process as its own
// sibling, and is gone; the parent stays in the namespaces it was started in, for hooks and for what is cleaned up.

#include "launch.h"

long fork_op(const struct plan_op *op)
{
	long result = clone3_op(op);
	if (result < 0)
		return result;
	if (self.in_child) {
		self.passing = 1;
		return 0;
	}
	hear(SAY_PID);
	if (self.failed)
		return 0;
	reap_child();
	sys(close, self.child_pidfd);
	// The new process is this one's child: its number is nobody else's before it was waited for here.
	self.ended = 0, self.child = (int)self.heard;
	self.child_pidfd = (int)sys(pidfd_open, self.child, 0);
	return self.child_pidfd < 0 ? self.child_pidfd : 0;
}

long clone3_sibling(const struct plan_op *op)
{
	int turn[2];
	char nothing;
	struct clone_args args = { .flags = op->args[0] | CLONE_PARENT };
	long result = sys(pipe2, turn, O_CLOEXEC);
	if (result < 0)
		return result;
	long pid = sys(clone3, &args, sizeof args);
	if (pid < 0)
		return pid;
	if (pid) {
		struct message m = { SAY_PID, (uint32_t)pid, 0 };
		sys(write, self.channel, &m, sizeof m);
		exit_with(0);
	}
	self.passing = 0;
	sys(close, turn[1]);
	while (sys(read, turn[0], &nothing, 1) == -EINTR) // what this process says comes after its number
		;
	return sys(close, turn[0]);
}

static long write_of_child(const char *name, const char *text)
{
	char path[64];
	struct text t = { path, path + sizeof path };
	put(&t, "/proc/"), put_number(&t, (uint64_t)self.child, 1), put(&t, "/"), put(&t, name);
	return *text ? write_op(AT_FDCWD, path, text, strlen(text), 0) : 0;
}

long idmap_op(const struct plan_op *op)
{
	long result = op->args[2] ? write_of_child("setgroups", "deny") : 0;
	if (result >= 0)
		result = write_of_child("uid_map", text_at(op->args[0]));
	return result < 0 ? result : write_of_child("gid_map", text_at(op->args[1]));
}

long newidmap_op(const struct plan_op *op)
{
	static const char *argv[1030], *envp[] = { 0 };
	static char number[24];
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uint64_t)&pidfd };
	struct siginfo_ info;
	struct text t = { number, number + sizeof number };
	put_number(&t, (uint64_t)self.child, 1);
	argv[0] = text_at(op->args[0]), argv[1] = number;
	long result = point(argv + 2, 1024, op->args[1]);
	if (result < 0)
		return result;
	long pid = sys(clone3, &args, sizeof args);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		standard_signals();
		sys(close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
		sys(execve, argv[0], argv, envp);
		exit_with(127);
	}
	while (sys(waitid, P_PIDFD, pidfd, &info, WEXITED, 0) == -EINTR)
		;
	sys(close, pidfd);
	if (info.code != CLD_EXITED)
		return -(ENDED_BY_SIGNAL + info.status);
	return info.status ? -(ENDED_WITH_STATUS + info.status) : 0;
}

// A probe's plan is executed from outside of the container's user namespace, by a timer, and from inside, by the container's launcher; the
// kernel refuses to join the namespace that one is in.
long setns_op(const struct plan_op *op)
{
	long result = sys(setns, slot_fd(op->args[0]), op->args[1]);
	if (result == -EINVAL && self.by_path && op->args[1] & CLONE_NEWUSER)
		result = sys(setns, slot_fd(op->args[0]), op->args[1] & ~(uint64_t)CLONE_NEWUSER);
	return result;
}

long setns_once_op(const struct plan_op *op)
{
	int fd = slot_fd(op->args[0]);
	if (fd < 0)
		return 0;
	long result = sys(setns, fd, op->args[1]);
	if (result >= 0) {
		sys(close, fd);
		self.slots[op->args[0] % SLOT_COUNT] = -1;
	}
	return result;
}

// So that the payload can open its own /dev/stdout again. What belongs to nobody in this user namespace, or cannot be changed, stays.
long fchown_op(uint64_t uid, int everything)
{
	for (int fd = 0; fd < 3; fd++) {
		struct stat status;
		long result = sys(fstat, fd, &status);
		if (result < 0 || status.st_uid == uid || ((status.st_mode & S_IFMT_) == S_IFCHR_ && status.st_rdev == 0x103 /* the null device */))
			continue;
		if (!everything && (status.st_mode & S_IFMT_) != S_IFIFO_)
			continue; // the caller's own file
		result = sys(fchown, fd, uid, -1);
		if (result < 0 && result != -EINVAL && result != -EPERM && result != -EROFS && result != -EOVERFLOW)
			return result;
	}
	return 0;
}
