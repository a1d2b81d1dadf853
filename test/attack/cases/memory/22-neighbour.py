"""What any program may need of the kernel, in a session that has done nothing."""

import ctypes
import os
import signal
import socket

from attempts import attempt, libc, tell


def checked(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), "")
    return value


def timer():
    place = ctypes.c_void_p()
    return checked(libc.timer_create(1, None, ctypes.byref(place)))


def queued():
    class Value(ctypes.Structure):
        _fields_ = [("pointer", ctypes.c_void_p)]

    return checked(libc.sigqueue(os.getpid(), signal.SIGRTMIN, Value(0)))


def pipe():
    ends = os.pipe()
    os.set_blocking(ends[1], False)
    taken = os.write(ends[1], b"x" * 65536)
    if taken < 65536:
        raise OSError(f"a pipe takes {taken} bytes")
    return taken


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
attempt("pipe", pipe)
attempt("socket", lambda: socket.socketpair() and True)
attempt("inotify", lambda: checked(libc.inotify_init1(0)))
attempt("timer", timer)
attempt("queued signal", queued)
tell()
