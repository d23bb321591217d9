"""A parent with two forked children, to be killed from outside: `python -m tests.embedded.family FOLDER`.

Each child writes its pid to FOLDER/<name>. `fragile` dies at once when FOLDER/break exists.
"""

import os
import sys
import time
from functools import partial
from pathlib import Path

from pimcollect.errors import PimError
from pimcollect.supervision import keep_forked


def live(folder: Path, name: str) -> None:
    """Say who we are and stay."""
    if name == "fragile" and (folder / "break").exists():
        raise ValueError("Nadia Al-Example")
    (folder / f"{name}.new").write_text(str(os.getpid()))
    (folder / f"{name}.new").replace(folder / name)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        keep_forked({name: partial(live, place, name) for name in ("sturdy", "fragile")})
    except PimError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
