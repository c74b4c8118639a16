// Mounts: the ops that build a root filesystem. Every path inside the root resolves by openat2 in the root (path.c) and is held by
// descriptor; mounts are made detached and moved onto descriptors, so no name is walked twice (CVE-2021-30465).

#include "launch.h"

long write_op(int dir, const char *path, const char *data, size_t length, uint64_t flags)
{
	long fd = sys(openat, dir, path, O_WRONLY | O_CLOEXEC | flags, 0644);
	if (fd < 0)
		return fd;
	long n = sys(write, fd, data, length);
	sys(close, fd);
	return n < 0 ? n : n == (long)length ? 0 : -EIO;
}

// A reader sees the whole text or no file.
long write_by_rename(int dir, const char *path, const char *data, size_t length)
{
	char temporary[4096];
	struct text t = { temporary, temporary + sizeof temporary };
	put(&t, path), put(&t, ".tmp");
	sys(unlinkat, dir, temporary, 0);
	long result = write_op(dir, temporary, data, length, O_CREAT | O_EXCL | O_NOFOLLOW);
	return result < 0 ? result : sys(renameat, dir, temporary, dir, path);
}

// ---- mounts

// The only name that a descriptor has.
void put_fd_path(struct text *t, int fd)
{
	put(t, "/proc/self/fd/"), put_number(t, (uint64_t)fd, 1);
}

static int slot_of(const char *digits)
{
	uint64_t slot = 0;
	for (; *digits >= '0' && *digits <= '9' && slot < SLOT_COUNT; digits++)
		slot = slot * 10 + (uint64_t)(*digits - '0');
	return slot < SLOT_COUNT ? self.slots[slot] : -1;
}

static long fsconfig_option(int context, const char *option)
{
	char key[128], value[64];
	char form = *option == '@' || *option == '%' ? *option++ : 0;
	size_t n = 0;
	for (; option[n] && option[n] != '='; n++) {
		if (n + 1 == sizeof key)
			return -ENAMETOOLONG;
		key[n] = option[n];
	}
	key[n] = 0;
	if (!option[n])
		return sys(fsconfig, context, FSCONFIG_SET_FLAG, key, 0, 0);
	if (!form)
		return sys(fsconfig, context, FSCONFIG_SET_STRING, key, option + n + 1, 0);
	struct text t = { value, value + sizeof value };
	int fd = slot_of(option + n + 1);
	if (form == '@') {
		if (fd < 0)
			return -EBADF;
		put_fd_path(&t, fd);
	} else {
		struct stat status;
		if (fd < 0)
			return 0;
		long result = sys(fstat, fd, &status);
		if (result < 0)
			return result;
		for (int shift = 9; shift >= 0; shift -= 3)
			put_number(&t, status.st_mode >> shift & 7, 1);
	}
	return sys(fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

long fsmount_op(const struct plan_op *op)
{
	long context = sys(fsopen, text_at(op->args[1]), FSOPEN_CLOEXEC), result = context;
	const char *option = text_at(op->args[2]);
	for (uint64_t count = op->args[2] >> 32; result >= 0 && count; count--, option += strlen(option) + 1)
		result = fsconfig_option((int)context, option);
	if (result >= 0)
		result = sys(fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (result >= 0)
		result = fill(op->args[0], sys(fsmount, context, FSMOUNT_CLOEXEC, op->args[3]));
	if (context >= 0)
		sys(close, context);
	return result;
}

long mount_at_op(const struct plan_op *op)
{
	char target[64];
	struct text t = { target, target + sizeof target };
	put_fd_path(&t, slot_fd(op->args[1]));
	return sys(mount, text_at(op->args[0]), target, text_at(op->args[2]), op->args[3], text_at(op->args[4]));
}

long loop_op(const struct plan_op *op)
{
	struct { uint32_t fd, block_size; struct { uint64_t a[5]; uint32_t number, encrypt, key_size, flags; uint8_t names[64 + 64 + 32]; uint64_t init[2]; } info; uint64_t reserved[8]; } config;
	memset(&config, 0, sizeof config);
	config.fd = (uint32_t)slot_fd(op->args[1]);
	config.info.flags = 1 | 4; // LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR
	long control = sys(openat, AT_FDCWD, "/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return control;
	long result = -EBUSY;
	for (int tries = 0; tries < 64 && result == -EBUSY; tries++) { // another program may take the free one first
		long number = sys(ioctl, control, 0x4C82 /* LOOP_CTL_GET_FREE */, 0);
		if (number < 0) {
			result = number;
			break;
		}
		char path[32];
		struct text t = { path, path + sizeof path };
		put(&t, "/dev/loop"), put_number(&t, (uint64_t)number, 1);
		long device = sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
		if (device < 0) {
			result = device;
			break;
		}
		result = sys(ioctl, device, 0x4C0A /* LOOP_CONFIGURE */, &config);
		if (result < 0)
			sys(close, device);
		else
			result = fill(op->args[0], device);
	}
	sys(close, control);
	return result;
}

long move_onto(long tree, int target)
{
	if (tree < 0)
		return tree;
	long result = sys(move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	sys(close, tree);
	return result;
}

static long empty_folder(void)
{
	long context = sys(fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (context < 0)
		return context;
	sys(fsconfig, context, FSCONFIG_SET_STRING, "nr_inodes", "2", 0);
	long result = sys(fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (result >= 0)
		result = sys(fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	sys(close, context);
	return result;
}

long mask_op(const struct plan_op *op)
{
	struct stat status;
	int null_device = slot_fd(op->args[2]), folder = slot_fd(op->args[3]);
	long target = open_in_root(slot_fd(op->args[0]), text_at(op->args[1]), O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	long tree = -EINVAL, result = sys(fstat, target, &status);
	if (result >= 0 && (status.st_mode & S_IFMT_) == S_IFDIR_) {
		tree = sys(open_tree, folder, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (tree < 0) // before Linux 6.15 a detached mount cannot be cloned
			tree = empty_folder();
	} else if (result >= 0) {
		// The image may have put anything at /dev/null; only the real null device hides a file (CVE-2025-31133).
		result = sys(fstat, null_device, &status);
		if (result >= 0 && ((status.st_mode & S_IFMT_) != S_IFCHR_ || status.st_rdev != 0x103))
			result = -ENODEV;
		if (result >= 0)
			tree = sys(open_tree, null_device, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	}
	if (result >= 0)
		result = move_onto(tree, (int)target);
	sys(close, target);
	return result;
}

long readonly_op(const struct plan_op *op)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
	long target = open_in_root(slot_fd(op->args[0]), text_at(op->args[1]), O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	// With all that is mounted below, but only itself is changed: what config.json mounts there has its own options.
	long tree = sys(open_tree, target, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), result = tree;
	if (result >= 0)
		result = sys(mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
	if (result >= 0)
		result = move_onto(tree, (int)target);
	else if (tree >= 0)
		sys(close, tree);
	sys(close, target);
	return result;
}

long pivot_root_op(int root)
{
	long result = sys(fchdir, root);
	if (result >= 0)
		result = sys(pivot_root, ".", ".");
	if (result >= 0) // the old root now lies on top of the new one at "."
		result = sys(umount2, ".", MNT_DETACH);
	if (result >= 0)
		result = sys(chdir, "/");
	return result;
}

