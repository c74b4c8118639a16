// A service for the tests of units: does what its arguments say, one after the other, and speaks sd_notify(3) without a library.
//   send:TEXT (\n is a newline)   store:NAME=TEXT (FDSTORE of a memfd)   barrier   fds   accept   cat:PATH   echo:TEXT   on:SIGNAL (note it)
//   programs:CGROUP (how many say which devices it may use)
//   deaf (to SIGTERM)   wait (for a noted one)   hang   exit:STATUS   raise:SIGNAL   eat (memory, for ever)

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static void notify(const char *text, int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!path) {
		puts("no NOTIFY_SOCKET");
		return;
	}
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	char room[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec part = { (void *)text, strlen(text) };
	struct msghdr m = { .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &part, .msg_iovlen = 1 };
	if (fd >= 0) {
		m.msg_control = room, m.msg_controllen = sizeof room;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	if (sendmsg(s, &m, MSG_NOSIGNAL) < 0)
		printf("cannot notify: %s\n", strerror(errno));
	close(s);
}

static void send_text(const char *text)
{
	char line[4096];
	size_t n = 0;
	for (; *text && n < sizeof line - 1; text++)
		line[n++] = text[0] == '\\' && text[1] == 'n' ? (text++, '\n') : *text;
	line[n] = 0;
	char *clock = strstr(line, "@CLOCK");
	if (clock) {
		struct timespec now;
		clock_gettime(CLOCK_MONOTONIC, &now);
		snprintf(clock, sizeof line - (size_t)(clock - line), "%lld", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	}
	notify(line, -1);
}

static void store(const char *argument)
{
	char text[256];
	const char *value = strchr(argument, '=');
	int fd = memfd_create("stored", 0);
	dprintf(fd, "%s", value + 1);
	snprintf(text, sizeof text, "FDSTORE=1\nFDNAME=%.*s", (int)(value - argument), argument);
	notify(text, fd);
}

static void barrier(void)
{
	int ends[2];
	if (pipe(ends) < 0)
		return;
	notify("BARRIER=1", ends[1]);
	close(ends[1]);
	printf("barrier %s\n", poll(&(struct pollfd){ ends[0], 0, 0 }, 1, 5000) == 1 ? "passed" : "hangs");
}

static void fds(void)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
	printf("fds %s names %s pid %s\n", count ? count : "none", names ? names : "none", pid && atoi(pid) == getpid() ? "ours" : "not ours");
	for (int i = 0; count && i < atoi(count); i++) {
		char text[256];
		ssize_t n = pread(3 + i, text, sizeof text, 0);
		printf("fd %d %.*s\n", 3 + i, n < 0 ? 6 : (int)n, n < 0 ? "socket" : text);
	}
	printf("fd %d %s\n", 3 + (count ? atoi(count) : 0), fcntl(3 + (count ? atoi(count) : 0), 1) < 0 ? "closed" : "open");
}

static void print_file(const char *path)
{
	char text[4096];
	FILE *file = fopen(path[0] == '$' ? "" : path, "r");
	char joined[4096];
	if (path[0] == '$') {
		const char *slash = strchr(path, '/');
		snprintf(joined, sizeof joined, "%.*s", (int)(slash - path - 1), path + 1);
		const char *value = getenv(joined);
		snprintf(joined, sizeof joined, "%s%s", value ? value : "", slash);
		file = fopen(joined, "r");
	}
	size_t n = file ? fread(text, 1, sizeof text, file) : 0;
	if (file)
		printf("%.*s\n", (int)n, text), fclose(file);
	else
		printf("cannot read %s: %s\n", path, strerror(errno));
}

// bpf(BPF_PROG_QUERY) of BPF_CGROUP_DEVICE: what a cgroup v2 has attached
static void programs(const char *path)
{
	uint32_t ids[64];
	struct { uint32_t target, type, query_flags, attach_flags; uint64_t ids; uint32_t count; char room[100]; } query = {
		.target = (uint32_t)open(path, O_RDONLY), .type = 6, .ids = (uint64_t)(uintptr_t)ids, .count = 64
	};
	printf("%ld\n", syscall(SYS_bpf, 16, &query, sizeof query) < 0 ? -(long)errno : (long)query.count);
}

static volatile sig_atomic_t got;
static void note(int signal) { got = signal; }
static void leave(int signal) { _exit(0 * signal); }

static int begins(const char *text, const char *with, const char **rest)
{
	size_t n = strlen(with);
	*rest = text + n;
	return strncmp(text, with, n) == 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGTERM, leave);
	for (int i = 1; i < argc; i++) {
		const char *rest;
		if (begins(argv[i], "send:", &rest)) send_text(rest);
		else if (begins(argv[i], "store:", &rest)) store(rest);
		else if (begins(argv[i], "echo:", &rest)) puts(rest);
		else if (begins(argv[i], "cat:", &rest)) print_file(rest);
		else if (begins(argv[i], "programs:", &rest)) programs(rest);
		else if (begins(argv[i], "exit:", &rest)) return atoi(rest);
		else if (begins(argv[i], "raise:", &rest)) raise(atoi(rest));
		else if (begins(argv[i], "on:", &rest)) signal(atoi(rest), note);
		else if (!strcmp(argv[i], "deaf")) signal(SIGTERM, SIG_DFL);
		else if (!strcmp(argv[i], "barrier")) barrier();
		else if (!strcmp(argv[i], "fds")) fds();
		else if (!strcmp(argv[i], "wait")) {
			while (!got) pause();
			printf("got %d\n", got), got = 0;
		} else if (!strcmp(argv[i], "hang")) {
			for (;;) pause();
		} else if (!strcmp(argv[i], "accept")) {
			int c = accept(3, NULL, NULL);
			dprintf(c, "hello from %d\n", getpid()), close(c);
		} else if (!strcmp(argv[i], "eat")) {
			for (;;) memset(malloc(1 << 20), 1, 1 << 20);
		} else printf("what is %s?\n", argv[i]);
	}
	return 0;
}
