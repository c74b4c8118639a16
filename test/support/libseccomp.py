# What libseccomp makes of seccomp profiles, used as runc uses it. stdin: one {"defaultAction", "architectures", "rules"} a line, actions and
# operators as numbers, rules {"name", "action", "args": [[index, operator, value, valueTwo]...]}. stdout: a line for each, the BPF program
# in hexadecimal or "error N".

import ctypes
import json
import os
import sys

lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p


class Condition(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def compile_profile(profile):
    filter = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(profile["defaultAction"])))
    try:
        for arch in profile["architectures"]:
            lib.seccomp_arch_add(filter, ctypes.c_uint32(arch))
        for rule in profile["rules"]:
            number = lib.seccomp_syscall_resolve_name(rule["name"].encode())
            if number == -1 or rule["action"] == profile["defaultAction"]:
                continue
            conditions = (Condition * max(len(rule["args"]), 1))(*[Condition(*arg) for arg in rule["args"]])
            error = lib.seccomp_rule_add_array(filter, ctypes.c_uint32(rule["action"]), number, len(rule["args"]), conditions)
            if error < 0:
                return f"error {-error}"
        file = os.memfd_create("filter")
        error = lib.seccomp_export_bpf(filter, file)
        if error < 0:
            return f"error {-error}"
        os.lseek(file, 0, os.SEEK_SET)
        program = os.read(file, 1 << 20)
        os.close(file)
        return program.hex()
    finally:
        lib.seccomp_release(filter)


for line in sys.stdin:
    print(compile_profile(json.loads(line)))
