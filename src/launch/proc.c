// What /proc says of a process.

#include "launch.h"

// Field 22 of /proc/PID/stat: when the process started, in ticks after boot. With the pid it names one process for ever.
uint64_t start_time(uint64_t pid)
{
	char path[64], stat[1024];
	struct text t = { path, path + sizeof path };
	put(&t, "/proc/"), put_number(&t, pid, 1), put(&t, "/stat");
	long fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	long n = sys(read, fd, stat, sizeof stat - 1);
	sys(close, fd);
	if (n <= 0)
		return 0;
	while (n && stat[n - 1] != ')') // the name may hold anything, but nothing after it holds a parenthesis
		n--;
	uint64_t ticks = 0;
	const char *at = stat + n;
	for (int field = 2; *at && field < 22; at++)
		field += *at == ' ';
	for (; *at >= '0' && *at <= '9'; at++)
		ticks = ticks * 10 + (uint64_t)(*at - '0');
	return ticks;
}
