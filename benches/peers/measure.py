"""What a peer took, in the same words as `cargo bench --bench audit`."""

import resource
import sys
import time
from pathlib import Path

STARTED = time.time()


def arguments():
    """The server's address and the folder of photographs."""
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} http://127.0.0.1:PORT/50/yes/v1 PHOTOS")
    return sys.argv[1], Path(sys.argv[2])


def report(peer, requests):
    """Prints the figures; the process began a moment before this module was imported."""
    wall_s = time.time() - STARTED
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in used)
    peak_mb = max(usage.ru_maxrss for usage in used) / 1024
    print(
        f"{peer:<12} {requests} requests, {wall_s:.2f} s, {requests / wall_s:.0f} requests/s, "
        f"{cpu_s / requests * 1000:.2f} CPU s/1000, {peak_mb:.0f} MB"
    )
