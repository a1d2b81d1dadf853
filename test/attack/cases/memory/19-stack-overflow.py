"""Pushes on the stack of the main thread for ever: a recursion that no interpreter watches."""

import ctypes
import mmap
import platform
import struct

if platform.machine() == "aarch64":
    code = struct.pack("<II", 0xF81F0FE0, 0x17FFFFFF)  # str x0, [sp, #-16]!; b .-4
else:
    code = b"\x50\xeb\xfd"  # push rax; jmp .-1
page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
