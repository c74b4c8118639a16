# Exchanges two names as fast as it can (renameat2, RENAME_EXCHANGE), until it is killed: the other side of a race.
# Usage: swap.py A B
import ctypes
import sys

libc = ctypes.CDLL(None, use_errno=True)
a, b = (name.encode() for name in sys.argv[1:3])
if libc.syscall(316, -100, a, -100, b, 2) != 0:
    raise OSError(ctypes.get_errno(), "renameat2")
print("swapping", flush=True)
while True:
    libc.syscall(316, -100, a, -100, b, 2)
