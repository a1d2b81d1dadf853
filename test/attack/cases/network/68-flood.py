"""A port scan of the gateway, and SYN floods: out, and on its own loopback, which it may."""

import json
import socket

answered = sent = own = 0
for address in ["172.17.0.1", "10.0.0.1", "192.168.65.7"]:
    for port in range(1, 2_000):
        with socket.socket() as client:
            client.setblocking(False)
            code = client.connect_ex((address, port))
            answered += code in (0, 115)
            sent += 1
for port in range(20_000):
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", 1 + port % 60_000))
        own += 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    for port in range(1, 20_000):
        try:
            answered += client.sendto(b"x", (f"10.{port % 250}.0.1", port)) > 0
        except OSError:
            sent += 1
print(json.dumps({"answered": answered, "sent": sent, "own": own}))
