"""The pictures of the docs: the one that a script makes is what it would make now, and none lies about unused."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from chart import ROOT

IMAGES = ROOT / "docs" / "images"


class Pictures(unittest.TestCase):
    maxDiff = None

    def test_the_picture_of_status_shows_what_status_prints(self):
        with tempfile.TemporaryDirectory(prefix="meshgraft-pictures-") as folder:
            made = Path(folder) / "status.svg"
            done = subprocess.run([ROOT / "scripts" / "pictures", made], capture_output=True, text=True, env=dict(os.environ))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual((IMAGES / "status.svg").read_text(), made.read_text(), "run scripts/pictures")

    def test_every_picture_is_shown_on_some_page(self):
        shown = set()
        for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
            shown |= {(page.parent / path).resolve() for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text())}
        self.assertEqual(shown, {path.resolve() for path in IMAGES.iterdir()})


if __name__ == "__main__":
    unittest.main()
