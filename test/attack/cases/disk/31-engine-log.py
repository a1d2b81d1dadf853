import os

from attempts import attempt, tell

for path in ["/proc/1/fd/1", "/proc/1/fd/2", "/dev/kmsg", "/dev/console", "/dev/tty", "/dev/log", "/dev/ptmx0"]:
    attempt(path, lambda path=path: os.write(os.open(path, os.O_WRONLY), b"x"))
tell()
