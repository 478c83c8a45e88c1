#!/usr/bin/env python3
"""Runs a command that bpf(2) is refused to (EPERM), as by a container runtime: without_bpf.py COMMAND…"""
import ctypes
import os
import platform
import struct
import sys

NUMBER = {"x86_64": (0xC000003E, 321), "aarch64": (0xC00000B7, 280)}[platform.machine()]


def instruction(code, jt, jf, k):
    return struct.pack("HBBI", code, jt, jf, k)


# What is of another architecture than this one passes.
PROGRAM = b"".join(
    [
        instruction(0x20, 0, 0, 4),  # load the architecture
        instruction(0x15, 0, 3, NUMBER[0]),
        instruction(0x20, 0, 0, 0),  # load the number
        instruction(0x15, 0, 1, NUMBER[1]),
        instruction(0x06, 0, 0, 0x00050000 | 1),  # SECCOMP_RET_ERRNO, EPERM
        instruction(0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
    ]
)


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


libc = ctypes.CDLL(None, use_errno=True)
program = Filter(len(PROGRAM) // 8, PROGRAM)
# As root; PR_SET_NO_NEW_PRIVS would take nothing that is needed here, either.
if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.byref(program), 0, 0) != 0:
    sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
