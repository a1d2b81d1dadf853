import ctypes
import os
import time

PR_SET_NAME = 15
libc = ctypes.CDLL(None)
NAMES = [b") Z (x", b"a\nState:\tZ", b"x\nGroups:\t", b"\xff\xfe\x80", b"", b"/codebeaker/age", b"agent"]


def daemon(act):
    """Double-forks; answers when it runs."""
    ready, told = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.set_inheritable(told, False)
            act(told)
        os._exit(0)
    os.wait()
    os.close(told)
    os.read(ready, 1)


def named(name):
    def act(told):
        libc.prctl(PR_SET_NAME, name, 0, 0, 0)
        os.write(told, b"x")
        time.sleep(1000)

    return act


def long_arguments(told):
    os.execve("/bin/sh", ["sh", "-c", "while :; do sleep 1000; done", *["y" * 100_000] * 19], {})


for name in NAMES:
    daemon(named(name))
daemon(long_arguments)
# One shell and its sleep.
print(f"{len(NAMES) + 2} daemons", flush=True)
time.sleep(60)
