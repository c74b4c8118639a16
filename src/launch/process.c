// Processes: the clone and the conversation between its two sides, namespaces, terminals, credentials and the last step, execve.

#include "launch.h"

// ---- processes

long pidfd_open_op(const struct plan_op *op)
{
	long result = fill(op->args[0], sys(pidfd_open, op->args[1], 0));
	if (result >= 0 && op->args[2] && start_time(op->args[1]) != op->args[2])
		return -ESRCH; // the number went to another process (podman#25104)
	return result;
}

long clone3_op(const struct plan_op *op)
{
	int ends[2];
	if (self.passing)
		return clone3_sibling(op);
	struct clone_args args = { .flags = op->args[0] | CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uint64_t)&self.child_pidfd };
	if (args.flags & CLONE_PARENT)
		args.exit_signal = 0, self.handed_over = 1; // the caller's child, which gets this process's own signal
	if (op->args[1] != AT_FDCWD_SLOT) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)slot_fd(op->args[1]);
	}
	long result = sys(socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
	if (result < 0)
		return result;
	long pid = sys(clone3, &args, sizeof args);
	// RestrictNamespaces= of a unit cannot look into the structure, and denies the call; clone(2) says the same, but for a cgroup and a time
	// namespace, whose bit is part of its signal.
	if (pid == -ENOSYS && !(args.flags & (CLONE_INTO_CGROUP | CLONE_NEWTIME)))
		pid = sys(clone, args.flags | args.exit_signal, 0, &self.child_pidfd, 0, 0);
	if (pid < 0) {
		sys(close, ends[0]), sys(close, ends[1]);
		return pid;
	}
	self.in_child = pid == 0;
	self.channel = ends[self.in_child];
	sys(close, ends[!self.in_child]);
	if (pid == 0)
		self.child_pidfd = -1;
	else
		self.child = (int)pid;
	return 0;
}

long detach_op(void)
{
	int ends[2];
	long result = sys(pipe2, ends, O_CLOEXEC);
	if (result < 0)
		return result;
	long pid = sys(fork);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		sys(close, ends[0]);
		self.detach_pipe = ends[1];
		sys(chdir, "/"); // or the caller's folder could not be unmounted for as long as the container lives
		return sys(setsid) < 0 ? -EPERM : 0;
	}
	// The first process: its caller hears from it how the start went, and nothing else.
	unsigned char status = 125;
	sys(close, ends[1]);
	while (sys(read, ends[0], &status, 1) == -EINTR)
		;
	if (status == 0) {
		const char *message = "";
		for (uint32_t i = 0; i < self.plan->op_count; i++)
			if (self.ops[i].op == OP_DETACH)
				message = text_at(self.ops[i].args[0]);
		write_all(1, message, strlen(message));
	}
	exit_with(status);
	return 0;
}

void tell_detached(int status)
{
	if (self.detach_pipe < 0)
		return;
	unsigned char byte = (unsigned char)status;
	long null = sys(openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		sys(dup3, null, fd, 0);
	sys(write, self.detach_pipe, &byte, 1);
	sys(close, self.detach_pipe);
	self.detach_pipe = -1;
}

long openpty_op(const struct plan_op *op)
{
	int root = slot_fd(op->args[0]), unlock = 0;
	struct statfs_ fs;
	struct { uint16_t rows, columns, x, y; } size = { (uint16_t)op->args[2], (uint16_t)op->args[3], 0, 0 };
	long master = open_in_root(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
	if (master < 0)
		return master;
	long result = sys(fstatfs, master, &fs);
	if (result >= 0 && fs.type != DEVPTS_SUPER_MAGIC)
		return -ENODEV; // the container put something else there
	if (result >= 0)
		result = sys(ioctl, master, TIOCSPTLCK_, &unlock);
	if (result >= 0 && size.rows)
		result = sys(ioctl, master, TIOCSWINSZ, &size);
	if (result < 0)
		return result;
	// The other end by the master itself, not by a name that could be swapped (CVE-2025-52565).
	long end = sys(ioctl, master, TIOCGPTPEER_, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (end < 0)
		return end;
	result = sys(fchown, end, op->args[4], -1);
	if (result >= 0 && op->args[1]) {
		result = create_in_root(root, "dev/console", 0);
		long target = result < 0 ? result : open_in_root(root, "dev/console", O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		result = target < 0 ? target : move_onto(sys(open_tree, end, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), (int)target);
		if (target >= 0)
			sys(close, target);
	}
	for (int fd = 0; fd < 3 && result >= 0; fd++)
		result = sys(dup3, end, fd, 0);
	if (result >= 0)
		result = sys(ioctl, 0, TIOCSCTTY, 0);
	if (result < 0)
		return result;
	struct message m = { SAY_TERMINAL, 0, 0 };
	struct iovec iov = { &m, sizeof m };
	struct cmsg_fd control = { sizeof(size_t) + 2 * sizeof(int) + sizeof(int), SOL_SOCKET, SCM_RIGHTS, (int)master };
	struct msghdr header = { 0, 0, &iov, 1, &control, sizeof control, 0 };
	result = sys(sendmsg, self.channel, &header, MSG_NOSIGNAL);
	sys(close, master), sys(close, end);
	return result;
}

// A descriptor for the signals that ask for the end.
long ending_signals(void)
{
	uint64_t ending = 1ull << (SIGINT - 1) | 1ull << (SIGTERM - 1) | 1ull << (SIGHUP - 1) | 1ull << (SIGQUIT - 1);
	return sys(signalfd4, -1, &ending, sizeof ending, SIGFD_CLOEXEC);
}

// Reads what the child says, until `wanted` or its end. A signal that asks for the end is obeyed also while the child is set up.
long hear(uint32_t wanted)
{
	long signals = ending_signals();
	for (;;) {
		struct pollfd ready[2] = { { self.channel, POLLIN, 0 }, { (int)signals, POLLIN, 0 } };
		if (sys(poll, ready, 2, -1) < 0)
			continue;
		if (ready[1].revents && !ready[0].revents) { // what the child said came first: a payload that runs gets the signal itself
			uint32_t info[32] = { 0 };
			sys(read, signals, info, sizeof info);
			self.failed = 1, self.status = 128 + (int)info[0];
			sys(pidfd_send_signal, self.child_pidfd, SIGKILL, 0, 0);
			reap_child();
			break;
		}
		struct message m = { 0, 0, 0 };
		struct iovec iov = { &m, sizeof m };
		struct cmsg_fd control = { 0, 0, 0, -1 };
		struct msghdr header = { 0, 0, &iov, 1, &control, sizeof control, 0 };
		long n = sys(recvmsg, self.channel, &header, MSG_CMSG_CLOEXEC);
		if (n == -EINTR)
			continue;
		if (n <= 0 && wanted == 0)
			break; // the channel closed at execve: the payload runs
		if (n <= 0) {
			reap_child(); // killed before it was ready; its end says how
			// A system call filter of the unit's ends it in the middle of its work; who has handed it over does not hear how it ended.
			if (self.end_signal == SIGSYS || (self.handed_over && self.end_code == 0))
				report(self.clone_index, ENDED_BY_SIGNAL + self.end_signal);
			self.failed = 1, self.status = self.end_code ? self.end_code : 125;
			break;
		}
		if (m.kind == SAY_TERMINAL && control.length)
			self.terminal = control.fd;
		if (m.kind == SAY_ERROR && m.op < self.plan->op_count) {
			fail(m.op, m.error);
			break;
		}
		if (m.kind == wanted && wanted) {
			self.heard = m.op;
			break;
		}
	}
	if (signals >= 0)
		sys(close, signals);
	return 0;
}

long sync_op(int tied)
{
	struct message m = { SAY_READY, 0, 0 };
	long result = sys(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (result >= 0)
		result = sys(write, self.channel, &m, sizeof m);
	if (result >= 0)
		result = sys(read, self.channel, &m, sizeof m);
	if (result < (long)sizeof m || m.kind != SAY_GO)
		exit_with(125); // the parent is gone; nobody would watch this container
	return tied ? 0 : sys(prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

long resume_op(void)
{
	struct message m = { SAY_GO, 0, 0 };
	return sys(write, self.channel, &m, sizeof m);
}

long go_op(void)
{
	resume_op();
	hear(0);
	if (!self.failed) // a failure is told at the end: whoever hears of it finds the container as it stays
		tell_detached(0);
	return 0;
}

long pidfile_op(const struct plan_op *op)
{
	char buffer[128];
	struct text t = { buffer, buffer + sizeof buffer };
	struct timespec_ now;
	put_number(&t, (uint64_t)self.child, 1);
	if (!op->args[2]) {
		sys(clock_gettime, CLOCK_REALTIME, &now);
		put(&t, " "), put_number(&t, start_time((uint64_t)self.child), 1);
		put(&t, " "), put_number(&t, (uint64_t)now.seconds, 1), put(&t, " "), put_number(&t, (uint64_t)now.nanoseconds, 1), put(&t, "\n");
	}
	// Ours is new and written in one call: whoever reads it empty takes it for absent. A caller's may be there, and is read by others.
	if (!op->args[2])
		return write_op(slot_fd(op->args[0]), text_at(op->args[1]), buffer, (size_t)(t.at - buffer), O_CREAT | O_EXCL | O_NOFOLLOW);
	return write_by_rename(slot_fd(op->args[0]), text_at(op->args[1]), buffer, (size_t)(t.at - buffer));
}

// ---- credentials and the end

long chdir_op(const struct plan_op *op)
{
	static char here[4096];
	const char *path = text_at(op->args[0]);
	long result = sys(chdir, path);
	if (result == -ENOENT && op->args[1]) {
		long root = sys(openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		result = create_in_root((int)root, path, 1);
		sys(close, root);
		if (result >= 0)
			result = sys(chdir, path);
	}
	if (result < 0)
		return result;
	result = sys(getcwd, here, sizeof here);
	return result < 0 ? result : here[0] == '/' ? 0 : -ENOENT; // "(unreachable)": outside the root (CVE-2024-21626)
}

long capset_op(const struct plan_op *op)
{
	struct { uint32_t version; int pid; } header = { 0x20080522, 0 };
	struct { uint32_t effective, permitted, inheritable; } sets[2];
	for (int i = 0; i < 2; i++) {
		sets[i].effective = (uint32_t)(op->args[0] >> 32 * i);
		sets[i].permitted = (uint32_t)(op->args[1] >> 32 * i);
		sets[i].inheritable = (uint32_t)(op->args[2] >> 32 * i);
	}
	long result = sys(capset, &header, sets);
	for (int cap = 0; cap < 64 && result >= 0; cap++)
		if (op->args[3] >> cap & 1)
			result = sys(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return result;
}

long capbset_op(uint64_t keep)
{
	for (int cap = 0; cap < 64; cap++) {
		if (keep >> cap & 1)
			continue;
		long result = sys(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0);
		if (result == -EINVAL)
			return 0; // past the last capability of this kernel
		if (result < 0)
			return result;
	}
	return 0;
}

long seccomp_op(const struct plan_op *op)
{
	struct { uint16_t length; const void *filter; } program = { (uint16_t)((op->args[0] >> 32) / 8), text_at(op->args[0]) };
	long result = sys(seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, op->args[1], &program);
	if (result >= 0 && op->args[1] & SECCOMP_NEW_LISTENER)
		return say_listener(result);
	return result > 0 ? -ESRCH : result; // a thread that could not be synchronised; there is none
}

long ifup_op(const char *name)
{
	struct { char name[16]; int16_t flags; char rest[22]; } request;
	memset(&request, 0, sizeof request);
	for (int i = 0; i < 15 && name[i]; i++)
		request.name[i] = name[i];
	long fd = sys(socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); // takes these ioctls too, and a unit may forbid AF_INET
	if (fd < 0)
		return fd;
	long result = sys(ioctl, fd, SIOCGIFFLAGS, &request);
	request.flags |= IFF_UP;
	if (result >= 0)
		result = sys(ioctl, fd, SIOCSIFFLAGS, &request);
	sys(close, fd);
	return result;
}

// A vector of pointers to consecutive texts, on the stack of the caller: at most `room` of them.
long point(const char **vector, uint64_t room, uint64_t list)
{
	const char *at = text_at(list);
	uint64_t count = list >> 32;
	if (count >= room)
		return -E2BIG;
	for (uint64_t i = 0; i < count; i++, at += strlen(at) + 1)
		vector[i] = at;
	vector[count] = 0;
	return 0;
}

// Ignored signals would stay ignored after execve (SIGPIPE, from Bun), and blocked ones blocked.
void standard_signals(void)
{
	struct kernel_sigaction standard = { 0, 0, 0, 0 }, ignored = { (void *)1, 0, 0, 0 };
	uint64_t none = 0;
	sys(rt_sigaction, SIGPIPE, &ignored, 0, 8); // forgets one that waits: a hook may have left its stdin unread
	for (int signal = 1; signal <= 64; signal++)
		sys(rt_sigaction, signal, &standard, 0, 8);
	sys(rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
}

long access_op(const struct plan_op *op)
{
	const char *candidate = text_at(op->args[0]);
	long denied = -ENOENT;
	for (uint64_t count = op->args[0] >> 32; count; count--, candidate += strlen(candidate) + 1) {
		struct stat status;
		long result = sys(stat, candidate, &status);
		if (result >= 0)
			result = (status.st_mode & S_IFMT_) == S_IFDIR_ ? -EACCES : sys(faccessat, AT_FDCWD, candidate, 1 /* X_OK */);
		if (result == -EACCES || (result == -ENOTDIR && denied == -ENOENT && op->args[0] >> 32 == 1))
			denied = result;
		else if (result != -ENOENT && result != -ENOTDIR)
			return result;
	}
	return denied;
}

// The manager of the unit asked for the end while this was blocked: as the first process of a PID namespace the payload, which has no
// handler yet, would never hear of it, and the manager wait in vain.
static void obey_pending(void)
{
	uint64_t pending = 0;
	sys(rt_sigpending, &pending, 8);
	for (int signal = 1; signal <= SIGTERM; signal++)
		if (pending >> (signal - 1) & 1 && (signal == SIGHUP || signal == SIGINT || signal == SIGQUIT || signal == SIGTERM))
			exit_with(128 + signal);
}

long execve_op(const struct plan_op *op)
{
	static const char *argv[16384], *envp[16384];
	long result = point(argv, 16384, op->args[1]), denied = -ENOENT;
	if (result >= 0)
		result = point(envp, 16384, op->args[2]);
	if (result < 0)
		return result;
	if (self.handed_over)
		obey_pending();
	standard_signals();
	const char *candidate = text_at(op->args[0]);
	for (uint64_t count = op->args[0] >> 32; count; count--, candidate += strlen(candidate) + 1) {
		result = sys(execve, candidate, argv, envp);
		if (result == -EACCES)
			denied = result;
		else if (result != -ENOENT && result != -ENOTDIR)
			return result;
	}
	return denied;
}

