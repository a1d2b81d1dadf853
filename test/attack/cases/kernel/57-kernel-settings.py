import os

from attempts import attempt, tell


def write_to(path, text):
    with open(path, "w") as file:
        return file.write(text)


for path, text in {
    "/proc/sys/kernel/core_pattern": "|/workspace/x",
    "/proc/sys/kernel/modprobe": "/workspace/x",
    "/proc/sys/kernel/hostname": "attack",
    "/proc/sys/kernel/sysrq": "1",
    "/proc/sys/vm/overcommit_memory": "1",
    "/proc/sys/vm/drop_caches": "3",
    "/proc/sys/net/ipv4/ip_forward": "1",
    "/proc/sys/fs/binfmt_misc/register": ":x:M::x::/workspace/x:",
    "/proc/sysrq-trigger": "b",
    "/proc/self/setgroups": "allow",
    "/proc/self/attr/current": "unconfined",
    "/proc/irq/default_smp_affinity": "1",
    "/proc/mtrr": "disable=0",
    "/sys/kernel/uevent_helper": "/workspace/x",
    "/sys/power/state": "mem",
    "/sys/kernel/mm/transparent_hugepage/enabled": "always",
    "/sys/fs/cgroup/release_agent": "/workspace/x",
    "/sys/fs/cgroup/memory/release_agent": "/workspace/x",
    "/sys/fs/cgroup/pids/pids.max": "max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "-1",
    "/sys/fs/cgroup/memory.max": "max",
    "/sys/fs/cgroup/cgroup.procs": "0",
}.items():
    attempt(path, lambda: write_to(path, text))
attempt("a cgroup of its own", lambda: os.mkdir("/sys/fs/cgroup/attack"))
attempt("a cgroup below memory", lambda: os.mkdir("/sys/fs/cgroup/memory/attack"))

opened = []
for top in ["/proc/sys", "/sys", "/proc/irq", "/proc/fs", "/proc/bus", "/proc/driver", "/proc/tty", "/proc/acpi"]:
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            if os.access(path, os.W_OK):
                try:
                    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                    opened.append(path)
                except OSError:
                    pass


def found():
    if not opened:
        raise PermissionError(13, "none")
    return opened[:5]


attempt("any other file of the kernel", found)
tell()
