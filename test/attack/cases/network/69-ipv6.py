import socket
import sys

from attempts import attempt, tell
from reach import connect, send

OWN = ["::1", "fe80::1%lo"]


def interfaces():
    with open("/proc/net/if_inet6") as table:
        others = [line for line in table if line.split()[-1] != "lo"]
    if not others:
        raise OSError(19, "none but lo")
    return others


def routes():
    with open("/proc/net/ipv6_route") as table:
        others = [line for line in table if line.split()[-1] != "lo"]
    if not others:
        raise OSError(101, "none but lo")
    return others


attempt("interfaces", interfaces)
attempt("routes", routes)
for host in ["2001:4860:4860::8888", "2606:4700:4700::1111", "fd00::1", "fe80::1%lo", "::1", "64:ff9b::808:808",
             "::ffff:8.8.8.8", "2002:808:808::1"]:
    for port in [53, 80, 443, int(sys.argv[1])]:
        attempt(f"{host}:{port}", lambda: connect(host, port))
    attempt(f"datagram to {host}", lambda: send(host, 9, socket.AF_INET6) if host not in OWN else connect(host, 9))
attempt("all nodes", lambda: send("ff02::1", 9, socket.AF_INET6))
attempt("all routers", lambda: send("ff02::2", 9, socket.AF_INET6))
tell()
