import urllib.error
import urllib.request

from attempts import attempt, tell
from reach import connect, send

HOSTS = ["169.254.169.254", "169.254.170.2", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518",
         "fd00:ec2::254", "::ffff:169.254.169.254", "100.100.100.200", "192.0.0.192"]
NAMES = ["metadata.google.internal", "169.254.169.254.nip.io", "instance-data"]


def get(host):
    try:
        return urllib.request.urlopen(f"http://{host}/latest/meta-data/", timeout=2).read(64)
    except urllib.error.URLError as error:
        raise error.reason


for host in HOSTS + NAMES:
    attempt(f"connect {host}", lambda: connect(host, 80))
    attempt(f"GET {host}", lambda: get(f"[{host}]" if ":" in host else host))
attempt("datagram", lambda: send("169.254.169.254", 80))
tell()
