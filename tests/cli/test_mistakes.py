# SPDX-License-Identifier: Apache-2.0
"""What `nek check` says of broken pipelines: mistakes/NAME.yaml must give mistakes/NAME.expected.

To see what changed after a message was changed on purpose: UPDATE=1 writes the files anew, and
git diff shows them."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

NEK = os.environ["NEK_BIN"]
FOLDER = pathlib.Path(__file__).resolve().parent / "mistakes"
FLOW = ("2014-03-12 10:00:00.000, 10.0.0.1, 40000, 10.0.0.2, 445, 60, 1, 2, 6, ......S.\n")


class Mistakes(unittest.TestCase):
    maxDiff = None

    def test_each_mistake_is_named_with_its_place(self):
        cases = sorted(FOLDER.glob("*.yaml"))
        self.assertGreaterEqual(len(cases), 60)
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "in.csv").write_text(FLOW)
            for case in cases:
                with self.subTest(case.stem):
                    self.check(case, folder)

    def check(self, case, folder):
        shutil.copy(case, folder)
        done = subprocess.run([NEK, "check", case.name], cwd=folder, text=True, capture_output=True,
                              timeout=60)
        errors = re.sub("(?<=; plugins were looked for in ).*", "FOLDERS", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.returncode, 2)
        expected = case.with_suffix(".expected")
        if os.environ.get("UPDATE"):
            expected.write_text(errors)
        self.assertEqual(errors, expected.read_text())


if __name__ == "__main__":
    unittest.main()
