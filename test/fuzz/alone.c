// The fuzzer without libFuzzer, for machines that have only gcc and for `make test`: a fixed number of mutations of each seed, the same
// ones every time. Usage: alone ROUNDS SEED...

#include "kernel.h"

extern int printf(const char *, ...);
extern int atoi(const char *);
extern int open(const char *, int, ...);
extern long read(int, void *, size_t);
extern int close(int);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { MOST = 1 << 16 };
static uint32_t state = 1;

// libFuzzer's own mutation, much simpler: some bytes change.
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	(void)max_size;
	for (int i = 0; size && i < 4; i++) {
		state = state * 1664525 + 1013904223;
		data[(state >> 8) % size] = (uint8_t)(state >> 24);
	}
	return size;
}

int main(int argc, char **argv)
{
	static uint8_t seed[MOST], input[MOST];
	int rounds = argc > 1 ? atoi(argv[1]) : 0;
	long runs = 0;
	for (int i = 2; i < argc; i++) {
		int file = open(argv[i], 0);
		long length = read(file, seed, sizeof seed);
		close(file);
		if (length <= 0)
			return 1;
		size_t size = (size_t)length;
		memcpy(input, seed, size);
		for (int round = 0; round < rounds; round++, runs++) {
			LLVMFuzzerTestOneInput(input, size);
			if (round % 16 == 0) // changes add up, and then begin anew
				memcpy(input, seed, size = (size_t)length);
			size = LLVMFuzzerCustomMutator(input, size, sizeof input, (unsigned)(i * 100003 + round));
		}
	}
	printf("%ld plans\n", runs);
	return 0;
}
