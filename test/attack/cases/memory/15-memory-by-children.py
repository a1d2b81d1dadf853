"""Exits as a shell does whose child was killed."""

import os
import signal
import sys
import time


def child():
    taken = []
    while True:
        taken.append(bytearray(b"x") * 1_000_000)


def spawn():
    if os.fork() == 0:
        child()


for _ in range(8):
    spawn()
killed = 0
until = time.monotonic() + 1.5
while time.monotonic() < until:
    _, status = os.wait()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        killed += 1
    spawn()
sys.exit(137 if killed else 0)
