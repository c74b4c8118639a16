// A container that is created now and started later: its first process waits on a socket in the container's folder, and nobody else of
// ours is there. Whoever connects and says go starts it, and hears there what still fails; a connection that closes without a word
// says that the program runs (the socket closes at execve).

#include "launch.h"

// A unix socket, and the address that `path` is.
long make_socket(int type, const char *path, struct sockaddr_un_ *address)
{
	struct text t = { address->path, address->path + sizeof address->path };
	if (strlen(path) >= sizeof address->path)
		return -ENAMETOOLONG;
	address->family = AF_UNIX;
	put(&t, path);
	return sys(socket, AF_UNIX, type | SOCK_CLOEXEC, 0);
}

long listen_op(const struct plan_op *op)
{
	struct sockaddr_un_ address;
	long fd = make_socket(SOCK_SEQPACKET, text_at(op->args[1]), &address);
	if (fd < 0)
		return fd;
	long result = sys(bind, fd, &address, sizeof address);
	if (result >= 0)
		result = sys(listen, fd, 1);
	return result < 0 ? result : fill(op->args[0], fd);
}

// Until somebody connects, or a signal asks for the end.
static long take_connection(int socket)
{
	long signals = ending_signals();
	struct pollfd ready[2] = { { socket, POLLIN, 0 }, { (int)signals, POLLIN, 0 } };
	while (sys(poll, ready, 2, -1) < 0)
		;
	if (ready[1].revents & POLLIN) {
		uint32_t info[32] = { 0 };
		sys(read, signals, info, sizeof info);
		exit_with(128 + (int)info[0]);
	}
	sys(close, signals);
	return sys(accept4, socket, 0, 0, SOCK_CLOEXEC);
}

long gate_op(const struct plan_op *op)
{
	struct message m = { SAY_READY, 0, 0 };
	int socket = slot_fd(op->args[0]);
	unlock_op();
	sys(write, self.channel, &m, sizeof m);
	sys(close, self.channel);
	self.channel = -1;
	long connection = take_connection(socket);
	if (connection < 0)
		return connection;
	self.channel = (int)connection, self.gated = 1;
	long n = sys(read, connection, &m, sizeof m);
	if (n != sizeof m || m.kind != SAY_GO)
		exit_with(125); // whoever came was killed, and has removed the socket's name already: nobody could start this any more
	sys(close, socket);
	self.slots[op->args[0] % SLOT_COUNT] = -1;
	return 0;
}

long release_op(void)
{
	resume_op();
	hear(SAY_READY);
	return 0;
}

long unlock_op(void)
{
	return self.plan->lock_fd == NO_FD ? 0 : sys(close, self.plan->lock_fd);
}

// Sends a descriptor, with a text in parts, to whoever listens on the stream socket `path`.
long send_descriptor(const char *path, int fd, struct iovec *parts, size_t count)
{
	struct sockaddr_un_ address;
	long socket = make_socket(SOCK_STREAM, path, &address);
	if (socket < 0)
		return socket;
	long result = sys(connect, socket, &address, sizeof address);
	struct cmsg_fd control = { sizeof(size_t) + 2 * sizeof(int) + sizeof(int), SOL_SOCKET, SCM_RIGHTS, fd };
	struct msghdr header = { 0, 0, parts, count, &control, sizeof control, 0 };
	if (result >= 0)
		result = sys(sendmsg, socket, &header, MSG_NOSIGNAL);
	sys(close, socket);
	return result < 0 ? result : 0;
}

long sendfd_op(const struct plan_op *op)
{
	static char name[] = "/dev/ptmx";
	struct iovec part = { name, sizeof name - 1 };
	int sent = op->args[1] ? self.child_pidfd : self.terminal;
	return sent < 0 ? -ENOTTY : send_descriptor(text_at(op->args[0]), sent, &part, 1);
}
