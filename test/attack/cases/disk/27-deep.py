import os
import time

depth = 0
until = time.monotonic() + 4
why = "as many as were tried"
try:
    while depth < 100_000:
        os.mkdir("d")
        os.chdir("d")
        depth += 1
        if time.monotonic() > until:
            why = "four seconds are over"
            break
except OSError as error:
    why = os.strerror(error.errno)
print(f"{depth} deep ({why})")
