// Mounts that show other owners than their filesystem has: a user namespace that only carries the mappings, and its use.
// @see mount_setattr(2), MOUNT_ATTR_IDMAP

#include "launch.h"

#define MOUNT_ATTR_IDMAP_ 0x100000

static long write_map(long pid, const char *name, const char *lines)
{
	char path[64];
	struct text t = { path, path + sizeof path };
	put(&t, "/proc/"), put_number(&t, (uint64_t)pid, 1), put(&t, name);
	return write_op(AT_FDCWD, path, lines, strlen(lines), 0);
}

// A user namespace lives as long as a descriptor of it does; only to be mapped it needs a process, which does nothing.
long userns_op(const struct plan_op *op)
{
	char path[64];
	struct clone_args args = { .flags = CLONE_NEWUSER }; // ends without a signal, which supervision would take for the container's
	long pid = sys(clone3, &args, sizeof args);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		sys(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			sys(pause);
	}
	struct text t = { path, path + sizeof path };
	put(&t, "/proc/"), put_number(&t, (uint64_t)pid, 1), put(&t, "/ns/user");
	long result = write_map(pid, "/uid_map", text_at(op->args[1]));
	if (result >= 0)
		result = write_map(pid, "/gid_map", text_at(op->args[2]));
	if (result >= 0)
		result = fill(op->args[0], sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
	sys(kill, pid, SIGKILL);
	while (sys(wait4, pid, 0, 0x40000000 /* __WALL */, 0) == -EINTR)
		;
	return result;
}

long mount_idmap_op(const struct plan_op *op)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_IDMAP_, .userns_fd = (uint64_t)slot_fd(op->args[1]) };
	return sys(mount_setattr, slot_fd(op->args[0]), "", op->args[2] | AT_EMPTY_PATH, &attributes, sizeof attributes);
}
