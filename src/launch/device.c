// A device of the container: made, or found there, or bound from the host.

#include "launch.h"

// Whoever cannot make devices shows the host's; it must be the one that was asked for.
static long bind_device(int dir, const char *name, uint64_t mode, uint64_t number, const char *source)
{
	struct stat status;
	long tree = sys(open_tree, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return tree;
	long result = sys(fstat, tree, &status);
	if (result >= 0 && ((status.st_mode & S_IFMT_) != (mode & S_IFMT_) || status.st_rdev != number))
		result = -ENODEV;
	long target = -1;
	if (result >= 0) {
		target = sys(openat, dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
		if (target >= 0) // the descriptor of a mount's target need only name it
			sys(close, target), target = sys(openat, dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		result = target;
	}
	if (result >= 0)
		return result = move_onto(tree, (int)target), sys(close, target), result;
	sys(close, tree);
	return result;
}

long mknodat_op(const struct plan_op *op)
{
	int dir = slot_fd(op->args[0]);
	const char *name = text_at(op->args[1]), *source = text_at(op->args[5]);
	uint64_t mode = op->args[2], number = op->args[3];
	uint32_t uid = (uint32_t)op->args[4], gid = (uint32_t)(op->args[4] >> 32);
	struct stat status;
	long result = sys(mknodat, dir, name, mode, number);
	if (result == -EPERM && *source) {
		result = bind_device(dir, name, mode, number, source);
		if (result != -EEXIST)
			return result;
	}
	if (result == -EEXIST) { // runtime-spec config-linux.md#devices: what is there must match
		result = sys(newfstatat, dir, name, &status, AT_SYMLINK_NOFOLLOW);
		if (result < 0)
			return result;
		if ((status.st_mode & S_IFMT_) != (mode & S_IFMT_) || status.st_rdev != number)
			return -EEXIST;
		return 0;
	}
	if (result >= 0 && (uid || gid))
		result = sys(fchownat, dir, name, uid, gid, AT_SYMLINK_NOFOLLOW);
	return result;
}
