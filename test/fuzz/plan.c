// Fuzzes what launch does with a plan: verify() and then every op, with a kernel that does nothing (kernel.c). The input is the kernel's
// answers and a plan: u16 length, so many answers, the plan. Any report of the sanitizers, a loop without end or a plan that passes
// verify() and then reads beyond itself is a finding.

#include "kernel.h"
#include "../../src/launch/launch.c"

extern void *malloc(size_t);
extern void free(void *);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { MAX_CALLS = 20000 };
static const struct state fresh = { .child = -1, .child_pidfd = -1, .channel = -1, .terminal = -1, .detach_pipe = -1 };

static void run_plan(const uint8_t *plan, size_t size)
{
	self = fresh;
	for (int i = 0; i < SLOT_COUNT; i++)
		self.slots[i] = -1;
	if (_setjmp(fuzz_exit) || !verify((const struct plan_header *)plan, size))
		return;
	mark(0);
	execute();
	print_times();
	tell_detached(self.status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || (size_t)(data[0] | data[1] << 8) > size - 2)
		return 0;
	size_t answers = data[0] | data[1] << 8, length = size - 2 - answers;
	uint8_t *plan = malloc(length ? length : 1); // exactly as long as it is: one byte more is a finding
	memcpy(plan, data + 2 + answers, length);
	fuzz_start(data + 2, answers, MAX_CALLS);
	run_plan(plan, length);
	free(plan);
	return 0;
}

// ---- mutation that keeps plans plans; without it nearly every input would end in the header's checks

static uint32_t dice;
static uint32_t roll(uint32_t sides)
{
	dice = dice * 1664525 + 1013904223;
	return sides ? (dice >> 8) % sides : 0;
}

static void repair(uint8_t *bytes, size_t size)
{
	struct plan_header h;
	uint32_t most = (uint32_t)((size - sizeof h - 1) / sizeof(struct plan_op));
	memcpy(&h, bytes, sizeof h);
	memcpy(h.magic, PLAN_MAGIC, 8);
	h.version = PLAN_VERSION, h.ops_offset = sizeof h, h.total_size = (uint32_t)size;
	if (h.op_count == 0 || h.op_count > most)
		h.op_count = roll(most) + 1;
	h.data_offset = (uint32_t)(sizeof h + h.op_count * sizeof(struct plan_op));
	memcpy(bytes, &h, sizeof h);
	bytes[size - 1] = 0;
}

static uint64_t value_of(char kind, uint32_t data_size)
{
	static const uint64_t interesting[] = { 0, 1, 2, 255, 256, 256 + 63, 256 + 64, 4096, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, ~0ull };
	switch (kind) {
	case 'o': return roll(SLOT_COUNT + 2);
	case 's': return roll(4) ? roll(SLOT_COUNT + 2) : SLOT_CWD;
	case 't': return roll(data_size + 2);
	case 'b': return roll(data_size + 2) | (uint64_t)roll(8 * roll(64)) << 32;
	case 'v': return roll(data_size + 2) | (uint64_t)roll(1 + roll(20)) << 32;
	default: return roll(3) ? interesting[roll(sizeof interesting / sizeof *interesting)] : roll(1u << roll(24));
	}
}

static void mutate_op(uint8_t *bytes)
{
	struct plan_header h;
	struct plan_op op, other;
	memcpy(&h, bytes, sizeof h);
	uint8_t *here = bytes + sizeof h + roll(h.op_count) * sizeof op, *there = bytes + sizeof h + roll(h.op_count) * sizeof op;
	memcpy(&op, here, sizeof op), memcpy(&other, there, sizeof op);
	uint32_t data_size = h.total_size - h.data_offset;
	switch (roll(6)) {
	case 0: // another op with arguments of its own
		op.op = (uint16_t)roll(OP_COUNT);
		for (int i = 0; i < 6 && op_signatures[op.op][i]; i++)
			op.args[i] = value_of(op_signatures[op.op][i], data_size);
		break;
	case 1: op.flags = (uint16_t)roll(32); break;
	case 2: memcpy(there, &op, sizeof op), op = other; break;
	case 3: op = other; break;
	case 4: op.what = roll(data_size + 1), op.at = roll(data_size + 1); break;
	default: {
		int i = (int)roll(6);
		const char *kinds = op.op < OP_COUNT ? op_signatures[op.op] : "";
		op.args[i] = value_of(i < (int)strlen(kinds) ? kinds[i] : 'u', data_size);
	}
	}
	if (op.op == OP_CLONE3 && roll(8))
		op.args[2] = roll(h.op_count);
	memcpy(here, &op, sizeof op);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	dice = seed;
	size_t answers = size < 2 ? 0 : (size_t)(data[0] | data[1] << 8);
	size_t plan = 2 + answers;
	if (size < plan + sizeof(struct plan_header) + sizeof(struct plan_op) + 1)
		return LLVMFuzzerMutate(data, size, max_size);
	uint32_t what = roll(8);
	if (what == 0) // the plan as bytes, at times not repaired
		size = plan + LLVMFuzzerMutate(data + plan, size - plan, max_size - plan);
	else if (what <= 2 && answers)
		LLVMFuzzerMutate(data + 2, answers, answers);
	else if (what == 3 && size + 64 <= max_size) { // more answers
		for (size_t i = size; i-- > plan;)
			data[i + 64] = data[i];
		for (int i = 0; i < 64; i++)
			data[plan + (size_t)i] = (uint8_t)roll(roll(2) ? 256 : 8);
		answers += 64, data[0] = (uint8_t)answers, data[1] = (uint8_t)(answers >> 8);
		plan += answers > 0xffff ? 0 : 64, size += answers > 0xffff ? 0 : 64;
		if (answers > 0xffff)
			return size;
	}
	if (size < plan + sizeof(struct plan_header) + sizeof(struct plan_op) + 1 || (what == 0 && roll(4) == 0))
		return size;
	repair(data + plan, size - plan);
	if (what > 2)
		for (uint32_t i = roll(4) + 1; i; i--)
			mutate_op(data + plan);
	return size;
}
