// The payload of the image corten/hello: prints what a process inside a container sees of its world, aligned for people, or with
// --json for programs. It reads /proc and the kernel's calls only, needs no libc and no other file in the image.
// @see proc(5), capabilities(7), namespaces(7)

#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/utsname.h>
#include <stdint.h>
#include <asm/ioctls.h>

enum { FILE_MAX = 64 << 10, OUT_MAX = 64 << 10, LABEL_WIDTH = 16 };

static char out[OUT_MAX];
static unsigned out_size;
static int json, colour, column, width = 80, items, fields;

static const char *const capability_names[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
	"NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT",
	"SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE",
	"AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
	"PERFMON", "BPF", "CHECKPOINT_RESTORE",
};

static long sys(long n, long a, long b, long c, long d)
{
	long result;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c, x3 __asm__("x3") = d;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	result = x0;
#else
#error "hello is written for x86_64 and aarch64"
#endif
	return result;
}

// gcc may turn loops and copies into calls of these two.
void *memset(void *to, int value, unsigned long n)
{
	for (char *at = to; n-- > 0;)
		*at++ = (char)value;
	return to;
}

void *memcpy(void *to, const void *from, unsigned long n)
{
	char *at = to;
	for (const char *source = from; n-- > 0;)
		*at++ = *source++;
	return to;
}

static unsigned length(const char *text)
{
	unsigned n = 0;
	while (text[n] != 0)
		n++;
	return n;
}

static int starts(const char *text, const char *with)
{
	while (*with != 0 && *text == *with)
		text++, with++;
	return *with == 0;
}

static int same(const char *a, const char *b)
{
	while (*a != 0 && *a == *b)
		a++, b++;
	return *a == *b;
}

static void flush(void)
{
	for (unsigned done = 0; done < out_size;) {
		long wrote = sys(__NR_write, 1, (long)(out + done), out_size - done, 0);
		if (wrote <= 0)
			sys(__NR_exit_group, 1, 0, 0, 0);
		done += (unsigned)wrote;
	}
	out_size = 0;
}

static void put(const char *text)
{
	for (; *text != 0; text++) {
		if (out_size == OUT_MAX)
			flush();
		out[out_size++] = *text;
	}
}

static void paint(const char *code)
{
	if (colour)
		put(code);
}

static const char *decimal(uint64_t n)
{
	static char digits[24];
	char *at = digits + sizeof digits - 1;
	*at = 0;
	do
		*--at = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return at;
}

// Text between quotes for JSON; /proc escapes what is not printable in its files, but a hostname can hold anything.
static void quoted(const char *text)
{
	char one[2] = { 0, 0 };
	put("\"");
	for (; *text != 0; text++) {
		one[0] = (unsigned char)*text < ' ' ? '?' : *text;
		if (*text == '"' || *text == '\\')
			put("\\");
		put(one);
	}
	put("\"");
}

static void label(const char *name)
{
	if (json) {
		put(fields++ > 0 ? ",\n  " : "{\n  ");
		quoted(name);
		put(": ");
		return;
	}
	put("  ");
	paint("\033[36m");
	put(name);
	paint("\033[0m");
	for (unsigned n = length(name); n < LABEL_WIDTH; n++)
		put(" ");
	column = LABEL_WIDTH + 2;
}

static void field(const char *name, const char *value, int is_text)
{
	label(name);
	if (json && is_text)
		quoted(value);
	else
		put(value);
	if (!json)
		put("\n");
}

static void list(const char *name)
{
	label(name);
	items = 0;
	if (json)
		put("[");
}

static void item(const char *value, int own_line)
{
	if (json) {
		put(items++ > 0 ? ", " : "");
		quoted(value);
		return;
	}
	if (items > 0 && (own_line || column + 1 + (int)length(value) > width)) {
		put("\n");
		for (column = 0; column < LABEL_WIDTH + 2; column++)
			put(" ");
	} else if (items > 0) {
		put(" ");
		column++;
	}
	items++;
	put(value);
	column += (int)length(value);
}

static void list_end(void)
{
	if (json)
		put("]");
	else
		put(items == 0 ? "none\n" : "\n");
}

// A whole file of /proc as text; empty when it cannot be read. The next call overwrites it.
static char *read_file(const char *path)
{
	static char buffer[FILE_MAX];
	long size = 0, got, fd = sys(__NR_openat, AT_FDCWD, (long)path, O_RDONLY, 0);
	while (fd >= 0 && size < FILE_MAX - 1 && (got = sys(__NR_read, fd, (long)(buffer + size), FILE_MAX - 1 - size, 0)) > 0)
		size += got;
	if (fd >= 0)
		sys(__NR_close, fd, 0, 0, 0);
	buffer[size] = 0;
	return buffer;
}

// The word after `key` in a "Key:\tvalue" file, cut at the line's end.
static char *value_of(char *file, const char *key)
{
	unsigned n = length(key);
	for (char *line = file; *line != 0;) {
		char *end = line;
		unsigned i = 0;
		while (*end != 0 && *end != '\n')
			end++;
		while (i < n && line[i] == key[i])
			i++;
		if (i == n) {
			*end = 0;
			for (line += n; *line == '\t' || *line == ' ' || *line == ':';)
				line++;
			return line;
		}
		line = *end == 0 ? end : end + 1;
	}
	return file + length(file);
}

static void show_status(void)
{
	static const char *const modes[] = { "off", "strict", "filter" };
	char *file = read_file("/proc/self/status");
	// From the last line to the first, because value_of ends the file at what it found.
	char *seccomp = value_of(file, "Seccomp:"), *privileges = value_of(file, "NoNewPrivs:"), *effective = value_of(file, "CapEff:");
	uint64_t capabilities = 0;
	unsigned count = 0, mode = seccomp[0] >= '0' && seccomp[0] <= '2' ? (unsigned)(seccomp[0] - '0') : 0;

	for (; *effective != 0; effective++)
		capabilities = capabilities << 4 | (uint64_t)(*effective <= '9' ? *effective - '0' : *effective - 'a' + 10);
	for (unsigned bit = 0; bit < 64; bit++)
		count += capabilities >> bit & 1;
	field(json ? "capabilityCount" : "capabilities", decimal(count), 0);
	list(json ? "capabilities" : "");
	for (unsigned bit = 0; bit < sizeof capability_names / sizeof *capability_names; bit++)
		if (capabilities >> bit & 1)
			item(capability_names[bit], 0);
	list_end();
	field(json ? "noNewPrivileges" : "no new privs", json ? (privileges[0] == '1' ? "true" : "false") : privileges[0] == '1' ? "yes" : "no", 0);
	field("seccomp", modes[mode], 1);
}

static void show_namespaces(void)
{
	static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };
	char path[32] = "/proc/self/ns/", link[64];

	list("namespaces");
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		memcpy(path + 14, names[i], length(names[i]) + 1);
		long size = sys(__NR_readlinkat, AT_FDCWD, (long)path, (long)link, sizeof link - 1);
		if (size <= 0)
			continue;
		link[size] = 0;
		item(link, 0);
	}
	list_end();
}

// One line a mount: where, what, and the options of the mount itself (the sixth field of mountinfo), cut after the first: ro or rw.
static void show_mounts(void)
{
	char *at = read_file("/proc/self/mountinfo"), line[512];
	int hierarchies = 0; // of cgroup v1: people see them on one line

	list("mounts");
	while (*at != 0) {
		char *words[64];
		unsigned count = 0, kind = 0, size = 0;
		for (int more = 1; more && *at != 0;) {
			if (count < 64)
				words[count++] = at;
			while (*at != 0 && *at != ' ' && *at != '\n')
				at++;
			more = *at == ' ';
			if (*at != 0)
				*at++ = 0;
		}
		while (kind < count && !same(words[kind], "-"))
			kind++;
		if (kind + 1 >= count || kind < 6)
			continue;
		if (!json && starts(words[4], "/sys/fs/cgroup/")) {
			if (hierarchies++ > 0)
				continue;
			words[4] = "/sys/fs/cgroup/*";
		}
		const char *parts[] = { words[4], " ", words[kind + 1], words[5][1] == 'o' ? " ro" : " rw" };
		for (unsigned i = 0; i < 4; i++)
			for (const char *c = parts[i]; *c != 0 && size < sizeof line - 1; c++)
				line[size++] = *c;
		line[size] = 0;
		item(line, 1);
	}
	list_end();
}

static void show_descriptors(void)
{
	char buffer[4096];
	long fd = sys(__NR_openat, AT_FDCWD, (long)"/proc/self/fd", O_RDONLY | O_DIRECTORY, 0), size;

	list(json ? "openFiles" : "open files");
	while (fd >= 0 && (size = sys(__NR_getdents64, fd, (long)buffer, sizeof buffer, 0)) > 0)
		for (long at = 0; at < size; at += *(uint16_t *)(buffer + at + 16)) {
			const char *name = buffer + at + 19;
			if (name[0] != '.' && !same(name, decimal((uint64_t)fd)))
				item(name, 0);
		}
	list_end();
}

static void show_cgroup(void)
{
	char *at = read_file("/proc/self/cgroup");

	list("cgroup");
	while (*at != 0) {
		char *line = at;
		while (*at != 0 && *at != '\n')
			at++;
		if (*at != 0)
			*at++ = 0;
		item(line, 0);
	}
	list_end();
}

__attribute__((used)) void hello_main(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1), **env = argv + argc + 1;
	struct new_utsname name;
	struct { unsigned short rows, columns, x, y; } size = { 0, 0, 0, 0 };
	uint64_t variables = 0;

	for (long i = 1; i < argc; i++)
		json |= same(argv[i], "--json");
	if (!json && sys(__NR_ioctl, 1, TIOCGWINSZ, (long)&size, 0) == 0) {
		colour = 1;
		if (size.columns >= 40)
			width = size.columns;
	}
	for (; *env != 0; env++) {
		variables++;
		if (same(*env, "NO_COLOR=1"))
			colour = 0;
	}
	if (!json) {
		paint("\033[1m");
		put("Hello from inside a container.");
		paint("\033[0m");
		put("\n\n");
	}
	field("pid", decimal((uint64_t)sys(__NR_getpid, 0, 0, 0, 0)), 0);
	field("uid", decimal((uint64_t)sys(__NR_geteuid, 0, 0, 0, 0)), 0);
	field("gid", decimal((uint64_t)sys(__NR_getegid, 0, 0, 0, 0)), 0);
	if (sys(__NR_uname, (long)&name, 0, 0, 0) == 0) {
		field("hostname", name.nodename, 1);
		field("kernel", name.release, 1);
	}
	show_status();
	show_namespaces();
	show_cgroup();
	show_descriptors();
	field("environment", decimal(variables), 0);
	show_mounts();
	if (json)
		put("\n}\n");
	flush();
	sys(__NR_exit_group, 0, 0, 0, 0);
}

// The kernel starts a program with argc at the top of its stack.
#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall hello_main\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl hello_main\n");
#endif
