// Paths of a root filesystem: found, and made where they are missing. All of them resolve by openat2 inside the root, so no name or link of
// an image or a volume leads out of it, whenever it is put there.

#include "launch.h"

#define PROC_SUPER_MAGIC 0x9fa0
enum { LONGEST = 4096, MOST_LINKS = 16, MOST_ATTEMPTS = 1000 };

// The kernel gives up on a ".." when anything of the machine is renamed or mounted just then; a neighbour that does nothing else must not be
// able to keep containers from starting.
long open_in_root(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };
	long fd = -EAGAIN;
	for (int attempt = 0; fd == -EAGAIN && attempt < MOST_ATTEMPTS; attempt++)
		fd = sys(openat2, dir, path, &how, sizeof how);
	return fd;
}

static long make_name(long parent, const char *name, int as_folder)
{
	if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
		return 0;
	if (as_folder)
		return sys(mkdirat, parent, name, 0755);
	long made = sys(openat, parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0644);
	return made < 0 ? made : sys(close, made);
}

static long create_through(int root, const char *path, int as_folder, int links);

// What is there is a link that leads nowhere yet: where it leads is made. `before` is what precedes the link's name, `rest` what follows.
static long create_behind(int root, long parent, const char *name, const char *before, const char *rest, int as_folder, int links)
{
	char target[LONGEST], path[LONGEST];
	long n = sys(readlinkat, parent, name, target, sizeof target);
	if (n < 0)
		return n == -EINVAL ? 0 : n; // no link: it came to be in the meantime
	struct text t = { path, path + sizeof path };
	if (*target != '/')
		put(&t, before), put(&t, "/");
	put_bytes(&t, target, (size_t)n), put(&t, rest);
	if (t.at + 1 >= t.end)
		return -ENAMETOOLONG;
	return links ? create_through(root, path, as_folder, links - 1) : -ELOOP;
}

// Each parent is resolved afresh inside the root and held by descriptor while one plain name is made in it, so a link swapped in between
// leads nowhere else (CVE-2024-45310).
static long create_through(int root, const char *path, int as_folder, int links)
{
	char prefix[LONGEST];
	size_t length = strlen(path), at = 0;
	if (length >= sizeof prefix)
		return -ENAMETOOLONG;
	memcpy(prefix, path, length + 1);
	long parent = open_in_root(root, "/", O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
	while (parent >= 0) {
		while (path[at] == '/')
			at++;
		size_t start = at, end;
		while (path[at] && path[at] != '/')
			at++;
		if (at == start)
			break;
		for (end = at; path[end] == '/'; end++)
			;
		int last = path[end] == 0;
		prefix[at] = 0;
		long made = make_name(parent, prefix + start, !last || as_folder);
		long next = made < 0 && made != -EEXIST ? made : open_in_root(root, prefix, O_PATH | (last ? 0 : O_DIRECTORY), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
		if (next == -ENOENT && made == -EEXIST) {
			char before[LONGEST];
			memcpy(before, path, start);
			before[start] = 0;
			next = create_behind(root, parent, prefix + start, before, path + at, as_folder, links);
			sys(close, parent);
			return next;
		}
		sys(close, parent);
		parent = next;
		prefix[at] = path[at];
	}
	return parent < 0 ? parent : sys(close, parent);
}

long create_in_root(int root, const char *path, int as_folder)
{
	return create_through(root, path, as_folder, MOST_LINKS);
}

long openat2_op(const struct plan_op *op)
{
	int dir = slot_fd(op->args[1]);
	uint64_t create = op->args[5] & ~NOT_IN_PROC;
	long fd = open_in_root(dir, text_at(op->args[2]), op->args[3], op->args[4]);
	if (fd == -ENOENT && create) {
		int as_folder = create == 1;
		if (create >= 256) { // as the thing in that slot is: a bind mount needs a target of its kind
			struct stat status;
			long like = sys(fstat, slot_fd(create - 256), &status);
			if (like < 0)
				return like;
			as_folder = (status.st_mode & S_IFMT_) == S_IFDIR_;
		}
		long made = create_in_root(dir, text_at(op->args[2]), as_folder);
		if (made < 0)
			return made;
		fd = open_in_root(dir, text_at(op->args[2]), op->args[3], op->args[4]);
	}
	struct statfs_ fs;
	if (fd >= 0 && op->args[5] & NOT_IN_PROC && sys(fstatfs, fd, &fs) >= 0 && fs.type == PROC_SUPER_MAGIC) {
		sys(close, fd);
		return -EPERM;
	}
	return fill(op->args[0], fd);
}
