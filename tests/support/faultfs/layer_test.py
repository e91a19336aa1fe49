# SPDX-License-Identifier: Apache-2.0
"""Each mode of the fault layer, on small Python programs: os.write is libc's write."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import durable  # noqa: E402
import faultfs  # noqa: E402

PRELUDE = """
import errno, mmap, os, threading
def write(name, content, sync=False, flags=os.O_TRUNC):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | flags, 0o644)
    os.write(fd, content)
    if sync: os.fsync(fd)
    os.close(fd)
def sync(name):
    fd = os.open(name, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
def error_of(call):
    try: call()
    except OSError as error: return errno.errorcode[error.errno]
    return "none"
"""


class LayerTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.root = self.folder / "root"
        self.root.mkdir()
        self.trace = self.folder / "trace"
        self.count = self.folder / "count"

    def run_program(self, program, **settings):
        """Runs the program in the root under the layer; returns what subprocess.run does."""
        return subprocess.run(
            ["/usr/bin/python3", "-c", PRELUDE + program], cwd=self.root, text=True,
            capture_output=True, check=False, env=faultfs.environment(self.root, **settings))

    def run_whole(self, program, **settings):
        done = self.run_program(program, **settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def after_cut(self, program, *, kill=None, existing=(), tears=durable.TEARS, seed=None,
                  ordered=False, **settings):
        """{path: content} of the root when power failed at the end, or at the kill point."""
        for name, content in dict(existing).items():
            path = self.root / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        faultfs.start_trace(self.root, self.trace)
        done = self.run_program(program, trace=self.trace, kill=kill, **settings)
        self.assertEqual(done.returncode, -signal.SIGKILL if kill else 0, done.stderr)
        faultfs.power_cut(self.root, self.trace, seed, tears, ordered)
        return self.files()

    def files(self):
        return {str(path.relative_to(self.root)): path.read_bytes()
                for path in self.root.rglob("*") if path.is_file()}


class KillPoint(LayerTest):
    PROGRAM = "write('a', b'12345678'); write('b', b'12345678'); os.rename('b', 'c')"

    def test_before_nth_operation_leaves_earlier_ones(self):
        done = self.run_program(self.PROGRAM, kill="4")  # create, write, create, [write]
        self.assertEqual(done.returncode, -signal.SIGKILL)
        self.assertEqual(self.files(), {"a": b"12345678", "b": b""})

    def test_after_is_after(self):
        self.run_program(self.PROGRAM, kill="write:b:1:after")
        self.assertEqual(self.files(), {"a": b"12345678", "b": b"12345678"})

    def test_during_writes_half(self):
        self.run_program(self.PROGRAM, kill="write::2:during")
        self.assertEqual(self.files(), {"a": b"12345678", "b": b"1234"})

    def test_rename_matches_by_new_name(self):
        self.run_program(self.PROGRAM, kill="rename:c:1:before")
        self.assertEqual(set(self.files()), {"a", "b"})

    def test_paths_outside_root_do_not_count(self):
        done = self.run_program("write('../outside', b'x'); write('../rooted', b'x')", kill="1")
        self.assertEqual(done.returncode, 0)

    def test_wrong_setting_ends_program(self):
        done = self.run_program(self.PROGRAM, kill="explode:a:1")
        self.assertEqual(done.returncode, 125)
        self.assertIn("SLUICE_FAULTFS_KILL", done.stderr)


class Counting(LayerTest):
    PROGRAM = """
os.mkdir('d')
write('d/a', b'x', sync=True)
write('d/a', b'y')
os.truncate('d/a', 0)
os.rename('d/a', 'd/b')
os.link('d/b', 'd/c')
os.unlink('d/c')
"""

    def test_every_operation_is_counted(self):
        self.run_whole(self.PROGRAM, count=self.count)
        self.assertEqual(faultfs.counts(self.count), {
            "write": 2, "sync": 1, "rename": 1, "unlink": 1, "create": 3, "truncate": 2})

    def test_match_narrows(self):
        self.run_whole(self.PROGRAM, count=self.count, count_match="/c")
        self.assertEqual(sum(faultfs.counts(self.count).values()), 2)

    def test_counts_survive_kill(self):
        self.run_program(self.PROGRAM, count=self.count, kill="rename::1:before")
        self.assertEqual(faultfs.counts(self.count)["write"], 2)

    def test_every_enumerated_kill_point_is_reached(self):
        self.run_whole(self.PROGRAM, count=self.count)
        points = list(faultfs.kill_points(faultfs.counts(self.count)))
        self.assertEqual(len(points), 2 * 10 + 2)
        for point in points:
            with self.subTest(point):
                subprocess.run(["rm", "-rf", str(self.root / "d")], check=True)
                done = self.run_program(self.PROGRAM, kill=point)
                self.assertEqual(done.returncode, -signal.SIGKILL)


class FullDisk(LayerTest):
    def setUp(self):
        super().setUp()
        self.control = self.folder / "full"

    def test_growth_fails_and_overwrite_succeeds(self):
        (self.root / "a").write_bytes(b"12345678")
        self.control.touch()
        self.assertEqual(self.run_whole("""
fd = os.open('a', os.O_RDWR)
print(error_of(lambda: os.pwrite(fd, b'xx', 0)), error_of(lambda: os.pwrite(fd, b'xx', 7)))
print(error_of(lambda: os.posix_fallocate(fd, 0, 100)))
""", full_file=self.control), ["none", "ENOSPC", "ENOSPC"])
        self.assertEqual(self.files(), {"a": b"xx345678"})

    def test_removing_control_file_makes_space(self):
        self.control.touch()
        self.assertEqual(self.run_whole("""
print(error_of(lambda: write('a', b'x')))
os.unlink('../full')
print(error_of(lambda: write('a', b'x')))
""", full_file=self.control), ["ENOSPC", "none"])

    def test_match_limits_to_paths(self):
        self.control.touch()
        self.assertEqual(self.run_whole("""
print(error_of(lambda: write('journal', b'x')), error_of(lambda: write('other', b'x')))
""", full_file=self.control, full_match="journal"), ["ENOSPC", "none"])

    def test_limit_fills_disk_and_control_file_says_so(self):
        self.assertEqual(self.run_whole("""
print(error_of(lambda: write('a', bytes(60))), error_of(lambda: write('b', bytes(60))))
print(os.path.exists('../full'))
os.unlink('../full')
print(error_of(lambda: write('b', bytes(60))))
""", full_file=self.control, full_after=100), ["none", "ENOSPC", "True", "none"])

    def test_partial_write_is_short_once(self):
        self.control.touch()
        self.assertEqual(self.run_whole("""
fd = os.open('a', os.O_WRONLY | os.O_CREAT)
print(os.write(fd, b'12345678'), error_of(lambda: os.write(fd, b'12345678')))
""", full_file=self.control, full_partial=True), ["4", "ENOSPC"])


class SyncError(LayerTest):
    PROGRAM = """
fd = os.open('a', os.O_WRONLY | os.O_CREAT)
sync('.')
os.write(fd, b'1111')
print(error_of(lambda: os.fsync(fd)))
os.write(fd, b'2222')
print(error_of(lambda: os.fdatasync(fd)))
"""

    def test_only_nth_sync_fails(self):
        self.assertEqual(self.run_whole(self.PROGRAM, sync_error="a:1"), ["EIO", "none"])

    def test_all_from_nth_fail(self):
        self.assertEqual(self.run_whole(self.PROGRAM, sync_error="a:1+"), ["EIO", "EIO"])

    def test_later_sync_does_not_bring_lost_pages_back(self):
        files = self.after_cut(self.PROGRAM, sync_error="a:1")
        self.assertEqual(files, {"a": b"\0\0\0\0" + b"2222"})


class PowerCut(LayerTest):
    def test_content_without_sync_is_lost(self):
        files = self.after_cut("write('a', b'new'); sync('.')")
        self.assertEqual(files, {"a": b""})

    def test_content_with_sync_stays(self):
        files = self.after_cut("write('a', b'new', sync=True); sync('.')")
        self.assertEqual(files, {"a": b"new"})

    def test_appended_part_after_sync_is_lost(self):
        files = self.after_cut("write('a', b'ab', True); sync('.'); write('a', b'cd', False, "
                               "os.O_APPEND)")
        self.assertEqual(files, {"a": b"ab"})

    def test_overwritten_bytes_come_back(self):
        files = self.after_cut("fd = os.open('a', os.O_WRONLY); os.pwrite(fd, b'XX', 1)",
                               existing={"a": b"1234"})
        self.assertEqual(files, {"a": b"1234"})

    def test_truncation_without_sync_is_undone(self):
        files = self.after_cut("os.truncate('a', 1)", existing={"a": b"1234"})
        self.assertEqual(files, {"a": b"1234"})

    def test_created_file_vanishes_unless_folder_is_synced(self):
        self.assertEqual(self.after_cut("write('a', b'new', sync=True)"), {})

    def test_folder_itself_needs_sync_of_its_parent(self):
        program = "os.mkdir('d'); write('d/a', b'x', True); sync('d')"
        self.assertEqual(self.after_cut(program), {})
        self.assertEqual(self.after_cut(program + "; sync('.')"), {"d/a": b"x"})

    def test_ordered_journal_keeps_earlier_entries(self):
        files = self.after_cut("os.mkdir('d'); write('d/a', b'x', True); write('d/b', b'y')",
                               ordered=True)
        self.assertEqual(files, {"d/a": b"x"})

    def test_rename_goes_back_and_replaced_file_returns(self):
        files = self.after_cut("write('t', b'new', True); os.rename('t', 'a')",
                               existing={"a": b"old"})
        self.assertEqual(files, {"a": b"old"})

    def test_rename_stays_when_folder_is_synced(self):
        files = self.after_cut("write('t', b'new', True); os.rename('t', 'a'); sync('.')",
                               existing={"a": b"old"})
        self.assertEqual(files, {"a": b"new"})

    def test_rename_between_folders_is_never_half_done(self):
        files = self.after_cut("os.rename('d/a', 'e/a'); sync('e')",
                               existing={"d/a": b"x", "e/b": b"y"})
        self.assertEqual(files, {"e/a": b"x", "e/b": b"y"})

    def test_unlinked_file_returns_until_folder_is_synced(self):
        self.assertEqual(self.after_cut("os.unlink('a')", existing={"a": b"x"}), {"a": b"x"})
        self.assertEqual(self.after_cut("os.unlink('a'); sync('.')"), {})

    def test_hard_link_shares_content(self):
        files = self.after_cut("os.link('a', 'b'); sync('.'); write('b', b'yy', True)",
                               existing={"a": b"x"})
        self.assertEqual(files, {"a": b"yy", "b": b"yy"})

    def test_kill_before_sync_loses_and_after_keeps(self):
        program = "write('a', b'new', sync=True)"
        existing = {"a": b"old"}
        self.assertEqual(self.after_cut(program, kill="sync:a:1:before", existing=existing),
                         {"a": b"old"})
        self.assertEqual(self.after_cut(program, kill="sync:a:1:after", existing=existing),
                         {"a": b"new"})

    def test_syncfs_makes_all_durable(self):
        files = self.after_cut("import ctypes\nos.mkdir('d'); write('d/a', b'x')\n"
                               "ctypes.CDLL(None).syncfs(os.open('.', os.O_RDONLY))\n"
                               "write('d/b', b'y')")
        self.assertEqual(files, {"d/a": b"x"})

    def test_second_run_without_cut_continues_the_trace(self):
        faultfs.start_trace(self.root, self.trace)
        self.run_program("write('a', b'x'); sync('.')", trace=self.trace)
        self.run_program("sync('a'); write('b', b'y')", trace=self.trace)
        faultfs.power_cut(self.root, self.trace)
        self.assertEqual(self.files(), {"a": b"x"})

    def test_seeds_give_different_but_repeatable_tears(self):
        program = "write('a', b'x' * 20000); sync('.')"
        seen = set()
        for seed in range(12):
            first = self.after_cut(program, seed=seed)
            subprocess.run(["rm", "-f", str(self.root / "a")], check=True)
            self.assertEqual(self.after_cut(program, seed=seed), first)
            subprocess.run(["rm", "-f", str(self.root / "a")], check=True)
            self.assertLessEqual(set(first.get("a", b"")), {0, ord("x")})
            seen.add(first.get("a"))
        self.assertGreater(len(seen), 3)

    def test_threads_are_traced_in_order(self):
        program = """
def work(name):
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    shared = os.open('shared', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(300):
        os.write(fd, b'%d ' % number)
        os.write(shared, b'%s%d ' % (name.encode(), number))
        if number % 50 == 0: os.fdatasync(fd)
threads = [threading.Thread(target=work, args=(f't{n}',)) for n in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
for name in os.listdir('.'): sync(name)
sync('.')
"""
        files = self.after_cut(program)  # compares the trace with the tree as well
        self.assertEqual(len(files["shared"].split()), 1800)
        for number in range(6):
            self.assertEqual(files[f"t{number}"].split(), [b"%d" % n for n in range(300)])

    def test_child_of_a_threaded_process_does_not_hang(self):
        self.run_whole("""
import sys
stop = threading.Event()
def work():
    while not stop.is_set(): write('busy', b'x')
thread = threading.Thread(target=work); thread.start()
for number in range(30):
    child = os.fork()
    if child == 0:
        write('child', b'x'); os._exit(0)
    os.waitpid(child, 0)
stop.set(); thread.join()
""")


class Unfollowed(LayerTest):
    def check_refused(self, program, text):
        faultfs.start_trace(self.root, self.trace)
        done = self.run_program(program, trace=self.trace)
        self.assertIn(text, done.stderr)
        with self.assertRaisesRegex(durable.TraceError, "not followed"):
            faultfs.power_cut(self.root, self.trace)

    def test_writable_shared_mapping_is_refused(self):
        self.check_refused("fd = os.open('a', os.O_RDWR | os.O_CREAT); os.truncate('a', 4096)\n"
                           "mmap.mmap(fd, 4096)", "a writable shared mapping")

    def test_synchronous_open_is_refused(self):
        self.check_refused("os.open('a', os.O_RDWR | os.O_CREAT | os.O_DSYNC)", "O_DSYNC")

    def test_sendfile_is_refused(self):
        self.check_refused("write('a', b'x'); a = os.open('a', os.O_RDONLY)\n"
                           "b = os.open('b', os.O_WRONLY | os.O_CREAT); os.sendfile(b, a, 0, 1)",
                           "sendfile")

    def test_change_behind_the_layer_is_found(self):
        faultfs.start_trace(self.root, self.trace)
        self.run_program("write('a', b'x')", trace=self.trace)
        (self.root / "a").write_bytes(b"y")
        with self.assertRaisesRegex(durable.TraceError, "a: other bytes"):
            faultfs.power_cut(self.root, self.trace)

    def test_bytes_of_stdio_are_found(self):
        faultfs.start_trace(self.root, self.trace)
        self.run_program("import ctypes\nlibc = ctypes.CDLL(None)\n"
                         "libc.fopen.restype = ctypes.c_void_p\n"
                         "file = libc.fopen(b'a', b'w')\n"
                         "libc.fputs(b'x', ctypes.c_void_p(file))\n"
                         "libc.fclose(ctypes.c_void_p(file))", trace=self.trace)
        with self.assertRaisesRegex(durable.TraceError, "a: other bytes"):
            faultfs.power_cut(self.root, self.trace)

    def test_trace_within_root_is_refused(self):
        with self.assertRaises(ValueError):
            faultfs.start_trace(self.root, self.root / "trace")


if __name__ == "__main__":
    unittest.main()
