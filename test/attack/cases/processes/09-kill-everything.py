import os
import signal

reached = 0
for number in [0, *signal.valid_signals()]:
    try:
        os.kill(1, number)
        reached += 1
    except PermissionError:
        pass
try:
    os.kill(-1, signal.SIGKILL)
except OSError as error:
    print(error)
print(f"{reached} signals reached the agent", flush=True)
