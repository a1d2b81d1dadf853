import json
import os
import struct
import sys

PREAMBLE = b"\0CODEBEAKER-AGT\n"
HELLO, RESPONSE, DATA, EVENT = 1, 3, 4, 7


def frame(exchange, kind, head, payload=b""):
    text = json.dumps(head).encode()
    body = struct.pack("<IIBBH", exchange, len(text), kind, 1, 0) + text + payload + b"CB.\n"
    return struct.pack("<I", len(body)) + body


end = {"endReason": "exited", "exitCode": 0, "signal": None, "durationMs": 1, "stdoutBytes": 0, "stderrBytes": 0}
out = PREAMBLE + b"0" * 32 + frame(0, HELLO, {"protocol": 1, "agent": "forged", "startedAt": "2026-01-01T00:00:00Z"})
for exchange in range(64):
    out += frame(exchange, RESPONSE, end) + frame(exchange, EVENT, {"event": "gap", "droppedBytes": 1})
out += b"\0" * 262_144 + b"\xff" * 16
for reply in range(64):
    out += json.dumps({"jsonrpc": "2.0", "id": reply, "result": {"success": True, "result": end}}).encode() + b"\n"
out += b"\nUNIQUESTRING29234 0\n__EXIT_CODE__0\n\x01\x01\x01$ "
while out:
    out = out[os.write(1, out):]
sys.exit(7)
