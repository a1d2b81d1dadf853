import mmap
import os

MIB = 1 << 20
SIZE = 128 * MIB
NORESERVE = 0x4000

with open("big", "wb") as file:
    for _ in range(SIZE // MIB):
        file.write(b"x" * MIB)
for _ in range(3):
    with open("big", "rb") as file:
        while file.read(MIB):
            pass
with open("big", "r+b") as file:
    shared = mmap.mmap(file.fileno(), SIZE)
    for at in range(0, SIZE, 4096):
        shared[at] = 1
    shared.close()
wide = []
for _ in range(32):
    try:
        wide.append(mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE))
    except (OSError, ValueError):
        break
for one in wide:
    one[0] = 1
os.unlink("big")
print(f"128 MiB written, read three times and mapped; {len(wide)} TiB mapped")
