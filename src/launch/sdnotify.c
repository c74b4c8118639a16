// Messages to the manager of a unit: which process is the service, and that it is ready. Sent by the process that it accepts them from:
// the launcher, its main process so far, names the new one, and waits until that is read, as a payload may end before; the new process,
// the main one from then on, says that it is ready as its last word before execve.
// @see sd_notify(3)

#include "launch.h"

enum { MAX_PARTS = 4, BARRIER_MS = 5000 };

long connect_op(const struct plan_op *op)
{
	struct sockaddr_un_ address;
	memset(&address, 0, sizeof address);
	long fd = make_socket(SOCK_DGRAM, text_at(op->args[1]), &address);
	if (fd < 0)
		return fd;
	// An abstract name is as long as it is, a path ends with its NUL.
	size_t length = sizeof address.family + strlen(address.path) + (address.path[0] != '@');
	if (address.path[0] == '@')
		address.path[0] = 0;
	long result = sys(connect, fd, &address, length);
	if (result < 0)
		sys(close, fd);
	return result < 0 ? result : fill(op->args[0], fd);
}

static long await_reader(int socket)
{
	static char word[] = "BARRIER=1";
	int ends[2];
	long result = sys(pipe2, ends, O_CLOEXEC);
	if (result < 0)
		return result;
	struct iovec part = { word, sizeof word - 1 };
	struct cmsg_fd control = { sizeof(size_t) + 2 * sizeof(int) + sizeof(int), SOL_SOCKET, SCM_RIGHTS, ends[1] };
	struct msghdr header = { 0, 0, &part, 1, &control, sizeof control, 0 };
	result = sys(sendmsg, socket, &header, MSG_NOSIGNAL);
	sys(close, ends[1]);
	if (result >= 0)
		sys(poll, (&(struct pollfd){ ends[0], 0, 0 }), 1, BARRIER_MS); // one that never reads is as good as none
	sys(close, ends[0]);
	return result < 0 ? result : 0;
}

long send_op(const struct plan_op *op)
{
	return send_message(slot_fd(op->args[0]), text_at(op->args[1]), op->args[1] >> 32, op->args[2] != 0);
}

// Parts that follow each other, joined by the new process's pid.
long send_message(int socket, const char *part, uint64_t count, int barrier)
{
	char number[24];
	struct text t = { number, number + sizeof number };
	struct iovec parts[2 * MAX_PARTS];
	uint64_t used = 0;
	if (count > MAX_PARTS)
		return -E2BIG;
	put_number(&t, (uint64_t)(self.child < 0 ? 0 : self.child), 1);
	for (uint64_t i = 0; i < count; i++, part += strlen(part) + 1) {
		if (i)
			parts[used++] = (struct iovec){ number, (size_t)(t.at - number) };
		parts[used++] = (struct iovec){ (void *)part, strlen(part) };
	}
	struct msghdr header = { 0, 0, parts, used, 0, 0, 0 };
	long result = sys(sendmsg, socket, &header, MSG_NOSIGNAL);
	return result < 0 ? result : barrier ? await_reader(socket) : 0;
}
