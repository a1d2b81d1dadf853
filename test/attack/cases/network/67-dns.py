import socket
import subprocess

from attempts import attempt, tell
from reach import connect, send

QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06secret\x07example\x03com\x00\x00\x10\x00\x01"


def resolvers():
    with open("/etc/resolv.conf") as file:
        return [line.split()[1] for line in file if line.startswith("nameserver")]


def ask(host):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect((host, 53))
        client.send(QUERY)
        return client.recv(512)


for name in ["secret.example.com", "packages.example.org", "host.docker.internal", "xn--secret.example.com"]:
    attempt(f"resolve {name}", lambda: socket.getaddrinfo(name, 80))
for host in [*resolvers(), "127.0.0.11", "127.0.0.53", "8.8.8.8", "1.1.1.1", "172.17.0.1", "2001:4860:4860::8888"]:
    attempt(f"ask {host}", lambda: ask(host))
    attempt(f"ask {host} by TCP", lambda: connect(host, 53))
attempt("mDNS", lambda: send("224.0.0.251", 5353, text=QUERY))
tell()
