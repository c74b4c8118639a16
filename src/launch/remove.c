// What goes at a container's end: its cgroups, with whoever still lives in them, and its folder. Idempotent; absent is done.

#include "launch.h"

static int is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

// Kills what is left in a cgroup: in a container that shares the host's pid namespace processes outlive the first one.
static void kill_members(int cgroup)
{
	static char buffer[4096];
	long fd = sys(openat, cgroup, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		sys(write, fd, "1", 1);
		sys(close, fd);
		return;
	}
	fd = sys(openat, cgroup, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? 0 : sys(read, fd, buffer, sizeof buffer - 1);
	for (long i = 0, pid = 0; i < n; i++) {
		if (buffer[i] >= '0' && buffer[i] <= '9') {
			pid = pid * 10 + (buffer[i] - '0');
			continue;
		}
		if (pid > 1)
			sys(kill, pid, SIGKILL);
		pid = 0;
	}
	if (fd >= 0)
		sys(close, fd);
}

// Finds the first folder in `dir`; 0 when there is none. The name stays in `buffer`.
static const char *first_folder(int dir, char *buffer, size_t size)
{
	sys(lseek, dir, 0, SEEK_SET);
	for (long n; (n = sys(getdents64, dir, buffer, size)) > 0;)
		for (long at = 0; at < n; at += ((struct dirent_ *)(buffer + at))->length) {
			struct dirent_ *entry = (struct dirent_ *)(buffer + at);
			if (entry->type == 4 /* DT_DIR */ && !is_dots(entry->name))
				return entry->name;
		}
	return 0;
}

// Goes down to a folder without folders, removes it, and starts again at the top. A cgroup whose last process has just died refuses for
// some moments more; that is waited for, at most two seconds.
long remove_cgroup(int dir, const char *path)
{
	static char names[4096];
	struct timespec_ pause = { 0, 1000000 };
	for (int patience = 2000; patience > 0;) {
		long result = sys(unlinkat, dir, path, AT_REMOVEDIR);
		if (result >= 0 || result == -ENOENT)
			return 0;
		if (result != -EBUSY)
			return result;
		long folder = sys(openat, dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (folder < 0)
			continue;
		const char *name = first_folder((int)folder, names, sizeof names);
		if (!name)
			kill_members((int)folder);
		while (name) {
			char leaf[256];
			struct text t = { leaf, leaf + sizeof leaf };
			put(&t, name);
			long inner = sys(openat, folder, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (inner < 0)
				break;
			kill_members((int)inner);
			name = first_folder((int)inner, names, sizeof names);
			if (!name)
				result = sys(unlinkat, folder, leaf, AT_REMOVEDIR);
			sys(close, folder);
			folder = inner;
		}
		sys(close, folder);
		if (result < 0) {
			sys(nanosleep, &pause, 0);
			patience--;
		}
	}
	return -EBUSY;
}

// ---- rm -r

enum { REMOVE_DEPTH = 6 };
static uint64_t moved_up;

static long remove_folder(int top, int dir, const char *name, int depth);

// A folder too deep for another descriptor is moved up into `top` under a new name and waits there for its turn, so that a tree of any
// depth is removed with a few descriptors.
static long move_up(int top, int folder, const char *name)
{
	char above[32];
	long result;
	do {
		struct text t = { above, above + sizeof above };
		put(&t, ".removed-"), put_number(&t, ++moved_up, 1);
		result = sys(renameat2, folder, name, top, above, 1 /* RENAME_NOREPLACE */);
	} while (result == -EEXIST);
	return result;
}

static long remove_entry(int top, int folder, const struct dirent_ *entry, int depth)
{
	long result = entry->type == 4 /* DT_DIR */ ? -EISDIR : sys(unlinkat, folder, entry->name, 0);
	if (result == -EISDIR)
		result = sys(unlinkat, folder, entry->name, AT_REMOVEDIR);
	if (result == -ENOTEMPTY)
		result = depth < REMOVE_DEPTH ? remove_folder(top, folder, entry->name, depth) : move_up(top, folder, entry->name);
	return result == -ENOENT ? 0 : result;
}

// One pass over a folder. Returns how many entries it saw, or a negative error.
static long remove_entries(int top, int folder, int depth)
{
	static char buffer[REMOVE_DEPTH + 1][4096];
	char *list = buffer[depth];
	long seen = 0;
	sys(lseek, folder, 0, SEEK_SET);
	for (long n; (n = sys(getdents64, folder, list, sizeof buffer[0])) > 0;)
		for (long at = 0; at < n; at += ((struct dirent_ *)(list + at))->length) {
			const struct dirent_ *entry = (struct dirent_ *)(list + at);
			if (is_dots(entry->name))
				continue;
			seen++;
			long result = remove_entry(top, folder, entry, depth + 1);
			if (result < 0)
				return result;
		}
	return seen;
}

// `depth` 0 is the top itself. What a pass has not seen, or has moved up, shows in ENOTEMPTY and is the next pass's.
static long remove_folder(int top, int dir, const char *name, int depth)
{
	long result, seen, folder = sys(openat, dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return folder;
	do {
		seen = remove_entries(depth ? top : (int)folder, (int)folder, depth);
		result = seen < 0 ? seen : sys(unlinkat, dir, name, AT_REMOVEDIR);
	} while (result == -ENOTEMPTY && seen > 0);
	sys(close, folder);
	return result;
}

long remove_tree(int dir, const char *path)
{
	long result = remove_folder(-1, dir, path, 0);
	return result == -ENOENT ? 0 : result;
}
