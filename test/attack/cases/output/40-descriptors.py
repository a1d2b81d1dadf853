import errno
import os
import socket
import time


def fill():
    count = 0
    for make in (lambda: os.open("/dev/null", os.O_RDONLY), os.pipe, socket.socketpair):
        kept = []
        try:
            while True:
                kept.append(make())
                count += 1
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            why = os.strerror(error.errno)
        keep.append(kept)
    return count, why


keep = []
ready, told = os.pipe()
for _ in range(7):
    if os.fork() == 0:
        fill()
        os.write(told, b"x")
        time.sleep(60)
count, why = fill()
for _ in range(7):
    os.read(ready, 1)
print(f"{count} in each of eight processes ({why})\nall full", flush=True)
time.sleep(60)
