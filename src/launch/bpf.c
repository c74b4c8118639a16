// The device rules of cgroup v2: a program that the kernel asks. A unit's cgroup may outlive a start, so a program of the start before is
// known by its name and taken away: the kernel asks all that are attached, and takes 64 at most.
// @see bpf(2), linux/bpf.h

#include "launch.h"

enum { BPF_PROG_LOAD = 5, BPF_PROG_ATTACH = 8, BPF_PROG_DETACH = 9, BPF_PROG_GET_FD_BY_ID = 13, BPF_OBJ_GET_INFO_BY_FD = 15, BPF_PROG_QUERY = 16 };
enum { BPF_CGROUP_DEVICE = 6, BPF_F_ALLOW_MULTI = 2, MAX_PROGRAMS = 64, NAME_AT = 64 };
static const char name[16] = "corten_devices";

union attribute {
	struct { uint32_t type, count; uint64_t instructions, license; uint32_t log_level, log_size; uint64_t log; uint32_t kernel, flags; char name[16]; } load;
	struct { uint32_t target, program, type, flags; } attach;
	struct { uint32_t target, type, query_flags, attach_flags; uint64_t ids; uint32_t count; } query;
	struct { uint32_t fd, size; uint64_t info; } info;
	uint32_t id;
	char room[128];
};

static long bpf_call(int command, const union attribute *given)
{
	return sys(bpf, command, given, sizeof *given);
}

static int is_ours(int program)
{
	char info[256]; // struct bpf_prog_info: the name comes after 64 bytes
	memset(info, 0, sizeof info);
	union attribute a = { .room = { 0 } };
	a.info.fd = (uint32_t)program, a.info.size = sizeof info, a.info.info = (uint64_t)info;
	return bpf_call(BPF_OBJ_GET_INFO_BY_FD, &a) >= 0 && strcmp(info + NAME_AT, name) == 0;
}

// The programs that are attached, as descriptors of ours alone. @returns how many
static int find_ours(int cgroup, int *found)
{
	uint32_t ids[MAX_PROGRAMS];
	int count = 0;
	union attribute a = { .room = { 0 } };
	a.query.target = (uint32_t)cgroup, a.query.type = BPF_CGROUP_DEVICE, a.query.ids = (uint64_t)ids, a.query.count = MAX_PROGRAMS;
	if (bpf_call(BPF_PROG_QUERY, &a) < 0)
		return 0;
	for (uint32_t i = 0; i < a.query.count && i < MAX_PROGRAMS; i++) {
		union attribute by_id = { .room = { 0 } };
		by_id.id = ids[i];
		long program = bpf_call(BPF_PROG_GET_FD_BY_ID, &by_id);
		if (program >= 0 && is_ours((int)program))
			found[count++] = (int)program;
		else if (program >= 0)
			sys(close, program);
	}
	return count;
}

long bpf_op(const struct plan_op *op)
{
	static const char license[] = "Apache-2.0";
	int cgroup = slot_fd(op->args[0]), before[MAX_PROGRAMS];
	union attribute a = { .room = { 0 } };
	a.load.type = 15; // BPF_PROG_TYPE_CGROUP_DEVICE
	a.load.count = (uint32_t)((op->args[1] >> 32) / 8);
	a.load.instructions = (uint64_t)text_at(op->args[1]), a.load.license = (uint64_t)license;
	memcpy(a.load.name, name, sizeof name);
	long program = bpf_call(BPF_PROG_LOAD, &a);
	if (program < 0)
		return program;
	int count = op->args[2] ? find_ours(cgroup, before) : 0;
	union attribute attach = { .room = { 0 } };
	attach.attach.target = (uint32_t)cgroup, attach.attach.program = (uint32_t)program, attach.attach.type = BPF_CGROUP_DEVICE;
	attach.attach.flags = BPF_F_ALLOW_MULTI;
	long result = bpf_call(BPF_PROG_ATTACH, &attach);
	sys(close, program);
	// The old ones only now: there is no moment without rules.
	for (int i = 0; i < count; i++) {
		attach.attach.program = (uint32_t)before[i], attach.attach.flags = 0;
		if (result >= 0)
			bpf_call(BPF_PROG_DETACH, &attach);
		sys(close, before[i]);
	}
	return result;
}
