import ctypes
import mmap

from attempts import attempt, call, libc, tell

MLOCK2 = (325, 284)
MCL_ALL = 3
MAP_LOCKED, MAP_HUGETLB = 0x2000, 0x40000
LARGE = 64 << 20

pages = mmap.mmap(-1, LARGE)
start = ctypes.addressof(ctypes.c_char.from_buffer(pages))


def checked(value):
    if value != 0:
        raise OSError(ctypes.get_errno(), "")
    return value


attempt("mlock of 64 MiB", lambda: checked(libc.mlock(ctypes.c_void_p(start), ctypes.c_size_t(LARGE))))
attempt("mlock2 of 64 MiB", lambda: call(MLOCK2, start, LARGE, 1))
attempt("mlockall", lambda: checked(libc.mlockall(MCL_ALL)) or checked(libc.munlockall()))
attempt("MAP_LOCKED", lambda: mmap.mmap(-1, LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_LOCKED).close())
attempt("MAP_HUGETLB", lambda: mmap.mmap(-1, LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_HUGETLB).close())
tell()
