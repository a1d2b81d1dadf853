import mmap

MADV_PAGEOUT = 21
SIZE = 8 << 20

taken = []
while True:
    block = mmap.mmap(-1, SIZE)
    for at in range(0, SIZE, 4096):
        block[at] = 1
    try:
        block.madvise(MADV_PAGEOUT)
    except OSError:
        pass
    taken.append(block)
