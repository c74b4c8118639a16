// The second half of launch: stays while the payload runs, and cleans up after it. It forwards signals, serves a terminal, copies the
// output of a detached container into its log, and keeps how the payload ended. Nothing here runs in a unit of systemd's.

#include "launch.h"

enum { LINE_MAX_BYTES = 16 << 10 };

// ---- the terminal of the caller

static struct termios saved_terminal;
static int raw_terminal = -1; // the descriptor that is in raw mode, or -1

static void restore_terminal(void)
{
	if (raw_terminal >= 0)
		sys(ioctl, raw_terminal, TCSETS, &saved_terminal);
	raw_terminal = -1;
}

static void make_terminal_raw(void)
{
	struct termios raw;
	if (sys(ioctl, 0, TCGETS, &raw) < 0)
		return;
	saved_terminal = raw, raw_terminal = 0;
	raw.c_iflag &= (unsigned)~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	raw.c_oflag &= (unsigned)~OPOST;
	raw.c_lflag &= (unsigned)~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cflag = (raw.c_cflag & (unsigned)~(CSIZE | PARENB)) | CS8;
	raw.c_cc[VMIN] = 1, raw.c_cc[VTIME] = 0;
	sys(ioctl, 0, TCSETS, &raw);
}

static void copy_window_size(void)
{
	uint16_t size[4];
	if (self.terminal >= 0 && sys(ioctl, 0, TIOCGWINSZ, size) >= 0)
		sys(ioctl, self.terminal, TIOCSWINSZ, size);
}

// ---- the log: one line a line of output, as the kubelet and `corten logs` read it: "TIME STREAM F|P TEXT"

struct stream { int fd; const char *name; size_t length; char line[LINE_MAX_BYTES]; };
static struct stream out, err;
static int log_file;

static void log_line(struct stream *s, const char *text, size_t length, const char *kind)
{
	char head[64];
	struct text t = { head, head + sizeof head };
	struct timespec_ now;
	sys(clock_gettime, CLOCK_REALTIME, &now);
	put_time(&t, now.seconds, now.nanoseconds);
	put(&t, " "), put(&t, s->name), put(&t, kind);
	struct iovec parts[3] = { { head, (size_t)(t.at - head) }, { (void *)text, length }, { (void *)"\n", 1 } };
	sys(writev, log_file, parts, 3); // the log is opened with O_APPEND; a full disk loses log lines, not the container
}

// Takes what is there now. Complete lines go out; a rest waits for its end, or goes out marked P when the buffer is full.
static void read_stream(struct stream *s)
{
	long n = sys(read, s->fd, s->line + s->length, sizeof s->line - s->length);
	if (n == -EINTR || n == -EAGAIN)
		return;
	if (n <= 0) {
		if (s->length)
			log_line(s, s->line, s->length, " P ");
		s->length = 0;
		sys(close, s->fd);
		s->fd = -1;
		return;
	}
	size_t end = s->length + (size_t)n, start = 0;
	for (size_t i = s->length; i < end; i++) {
		if (s->line[i] != '\n')
			continue;
		log_line(s, s->line + start, i - start, " F ");
		start = i + 1;
	}
	if (start == 0 && end == sizeof s->line) {
		log_line(s, s->line, end, " P ");
		start = end;
	}
	s->length = end - start;
	memcpy(s->line, s->line + start, s->length); // forwards, byte by byte: the parts may overlap
}

static void open_stream(struct stream *s, const char *name, uint64_t slot)
{
	s->fd = slot == AT_FDCWD_SLOT ? -1 : slot_fd(slot), s->name = name;
	if (s->fd >= 0)
		sys(fcntl, s->fd, F_SETFL, O_NONBLOCK);
}

// ---- signals

static void stop_self(int signal)
{
	int was_raw = raw_terminal >= 0;
	uint64_t one = 1ull << (signal - 1);
	restore_terminal();
	sys(kill, sys(getpid), SIGSTOP);
	// Here again after SIGCONT.
	sys(rt_sigprocmask, SIG_BLOCK, &one, 0, 8);
	if (was_raw)
		make_terminal_raw();
	copy_window_size();
}

static void forward(int signal)
{
	switch (signal) {
	case SIGCHLD:
	case SIGPIPE:
	case SIGURG:
	case SIGCONT:
		return;
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		stop_self(signal);
		return;
	case SIGWINCH:
		if (self.terminal >= 0) {
			copy_window_size();
			return;
		}
		break;
	default:
		break;
	}
	sys(pidfd_send_signal, self.child_pidfd, signal, 0, 0);
}

static void read_signals(int fd)
{
	uint32_t info[32];
	while (sys(read, fd, info, sizeof info) == sizeof info)
		forward((int)info[0]);
}

// ---- waiting

// Waits for the child and keeps how it ended.
void reap_child(void)
{
	struct siginfo_ info = { 0 };
	if (self.ended || self.child_pidfd < 0)
		return;
	long result;
	while ((result = sys(waitid, P_PIDFD, self.child_pidfd, &info, WEXITED, 0)) == -EINTR)
		;
	self.ended = 1;
	if (result < 0) { // handed over: its end is the caller's business, but is awaited all the same
		while (sys(poll, (&(struct pollfd){ self.child_pidfd, POLLIN, 0 }), 1, -1) < 0)
			;
		return;
	}
	if (info.code == CLD_EXITED)
		self.end_code = info.status;
	else
		self.end_signal = info.status, self.end_code = 128 + info.status;
}

// Terminal to log or stdout. Returns 0 when nothing more can come.
static int copy_from_terminal(int master, int to_log)
{
	static char buffer[LINE_MAX_BYTES];
	if (to_log) {
		read_stream(&out);
		return out.fd >= 0;
	}
	long n = sys(read, master, buffer, sizeof buffer);
	if (n > 0)
		write_all(1, buffer, (size_t)n);
	return n > 0 || n == -EINTR || n == -EAGAIN;
}

long supervise(const struct plan_op *op)
{
	static char typed[4096];
	size_t typed_length = 0;
	uint64_t all = ~0ull;
	int master = self.terminal, reading = op->args[4] && master >= 0, to_log = op->args[0] != AT_FDCWD_SLOT;
	log_file = to_log ? slot_fd(op->args[0]) : -1;
	open_stream(&out, "stdout", op->args[1]);
	open_stream(&err, "stderr", op->args[2]);
	if (master >= 0) {
		sys(fcntl, master, F_SETFL, O_NONBLOCK);
		if (to_log)
			out.fd = master;
	}
	if (op->args[3]) {
		if (op->args[4]) // without -i the caller's ^C stays a signal to launch
			make_terminal_raw();
		copy_window_size();
	}
	long signals = sys(signalfd4, -1, &all, sizeof all, SIGFD_CLOEXEC | O_NONBLOCK);
	if (signals < 0)
		return signals;
	for (;;) {
		int from = master >= 0 && !to_log ? master : out.fd;
		struct pollfd ready[6] = {
			{ self.child_pidfd, POLLIN, 0 },
			{ (int)signals, POLLIN, 0 },
			{ from, POLLIN, 0 },
			{ err.fd, POLLIN, 0 },
			{ reading && !typed_length ? 0 : -1, POLLIN, 0 },
			{ health_fd(), POLLIN, 0 },
		};
		if (typed_length && from == master)
			ready[2].events |= POLLOUT;
		if (sys(poll, ready, 6, health_wait_ms()) < 0)
			continue;
		if (ready[1].revents)
			read_signals((int)signals);
		if (ready[4].revents) {
			long n = sys(read, 0, typed, sizeof typed);
			reading = n > 0 || n == -EINTR || n == -EAGAIN;
			typed_length = n > 0 ? (size_t)n : 0;
		}
		if (typed_length && ready[2].revents & POLLOUT) {
			long n = sys(write, master, typed, typed_length);
			if (n > 0)
				memcpy(typed, typed + n, typed_length -= (size_t)n);
		}
		if (ready[2].revents & (POLLIN | POLLHUP | POLLERR)) {
			if (from == master && master >= 0) {
				if (!copy_from_terminal(master, to_log) && !(ready[0].revents & POLLIN)) {
					// Every process closed the terminal, the payload may live on: wait for it without spinning.
					sys(close, master);
					master = self.terminal = -1;
				}
			} else {
				read_stream(&out);
			}
		}
		if (ready[3].revents)
			read_stream(&err);
		if (ready[0].revents & POLLIN)
			break;
		health_turn(ready[5].revents);
	}
	reap_child();
	// What the payload wrote before its end is still in the pipes; its whole pid namespace is gone, so nothing more is added.
	if (master >= 0 && !to_log)
		while (copy_from_terminal(master, 0) && sys(poll, (&(struct pollfd){ master, POLLIN, 0 }), 1, 0) > 0)
			;
	for (struct stream *s = &out; s; s = s == &out ? &err : 0)
		while (s->fd >= 0 && sys(poll, (&(struct pollfd){ s->fd, POLLIN, 0 }), 1, 0) > 0)
			read_stream(s);
	restore_terminal();
	sys(close, signals);
	self.status = self.end_code;
	return 0;
}

// In a unit: a payload that a signal ended is shown as what it was.
void end_as_payload(void)
{
	uint64_t limit[2] = { 0, 0 };
	if (!(self.plan->flags & PLAN_END_AS_PAYLOAD) || self.failed || self.end_signal == 0)
		return;
	sys(prlimit64, 0, 4 /* RLIMIT_CORE */, limit, 0);
	standard_signals();
	sys(kill, sys(getpid), self.end_signal);
}

long write_exit_file(int dir, const char *path)
{
	char buffer[128];
	struct text t = { buffer, buffer + sizeof buffer };
	struct timespec_ now;
	sys(clock_gettime, CLOCK_REALTIME, &now);
	put_number(&t, (uint64_t)(self.failed ? self.status : self.end_code), 1), put(&t, " ");
	put_number(&t, (uint64_t)self.end_signal, 1), put(&t, " ");
	put_number(&t, (uint64_t)now.seconds, 1), put(&t, " "), put_number(&t, (uint64_t)now.nanoseconds, 1), put(&t, "\n");
	return write_by_rename(dir, path, buffer, (size_t)(t.at - buffer));
}
