#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes of a tree what a power cut would have left of it.

    power_cut.py ROOT TRACE [--seed N] [--tears none,prefix,zeros,pages] [--ordered]

TRACE is the folder that faultfs.start_trace() made and libfaultfs.so wrote into. Afterwards ROOT is
all durable, and TRACE begins anew from it.
"""

import argparse
import os
import shutil
import sys

import durable


def start_trace(root, trace):
    """Begins a trace: what is in `root` now counts as durable."""
    root, trace = os.path.realpath(root), os.path.realpath(trace)
    if os.path.commonpath([root, trace]) in (root, trace):
        raise ValueError(f"{trace} and {root}: neither may be within the other")
    shutil.rmtree(trace, ignore_errors=True)
    os.makedirs(os.path.join(trace, "base"))
    _copy_tree(root, os.path.join(trace, "base"))


def _copy_tree(source, target):
    for entry in os.scandir(source):
        copy = os.path.join(target, entry.name)
        if entry.is_dir(follow_symlinks=False):
            os.mkdir(copy)
            _copy_tree(entry.path, copy)
        elif entry.is_file(follow_symlinks=False):
            shutil.copyfile(entry.path, copy)
        else:
            continue  # a socket or pipe: nothing of it is on the disk
        shutil.copymode(entry.path, copy)


def replay(trace, records=None, ordered=False):
    """The tree after the trace, or after its first `records` records."""
    tree = durable.Tree(os.path.join(trace, "base"), ordered)
    for run in durable.read_trace(trace):
        if records is not None:
            run = run[:records]
            records -= len(run)
        tree.replay_run(run)
    return tree


def power_cut(root, trace, seed=None, tears=durable.TEARS, ordered=False, check=True):
    """Rewinds `root`; the process that worked in it must be dead.

    check: first compare the tree with the trace, and raise durable.TraceError where they differ,
    because a call escaped the layer. After a kill from outside the last call of each thread may
    lack its record: pass check=False there.
    """
    tree = replay(trace, ordered=ordered)
    if check:
        found = tree.differences(root)
        if found:
            raise durable.TraceError("the trace is not what happened: " + "; ".join(found))
    for entry in os.scandir(root):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    tree.write_after_cut(root, seed, tears)
    start_trace(root, trace)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root")
    parser.add_argument("trace")
    parser.add_argument("--seed", type=int, help="keep a random part of what was not durable")
    parser.add_argument("--tears", default=",".join(durable.TEARS),
                        help="or 'rocksdb', for a tree with a RocksDB in it")
    parser.add_argument("--ordered", action="store_true",
                        help="any sync makes all earlier changes of folders durable (ext4)")
    parser.add_argument("--no-check", action="store_true",
                        help="do not compare the tree with the trace first")
    options = parser.parse_args()
    tears = durable.rocksdb_tears
    if options.tears != "rocksdb":
        tears = tuple(options.tears.split(","))
        if not set(tears) <= set(durable.TEARS):
            parser.error(f"--tears: take rocksdb, or some of {','.join(durable.TEARS)}")
    try:
        power_cut(options.root, options.trace, options.seed, tears, options.ordered,
                  not options.no_check)
    except durable.TraceError as error:
        sys.exit(f"power_cut.py: {error}")


if __name__ == "__main__":
    main()
