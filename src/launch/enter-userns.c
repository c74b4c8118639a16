// Rootless: corten becomes root of a user namespace before it does anything else, in its own process, as the manager of a unit waits for
// this one. Ids of others are mapped by setuid programs of the host, which must run outside: a child is there before the namespace is.
// @see user_namespaces(7), newuidmap(1)

#include "launch.h"

static void run_helper(uint64_t words, int parent)
{
	static const char *argv[1030], *envp[] = { 0 };
	static char number[24];
	struct text t = { number, number + sizeof number };
	put_number(&t, (uint64_t)parent, 1);
	if (point(argv + 1, 1024, words) < 0)
		exit_with(126);
	argv[0] = argv[1], argv[1] = number; // PROGRAM PID MAPPING...
	long pid = sys(fork);
	if (pid == 0) {
		standard_signals();
		sys(execve, argv[0], argv, envp);
		exit_with(127);
	}
	int status = 0;
	while (sys(wait4, pid, &status, 0, 0) == -EINTR)
		;
	if (pid < 0 || status)
		exit_with(status >> 8 & 255 ? status >> 8 & 255 : 125);
}

static long map_by_helpers(const struct plan_op *op)
{
	int turn[2], status = 0, parent = (int)sys(getpid);
	char nothing;
	long result = sys(pipe2, turn, O_CLOEXEC);
	if (result < 0)
		return result;
	long pid = sys(fork);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		sys(close, turn[1]);
		if (sys(read, turn[0], &nothing, 1) != 1)
			exit_with(125);
		run_helper(op->args[2], parent);
		run_helper(op->args[3], parent);
		exit_with(0);
	}
	sys(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); // or the files of this process in /proc were root's, and no map could be written
	result = sys(unshare, CLONE_NEWUSER);
	if (result >= 0)
		sys(write, turn[1], "", 1);
	sys(close, turn[0]), sys(close, turn[1]);
	while (sys(wait4, pid, &status, 0, 0) == -EINTR)
		;
	return result < 0 ? result : status ? -(ENDED_WITH_STATUS + (status >> 8 & 255)) : 0;
}

long enter_userns_op(const struct plan_op *op)
{
	const char *uids = text_at(op->args[0]), *gids = text_at(op->args[1]);
	if (!*uids)
		return map_by_helpers(op);
	sys(prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
	long result = sys(unshare, CLONE_NEWUSER);
	if (result >= 0)
		result = write_op(AT_FDCWD, "/proc/self/setgroups", "deny", 4, 0);
	if (result >= 0)
		result = write_op(AT_FDCWD, "/proc/self/uid_map", uids, strlen(uids), 0);
	return result < 0 ? result : write_op(AT_FDCWD, "/proc/self/gid_map", gids, strlen(gids), 0);
}
