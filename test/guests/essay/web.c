// The payload of the tests and measurements with units: a static program that says when its first line ran and who else of its unit is alive.
// web FOLDER [wait | exit N | fault | memory MIB (then a line in FOLDER/took)]: appends "NANOSECONDS SLOT\n" to FOLDER/starts (CLOCK_MONOTONIC, which namespaces do not
// change unless asked) and holds the first free lock of FOLDER/0, FOLDER/1, ... until it ends. The kernel drops a lock with its process,
// so whoever gets slot 1 was alive together with another: no sampling, nothing that is over before somebody looks.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static void end(int signal)
{
	(void)signal;
	_exit(0);
}

static int lock_slot(const char *folder)
{
	char path[4096];

	for (int slot = 0; slot < 64; slot++) {
		int fd;

		snprintf(path, sizeof path, "%s/%d", folder, slot);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return slot;
		close(fd);
	}
	return -1;
}

static int append(const char *folder, const char *name, long long first, int second)
{
	char path[4096], line[64];
	int fd, length;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	length = snprintf(line, sizeof line, "%lld %d\n", first, second);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	return fd >= 0 && write(fd, line, (size_t)length) == length && close(fd) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "wait";
	struct timespec time;
	int slot;

	clock_gettime(CLOCK_MONOTONIC, &time);
	// The first process of a pid namespace gets no signal that it has not asked for.
	signal(SIGTERM, end);
	slot = argc > 1 ? lock_slot(argv[1]) : -1;
	if (slot < 0 || append(argv[1], "starts", time.tv_sec * 1000000000LL + time.tv_nsec, slot) < 0)
		return 99;
	if (strcmp(mode, "exit") == 0)
		return argc > 3 ? atoi(argv[3]) : 0;
	if (strcmp(mode, "fault") == 0)
		*(volatile int *)(intptr_t)(argc - argc) = 1;
	if (strcmp(mode, "memory") == 0) {
		for (int mib = argc > 3 ? atoi(argv[3]) : 0; mib > 0; mib--) {
			char *more = malloc(1 << 20);

			if (more == NULL)
				return 98;
			memset(more, 1, 1 << 20);
		}
		return append(argv[1], "took", 0, 0) < 0 ? 99 : 0;
	}
	for (;;)
		pause();
}
