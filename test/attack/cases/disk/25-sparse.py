"""Makes the largest file that the file system takes."""

import os

file = os.open("sparse", os.O_CREAT | os.O_RDWR)
size = (1 << 63) - 1
while True:
    try:
        os.ftruncate(file, size)
        break
    except OSError:
        size >>= 1
print(f"{size} bytes")
