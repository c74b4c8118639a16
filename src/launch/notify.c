// Seccomp notification: the filter's listener goes to the agent that answers. The filtered process only says its descriptor's number, by
// a plain write, which is why a profile may not notify `write`; its parent fetches the descriptor and sends it, whatever the profile
// thinks of sendmsg. The new process waits until that is done: its first notified call would find nobody otherwise.
// @see runtime-spec config-linux.md#containerprocessstate, seccomp_unotify(2)

#include "launch.h"

enum { MAX_PARTS = 8 };

// The child's side, right after its filter holds.
long say_listener(long listener)
{
	struct message m = { SAY_LISTENER, (uint32_t)listener, 0 };
	long result = sys(write, self.channel, &m, sizeof m);
	if (result < 0)
		return result;
	result = sys(read, self.channel, &m, sizeof m);
	if (result != sizeof m || m.kind != SAY_GO)
		exit_with(125); // the parent is gone, or could not send it
	return sys(close, listener);
}

// The parent's side: lets the child load its filter, and passes on what it hears. The text's parts are joined by the child's pid.
long notify_op(const struct plan_op *op)
{
	char number[24];
	struct text t = { number, number + sizeof number };
	struct iovec parts[2 * MAX_PARTS];
	const char *part = text_at(op->args[1]);
	uint64_t count = op->args[1] >> 32, used = 0;
	if (count > MAX_PARTS)
		return -E2BIG;
	resume_op();
	hear(SAY_LISTENER);
	if (self.failed)
		return 0;
	long listener = sys(pidfd_getfd, self.child_pidfd, self.heard, 0);
	if (listener < 0)
		return listener;
	put_number(&t, (uint64_t)self.child, 1);
	for (uint64_t i = 0; i < count; i++, part += strlen(part) + 1) {
		if (i)
			parts[used++] = (struct iovec){ number, (size_t)(t.at - number) };
		parts[used++] = (struct iovec){ (void *)part, strlen(part) };
	}
	long result = send_descriptor(text_at(op->args[0]), (int)listener, parts, used);
	sys(close, listener);
	return result;
}
