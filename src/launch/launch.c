// launch executes a plan: verify all of it, then one loop with one switch. It decides nothing about what a container is; that is
// compiled into the plan by corten (src/plan/), whose process this was until execve. It runs from a sealed memfd, so that nothing in a
// container can ever write to it (CVE-2019-5736), allocates nothing, and has one thread, which clone and setns demand.
//
// Life: start -> verify -> ops of the host -> clone3 -> [child: ops up to execve] [parent: wait, pidfile, go, supervise, clean up] -> exit
// with the payload's status. The first failure is reported as {op, errno}; after it only what cleans up is done.

#include "launch.h"

struct state self = { .child = -1, .child_pidfd = -1, .channel = -1, .terminal = -1, .detach_pipe = -1 };

const char *text_at(uint64_t offset)
{
	return self.data + (uint32_t)offset;
}

int slot_fd(uint64_t slot)
{
	return slot == AT_FDCWD_SLOT ? AT_FDCWD : self.slots[slot];
}

long fill(uint64_t slot, long fd)
{
	if (fd < 0)
		return fd;
	if (self.slots[slot] >= 0)
		sys(close, self.slots[slot]);
	self.slots[slot] = (int)fd;
	return 0;
}

// ---- failing

void exit_with(int status)
{
	for (;;)
		sys(exit_group, status), __builtin_trap(); // a filter may deny even this
}

// What a failed step means for the caller: docker's statuses.
static int status_for(uint32_t index, long error)
{
	if (self.plan->failure_status)
		return (int)(self.plan->failure_status & 255);
	if (self.ops[index].op != OP_EXECVE && self.ops[index].op != OP_ACCESS)
		return 125;
	return error == ENOENT || error == ENOTDIR ? 127 : 126;
}

void fail(uint32_t index, long error)
{
	if (self.gated) {
		char buffer[4096];
		struct text t = { buffer, buffer + sizeof buffer };
		put_failure(&t, index, error, 1);
		sys(write, self.channel, buffer, (size_t)(t.at - buffer));
		exit_with(125);
	}
	if (self.in_child) {
		struct message m = { SAY_ERROR, index, (uint32_t)error };
		sys(write, self.channel, &m, sizeof m);
		exit_with(self.handed_over ? status_for(index, error) : 125); // who is the caller's child speaks for itself
	}
	report(index, error);
	if (self.failed)
		return; // a clean-up step: the rest of the cleaning goes on, the status stays
	self.failed = 1;
	self.status = status_for(index, error);
	if (self.child_pidfd >= 0 && !self.ended) {
		sys(pidfd_send_signal, self.child_pidfd, SIGKILL, 0, 0);
		reap_child();
	}
	self.end_code = self.status, self.end_signal = 0;
}

// ---- verification: after it no offset, length, slot or index of the plan needs another look

static int verify_argument(char kind, uint64_t value)
{
	uint64_t offset = (uint32_t)value, count = value >> 32;
	switch (kind) {
	case 'o': return value < SLOT_COUNT;
	case 's': return value < SLOT_COUNT || value == AT_FDCWD_SLOT;
	case 't': return value < self.data_size;
	case 'b': return offset <= self.data_size && count <= self.data_size - offset;
	case 'v':
		for (; count; count--) {
			if (offset >= self.data_size)
				return 0;
			offset += strlen(self.data + offset) + 1;
		}
		return offset <= self.data_size;
	default: return 1;
	}
}

static int verify(const struct plan_header *p, uint64_t file_size)
{
	static const char magic[8] = "CORTENPL";
	if (file_size < sizeof *p || p->total_size != file_size || p->version != 2 || p->ops_offset != sizeof *p)
		return 0;
	for (int i = 0; i < 8; i++)
		if (p->magic[i] != magic[i])
			return 0;
	if (p->op_count == 0 || p->op_count > 4096 || p->data_offset != sizeof *p + p->op_count * sizeof(struct plan_op))
		return 0;
	if (p->data_offset >= p->total_size)
		return 0;
	self.plan = p;
	self.ops = (const struct plan_op *)(p + 1);
	self.data = (const char *)p + p->data_offset;
	self.data_size = p->total_size - p->data_offset;
	self.clone_index = p->op_count;
	uint32_t forks = 0;
	if (self.data[self.data_size - 1] != 0)
		return 0; // so that every text that begins inside also ends inside
	for (uint32_t i = 0; i < p->op_count; i++) {
		const struct plan_op *op = &self.ops[i];
		if (op->op >= OP_COUNT || op->what >= self.data_size || op->at >= self.data_size)
			return 0;
		const char *kinds = op_signatures[op->op];
		for (int k = 0; kinds[k]; k++)
			if (!verify_argument(kinds[k], op->args[k]))
				return 0;
		if (op->op == OP_OPENAT2 && (op->args[5] & ~NOT_IN_PROC) > 2 && (op->args[5] & ~NOT_IN_PROC) - 256 >= SLOT_COUNT)
			return 0;
		if (op->op == OP_CLONE3 || op->op == OP_ADOPT) {
			if (self.clone_index != p->op_count || op->args[2] <= i || op->args[2] >= p->op_count)
				return 0;
			self.clone_index = i;
		}
		if (op->op == OP_FORK && self.clone_index != p->op_count)
			return 0;
		forks += op->op == OP_FORK;
	}
	return forks == 0 || (forks == 1 && self.clone_index != p->op_count);
}

// ---- the loop

static long run_op(const struct plan_op *op)
{
	const uint64_t *a = op->args;
	switch ((enum op)op->op) {
	case OP_OPENAT: return fill(a[0], sys(openat, slot_fd(a[1]), text_at(a[2]), a[3] | O_CLOEXEC, a[4]));
	case OP_OPENAT2: return openat2_op(op);
	case OP_MKDIRAT: return sys(mkdirat, slot_fd(a[0]), text_at(a[1]), a[2]);
	case OP_MKNODAT: return mknodat_op(op);
	case OP_SYMLINKAT: return sys(symlinkat, text_at(a[0]), slot_fd(a[1]), text_at(a[2]));
	case OP_FCHOWNAT: return sys(fchownat, slot_fd(a[0]), text_at(a[1]), a[2], a[3], a[4]);
	case OP_FCHMODAT: return sys(fchmodat, slot_fd(a[0]), text_at(a[1]), a[2]);
	case OP_UNLINKAT: return sys(unlinkat, slot_fd(a[0]), text_at(a[1]), a[2]);
	case OP_WRITE: return write_op(slot_fd(a[0]), text_at(a[1]), text_at(a[2]), a[2] >> 32, a[3]);
	case OP_INTRODUCE: return introduce_op((int)a[0]);
	case OP_WRITE_FIRST: return write_first_op(op);
	case OP_INHERIT: return inherit_op(op);
	case OP_CLOSE: { long r = sys(close, slot_fd(a[0])); self.slots[a[0] % SLOT_COUNT] = -1; return r; }
	case OP_DUP3: return sys(dup3, slot_fd(a[0]), a[1], 0);
	case OP_LISTEN: return listen_op(op);
	case OP_PIPE2: {
		int ends[2];
		long result = sys(pipe2, ends, O_CLOEXEC);
		return result < 0 ? result : (fill(a[0], ends[0]), fill(a[1], ends[1]));
	}
	case OP_FCHDIR: return sys(fchdir, slot_fd(a[0]));
	case OP_MOUNT: return sys(mount, text_at(a[0]), text_at(a[1]), text_at(a[2]), a[3], text_at(a[4]));
	case OP_FSMOUNT: return fsmount_op(op);
	case OP_LOOP: return loop_op(op);
	case OP_OPEN_TREE: return fill(a[0], sys(open_tree, slot_fd(a[1]), text_at(a[2]), a[3] | (*text_at(a[2]) ? 0 : AT_EMPTY_PATH) | OPEN_TREE_CLOEXEC));
	case OP_MOUNT_SETATTR: {
		struct mount_attr attributes = { .attr_set = a[2], .attr_clr = a[3], .propagation = a[4] };
		return sys(mount_setattr, slot_fd(a[0]), "", a[1] | AT_EMPTY_PATH, &attributes, sizeof attributes);
	}
	case OP_MOVE_MOUNT: return sys(move_mount, slot_fd(a[0]), "", slot_fd(a[1]), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
	case OP_MASK: return mask_op(op);
	case OP_READONLY: return readonly_op(op);
	case OP_PIVOT_ROOT: return pivot_root_op(slot_fd(a[0]));
	case OP_CHROOT: {
		long result = sys(fchdir, slot_fd(a[0]));
		return result < 0 ? result : sys(chroot, ".");
	}
	case OP_MOUNT_AT: return mount_at_op(op);
	case OP_COPYUP: return copyup(slot_fd(a[0]), slot_fd(a[1]));
	case OP_USERNS: return userns_op(op);
	case OP_MOUNT_IDMAP: return mount_idmap_op(op);
	case OP_UNSHARE: return sys(unshare, a[0]);
	case OP_SETNS: return setns_op(op);
	case OP_SETNS_ONCE: return setns_once_op(op);
	case OP_PIDFD_OPEN: return pidfd_open_op(op);
	case OP_CLONE3: return clone3_op(op);
	case OP_ADOPT: return adopt_op(op);
	case OP_FORK: return fork_op(op);
	case OP_SETSID: return sys(setsid);
	case OP_SETHOSTNAME: return sys(sethostname, text_at(a[0]), strlen(text_at(a[0])));
	case OP_SETDOMAINNAME: return sys(setdomainname, text_at(a[0]), strlen(text_at(a[0])));
	case OP_IFUP: return ifup_op(text_at(a[0]));
	case OP_KEYCTL: return sys(keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, 0);
	case OP_OPENPTY: return openpty_op(op);
	case OP_PRLIMIT: {
		uint64_t limit[2] = { a[1], a[2] };
		return sys(prlimit64, self.in_child || self.child < 0 ? 0 : self.child, a[0], limit, 0);
	}
	case OP_UMASK: sys(umask, a[0]); return 0;
	case OP_FCHOWN: return fchown_op(a[0], a[1] != 0);
	case OP_SETGROUPS: return sys(setgroups, (a[0] >> 32) / 4, text_at(a[0]));
	case OP_SETRESGID: return sys(setresgid, a[0], a[0], a[0]);
	case OP_SETRESUID: return sys(setresuid, a[0], a[0], a[0]);
	case OP_PRCTL: return sys(prctl, a[0], a[1], a[2], 0, 0);
	case OP_CAPBSET: return capbset_op(a[0]);
	case OP_CAPSET: return capset_op(op);
	case OP_SECCOMP: return seccomp_op(op);
	case OP_BPF: return bpf_op(op);
	case OP_CHDIR: return chdir_op(op);
	case OP_CLOSE_RANGE: return sys(close_range, a[0], ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
	case OP_SYNC: return sync_op(a[0] != 0);
	case OP_ACCESS: return access_op(op);
	case OP_GATE: return gate_op(op);
	case OP_EXECVE: return execve_op(op);
	case OP_DETACH: return detach_op();
	case OP_WAIT: return hear(SAY_READY);
	case OP_IDMAP: return idmap_op(op);
	case OP_NEWIDMAP: return newidmap_op(op);
	case OP_SCHED_SETATTR: return sys(sched_setattr, 0, text_at(a[0]), 0);
	case OP_IOPRIO_SET: return sys(ioprio_set, 2 /* IOPRIO_WHO_PGRP */, 0, a[0]);
	case OP_SETAFFINITY: return sys(sched_setaffinity, 0, a[0] >> 32, text_at(a[0]));
	case OP_PERSONALITY: return sys(personality, a[0]);
	case OP_SET_MEMPOLICY: return sys(set_mempolicy, a[0], a[1] >> 32 ? text_at(a[1]) : 0, (a[1] >> 32) * 8 + 1);
	case OP_PIDFILE: return pidfile_op(op);
	case OP_WRITEPID: return writepid_op(op);
	case OP_NETDEVICE: return netdevice_op(op);
	case OP_GO: return go_op();
	case OP_RESUME: return resume_op();
	case OP_RELEASE: return release_op();
	case OP_UNLOCK: return unlock_op();
	case OP_SENDFD: return sendfd_op(op);
	case OP_NOTIFY: return notify_op(op);
	case OP_ENTER_USERNS: return enter_userns_op(op);
	case OP_CONNECT: return connect_op(op);
	case OP_SEND: return send_op(op);
	case OP_HOOK: return hook_op(op);
	case OP_CAPTURE: return capture_op();
	case OP_PIDFILE_OPEN: return pidfile_open_op(op);
	case OP_PROBE: return probe_op(op);
	case OP_HEALTH: return health_op(op);
	case OP_SUPERVISE: return supervise(op);
	case OP_EXITFILE: return write_exit_file(slot_fd(a[0]), text_at(a[1]));
	case OP_RMCGROUP: return remove_cgroup(slot_fd(a[0]), text_at(a[1]));
	case OP_RMTREE: return remove_tree(slot_fd(a[0]), text_at(a[1]));
	}
	return -ENOSYS;
}

// With --log-level debug: where launch's time went, in one line at its end.
static struct timespec_ marks[6];

static void mark(int which)
{
	if (self.plan->flags & PLAN_TIMES)
		sys(clock_gettime, 1 /* CLOCK_MONOTONIC */, &marks[which]);
}

static void print_times(void)
{
	static const char *const names[] = { "host ", " us, root ", " us, exec ", " us, payload ", " us, removal " };
	char buffer[256];
	struct text t = { buffer, buffer + sizeof buffer };
	if (!(self.plan->flags & PLAN_TIMES) || self.failed || !marks[4].seconds)
		return;
	mark(5);
	put(&t, self.plan->flags & PLAN_JSON_LOG ? "{\"level\":\"debug\",\"msg\":\"launch: " : "corten: debug: launch: ");
	for (int i = 0; i < 5; i++) {
		int64_t us = (marks[i + 1].seconds - marks[i].seconds) * 1000000 + (marks[i + 1].nanoseconds - marks[i].nanoseconds) / 1000;
		put(&t, names[i]), put_number(&t, (uint64_t)us, 1);
	}
	put(&t, self.plan->flags & PLAN_JSON_LOG ? " us\"}\n" : " us\n");
	write_all(2, buffer, (size_t)(t.at - buffer));
}

// After a failure only these are still done: they leave the machine as it was.
static int cleans_up(const struct plan_op *step)
{
	uint32_t op = step->op;
	return step->flags & (FLAG_ON_FAILURE | FLAG_WARN) || op == OP_EXITFILE || op == OP_RMCGROUP || op == OP_RMTREE || op == OP_UNLINKAT || op == OP_PROBE;
}

static void execute(void)
{
	for (uint32_t i = 0; i < self.plan->op_count; i++) {
		const struct plan_op *op = &self.ops[i];
		if (self.failed && i < self.clone_index) {
			if (self.clone_index == self.plan->op_count)
				return; // nothing was made that would need cleaning
			i = (uint32_t)self.ops[self.clone_index].args[2], op = &self.ops[i];
		}
		if (self.failed && !cleans_up(op))
			continue;
		if (op->flags & FLAG_ON_FAILURE && !self.failed)
			continue;
		long result = run_op(op);
		int passed = result >= 0 || op->flags & FLAG_OPTIONAL || (op->flags & FLAG_ABSENT_OK && result == -ENOENT) ||
			     (op->flags & FLAG_PRESENT_OK && result == -EEXIST);
		if (!passed && op->flags & FLAG_WARN) {
			report(i, -result);
			continue;
		}
		if (!passed)
			fail(i, -result);
		if ((op->op == OP_CLONE3 || op->op == OP_FORK) && passed && !self.in_child)
			i = (uint32_t)self.ops[self.clone_index].args[2] - 1;
		if (op->op == OP_CLONE3 || op->op == OP_WAIT || op->op == OP_GO || op->op == OP_SUPERVISE)
			mark(op->op == OP_CLONE3 ? 1 : op->op == OP_WAIT ? 2 : op->op == OP_GO ? 3 : 4);
	}
}

__attribute__((used)) void launch_main(long *stack)
{
	uint64_t all = ~0ull;
	struct stat status;
	long argc = stack[0], fd = 0;
	const char **argv = (const char **)(stack + 1);
	int by_path = argc > 1 && argv[1][0] == '/';
	for (const char *digit = argc > 1 ? argv[1] : "x"; *digit; digit++)
		fd = *digit >= '0' && *digit <= '9' && fd < 1000000 ? fd * 10 + (*digit - '0') : -1000000;
	// Signals wait until somebody reads them; a container never sees this process's memory (CVE-2016-9962).
	sys(rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
	sys(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	sys(prctl, PR_SET_NAME, "corten-launch", 0, 0, 0);
	sys(umask, 0);
	for (int standard = 0; standard < 3; standard++) // a closed one would be given to the next file opened
		if (sys(fcntl, standard, F_GETFD) < 0)
			sys(openat, AT_FDCWD, "/dev/null", O_RDWR);
	for (int i = 0; i < SLOT_COUNT; i++)
		self.slots[i] = -1;
	if (by_path)
		fd = open_plan(argv, argv + argc + 1);
	long mapped = fd < 0 ? -EBADF : sys(fstat, fd, &status);
	if (mapped >= 0)
		mapped = sys(mmap, 0, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if ((mapped < 0 && mapped > -4096) || !verify((const struct plan_header *)mapped, (uint64_t)status.st_size)) {
		static const char message[] = "corten-launch: the plan is not valid; launch is started by corten, not by hand\n";
		write_all(2, message, sizeof message - 1);
		exit_with(125);
	}
	sys(close, fd);
	mark(0);
	execute();
	print_times();
	tell_detached(self.status);
	end_as_payload();
	exit_with(self.status);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall launch_main\n");
