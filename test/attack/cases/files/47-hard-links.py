import os

from attempts import attempt, tell

for target in ["/etc/shadow", "/etc/passwd", "/codebeaker/agent", "/proc/1/exe", "/proc/1/environ", "/dev/null"]:
    for place in ["/workspace", "/tmp"]:
        attempt(f"{target} in {place}", lambda: os.link(target, f"{place}/hard-link"))
tell()
