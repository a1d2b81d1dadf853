"""`leave` puts a mark wherever it can and tells where; `look` tells where one is."""

import ctypes
import json
import os
import sys

MARK = "left-behind"
KEY = 0x6A77
SKIPPED = ("/proc", "/sys")
libc = ctypes.CDLL(None, use_errno=True)


def directories():
    for path, names, _ in os.walk("/"):
        names[:] = [name for name in names if not os.path.join(path, name).startswith(SKIPPED)]
        yield path


def leave():
    places = []
    for path in directories():
        try:
            with open(os.path.join(path, MARK), "w") as file:
                file.write(MARK)
            places.append(path)
        except OSError:
            pass
    if libc.shmget(KEY, 4096, 0o1666) >= 0:
        places.append("System V shared memory")
    if libc.msgget(KEY, 0o1666) >= 0:
        places.append("System V message queue")
    if libc.semget(KEY, 1, 0o1666) >= 0:
        places.append("System V semaphore")
    if libc.mq_open(f"/{MARK}".encode(), os.O_CREAT | os.O_RDWR, 0o666, None) >= 0:
        places.append("POSIX message queue")
    return places


def look():
    places = [path for path in directories() if os.path.exists(os.path.join(path, MARK))]
    if libc.shmget(KEY, 0, 0) >= 0:
        places.append("System V shared memory")
    if libc.msgget(KEY, 0) >= 0:
        places.append("System V message queue")
    if libc.semget(KEY, 0, 0) >= 0:
        places.append("System V semaphore")
    if libc.mq_open(f"/{MARK}".encode(), os.O_RDWR) >= 0:
        places.append("POSIX message queue")
    return places


print(json.dumps(leave() if sys.argv[1] == "leave" else look()))
