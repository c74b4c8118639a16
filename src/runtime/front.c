// corten-runtime's front: start, kill and delete as engines call them, for a container without anything special. They decide nothing, and
// as a command of corten each would be eight times as long, nearly all of it the start of the interpreter. Whatever is not plain
// (another command or option, hooks, a paused container, any error) goes to corten, which does it from the beginning: every step here
// can be done again. See docs/decisions/0013 and the same commands in src/runtime/commands/.

#include "../launch/launch.h"

struct request {
	const char *root, *log, *command, *id, *word;
	int json, force;
};
struct container { int folder; uint64_t pid; int pidfd; };

enum { ENDS_IN_MS = 2000 };
static const char **arguments, **environment;

// ---- the way out: corten itself, beside this program

__attribute__((noreturn)) static void leave_to_corten(void)
{
	static const char complaint[] = "corten-runtime: cannot find \"corten\" in the folder of this program\n";
	char path[4096];
	long length = sys(readlink, "/proc/self/exe", path, sizeof path - 16);
	while (length > 0 && path[length - 1] != '/')
		length--;
	if (length > 0) {
		struct text t = { path + length, path + sizeof path };
		put(&t, "corten");
		sys(execve, path, arguments, environment);
	}
	sys(write, 2, complaint, sizeof complaint - 1);
	for (;;)
		sys(exit_group, 1);
}

__attribute__((noreturn)) static void finish(int status)
{
	for (;;)
		sys(exit_group, status);
}

// ---- the command line

static int starts_with(const char *text, const char *beginning)
{
	while (*beginning && *text == *beginning)
		text++, beginning++;
	return *beginning == 0;
}

// The value of `--name VALUE` or `--name=VALUE` at *at; 0 when it is another option.
static const char *value_of(const char *name, const char ***at)
{
	const char *word = **at;
	size_t length = strlen(name);
	if (!starts_with(word, name))
		return 0;
	if (word[length] == '=')
		return word + length + 1;
	if (word[length] || !(*at)[1])
		return 0;
	return *++*at;
}

static int is_id(const char *id)
{
	if (!*id || strcmp(id, ".") == 0 || strcmp(id, "..") == 0 || strlen(id) > 255)
		return 0;
	for (; *id; id++)
		if (!((*id >= 'a' && *id <= 'z') || (*id >= 'A' && *id <= 'Z') || (*id >= '0' && *id <= '9') || *id == '_' || *id == '+' || *id == '-' || *id == '.'))
			return 0;
	return 1;
}

static void parse_globals(struct request *r, const char ***at)
{
	for (; **at && (**at)[0] == '-'; ++*at) {
		const char *value;
		if ((value = value_of("--root", at)) && *value)
			r->root = value;
		else if ((value = value_of("--log", at)) && *value)
			r->log = value;
		else if ((value = value_of("--log-format", at)) && (strcmp(value, "json") == 0 || strcmp(value, "text") == 0))
			r->json = *value == 'j';
		else if (strcmp(**at, "--systemd-cgroup") != 0)
			leave_to_corten();
	}
}

// Where state is without --root: root's of the machine alone is known here.
static const char *default_root(void)
{
	for (const char **variable = environment; *variable; variable++)
		if (starts_with(*variable, "XDG_RUNTIME_DIR="))
			leave_to_corten();
	if (sys(geteuid) != 0)
		leave_to_corten();
	return "/run/corten-runtime";
}

static struct request parse(const char **at)
{
	struct request r = { 0, 0, 0, 0, 0, 0, 0 };
	parse_globals(&r, &at);
	if (!*at || (strcmp(*at, "start") != 0 && strcmp(*at, "kill") != 0 && strcmp(*at, "delete") != 0))
		leave_to_corten();
	r.command = *at++;
	if (*at && r.command[0] == 'd' && (strcmp(*at, "--force") == 0 || strcmp(*at, "-f") == 0))
		r.force = 1, at++;
	if (!*at || !is_id(*at) || (*at)[0] == '-')
		leave_to_corten();
	r.id = *at++;
	if (*at && r.command[0] == 'k')
		r.word = *at++;
	if (*at)
		leave_to_corten();
	if (!r.root)
		r.root = default_root();
	return r;
}

// ---- the container

// A whole file of the container's folder; leaves to corten what is absent or does not fit.
static const char *read_file(int folder, const char *name, char *buffer, size_t size)
{
	size_t length = 0;
	long n, fd = sys(openat, folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		leave_to_corten();
	while ((n = sys(read, fd, buffer + length, size - 1 - length)) > 0)
		length += (size_t)n;
	sys(close, fd);
	if (n < 0 || length == 0 || length == size - 1)
		leave_to_corten();
	buffer[length] = 0;
	return buffer;
}

static const char *find(const char *text, const char *word)
{
	for (; *text; text++)
		if (starts_with(text, word))
			return text + strlen(word);
	return 0;
}

static uint64_t number_at(const char **at)
{
	uint64_t n = 0;
	for (; **at >= '0' && **at <= '9'; ++*at)
		n = n * 10 + (uint64_t)(**at - '0');
	if (**at == ' ')
		++*at;
	return n;
}

// The folder, and its process as `pid` names it; pidfd is negative when that has ended.
static struct container open_container(const struct request *r, int locked)
{
	char text[256];
	struct container c;
	long root = sys(openat, AT_FDCWD, r->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	long folder = root < 0 ? root : sys(openat, root, r->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 || (locked && sys(flock, folder, 2 | 4 /* LOCK_EX | LOCK_NB */) < 0))
		leave_to_corten();
	const char *at = read_file((int)folder, "pid", text, sizeof text);
	c.folder = (int)folder;
	c.pid = number_at(&at);
	uint64_t started = number_at(&at);
	c.pidfd = (int)sys(pidfd_open, c.pid, 0);
	if (c.pidfd >= 0 && start_time(c.pid) != started)
		c.pidfd = -1; // the number belongs to somebody else by now
	return c;
}

static int has_gate(const struct container *c)
{
	return sys(faccessat, c->folder, "start", 0) >= 0;
}

// ---- start

// One error in the log's form and on stderr.
static void complain(const struct request *r, const char *what)
{
	static char line[8192];
	struct text t = { line, line + sizeof line };
	struct timespec_ now;
	long fd = r->log ? sys(openat, AT_FDCWD, r->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	if (fd >= 0) {
		sys(clock_gettime, CLOCK_REALTIME, &now);
		put(&t, r->json ? "{\"level\":\"error\",\"msg\":\"cannot start container \\\"" : "time=\"");
		if (!r->json)
			put_time(&t, now.seconds, now.nanoseconds), put(&t, "\" level=error msg=\"cannot start container \\\"");
		put(&t, r->id), put(&t, "\\\": "), put_escaped(&t, what);
		if (r->json)
			put(&t, "\",\"time\":\""), put_time(&t, now.seconds, now.nanoseconds), put(&t, "\"}\n");
		else
			put(&t, "\"\n");
		write_all((int)fd, line, (size_t)(t.at - line));
	}
	t.at = line;
	put(&t, "corten-runtime: cannot start container \""), put(&t, r->id), put(&t, "\": "), put(&t, what), put(&t, "\n");
	write_all(2, line, (size_t)(t.at - line));
}

static void start(const struct request *r)
{
	static char config[256 << 10], answer[4096];
	struct container c = open_container(r, 1);
	struct sockaddr_un_ address = { AF_UNIX, "start" };
	struct message go = { SAY_GO, 0, 0 };
	if (c.pidfd < 0 || find(read_file(c.folder, "config.json", config, sizeof config), "\"poststart\""))
		leave_to_corten();
	long socket = sys(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	long here = sys(openat, AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (socket < 0 || sys(fchdir, c.folder) < 0 || sys(connect, socket, &address, sizeof address) < 0) {
		sys(fchdir, here);
		leave_to_corten();
	}
	// Before the word: a kill between the two leaves a container that has ended, not one that could be started twice.
	sys(unlinkat, c.folder, "start", 0);
	sys(write, socket, &go, sizeof go);
	long n;
	while ((n = sys(read, socket, answer, sizeof answer - 1)) == -EINTR)
		;
	if (n <= 0)
		finish(0); // it closed without a word, at execve
	answer[n] = 0;
	complain(r, answer);
	finish(1);
}

// ---- kill

// A signal by number or by one of the names that engines use; 0 for others.
static int signal_of(const char *word)
{
	static const struct { const char *name; int number; } names[] = { { "TERM", SIGTERM }, { "KILL", SIGKILL }, { "INT", SIGINT },
		{ "HUP", SIGHUP }, { "QUIT", SIGQUIT }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "WINCH", SIGWINCH }, { "STOP", SIGSTOP }, { "CONT", SIGCONT } };
	if (!word)
		return SIGTERM;
	const char *at = word;
	uint64_t number = number_at(&at);
	if (at != word)
		return *at == 0 && number <= 64 ? (int)number : 0;
	if (starts_with(word, "SIG"))
		word += 3;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(word, names[i].name) == 0)
			return names[i].number;
	return 0;
}

static void send_signal(const struct request *r)
{
	struct container c = open_container(r, 0);
	int signal = signal_of(r->word);
	struct pollfd ended = { c.pidfd, POLLIN, 0 };
	if (!signal || c.pidfd < 0 || sys(poll, &ended, 1, 0) != 0 || sys(pidfd_send_signal, c.pidfd, signal, 0, 0) < 0)
		leave_to_corten();
	finish(0);
}

// ---- delete

// The next of the list's texts in state.json, ended in place; 0 at its end. An escape is left to corten.
static const char *next_text(char **at)
{
	if (**at == ',')
		++*at;
	if (**at != '"')
		return 0;
	char *text = ++*at;
	while (**at && **at != '"' && **at != '\\')
		++*at;
	if (**at != '"')
		leave_to_corten();
	*(*at)++ = 0;
	return text;
}

static void delete(const struct request *r)
{
	static char state[64 << 10], config[256 << 10];
	struct container c = open_container(r, 1);
	char *list = (char *)find(read_file(c.folder, "state.json", state, sizeof state), "\"cgroups\":[");
	if (!list || find(state, "\"scope\"") || find(read_file(c.folder, "config.json", config, sizeof config), "\"hooks\""))
		leave_to_corten();
	if (c.pidfd >= 0) {
		struct pollfd ended = { c.pidfd, POLLIN, 0 };
		int over = sys(poll, &ended, 1, 0) > 0;
		if (!over && !r->force && !has_gate(&c))
			leave_to_corten(); // it runs: an error
		if (!over && (sys(pidfd_send_signal, c.pidfd, SIGKILL, 0, 0) < 0 || sys(poll, &ended, 1, ENDS_IN_MS) <= 0))
			leave_to_corten(); // frozen, say
	}
	for (const char *cgroup; (cgroup = next_text(&list));)
		if (remove_cgroup(AT_FDCWD, cgroup) < 0)
			leave_to_corten();
	long root = sys(openat, AT_FDCWD, r->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (remove_tree((int)root, r->id) < 0)
		leave_to_corten();
	finish(0);
}

__attribute__((used)) void front_main(long *stack)
{
	arguments = (const char **)(stack + 1);
	environment = arguments + stack[0] + 1;
	if (stack[0] < 2)
		leave_to_corten();
	struct request r = parse(arguments + 1);
	if (r.command[0] == 's')
		start(&r);
	else if (r.command[0] == 'k')
		send_signal(&r);
	else
		delete(&r);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall front_main\n");
