// A process that somebody else has made as this one's child takes the place of the new one: criu restores with CLONE_PARENT, and whoever
// called it became launch.

#include "launch.h"

long adopt_op(const struct plan_op *op)
{
	long result = sys(pidfd_open, op->args[0], 0);
	if (result < 0)
		return result;
	self.child = (int)op->args[0], self.child_pidfd = (int)result;
	if (op->args[1] != AT_FDCWD_SLOT) {
		self.terminal = (int)op->args[1];
		sys(fcntl, self.terminal, F_SETFD, FD_CLOEXEC);
	}
	return 0;
}
