import ctypes
import os

from attempts import attempt, call, tell

KALLSYMS, MODULES, IOMEM = "/proc/kallsyms", "/proc/modules", "/proc/iomem"
place = ctypes.create_string_buffer(4096)


def read_from(path):
    with open(path, "rb") as file:
        found = file.read(256)
    if not found:
        raise FileNotFoundError(2, "empty")
    return found


def addresses(path, column, base=16):
    with open(path) as file:
        for line in file:
            if any(int(part, base) for part in line.split()[column].split("-")):
                return line
    raise PermissionError(1, "hidden")


attempt("syslog read", lambda: call((103, 116), 3, place, 4096))
attempt("syslog clear", lambda: call((103, 116), 5, None, 0))
attempt("addresses of kallsyms", lambda: addresses(KALLSYMS, 0))
attempt("addresses of modules", lambda: addresses(MODULES, 5))
attempt("addresses of iomem", lambda: addresses(IOMEM, 0))
for path in ["/dev/kmsg", "/proc/kmsg", "/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port", "/proc/keys",
             "/proc/timer_list", "/proc/sched_debug", "/proc/kpageflags", "/proc/kpagecount", "/sys/firmware/dmi/tables/DMI",
             "/sys/kernel/debug/sched/debug", "/sys/kernel/tracing/trace", "/sys/kernel/notes0", "/var/log/dmesg"]:
    attempt(path, lambda: read_from(path))
tell()
