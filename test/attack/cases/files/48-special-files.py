"""Makes FIFOs and sockets, and tries to make devices."""

import os
import socket
import stat

from attempts import attempt, tell

os.makedirs("special", exist_ok=True)
os.chdir("special")
for name in os.listdir("."):
    os.unlink(name)
os.mkfifo("fifo")
socket.socket(socket.AF_UNIX).bind("socket")
for name, target in {"link-to-fifo": "fifo", "link-to-zero": "/dev/zero", "link-to-tty": "/dev/tty"}.items():
    os.symlink(target, name)
for name, kind, device in [
    ("memory", stat.S_IFCHR, os.makedev(1, 1)),
    ("null", stat.S_IFCHR, os.makedev(1, 3)),
    ("loop", stat.S_IFBLK, os.makedev(7, 0)),
    ("disk", stat.S_IFBLK, os.makedev(254, 0)),
]:
    attempt(f"mknod {name}", lambda: os.mknod(name, kind | 0o666, device))
tell()
