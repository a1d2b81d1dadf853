"""Takes all that it gets, tells how much, and keeps it."""

import ctypes
import os
import signal
import socket
import time

kept = []


def as_many(name, make, most):
    count = 0
    try:
        while count < most:
            kept.append(make())
            count += 1
        why = "the most that was tried"
    except OSError as error:
        why = os.strerror(error.errno)
    except BlockingIOError:
        why = "would block"
    print(f"{count} {name} ({why})", flush=True)


libc = ctypes.CDLL(None, use_errno=True)


def checked(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), "")
    return value


def full_pipe():
    ends = os.pipe()
    os.set_blocking(ends[1], False)
    try:
        while os.write(ends[1], b"x" * 65536) > 0:
            pass
    except BlockingIOError:
        pass
    return ends


def full_socket():
    pair = socket.socketpair()
    pair[0].setblocking(False)
    try:
        while pair[0].send(b"x" * 65536) > 0:
            pass
    except BlockingIOError:
        pass
    return pair


def inotify():
    return checked(libc.inotify_init1(0))


def timer():
    place = ctypes.c_void_p()
    return checked(libc.timer_create(1, None, ctypes.byref(place)))


def queued():
    class Value(ctypes.Structure):
        _fields_ = [("pointer", ctypes.c_void_p)]

    return checked(libc.sigqueue(os.getpid(), signal.SIGRTMIN, Value(0)))


def message_queue():
    return checked(libc.mq_open(f"/q{len(kept)}".encode(), os.O_CREAT | os.O_RDWR, 0o600, None))


def system_v_queue():
    return checked(libc.msgget(0, 0o1600))


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
as_many("full pipes", full_pipe, 400)
as_many("full sockets", full_socket, 200)
as_many("inotify instances", inotify, 10_000)
as_many("timers", timer, 200_000)
as_many("queued signals", queued, 200_000)
as_many("POSIX message queues", message_queue, 10_000)
as_many("System V message queues", system_v_queue, 40_000)
print("taken", flush=True)
time.sleep(60)
