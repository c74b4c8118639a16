// What went wrong, as words: for people on stderr, for engines in a log, for whoever started a created container.

#include "launch.h"

static void put_error(struct text *t, long error)
{
	if (error > 0 && error < ERRNO_COUNT && errno_table[error].name)
		put(t, errno_table[error].name), put(t, " ("), put(t, errno_table[error].meaning), put(t, ")");
	else if (error == ENDED_BY_SIGNAL || error == ENDED_BY_SIGNAL + SIGSYS)
		put(t, "it was ended while it was set up, as by a system call filter (SystemCallFilter=)");
	else if (error >= ENDED_BY_SIGNAL)
		put(t, "it was ended by signal "), put_number(t, (uint64_t)error - ENDED_BY_SIGNAL, 1);
	else if (error >= ENDED_WITH_STATUS)
		put(t, "it ended with status "), put_number(t, (uint64_t)error - ENDED_WITH_STATUS, 1);
	else
		put(t, "errno "), put_number(t, (uint64_t)error, 1);
}

static int has_slash(const char *text)
{
	while (*text && *text != '/')
		text++;
	return *text;
}

// `cannot WHAT: EPERM (operation not permitted) (op 14/37, /mounts/0)`; WHAT and the field come ready from the plan, escaped as JSON when
// there is a log.
void put_failure(struct text *t, uint32_t index, long error, int plain)
{
	const struct plan_op *op = &self.ops[index];
	int escaped = self.plan->flags & PLAN_JSON_LOG || self.plan->log_fd != NO_FD;
	put(t, "cannot "), (plain && escaped ? put_unescaped : put)(t, text_at(op->what)), put(t, ": "), put_error(t, error);
	if (error == ENOENT && (op->op == OP_EXECVE || op->op == OP_ACCESS) && !has_slash(text_at(op->what)))
		put(t, ": executable file not found in $PATH"); // Go's words, by which engines tell it from other missing files
	put(t, " (op "), put_number(t, index + 1, 1), put(t, "/"), put_number(t, self.plan->op_count, 1);
	if (*text_at(op->at))
		put(t, ", "), put(t, text_at(op->at));
	put(t, ")");
}

// One error in one of three forms: for people, as JSON, or as logrus writes it.
enum form { PLAIN, JSON, LOGRUS };
static void print_failure(int fd, enum form form, uint32_t index, long error)
{
	char buffer[4096];
	struct text t = { buffer, buffer + sizeof buffer };
	struct timespec_ now;
	sys(clock_gettime, CLOCK_REALTIME, &now);
	if (form == PLAIN)
		put(&t, "corten: ");
	else if (form == JSON)
		put(&t, "{\"level\":\"error\",\"time\":\""), put_time(&t, now.seconds, now.nanoseconds), put(&t, "\",\"msg\":\"");
	else
		put(&t, "time=\""), put_time(&t, now.seconds, now.nanoseconds), put(&t, "\" level=error msg=\"");
	put_failure(&t, index, error, form == PLAIN);
	put(&t, form == PLAIN ? "\n" : form == JSON ? "\"}\n" : "\"\n");
	write_all(fd, buffer, (size_t)(t.at - buffer));
}

void report(uint32_t index, long error)
{
	const struct plan_header *plan = self.plan;
	if (plan->log_fd != NO_FD)
		print_failure((int)plan->log_fd, plan->flags & PLAN_LOG_TEXT ? LOGRUS : JSON, index, error);
	print_failure(2, plan->flags & PLAN_JSON_LOG ? JSON : PLAIN, index, error);
}
