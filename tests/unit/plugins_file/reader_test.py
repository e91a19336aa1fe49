# SPDX-License-Identifier: Apache-2.0
"""The thirty-line reader of plugins/file reads the worked example of FORMAT.md, and finds what is wrong."""
import contextlib
import io
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE_DIR"]) / "plugins" / "file"


def example():
    """The bytes in FORMAT.md: lines "offset  hex  | what" inside the fence ```segment."""
    data, inside = b"", False
    for line in (SOURCE / "FORMAT.md").read_text().splitlines():
        if line.startswith("```"):
            inside = line == "```segment"
        elif inside:
            data += bytes.fromhex("".join(line.split("|")[0].split()[1:]))
    return data


def read(*segments):
    with tempfile.TemporaryDirectory() as folder:
        for i, data in enumerate(segments):
            (pathlib.Path(folder) / f"{i + 1:020}.seg").write_bytes(data)
        return subprocess.run(
            [sys.executable, str(SOURCE / "reader.py"), folder], capture_output=True, text=True
        )


class ReaderTest(unittest.TestCase):
    def test_has_thirty_lines(self):
        self.assertLessEqual(len((SOURCE / "reader.py").read_text().splitlines()), 30)

    def test_reads_the_worked_example(self):
        done = read(example())
        self.assertEqual(done.returncode, 0, done.stderr)
        height, digest, size = done.stdout.split()
        self.assertEqual((height, size), ("1", "29"))
        # The same digest stands in FORMAT.md's JSON example.
        self.assertIn(f'"digest":"{digest}"', (SOURCE / "FORMAT.md").read_text())

    def test_finds_every_flipped_byte(self):
        good = example()
        header = 4 + 33
        for at in range(header, len(good)):
            bad = good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :]
            with tempfile.TemporaryDirectory() as folder:
                (pathlib.Path(folder) / f"{1:020}.seg").write_bytes(bad)
                sys.argv = ["reader.py", folder]
                with contextlib.redirect_stdout(io.StringIO()):
                    with self.assertRaises((SystemExit, AssertionError), msg=f"byte {at}"):
                        runpy.run_path(str(SOURCE / "reader.py"))

    def test_names_the_torn_tail(self):
        done = read(example()[:-1])
        self.assertEqual(done.returncode, 1)
        self.assertIn("at byte 145: torn tail or damage", done.stderr)


if __name__ == "__main__":
    unittest.main()
