import ctypes
import os
import signal
import struct

CLONE3 = 435
libc = ctypes.CDLL(None, use_errno=True)
# Dead children are nobody's to wait for.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def clone3():
    arguments = ctypes.create_string_buffer(struct.pack("11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0))
    return libc.syscall(ctypes.c_long(CLONE3), arguments, ctypes.c_size_t(88))


pid = clone3()
if pid == 0:
    os._exit(0)
print("clone3 is", "allowed" if pid > 0 else os.strerror(ctypes.get_errno()), flush=True)

for _ in range(3):
    if os.fork() == 0:
        break
while True:
    try:
        os.posix_spawn("/bin/true", ["true"], {})
        if os.fork() == 0:
            os.setsid()
            if clone3() == 0 or os.fork() == 0:
                os.execv("/bin/true", ["true"])
            os._exit(0)
    except OSError:
        pass
