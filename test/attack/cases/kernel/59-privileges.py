import ctypes
import os
import shutil
import stat
import subprocess

from attempts import attempt, call, libc, tell

PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, PR_SET_SECUREBITS = 38, 47, 2, 28
FULL = 0xFFFFFFFF


def fields():
    with open("/proc/self/status") as file:
        return dict(line.rstrip().split(":\t", 1) for line in file if ":\t" in line)


def capset():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(FULL, FULL, FULL, FULL, FULL, FULL)
    return call((126, 91), header, data)


def prctl(*args):
    if libc.prctl(*args) != 0:
        raise OSError(ctypes.get_errno(), "")


def is_gained(identity):
    if any(fields()[name].strip("0") for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"]):
        return "capabilities"
    if fields()["NoNewPrivs"] != "1":
        return "new privileges"
    if 0 in os.getresuid() + os.getresgid():
        return f"root: {identity}"
    raise PermissionError(1, "nothing")


def ran(*command):
    done = subprocess.run(command, input=b"\n", capture_output=True, timeout=10)
    if b"uid=0" in done.stdout or b"euid=0" in done.stdout:
        return done.stdout
    raise PermissionError(1, "not root")


def set_id_files():
    for directory, names, files in os.walk("/"):
        names[:] = [name for name in names if os.path.join(directory, name) not in ("/proc", "/sys")]
        for name in files:
            path = os.path.join(directory, name)
            try:
                if os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
                    yield path
            except OSError:
                pass


def own_set_id():
    shutil.copy(shutil.which("id"), "/workspace/id")
    os.chown("/workspace/id", 0, 0)
    os.chmod("/workspace/id", 0o4755)
    return ran("/workspace/id")


for name, action in {
    "setuid": lambda: os.setuid(0), "setgid": lambda: os.setgid(0), "setgroups": lambda: os.setgroups([0]),
    "setresuid": lambda: os.setresuid(0, 0, 0), "seteuid": lambda: os.seteuid(0),
}.items():
    attempt(name, action)
attempt("capset", capset)
attempt("ambient capability", lambda: prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 7, 0, 0))
attempt("securebits", lambda: prctl(PR_SET_SECUREBITS, 1, 0, 0, 0))
attempt("no_new_privs taken back", lambda: prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0))
attempt("chown to root", own_set_id)
attempt("any privilege", lambda: is_gained(os.getresuid()))
for path in set_id_files():
    attempt(f"{path} -c id", lambda: ran(path, "-c", "id"))
for name in ["sudo", "su", "pkexec", "doas", "newgrp"]:
    if shutil.which(name):
        attempt(name, lambda: ran(name, "id"))
tell()
