"""Take the picture of a report that the README shows, with headless Chromium.

python docs/picture.py runs/demo/report.html docs/images/report.png
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1120,1500",
]


def main(page: Path, picture: Path) -> None:
    """Photograph the top of the page and save it with few colours."""
    from PIL import Image

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("picture.py: Chromium is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        shot = Path(scratch) / "shot.png"
        profile = f"--user-data-dir={Path(scratch) / 'profile'}"
        address = page.resolve().as_uri()
        subprocess.run([chromium, *FLAGS, profile, f"--screenshot={shot}", address], check=True)
        picture.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(shot) as image:
            image.convert("RGB").quantize(200, dither=0).save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
