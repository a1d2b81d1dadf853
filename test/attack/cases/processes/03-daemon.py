"""Leaves a daemon behind, and then either stays itself or leaves as well."""

import os
import sys
import time

ready, told = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(told, b"x")
        os.execve("/bin/sleep", ["[kworker/0:1]", "1000"], {})
    os._exit(0)
os.wait()
os.read(ready, 1)
print("daemon runs", flush=True)
if sys.argv[1] == "stay":
    time.sleep(60)
