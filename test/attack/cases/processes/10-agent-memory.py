import ctypes
import os

from attempts import attempt, call, tell

PTRACE = (101, 117)
PROCESS_VM_READV = (310, 270)
PROCESS_VM_WRITEV = (311, 271)
PIDFD_OPEN = 434
PIDFD_GETFD = 438
PIDFD_SEND_SIGNAL = 424
KCMP = (312, 272)
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def read_from(path):
    with open(path, "rb") as file:
        return file.read(64)


def write_to(path):
    with open(path, "r+b", buffering=0) as file:
        return file.write(b"0")


def vector(number):
    place = ctypes.create_string_buffer(64)
    local = Iovec(ctypes.cast(place, ctypes.c_void_p), 64)
    remote = Iovec(0x400000, 64)
    return call(number, 1, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)


def steal():
    agent = os.pidfd_open(1)
    return call(PIDFD_GETFD, agent, 0, 0)


def signal():
    agent = os.pidfd_open(1)
    return call(PIDFD_SEND_SIGNAL, agent, 9, None, 0)


attempt("ptrace attach", lambda: call(PTRACE, PTRACE_ATTACH, 1, 0, 0))
attempt("ptrace seize", lambda: call(PTRACE, PTRACE_SEIZE, 1, 0, 0))
attempt("process_vm_readv", lambda: vector(PROCESS_VM_READV))
attempt("process_vm_writev", lambda: vector(PROCESS_VM_WRITEV))
attempt("pidfd_getfd", steal)
attempt("pidfd_send_signal", signal)
attempt("kcmp", lambda: call(KCMP, 1, os.getpid(), 0, 0, 0))
for name in ["mem", "environ", "maps", "auxv", "io", "stack", "syscall", "smaps", "pagemap", "personality"]:
    attempt(f"read /proc/1/{name}", lambda: read_from(f"/proc/1/{name}"))
for name in ["mem", "oom_score_adj", "clear_refs", "coredump_filter", "comm", "timerslack_ns", "fd/0", "fd/1"]:
    attempt(f"write /proc/1/{name}", lambda: write_to(f"/proc/1/{name}"))
for name in ["fd", "fdinfo", "map_files", "root/"]:
    attempt(f"list /proc/1/{name}", lambda: os.listdir(f"/proc/1/{name}"))
for name in ["exe", "cwd", "root", "fd/0", "ns/pid"]:
    attempt(f"follow /proc/1/{name}", lambda: os.readlink(f"/proc/1/{name}"))
tell()
