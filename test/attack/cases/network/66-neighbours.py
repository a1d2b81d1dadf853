"""`listen` waits on every address and says so; `attack` tries to reach it, and to take an address."""

import ctypes
import fcntl
import os
import socket
import struct
import sys
import time

PORT = 7_777
NAME = "\0attack-neighbour"

if sys.argv[1] == "listen":
    tcp = socket.create_server(("0.0.0.0", PORT))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(NAME)
    abstract.listen()
    print("listening", flush=True)
    time.sleep(60)

from attempts import attempt, tell
from reach import connect, send

SIOCSIFADDR, SIOCSIFFLAGS, SIOCSIFHWADDR, SIOCSARP = 0x8916, 0x8914, 0x8924, 0x8955
RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH, RTM_NEWLINK = 20, 24, 28, 16
NLM_F_REQUEST_ACK_CREATE = 0x1 | 0x4 | 0x400


def abstract():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(NAME)
        return "reached"


def ioctl(number):
    request = struct.pack("16sHH4s8x", b"lo", socket.AF_INET, 0, socket.inet_aton("172.17.0.2"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return fcntl.ioctl(any_socket, number, request + bytes(32))


def netlink(kind):
    body = struct.pack("BBBBI", socket.AF_INET, 24, 0, 0, 1) + struct.pack("HH4s", 8, 2, socket.inet_aton("172.17.0.2"))
    body += bytes(24)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.sendto(struct.pack("IHHII", 16 + len(body), kind, NLM_F_REQUEST_ACK_CREATE, 1, 0) + body, (0, 0))
        answer = link.recv(4096)
    code = -struct.unpack_from("i", answer, 16)[0]
    if code:
        raise OSError(code, "")
    return "done"


def interfaces():
    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    with open("/proc/net/route") as table:
        names += table.readlines()[1:]
    if not names:
        raise OSError(19, "none but lo")
    return names


attempt("an interface or a route", interfaces)
attempt("its port on loopback", lambda: connect("127.0.0.1", PORT))
for last in range(2, 10):
    attempt(f"172.17.0.{last}", lambda: connect(f"172.17.0.{last}", PORT))
attempt("its abstract socket", abstract)
for name, kind in {"address": RTM_NEWADDR, "route": RTM_NEWROUTE, "neighbour": RTM_NEWNEIGH, "link": RTM_NEWLINK}.items():
    attempt(f"a new {name}", lambda: netlink(kind))
for name, number in {"address": SIOCSIFADDR, "flags": SIOCSIFFLAGS, "hardware address": SIOCSIFHWADDR, "ARP": SIOCSARP}.items():
    attempt(f"{name} by ioctl", lambda: ioctl(number))
attempt("ARP by a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0300))
attempt("a neighbour advertisement", lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
attempt("a foreign source address", lambda: socket.create_connection(("172.17.0.1", 80), 2, ("172.17.0.9", 0)))
tell()
