import os
import threading


def spin():
    while True:
        pass


for _ in range(3):
    os.fork()
threading.Thread(target=spin, daemon=True).start()
spin()
