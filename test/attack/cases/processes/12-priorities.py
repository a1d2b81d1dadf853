import ctypes
import os

from attempts import attempt, call, tell

SCHED_DEADLINE = 6
IOPRIO_SET = (251, 30)
SCHED_SETATTR = (314, 274)
IOPRIO_REALTIME = 1 << 13


def deadline():
    class Attributes(ctypes.Structure):
        _fields_ = [
            ("size", ctypes.c_uint32), ("policy", ctypes.c_uint32), ("flags", ctypes.c_uint64),
            ("nice", ctypes.c_int32), ("priority", ctypes.c_uint32),
            ("runtime", ctypes.c_uint64), ("deadline", ctypes.c_uint64), ("period", ctypes.c_uint64),
        ]

    wanted = Attributes(48, SCHED_DEADLINE, 0, 0, 0, 10_000_000, 20_000_000, 20_000_000)
    return call(SCHED_SETATTR, 0, ctypes.byref(wanted), 0)


def score(pid, value):
    with open(f"/proc/{pid}/oom_score_adj", "w") as file:
        file.write(value)


attempt("nice -20", lambda: os.setpriority(os.PRIO_PROCESS, 0, -20))
attempt("nice -1 for the user", lambda: os.setpriority(os.PRIO_USER, 0, -1))
attempt("SCHED_FIFO", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
attempt("SCHED_RR", lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(99)))
attempt("SCHED_DEADLINE", deadline)
attempt("real-time I/O", lambda: call(IOPRIO_SET, 1, 0, IOPRIO_REALTIME))
attempt("own OOM score", lambda: score("self", "-1000"))
attempt("the agent's nice value", lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
attempt("the agent's scheduler", lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))
attempt("the agent's processors", lambda: os.sched_setaffinity(1, {0}))
attempt("the agent's I/O", lambda: call(IOPRIO_SET, 1, 1, 3 << 13))
attempt("the agent's OOM score", lambda: score(1, "1000"))
tell()
