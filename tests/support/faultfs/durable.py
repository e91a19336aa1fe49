# SPDX-License-Identifier: Apache-2.0
"""What a power cut leaves of a tree, from the trace that libfaultfs.so wrote (its form: trace.h).

Every file and folder has two states: what a reader sees now, and what is durable. A change alters
the first at once and waits in a list; a sync that succeeds moves what waited when it *began* to the
second. A file's entry in its folder belongs to the folder: it is durable when the folder is synced,
not when the file is. That is POSIX taken strictly; with ordered=True any sync also makes all
earlier changes of folders durable, as the journal of ext4 happens to do.
"""

import os
import random
import struct

HEADER = struct.Struct("=IB3xIIQQ")
MAGIC = 0x53465431
(WRITE, TRUNCATE, EXTEND, ZERO, CREATE, MAKE_FOLDER, LINK, RENAME, UNLINK, REMOVE_FOLDER,
 SYNC_BEGIN, SYNC_END, SYNC_ERROR, UNSUPPORTED) = range(1, 15)
KIND_NAMES = ("", "write", "truncate", "extend", "zero", "create", "mkdir", "link", "rename",
              "unlink", "rmdir", "sync-begin", "sync-end", "sync-error", "unsupported")
PAGE = 4096
TEARS = ("none", "prefix", "zeros", "pages")


def rocksdb_tears(path):
    """TEARS, except for what RocksDB 7.8 does not promise to survive.

    It reads past a MANIFEST that ends within a record, but refuses to open the database where zeros
    or old pages stand in the unsynced tail.
    """
    return ("none", "prefix") if "MANIFEST-" in path else TEARS


class TraceError(Exception):
    """The trace cannot be followed; a power cut of it would prove nothing."""


class Record:
    __slots__ = ("kind", "path", "other", "number", "size", "data")

    def __init__(self, kind, path, other, number, size, data):
        self.kind, self.path, self.other = kind, path, other
        self.number, self.size, self.data = number, size, data

    def __repr__(self):
        other = f" -> {self.other}" if self.other else ""
        return f"{KIND_NAMES[self.kind]} {self.path}{other} number={self.number} size={self.size}"


def read_run(path):
    """The records of one process; one cut short by a kill from outside is left out."""
    with open(path, "rb") as file:
        content = file.read()
    at = 0
    while at + HEADER.size <= len(content):
        magic, kind, path_size, other_size, number, size = HEADER.unpack_from(content, at)
        if magic != MAGIC or not 0 < kind < len(KIND_NAMES):
            raise TraceError(f"{path}: no record at offset {at}")
        names = at + HEADER.size
        data = names + path_size + other_size
        end = data + (size if kind == WRITE else 0)
        if end > len(content):
            return
        yield Record(kind, os.fsdecode(content[names:names + path_size]),
                     os.fsdecode(content[names + path_size:data]), number, size, content[data:end])
        at = end


def read_trace(trace):
    """The runs of a trace folder, each a list of records."""
    for name in sorted(os.listdir(trace)):
        if name.endswith(".log"):
            yield list(read_run(os.path.join(trace, name)))


def apply_to_bytes(content, change):
    """Applies one change of a file to a bytearray."""
    kind, number, rest = change
    if kind == WRITE:
        if number > len(content):
            content.extend(bytes(number - len(content)))
        content[number:number + len(rest)] = rest
    elif kind == TRUNCATE:
        del content[number:]
        content.extend(bytes(number - len(content)))
    elif kind == EXTEND:
        content.extend(bytes(max(0, number - len(content))))
    elif kind == ZERO:
        end = min(number + rest, len(content))
        if end > number:
            content[number:end] = bytes(end - number)


class File:
    def __init__(self, content=b"", mode=0o644):
        self.now = bytearray(content)
        self.durable = bytearray(content)
        self.waiting = []  # (time, change)
        self.mode = mode

    def change(self, time, change):
        apply_to_bytes(self.now, change)
        self.waiting.append((time, change))

    def synced(self, before):
        """All that waited before this time is durable."""
        while self.waiting and self.waiting[0][0] < before:
            apply_to_bytes(self.durable, self.waiting.pop(0)[1])

    def lose(self):
        """A sync failed: the kernel calls the pages clean, and no later sync writes them."""
        self.waiting.clear()

    def after_cut(self, rng, tears):
        tear = rng.choice(tears) if rng and self.waiting else "none"
        result = bytearray(self.durable)
        if tear == "none":
            return result
        changes = [change for _, change in self.waiting]
        if tear == "pages":
            return self._some_pages(rng, result, changes)
        whole = rng.randint(0, len(changes))
        for change in changes[:whole]:
            apply_to_bytes(result, change)
        if whole < len(changes) and changes[whole][0] == WRITE:
            kind, offset, data = changes[whole]
            apply_to_bytes(result, (kind, offset, data[:rng.randint(0, len(data))]))
        if tear == "zeros" and len(self.now) > len(result):
            apply_to_bytes(result, (EXTEND, rng.randint(len(result), len(self.now)), None))
        return result

    @staticmethod
    def _some_pages(rng, old, changes):
        """Every page reached the disk or not, in any order; so did the size."""
        new = bytearray(old)
        for change in changes:
            apply_to_bytes(new, change)
        size = rng.choice((len(old), len(new)))
        old.extend(bytes(max(0, size - len(old))))
        new.extend(bytes(max(0, size - len(new))))
        for start in range(0, size, PAGE):
            if rng.random() < 0.5:
                old[start:start + PAGE] = new[start:start + PAGE]
        return old[:size]


class Folder:
    def __init__(self, mode=0o755):
        self.now = {}
        self.durable = {}
        self.waiting = []  # (time, [(folder, name, node or None)…]): applied as one
        self.mode = mode

    @staticmethod
    def _settle(entries, what):
        for folder, name, node in entries:
            table = getattr(folder, what)
            if node is None:
                table.pop(name, None)
            else:
                table[name] = node

    @staticmethod
    def change(time, entries):
        """A rename between folders is one change of both: no file system does half of it."""
        Folder._settle(entries, "now")
        for folder in dict.fromkeys(folder for folder, _, _ in entries):
            folder.waiting.append((time, entries))

    def synced(self, before):
        while self.waiting and self.waiting[0][0] < before:
            self._settle(self.waiting.pop(0)[1], "durable")

    def lose(self):
        """A failed sync of a folder leaves its changes waiting: nothing durable was promised."""

    def keep_some(self, rng):
        """What waited reached the disk up to some point."""
        for _, entries in self.waiting[:rng.randint(0, len(self.waiting))]:
            self._settle(entries, "durable")


class Tree:
    """The tree as it was when the trace began, and all that the trace says since."""

    def __init__(self, base, ordered=False):
        self.root = self._load(base)
        self._ordered = ordered
        self._time = 0
        self._syncs = {}  # identity -> (time, node, of the whole file system)

    def _load(self, path):
        folder = Folder()
        for entry in os.scandir(path):
            mode = entry.stat(follow_symlinks=False).st_mode & 0o7777
            if entry.is_dir(follow_symlinks=False):
                node = self._load(entry.path)
            else:
                with open(entry.path, "rb") as file:
                    node = File(file.read())
            node.mode = mode
            folder.now[entry.name] = folder.durable[entry.name] = node
        return folder

    def _find(self, path):
        node = self.root
        for name in filter(None, path.split("/")):
            if not isinstance(node, Folder) or name not in node.now:
                return None
            node = node.now[name]
        return node

    def _parent(self, path):
        folder_path, _, name = path.rpartition("/")
        folder = self._find(folder_path)
        if not isinstance(folder, Folder):
            raise TraceError(f"the trace changes {path}, but has not seen its folder being made")
        return folder, name

    def _set(self, path, node):
        Folder.change(self._time, [(*self._parent(path), node)])

    def replay_run(self, records):
        self._syncs.clear()
        for record in records:
            self.replay(record)

    def replay(self, record):
        self._time += 1
        kind = record.kind
        if kind in (WRITE, TRUNCATE, EXTEND, ZERO):
            node = self._find(record.path)
            if node is None:  # made by a call that cannot be taken over, such as mkstemp
                node = File()
                self._set(record.path, node)
                self._time += 1
            node.change(self._time, (kind, record.number,
                                     record.data if kind == WRITE else record.size))
        elif kind == CREATE:
            self._set(record.path, File())
        elif kind == MAKE_FOLDER:
            self._set(record.path, Folder())
        elif kind in (UNLINK, REMOVE_FOLDER):
            self._set(record.path, None)
        elif kind in (LINK, RENAME):
            self._two_names(record)
        elif kind == SYNC_BEGIN:
            self._syncs[record.number] = (self._time, self._find(record.path), record.size == 1)
        elif kind == SYNC_END:
            self._synced(*self._syncs.pop(record.number))
        elif kind == SYNC_ERROR:
            for node in self._nodes() if record.size else [self._find(record.path)]:
                node.lose()
        elif kind == UNSUPPORTED:
            raise TraceError(f"{record.other} of {record.path}: not followed by the fault layer")

    def _two_names(self, record):
        node = self._find(record.path)
        if node is None:
            raise TraceError(f"the trace has not seen how {record.path} was made")
        entries = [(*self._parent(record.other), node)]
        if record.kind == RENAME:
            if record.path == record.other or self._find(record.other) is node:
                return  # POSIX: nothing happens
            entries.insert(0, (*self._parent(record.path), None))
        Folder.change(self._time, entries)

    def _synced(self, before, node, whole_file_system):
        for each in list(self._nodes()) if whole_file_system else [node]:
            if each is not None:
                each.synced(before)
        if self._ordered:
            for each in list(self._nodes()):
                if isinstance(each, Folder):
                    each.synced(before)

    def _nodes(self, folder=None):
        folder = folder or self.root
        yield folder
        for node in list(folder.now.values()):
            if isinstance(node, Folder):
                yield from self._nodes(node)
            else:
                yield node

    def differences(self, root):
        """Where the tree on disk is not what the trace says it is: calls that escaped the layer."""
        found = []
        self._compare(self.root, root, "", found)
        return found

    def _compare(self, folder, path, shown, found):
        on_disk = {}
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
                on_disk[entry.name] = entry
        for name in sorted(set(on_disk) | set(folder.now)):
            label = f"{shown}{name}"
            node = folder.now.get(name)
            if node is None:
                found.append(f"{label}: on disk, not in the trace")
            elif name not in on_disk:
                found.append(f"{label}: in the trace, not on disk")
            elif isinstance(node, Folder):
                self._compare(node, on_disk[name].path, label + "/", found)
            else:
                with open(on_disk[name].path, "rb") as file:
                    if file.read() != node.now:
                        found.append(f"{label}: other bytes on disk than in the trace")

    def write_after_cut(self, target, seed=None, tears=TEARS):
        """Writes into the empty folder `target` what a power cut now leaves.

        Without a seed nothing that is not durable stays. With one, each folder keeps a random part
        of what waited, in order, and each file one of `tears` of it, drawn by the seed. `tears`
        is a tuple of TEARS, or a function from a file's path to one.
        """
        rng = random.Random(seed) if seed is not None else None
        if rng:
            for node in self._nodes():
                if isinstance(node, Folder):
                    node.keep_some(rng)
        self._write(self.root, target, "", rng, tears if callable(tears) else lambda _: tears, {})

    def _write(self, folder, path, shown, rng, tears, written):
        for name, node in sorted(folder.durable.items()):
            target = os.path.join(path, name)
            if isinstance(node, Folder):
                os.mkdir(target)
                self._write(node, target, f"{shown}{name}/", rng, tears, written)
            elif node in written:
                os.link(written[node], target)
            else:
                with open(target, "wb") as file:
                    file.write(node.after_cut(rng, tears(shown + name)))
                written[node] = target
            os.chmod(target, node.mode)
