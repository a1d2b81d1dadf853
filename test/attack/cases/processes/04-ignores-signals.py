import signal
import time

for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
print("ignored", flush=True)
while True:
    time.sleep(1000)
