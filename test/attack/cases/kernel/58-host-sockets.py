import os
import socket
import stat

from attempts import attempt, tell

PATHS = [
    "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock",
    "/run/crio/crio.sock", "/run/systemd/private", "/run/dbus/system_bus_socket", "/run/buildkit/buildkitd.sock",
    "\0/containerd-shim/moby/shim.sock", "\0/containerd-shim/shim.sock@", "\0/org/freedesktop/systemd1/notify",
    "\0/tmp/.X11-unix/X0", "\0docker", "\0ISCSIADM_ABSTRACT_NAMESPACE",
]


def reach(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        client.connect(path)
        return path


def sockets():
    found = []
    for directory, names, files in os.walk("/"):
        names[:] = [name for name in names if os.path.join(directory, name) not in ("/proc", "/sys")]
        for name in files:
            path = os.path.join(directory, name)
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    found.append(path)
            except OSError:
                pass
    with open("/proc/net/unix") as table:
        found += [line.split()[-1] for line in table.readlines()[1:] if len(line.split()) > 7]
    if not found:
        raise FileNotFoundError(2, "none")
    return found


for path in PATHS:
    attempt(path.replace("\0", "@"), lambda: reach(path))
attempt("any socket that can be seen", sockets)
tell()
