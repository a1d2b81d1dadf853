import ctypes
import os
import socket

from attempts import attempt, call, libc, tell

CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID = 0x10000000, 0x00020000, 0x40000000, 0x20000000
AF_ALG, AF_VSOCK, AF_PACKET, AF_XDP, AF_KEY = 38, 40, 17, 44, 15
empty = ctypes.create_string_buffer(256)


def unshare(flags):
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "")


def mount(kind):
    if libc.mount(b"none", b"/tmp", kind, 0, None) != 0:
        raise OSError(ctypes.get_errno(), "")


def socket_of(family, kind=socket.SOCK_RAW, protocol=0):
    value = libc.socket(family, kind, protocol)
    if value < 0:
        raise OSError(ctypes.get_errno(), "")
    return value


for kind in [b"tmpfs", b"proc", b"sysfs", b"cgroup", b"cgroup2", b"overlay", b"bpf", b"debugfs", b"binfmt_misc"]:
    attempt(f"mount {kind.decode()}", lambda: mount(kind))
attempt("remount /", lambda: call((165, 40), b"none", b"/", None, 32, None))
attempt("umount /proc", lambda: call((166, 39), b"/proc", 2))
attempt("fsopen", lambda: call(430, b"tmpfs", 0))
attempt("open_tree", lambda: call(428, -100, b"/", 1))
attempt("move_mount", lambda: call(429, -100, b"/tmp", -100, b"/workspace", 0))
attempt("mount_setattr", lambda: call(442, -100, b"/", 0, empty, 32))
for name, flag in {"user": CLONE_NEWUSER, "mount": CLONE_NEWNS, "network": CLONE_NEWNET, "pid": CLONE_NEWPID}.items():
    attempt(f"unshare {name}", lambda: unshare(flag))
    attempt(f"setns {name}", lambda: call((308, 268), os.open("/proc/self/status", os.O_RDONLY), flag))
attempt("clone of a user namespace", lambda: call((56, 220), CLONE_NEWUSER | 17, 0, 0, 0, 0))
attempt("clone3", lambda: call(435, empty, 88))
attempt("pivot_root", lambda: call((155, 41), b"/tmp", b"/tmp"))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("bpf", lambda: call((321, 280), 0, empty, 72))
attempt("perf_event_open", lambda: call((298, 241), empty, 0, -1, -1, 0))
attempt("userfaultfd", lambda: call((323, 282), 0))
attempt("io_uring_setup", lambda: call(425, 8, empty))
attempt("io_uring_enter", lambda: call(426, 0, 0, 0, 0, None, 0))
attempt("add_key", lambda: call((248, 217), b"user", b"attack", b"x", 1, -3))
attempt("request_key", lambda: call((249, 218), b"user", b"attack", None, -3))
attempt("keyctl", lambda: call((250, 219), 0, -3, 0))
attempt("AF_ALG", lambda: socket_of(AF_ALG, 5))
attempt("AF_VSOCK", lambda: socket_of(AF_VSOCK, 1))
attempt("AF_PACKET", lambda: socket_of(AF_PACKET))
attempt("AF_XDP", lambda: socket_of(AF_XDP))
attempt("AF_KEY", lambda: socket_of(AF_KEY, 3, 2))
attempt("open_by_handle_at", lambda: call((304, 265), -100, empty, 0))
attempt("fanotify_init", lambda: call((300, 262), 0, 0))
attempt("init_module", lambda: call((175, 105), empty, 256, b""))
attempt("finit_module", lambda: call((313, 273), 0, b"", 0))
attempt("kexec_load", lambda: call((246, 104), 0, 0, None, 0))
attempt("reboot", lambda: call((169, 142), 0xFEE1DEAD, 672274793, 0, None))
attempt("swapon", lambda: call((167, 224), b"/workspace/swap", 0))
attempt("acct", lambda: call((163, 89), None))
attempt("quotactl", lambda: call((179, 60), 0x80000200, b"/dev/loop0", 0, empty))
attempt("sethostname", lambda: socket.sethostname("attack"))
tell()
