"""Makes children that are the agent's from their birth (CLONE_PARENT) and die at once."""

import ctypes
import errno
import time

CLONE_VM, CLONE_PARENT, SIGCHLD = 0x100, 0x8000, 17
COUNT = 10_000

libc = ctypes.CDLL(None, use_errno=True)
stack = ctypes.create_string_buffer(65_536)
top = ctypes.c_void_p(ctypes.addressof(stack) + 65_536 - 256)
leave = ctypes.cast(libc._exit, ctypes.c_void_p)

made = refused = 0
while made < COUNT:
    if libc.clone(leave, top, CLONE_VM | CLONE_PARENT | SIGCHLD, None) > 0:
        made += 1
    elif ctypes.get_errno() == errno.EAGAIN:
        refused += 1
        time.sleep(0.001)
    else:
        raise OSError(ctypes.get_errno(), "clone")
print(f"{made} made, {refused} times refused")
