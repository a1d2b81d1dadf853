import socket

from attempts import attempt, tell

ECHO = b"\x08\x00\xf7\xff\x00\x00\x00\x00"


def ping(family, kind, protocol, host):
    with socket.socket(family, kind, protocol) as client:
        client.settimeout(1)
        client.sendto(ECHO, (host, 0))
        return "sent"


for protocol in [socket.IPPROTO_ICMP, socket.IPPROTO_RAW, socket.IPPROTO_TCP, socket.IPPROTO_UDP, 47, 50, 89, 132]:
    attempt(f"raw {protocol}", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol))
    attempt(f"raw {protocol} IPv6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, protocol))
for host in ["8.8.8.8", "172.17.0.1", "169.254.169.254"]:
    attempt(f"raw ping {host}", lambda: ping(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP, host))
    attempt(f"ping {host}", lambda: ping(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP, host))
attempt("ping IPv6", lambda: ping(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6, "2001:4860:4860::8888"))
tell()
