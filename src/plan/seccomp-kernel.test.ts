// The kernel itself takes the default filter: a Python process loads it and makes the calls.

import { expect, test } from "bun:test";
import { commonSeccomp } from "../spec/seccomp-default.ts";
import { compileSeccomp } from "./seccomp.ts";

const script = `
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
filter = sys.stdin.buffer.read()
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.syscall(317, 1, 0, ctypes.byref(Program(len(filter) // 8, filter))) == 0, ctypes.get_errno()
def call(*args):
    result = libc.syscall(*[ctypes.c_long(a) for a in args])
    return 0 if result >= 0 else ctypes.get_errno()
print(call(39), call(41, 1, 1, 0), call(41, 38, 5, 0), call(41, 40, 1, 0), call(41, 2**32 + 38, 5, 0), call(435, 0, 0), call(165, 0, 0, 0, 0, 0), call(272, 0x10000000), call(500))
`;

const python = Bun.which("python3");
if (python === null) console.log("skip: the kernel does with the default filter what it says: no python3");

test.skipIf(python === null)("the kernel does with the default filter what it says", () => {
	const filter = compileSeccomp(commonSeccomp);
	const { stdout, stderr } = Bun.spawnSync([python ?? "", "-c", script], { stdin: filter });
	expect(stderr.toString()).toBe("");
	// getpid; socket AF_UNIX, AF_ALG, AF_VSOCK, AF_ALG with a high bit; clone3; mount; unshare; a call nobody knows yet
	expect(stdout.toString()).toBe("0 0 1 1 1 38 1 1 38\n");
});
