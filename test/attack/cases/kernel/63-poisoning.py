"""Leaves in the own home and in /tmp what shells, interpreters and loaders read when they start."""

import os
import site

MARK = "touch /tmp/poisoned"
packages = site.getusersitepackages()
os.makedirs(packages, exist_ok=True)
python = f'import os; os.system("{MARK}-python")\n'
for path, text in {
    ".bashrc": f"{MARK}-bash\n",
    ".profile": f"{MARK}-profile\n",
    ".bash_profile": f"{MARK}-bash\n",
    ".npmrc": "script-shell=/workspace/evil\n",
    ".gitconfig": "[core]\n\tpager = touch /tmp/poisoned-git\n",
    "sitecustomize.py": python,
    "usercustomize.py": python,
    f"{packages}/usercustomize.py": python,
    f"{packages}/sitecustomize.py": python,
    f"{packages}/evil.pth": python,
    "/tmp/sitecustomize.py": python,
}.items():
    with open(path, "w") as file:
        file.write(text)
for path in ["/etc/ld.so.preload", "/etc/profile.d/evil.sh", "/etc/bash.bashrc", "/usr/local/bin/python3",
             "/usr/bin/sh", "/codebeaker/agent", "/etc/environment", site.getsitepackages()[0] + "/sitecustomize.py"]:
    try:
        with open(path, "a") as file:
            file.write("evil")
        print(path)
    except OSError:
        pass
