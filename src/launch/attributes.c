// What the parent sets of the new process from outside.

#include "launch.h"

long writepid_op(const struct plan_op *op)
{
	char number[24];
	struct text t = { number, number + sizeof number };
	put_number(&t, (uint64_t)self.child, 1);
	return write_op(slot_fd(op->args[0]), text_at(op->args[1]), number, strlen(number), 0);
}
