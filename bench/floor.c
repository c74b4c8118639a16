// The floor of the bench: only what the kernel must do to start a container. Namespaces by clone, an overlay, the mounts every
// container has, pivot_root, exec; no cgroup, no seccomp, no state, no images. What an engine costs is what it adds to this.
// Usage: floor LOWER UPPER WORK STAGE PROGRAM [ARG...]; UPPER, WORK and STAGE exist and are empty.
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long result, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static void device(const char *path, int major, int minor)
{
	must(mknod(path, S_IFCHR | 0666, makedev(major, minor)), path);
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(fd, "socket");
	must(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
	close(fd);
}

static void build_root(char **argv)
{
	char options[8192];
	const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	must(mount("", "/", "", MS_REC | MS_PRIVATE, ""), "private");
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", argv[1], argv[2], argv[3]);
	must(mount("overlay", argv[4], "overlay", 0, options), "overlay");
	must(chdir(argv[4]), "chdir");
	must(mount("proc", "proc", "proc", safe, ""), "proc");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "dev");
	umask(0);
	must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 01777) | mkdir("dev/mqueue", 01777), "folders in dev");
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"), "devpts");
	must(mount("shm", "dev/shm", "tmpfs", safe, "mode=1777,size=65536k"), "shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", safe, ""), "mqueue");
	must(mount("sysfs", "sys", "sysfs", safe | MS_RDONLY, ""), "sysfs");
	device("dev/null", 1, 3);
	device("dev/zero", 1, 5);
	device("dev/full", 1, 7);
	device("dev/random", 1, 8);
	device("dev/urandom", 1, 9);
	device("dev/tty", 5, 0);
	must(symlink("pts/ptmx", "dev/ptmx") | symlink("/proc/self/fd", "dev/fd") | symlink("/proc/self/fd/0", "dev/stdin") |
	     symlink("/proc/self/fd/1", "dev/stdout") | symlink("/proc/self/fd/2", "dev/stderr"), "links in dev");
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "chdir");
}

int main(int argc, char **argv)
{
	int status;
	long pid;

	if (argc < 6)
		return 125;
	pid = syscall(SYS_clone, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP | SIGCHLD, 0, 0, 0, 0);
	must(pid, "clone");
	if (pid == 0) {
		build_root(argv);
		loopback_up();
		must(sethostname("floor", 5), "sethostname");
		execv(argv[5], argv + 5);
		must(-1, argv[5]);
	}
	must(waitpid((pid_t)pid, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
