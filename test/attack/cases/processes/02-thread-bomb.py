import threading
import time

count = 0
told = False
while True:
    try:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        count += 1
    except RuntimeError:
        if not told:
            print(f"no more than {count}", flush=True)
            told = True
