// tmpcopyup: what an image has at the place of a tmpfs is copied into it. Everything goes by descriptor and one plain name at a time, so
// no link of the image leads anywhere (CVE-2022-23648, CVE-2020-1726). Links, sockets, devices are copied as what they are.

#include "launch.h"

enum { DEEPEST = 400, NAMES = 4096, CHUNK = 65536 };

// Attributes that this filesystem, or this user, cannot set are left out.
static long copy_attributes(int from, int to)
{
	static char names[CHUNK], value[CHUNK];
	long length = sys(flistxattr, from, names, sizeof names);
	for (long at = 0; at < length; at += (long)strlen(names + at) + 1) {
		long size = sys(fgetxattr, from, names + at, value, sizeof value);
		if (size < 0)
			continue;
		long result = sys(fsetxattr, to, names + at, value, size, 0);
		if (result < 0 && result != -EPERM && result != -EOPNOTSUPP && result != -EINVAL)
			return result;
	}
	return 0;
}

static void copy_times(int dir, const char *name, const struct stat *status, int flags)
{
	struct timespec_ times[2] = { { (int64_t)status->st_atime, (int64_t)status->st_atime_nsec }, { (int64_t)status->st_mtime, (int64_t)status->st_mtime_nsec } };
	sys(utimensat, dir, name, times, flags);
}

static long copy_content(int from, int to)
{
	for (;;) {
		long n = sys(sendfile, to, from, 0, 1 << 30);
		if (n == 0)
			return 0;
		if (n < 0 && n != -EINTR)
			return n;
	}
}

// What a file or folder has beside its content; the times last, as all before changes them.
static long copy_owner_and_more(int from, int to, const struct stat *status)
{
	long result = sys(fchown, to, status->st_uid, status->st_gid);
	if (result >= 0) // after the owner, whose change takes set-user-ID bits and capabilities away
		result = sys(fchmod, to, status->st_mode & 07777);
	if (result >= 0)
		result = copy_attributes(from, to);
	if (result >= 0)
		copy_times(to, 0, status, 0);
	return result;
}

static long copy_file(int from_dir, int to_dir, const char *name, const struct stat *status)
{
	long from = sys(openat, from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0)
		return from;
	long to = sys(openat, to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), result = to;
	if (result >= 0)
		result = copy_content((int)from, (int)to);
	if (result >= 0)
		result = copy_owner_and_more((int)from, (int)to, status);
	if (to >= 0)
		sys(close, to);
	sys(close, from);
	return result;
}

static long copy_other(int from_dir, int to_dir, const char *name, const struct stat *status)
{
	static char target[4097];
	long result;
	if ((status->st_mode & S_IFMT_) == 0120000) {
		long n = sys(readlinkat, from_dir, name, target, sizeof target - 1);
		if (n < 0)
			return n;
		target[n] = 0;
		result = sys(symlinkat, target, to_dir, name);
	} else {
		result = sys(mknodat, to_dir, name, status->st_mode, status->st_rdev);
		if (result == -EPERM)
			return 0; // a device, in a user namespace
	}
	if (result >= 0)
		result = sys(fchownat, to_dir, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW);
	if (result >= 0)
		copy_times(to_dir, name, status, AT_SYMLINK_NOFOLLOW);
	return result;
}

static long copy_folder(int from, int to, int depth);

static long copy_below(int from_dir, int to_dir, const char *name, const struct stat *status, int depth)
{
	long from = sys(openat, from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0)
		return from;
	long result = sys(mkdirat, to_dir, name, 0700), to = -1;
	if (result >= 0)
		result = to = sys(openat, to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (result >= 0)
		result = copy_folder((int)from, (int)to, depth + 1);
	if (result >= 0)
		result = copy_owner_and_more((int)from, (int)to, status);
	if (to >= 0)
		sys(close, to);
	sys(close, from);
	return result;
}

static long copy_entry(int from, int to, const char *name, uint64_t device, int depth)
{
	struct stat status;
	long result = sys(newfstatat, from, name, &status, AT_SYMLINK_NOFOLLOW);
	if (result < 0)
		return result == -ENOENT ? 0 : result;
	switch (status.st_mode & S_IFMT_) {
	case S_IFDIR_:
		// A mount point is copied as an empty folder: what is mounted there is not the image's.
		return status.st_dev == device ? copy_below(from, to, name, &status, depth) : sys(mkdirat, to, name, 0755);
	case 0100000: return copy_file(from, to, name, &status);
	default: return copy_other(from, to, name, &status);
	}
}

static long copy_folder(int from, int to, int depth)
{
	char names[NAMES];
	struct stat status;
	long result = sys(fstat, from, &status);
	if (depth > DEEPEST)
		return -ELOOP;
	while (result >= 0) {
		long n = sys(getdents64, from, names, sizeof names);
		if (n <= 0)
			return n;
		for (long at = 0; at < n && result >= 0;) {
			struct dirent_ *entry = (struct dirent_ *)(names + at);
			at += entry->length;
			if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
				result = copy_entry(from, to, entry->name, status.st_dev, depth);
		}
	}
	return result;
}

long copyup(int from, int to)
{
	struct stat status;
	if (from < 0)
		return 0; // the image has nothing there: the folder will be made to mount on
	long source = sys(openat, from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = source;
	if (source < 0)
		return source;
	long target = sys(openat, to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		result = target;
	if (result >= 0)
		result = copy_folder((int)source, (int)target, 0);
	if (result >= 0)
		result = sys(fstat, source, &status);
	if (result >= 0)
		result = sys(fchown, target, status.st_uid, status.st_gid);
	if (result >= 0)
		result = copy_attributes((int)source, (int)target);
	if (result >= 0)
		copy_times((int)target, 0, &status, 0);
	if (target >= 0)
		sys(close, target);
	sys(close, source);
	return result;
}
