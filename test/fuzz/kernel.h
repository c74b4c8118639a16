// Put before every C file of launch when it is fuzzed: its system calls go to the pretended kernel of kernel.c, and its text functions get
// names of their own, so that libFuzzer and the sanitizers keep libc's.
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#ifdef FUZZ_TEXT // text.c itself: its copying is assembler, in which the sanitizer sees nothing
#define memcpy text_memcpy
#define memset text_memset
#else
#define memcpy fuzz_memcpy
#define memset fuzz_memset
#endif
#define strlen launch_strlen
#define strcmp launch_strcmp

#include "../../src/launch/sys.h"

#undef SYS_
#undef sys
#define SYS_(n, a, b, c, d, e, f, ...) fuzz_call(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sys(...) SYS_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define __asm__(...) extern int fuzz_no_start // launch.c's entry point

/** The pretended kernel: touches all the memory that the call would read or write, and answers as the input says. */
long fuzz_call(long number, long a, long b, long c, long d, long e, long f);
/** What the kernel answers from now on. Calls beyond `limit` end the process. */
void fuzz_start(const unsigned char *answers, size_t length, long limit);
/** Where a process that ends goes to. */
extern void *fuzz_exit[64];
__attribute__((noreturn)) void fuzz_leave(void);
int _setjmp(void **) __attribute__((returns_twice));

#endif
