// Health checks without an engine: a probe is a plan in a file of the container's folder, compiled once, and this program executes it, in
// a unit of its own (systemd's timer starts it) or beside the container's launcher. What a probe found goes into the record file. Only when
// it may change what is known of the container does this become corten: `launch PLAN CORTEN ARGS...`.
//
// A probe enters the container, and what is there may execute /proc/self/exe: so a file on disk is never what runs. The first thing is
// to go on as a sealed copy in memory, as corten starts launch too (CVE-2019-5736).

#include "launch.h"

enum { RECORD_COUNT = 5, RECORD_HEAD = 128, OUTPUT_BYTES = 4096, FILE_HEAD = 64 };
enum { F_ADD_SEALS_ = 1033, F_GET_SEALS_ = 1034, SEALS = 15, MFD_CLOEXEC_ = 1, MFD_ALLOW_SEALING_ = 2, MFD_EXEC_ = 0x10, LOCK_EX_ = 2 };

// ---- a plan by its path

// Replaces this process by a sealed copy of its program, unless it is one.
static long seal_self(const char **argv, const char **envp)
{
	struct stat status;
	long from = sys(openat, AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return from;
	if (sys(fcntl, from, F_GET_SEALS_) == SEALS)
		return sys(close, from);
	long result = sys(fstat, from, &status), to = sys(memfd_create, "corten-launch", MFD_CLOEXEC_ | MFD_ALLOW_SEALING_ | MFD_EXEC_);
	if (to == -EINVAL) // before Linux 6.3
		to = sys(memfd_create, "corten-launch", MFD_CLOEXEC_ | MFD_ALLOW_SEALING_);
	if (result < 0 || to < 0)
		return to < 0 ? to : result;
	for (long left = status.st_size; left > 0; left -= result)
		if ((result = sys(sendfile, to, from, 0, left)) <= 0)
			return result < 0 ? result : -EIO;
	result = sys(fcntl, to, F_ADD_SEALS_, SEALS);
	return result < 0 ? result : sys(execveat, to, "", argv, envp, AT_EMPTY_PATH);
}

// Becomes the command that follows the plan, if there is one.
static void become_command(void)
{
	if (!self.command)
		return;
	standard_signals();
	sys(execve, self.command[0], self.command, self.environment);
	exit_with(126);
}

// The plan must be a file of ours that nobody else can write, and no link.
long open_plan(const char **argv, const char **envp)
{
	struct stat status;
	long result = seal_self(argv, envp);
	if (result < 0)
		return result;
	self.by_path = 1, self.environment = envp, self.command = argv[2] ? argv + 2 : 0;
	long fd = sys(openat, AT_FDCWD, argv[1], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -ENOENT)
		become_command(); // the container has been removed
	if (fd < 0)
		return fd;
	result = sys(fstat, fd, &status);
	if (result >= 0 && ((status.st_mode & S_IFMT_) != 0100000 || status.st_uid != (unsigned)sys(geteuid) || status.st_mode & 022))
		result = -EPERM;
	return result < 0 ? result : fd;
}

// ---- a probe

// From here to the probe's end what is written to stdout and stderr, by it or about it, is its output.
long capture_op(void)
{
	int ends[2];
	long result = sys(pipe2, ends, O_CLOEXEC);
	if (result < 0)
		return result;
	self.captured = ends[0];
	sys(fcntl, ends[0], F_SETFL, O_NONBLOCK), sys(fcntl, ends[1], F_SETFL, 0);
	for (int fd = 1; fd <= 2 && result >= 0; fd++) {
		self.outputs[fd - 1] = (int)sys(fcntl, fd, F_DUPFD_CLOEXEC, 3);
		result = sys(dup3, ends[1], fd, 0);
	}
	sys(close, ends[1]);
	sys(clock_gettime, CLOCK_REALTIME, &self.probe_start);
	return result;
}

static uint64_t read_number(const char **at)
{
	uint64_t n = 0;
	for (; **at >= '0' && **at <= '9'; ++*at)
		n = n * 10 + (uint64_t)(**at - '0');
	for (; **at == ' '; ++*at)
		;
	return n;
}

// The container of a pid file (see pidfile_op). One that is gone, or not there yet, is no failure of the probe: it is not made.
long pidfile_open_op(const struct plan_op *op)
{
	char line[128] = "", path[64];
	const char *at = line;
	struct text t = { path, path + sizeof path };
	long fd = sys(openat, AT_FDCWD, text_at(op->args[2]), O_RDONLY | O_NOFOLLOW | O_CLOEXEC), result = fd;
	if (fd >= 0) {
		result = sys(read, fd, line, sizeof line - 1);
		sys(close, fd);
	}
	uint64_t pid = read_number(&at), started = read_number(&at);
	put(&t, "/proc/"), put_number(&t, pid, 1), put(&t, "/root");
	if (result <= 0 || (result = sys(pidfd_open, pid, 0)) < 0 || start_time(pid) != started) {
		self.absent = self.failed = 1;
		return 0;
	}
	int pidfd = (int)result;
	fill(op->args[0], pidfd);
	result = fill(op->args[1], sys(openat, AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	// Only while it lives does the number name it.
	if (result < 0 || sys(poll, (&(struct pollfd){ pidfd, POLLIN, 0 }), 1, 0) > 0)
		self.absent = self.failed = 1;
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec_ now = { 0, 0 };
	sys(clock_gettime, 1 /* CLOCK_MONOTONIC */, &now);
	return now.seconds * 1000 + now.nanoseconds / 1000000;
}

// A time of the plan: at most 24 days.
static int64_t time_ms(uint64_t given)
{
	return given > 0x7fffffff ? 0x7fffffff : (int64_t)given;
}

static size_t drain(char *output, size_t length)
{
	char rest[512];
	for (int rounds = 0; rounds < 64; rounds++) {
		size_t room = OUTPUT_BYTES - length;
		long n = room ? sys(read, self.captured, output + length, room) : sys(read, self.captured, rest, sizeof rest);
		if (n <= 0)
			break;
		length += room ? (size_t)n : 0;
	}
	return length;
}

static size_t await_probe(char *output, int64_t deadline, int *late)
{
	size_t length = 0;
	while (!self.failed && !*late) {
		struct pollfd ready[2] = { { self.child_pidfd, POLLIN, 0 }, { self.captured, POLLIN, 0 } };
		int64_t left = deadline - now_ms();
		if (sys(poll, ready, 2, left > 0 ? left : 0) < 0)
			continue;
		if (ready[1].revents & POLLIN)
			length = drain(output, length);
		if (ready[0].revents)
			break;
		*late = left <= 0;
	}
	if (*late) // its session's processes; it is no zombie before it is reaped, so the number is its own
		sys(kill, -self.child, SIGKILL), sys(pidfd_send_signal, self.child_pidfd, SIGKILL, 0, 0);
	reap_child();
	return drain(output, length);
}

// The name of a file of the container's folder.
static const char *name_in(char *buffer, size_t size, const char *folder, const char *name)
{
	struct text t = { buffer, buffer + size };
	put(&t, folder), put(&t, "/"), put(&t, name);
	return buffer;
}

// The file holds how many probes there were, and of the last five each: "STATUS LATE SECONDS NANOSECONDS SECONDS NANOSECONDS LENGTH\n"
// and its output, at a place of its own.
static long write_record(const char *folder, int late, const char *output, size_t length)
{
	char path[4096], head[RECORD_HEAD], count[FILE_HEAD + 1] = "";
	const char *at = count;
	struct text t = { head, head + sizeof head };
	struct timespec_ end = { 0, 0 };
	long fd = sys(openat, AT_FDCWD, name_in(path, sizeof path, folder, "health"), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fd;
	sys(flock, fd, LOCK_EX_); // two probes at once, one of them by hand
	sys(pread64, fd, count, FILE_HEAD, 0);
	uint64_t number = read_number(&at);
	sys(clock_gettime, CLOCK_REALTIME, &end);
	put_number(&t, (uint64_t)(self.failed ? self.status : self.end_code), 1), put(&t, late ? " 1 " : " 0 ");
	put_number(&t, (uint64_t)self.probe_start.seconds, 1), put(&t, " "), put_number(&t, (uint64_t)self.probe_start.nanoseconds, 1), put(&t, " ");
	put_number(&t, (uint64_t)end.seconds, 1), put(&t, " "), put_number(&t, (uint64_t)end.nanoseconds, 1), put(&t, " ");
	put_number(&t, length, 1), put(&t, "\n");
	uint64_t place = FILE_HEAD + number % RECORD_COUNT * (RECORD_HEAD + OUTPUT_BYTES);
	long result = sys(pwrite64, fd, head, (size_t)(t.at - head), place);
	if (result >= 0)
		result = sys(pwrite64, fd, output, length, place + RECORD_HEAD);
	t = (struct text){ head, head + sizeof head };
	put_number(&t, number + 1, 1), put(&t, "\n");
	if (result >= 0)
		result = sys(pwrite64, fd, head, (size_t)(t.at - head), 0);
	sys(close, fd);
	return result < 0 ? result : 0;
}

// The file "healthy" is there while a success says nothing new.
static int is_known_healthy(const char *folder)
{
	char path[4096];
	return sys(faccessat, AT_FDCWD, name_in(path, sizeof path, folder, "healthy"), 0) == 0;
}

long probe_op(const struct plan_op *op)
{
	static char output[OUTPUT_BYTES];
	const char *folder = text_at(op->args[0]);
	int late = 0;
	long result = 0;
	size_t length = await_probe(output, now_ms() + time_ms(op->args[1]), &late);
	for (int fd = 1; fd <= 2; fd++)
		if (self.outputs[fd - 1] > 0)
			sys(dup3, self.outputs[fd - 1], fd, 0);
	if (!self.absent)
		result = write_record(folder, late, output, length);
	if (!self.failed)
		self.status = late ? 124 : self.end_code;
	if (self.absent || self.status || !is_known_healthy(folder))
		become_command();
	return result;
}

// ---- probes beside a container whose launcher stays

long health_op(const struct plan_op *op)
{
	self.health = op, self.health_since = now_ms();
	self.next_probe = self.health_since + (op->args[5] == AT_FDCWD_SLOT ? time_ms(op->args[op->args[3] ? 4 : 2]) : 0);
	self.probe_pidfd = -1;
	return 0;
}

static void start_probe(const struct plan_op *op)
{
	static const char *argv[64];
	char plan[4096];
	argv[0] = "corten-launch", argv[1] = name_in(plan, sizeof plan, text_at(op->args[0]), "health.plan");
	if (point(argv + 2, 62, op->args[1]) < 0)
		return;
	struct clone_args args = { .flags = CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (uint64_t)&self.probe_pidfd };
	long pid = sys(clone3, &args, sizeof args);
	if (pid < 0)
		self.probe_pidfd = -1;
	if (pid != 0)
		return;
	const char *none = 0;
	sys(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	sys(close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
	standard_signals();
	sys(execve, "/proc/self/exe", argv, &none);
	exit_with(126);
}

// Its manager waits for the first healthy probe: now the payload is its main process, and this one's work is done.
static void hand_over(const struct plan_op *op)
{
	static const char message[] = "MAINPID=\0\nREADY=1";
	if (op->args[5] == AT_FDCWD_SLOT || send_message(slot_fd(op->args[5]), message, 2, 1) < 0)
		return;
	exit_with(0);
}

int health_fd(void)
{
	return self.health ? self.probe_pidfd : -1;
}

int health_wait_ms(void)
{
	if (!self.health || self.probe_pidfd >= 0)
		return -1;
	int64_t left = self.next_probe - now_ms();
	return left < 0 ? 0 : left > 0x7fffffff ? 0x7fffffff : (int)left;
}

void health_turn(int ended)
{
	const struct plan_op *op = self.health;
	struct siginfo_ info = { 0 };
	if (!op)
		return;
	if (ended) {
		while (sys(waitid, P_PIDFD, self.probe_pidfd, &info, WEXITED, 0) == -EINTR)
			;
		sys(close, self.probe_pidfd);
		self.probe_pidfd = -1;
		int healthy = is_known_healthy(text_at(op->args[0]));
		int64_t now = now_ms(), in_start = !healthy && now - self.health_since < time_ms(op->args[3]);
		self.next_probe = now + time_ms(op->args[in_start ? 4 : 2]);
		if (healthy)
			hand_over(op);
	}
	if (health_wait_ms() == 0) {
		self.next_probe += 1000; // should it not start
		start_probe(op);
	}
}
