import ctypes
import os
import time

from attempts import attempt, call, libc, tell

CLONE_NEWTIME = 0x80
ADJ_OFFSET = 1


def unshare():
    if libc.unshare(CLONE_NEWTIME) != 0:
        raise OSError(ctypes.get_errno(), "")


change = (ctypes.c_long * 32)(ADJ_OFFSET, 1000)
attempt("clock_settime", lambda: time.clock_settime(time.CLOCK_REALTIME, 0))
attempt("settimeofday", lambda: call((164, 170), (ctypes.c_long * 2)(0, 0), None))
attempt("adjtimex", lambda: call((159, 171), change))
attempt("clock_adjtime", lambda: call((305, 266), 0, change))
attempt("a time namespace", unshare)
for path in ["/dev/rtc", "/dev/rtc0", "/dev/ptp0"]:
    attempt(path, lambda: os.open(path, os.O_WRONLY))
attempt("/proc/self/timens_offsets", lambda: os.write(os.open("/proc/self/timens_offsets", os.O_WRONLY), b"1 1000 0\n"))
tell()
