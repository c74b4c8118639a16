// Files of cgroup folders, where one write does not do.

#include "launch.h"

long write_first_op(const struct plan_op *op)
{
	const char *path = text_at(op->args[1]), *text = text_at(op->args[2]);
	uint64_t count = op->args[1] >> 32;
	long result = -ENOENT;
	if (op->args[2] >> 32 != count)
		return -EINVAL;
	for (; count && result == -ENOENT; count--, path += strlen(path) + 1, text += strlen(text) + 1)
		result = write_op(slot_fd(op->args[0]), path, text, strlen(text), 0);
	return result;
}

static long read_small(int dir, const char *path, char *buffer, size_t size)
{
	long fd = sys(openat, dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fd;
	long n = sys(read, fd, buffer, size);
	sys(close, fd);
	return n;
}

// FOLDER/FILE or, one up, FOLDER/../FILE: a cgroup filesystem has no links, so that is the folder above.
static void name_file(char *buffer, size_t size, const char *folder, const char *between, const char *file)
{
	struct text t = { buffer, buffer + size };
	put(&t, folder), put(&t, between), put(&t, file);
}

long inherit_op(const struct plan_op *op)
{
	static char path[4096], value[4096];
	int dir = slot_fd(op->args[0]);
	const char *folder = text_at(op->args[1]), *file = text_at(op->args[2]);
	name_file(path, sizeof path, folder, "/", file);
	long length = read_small(dir, path, value, sizeof value);
	if (length < 0 || (length > 0 && value[0] != '\n'))
		return length;
	name_file(path, sizeof path, folder, "/../", file);
	length = read_small(dir, path, value, sizeof value);
	if (length < 0)
		return length;
	name_file(path, sizeof path, folder, "/", file);
	return write_op(dir, path, value, (size_t)length, 0);
}

long introduce_op(int fd)
{
	char word[24];
	struct text t = { word, word + sizeof word };
	put_number(&t, (uint64_t)self.child, 1), put(&t, "\n");
	long result = write_all(fd, word, (size_t)(t.at - word));
	while (result >= 0 && (result = sys(read, fd, word, 1)) == -EINTR)
		;
	sys(close, fd);
	if (result == 1)
		return 0;
	// Whoever it is has failed and said why, or was killed: there is nothing to add.
	self.failed = 1;
	self.status = self.plan->failure_status ? (int)(self.plan->failure_status & 255) : 125;
	sys(pidfd_send_signal, self.child_pidfd, SIGKILL, 0, 0);
	reap_child();
	self.end_code = self.status, self.end_signal = 0;
	return 0;
}
