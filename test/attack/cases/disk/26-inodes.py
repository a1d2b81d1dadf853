import os
import time

os.mkdir("many")
count = 0
why = "a million"
until = time.monotonic() + 4
try:
    while count < 1_000_000 and time.monotonic() < until:
        os.close(os.open(f"many/{count}", os.O_CREAT | os.O_WRONLY))
        count += 1
    if count < 1_000_000:
        why = "four seconds are over"
except OSError as error:
    why = os.strerror(error.errno)
print(f"{count} files ({why})")
