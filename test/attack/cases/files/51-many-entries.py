"""Fills one directory with names, as many as there may be; tells how many."""

import os

WANTED = 1_000_000
NAMES_A_FILE = 60_000
WITHIN_FILES = 20

os.mkdir("many")
os.chdir("many")
made = 0
try:
    for file in range(WITHIN_FILES):
        if made == WANTED:
            break
        first = f"{file:02}-{0:06}"
        open(first, "w").close()
        made += 1
        for name in range(1, min(NAMES_A_FILE, WANTED - made + 1)):
            os.link(first, f"{file:02}-{name:06}")
            made += 1
except OSError:
    pass
print(made)
