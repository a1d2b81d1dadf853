import os
import resource

soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
try:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    raised = "raised"
except (OSError, ValueError):
    raised = "refused"
print(f"limit {soft} {hard}, {raised}", flush=True)
memory = bytearray(b"x") * 32_000_000
os.abort()
