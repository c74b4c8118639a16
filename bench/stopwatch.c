// Measures one run of a program without a shell or a runtime around it: vfork, exec, wait. Its output goes to /dev/null.
// Prints "NANOSECONDS STATUS PEAK_RSS_KIB". Usage: stopwatch PROGRAM [ARG...]
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int64_t began;
	pid_t pid;

	if (argc < 2 || null < 0)
		return 125;
	began = now();
	pid = vfork();
	if (pid == 0) {
		dup2(null, 0);
		dup2(null, 1);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 125;
	printf("%lld %d %ld\n", (long long)(now() - began), WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), usage.ru_maxrss);
	return 0;
}
