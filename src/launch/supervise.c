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
	struct siginfo_ info;
	if (self.ended || self.child_pidfd < 0)
		return;
	while (sys(waitid, P_PIDFD, self.child_pidfd, &info, WEXITED, 0) == -EINTR)
		;
	self.ended = 1;
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
		struct pollfd ready[5] = {
			{ self.child_pidfd, POLLIN, 0 },
			{ (int)signals, POLLIN, 0 },
			{ from, POLLIN, 0 },
			{ err.fd, POLLIN, 0 },
			{ reading && !typed_length ? 0 : -1, POLLIN, 0 },
		};
		if (typed_length && from == master)
			ready[2].events |= POLLOUT;
		if (sys(poll, ready, 5, -1) < 0)
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

// ---- cleaning

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
