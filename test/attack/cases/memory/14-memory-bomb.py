taken = []
while True:
    taken.append(bytearray(b"x") * 4_000_000)
