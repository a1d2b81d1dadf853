/**
 * What a sandbox is like, seen from a program in it. It runs in the Python image, which has ctypes. Its last line of
 * output is the answer; arguments: the bytes that /workspace and /tmp may hold, names of kernel settings with commas
 * between them, then addresses to try.
 */
export const LOOK_AROUND = String.raw`
import ctypes, errno, json, os, platform, socket, stat, sys, time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
ARM = platform.machine() == "aarch64"
empty = ctypes.create_string_buffer(256)
CLONE_NEWUSER = 0x10000000

def outcome(action):
    try:
        value = action()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "allowed" if value >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")

def call(amd64, arm64, *args):
    return libc.syscall(ctypes.c_long(arm64 if ARM else amd64), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])

doors = {
    "AF_ALG": lambda: libc.socket(38, 5, 0),
    "AF_RXRPC": lambda: libc.socket(33, 2, 2),
    "AF_VSOCK": lambda: libc.socket(40, 1, 0),
    "AF_PACKET": lambda: libc.socket(17, 3, 0),
    "io_uring": lambda: call(425, 425, 8, empty),
    "bpf": lambda: call(321, 280, 0, empty, 72),
    "keyrings": lambda: call(250, 219, 0, -3, 0),
    "userfaultfd": lambda: call(323, 282, 0),
    "perf events": lambda: call(298, 241, empty, 0, -1, -1, 0),
    "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
    "user namespace": lambda: libc.unshare(CLONE_NEWUSER),
}

def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""

def cpus():
    limit = text("/sys/fs/cgroup/cpu.max").split()
    if not limit:
        limit = [text("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), text("/sys/fs/cgroup/cpu/cpu.cfs_period_us")]
    try:
        return int(limit[0]) / int(limit[1])
    except (ValueError, IndexError):
        return None

def fill(path, limit):
    written, piece = 0, bytes(65536)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    end = "unlimited"
    try:
        while written <= 2 * limit:
            written += os.write(fd, piece)
    except OSError as error:
        end = errno.errorcode.get(error.errno, str(error))
    os.close(fd)
    os.unlink(path)
    return {"limit": limit, "reached": written, "endReason": end}

def reaches(address):
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
        return True
    except OSError:
        return False

def sockets():
    paths = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock"]
    found = [path for path in paths if os.path.exists(path)]
    rows = [line.split() for line in text("/proc/net/unix").splitlines()[1:]]
    return len(paths), found + [row[-1] for row in rows if len(row) > 7]

def kernel(names):
    weaknesses = "/sys/devices/system/cpu/vulnerabilities"
    settings = {name: text("/proc/sys/" + name.replace(".", "/")).strip() for name in names}
    swaps = [line.split() for line in text("/proc/swaps").splitlines()[1:]]
    return {
        "build": platform.version(),
        "corePattern": text("/proc/sys/kernel/core_pattern").strip(),
        "swapBytes": sum(int(row[2]) * 1024 for row in swaps),
        "sysctls": {name: int(value) for name, value in settings.items() if value},
        "cpuWeaknesses": {
            name: text(os.path.join(weaknesses, name)).strip()
            for name in (os.listdir(weaknesses) if os.path.isdir(weaknesses) else [])
        },
    }

addresses = sys.argv[4:]
tried, found = sockets()
print(json.dumps({
    "disk": fill("/workspace/doctor", int(sys.argv[1])),
    "tmp": fill("/tmp/doctor", int(sys.argv[2])),
    "sandbox": {
        "uid": os.getuid(),
        "status": dict(line.split(":\t", 1) for line in text("/proc/self/status").splitlines() if ":\t" in line),
        "uidMap": text("/proc/self/uid_map"),
        "doors": {name: outcome(action) for name, action in doors.items()},
        "interfaces": [name for _, name in socket.if_nameindex()],
        "reached": [address for address in addresses if reaches(address)] + found,
        "tried": len(addresses) + tried,
        "cpus": cpus(),
        "kernel": kernel(sys.argv[3].split(",")),
        "now": time.time() * 1000,
    },
}))
`;

/** Takes memory until it is stopped; tells every MiB that it has. */
export const TAKE_MEMORY = String.raw`
taken = []
while len(taken) < 512:
    taken.append(b"x" * 1048576)
    print(len(taken) * 1048576, flush=True)
`;

/** Starts processes until it is refused one, ends them, and tells how many there were. */
export const START_PROCESSES = String.raw`
import os, signal
children = []
try:
    while len(children) < 1000:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except OSError:
    pass
print(len(children), flush=True)
for child in children:
    os.kill(child, signal.SIGKILL)
`;
