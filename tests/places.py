"""Where the checkout is, and what its tests keep from one run to the next."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("HATIF_TEST_CACHE") or CHECKOUT / "var" / "cache")
