import os
import sys
import time

if sys.argv[1] == "torn":
    for byte in ("aé日🚀" * 20).encode():
        os.write(1, bytes([byte]))
        time.sleep(0.0005)
else:
    os.write(1, b"\xc0\xaf\xed\xa0\x80\xf8\x88\x80" + bytes(range(256)) + b"\xf0\x9f")
