"""A build backend (PEP 517), as a package brings its own: what pip runs of it is the attack."""

import json
import os
import subprocess
import zipfile

PLACES = [
    "/usr/lib/python3/dist-packages/evil.pth",
    "/usr/local/lib/evil.pth",
    "/usr/bin/pip",
    "/etc/pip.conf",
    "/codebeaker/agent",
    "/proc/1/mem",
    "/home/sandbox/.bashrc",
]


def attack():
    outcomes = {}
    for place in PLACES:
        try:
            with open(place, "ab") as file:
                file.write(b"evil")
            outcomes[place] = "allowed"
        except OSError as error:
            outcomes[place] = os.strerror(error.errno)
    for _ in range(3):
        # Without pip's pipes: it would wait for their end.
        subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open("/workspace/outcomes", "w") as file:
        json.dump(outcomes, file)


def build_wheel(directory, config_settings=None, metadata_directory=None):
    attack()
    name = "evil-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("evil.py", "print('evil')\n")
        wheel.writestr("evil-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
        wheel.writestr("evil-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("evil-1.dist-info/RECORD", "evil.py,,\nevil-1.dist-info/RECORD,,\n")
    return name
