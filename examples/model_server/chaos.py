"""Makes the example worker behave badly for a while and well again, over and over, and says so:

    python3 chaos.py http://127.0.0.1:9000/control

For watching what a sidecar makes of it. No record is lost by any of this.
"""

import json
import random
import signal
import sys
import time
import urllib.request

USUAL = {"alpha_ms": 8, "beta_ms": 1, "cv": 0.1, "parallel": 1, "fault": "none", "poison": "500"}
TROUBLES = [
    ("five times slower", {"alpha_ms": 40, "beta_ms": 5}),
    ("unsteady", {"cv": 2.0}),
    ("twice as able", {"parallel": 2}),
    ("503 to everything", {"fault": "503"}),
    ("500 to everything", {"fault": "500"}),
    ("silent", {"fault": "hang"}),
]
BAD_S, WELL_S = (5, 15), (10, 20)


def tell(url: str, settings: dict) -> None:
    body = json.dumps(USUAL | settings).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    urllib.request.urlopen(request, timeout=5).close()


def main() -> None:
    url = sys.argv[1]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # by way of the last line
    try:
        while True:
            time.sleep(random.uniform(*WELL_S))
            what, settings = random.choice(TROUBLES)
            print(f"the worker is {what}", flush=True)
            tell(url, settings)
            time.sleep(random.uniform(*BAD_S))
            tell(url, {})
            print("the worker is well", flush=True)
    finally:
        tell(url, {})


if __name__ == "__main__":
    main()
