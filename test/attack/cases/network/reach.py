"""Connects, and sends datagrams."""

import socket

TIMEOUT_S = 2


def connect(host, port):
    """To a TCP port; what answers there."""
    with socket.create_connection((host, port), TIMEOUT_S) as client:
        return client.getpeername()


def send(host, port, family=socket.AF_INET, text=b"x"):
    """A datagram: how many bytes the kernel has taken."""
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        return client.sendto(text, (host, port))
