# SPDX-License-Identifier: Apache-2.0
"""Runs programs under libfaultfs.so: the environment, the counters, the power cut.

    trace = tmp / "trace"
    faultfs.start_trace(home, trace)
    process = subprocess.run(command, env=faultfs.environment(home, trace=trace,
                                                              kill="sync:wal:3:before"))
    faultfs.power_cut(home, trace, seed=7)
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from durable import KIND_NAMES, TEARS, TraceError, read_trace, rocksdb_tears  # noqa: E402,F401
from power_cut import power_cut, replay, start_trace  # noqa: E402,F401

OPS = ("write", "sync", "rename", "unlink", "create", "truncate")


def library():
    """The layer as built; SLUICE_BUILD_DIR is set by ctest."""
    path = pathlib.Path(os.environ["SLUICE_BUILD_DIR"]) / "tests" / "libfaultfs.so"
    if not path.exists():
        raise FileNotFoundError(f"{path}: build the target faultfs first")
    return str(path)


def environment(root, *, trace=None, kill=None, count=None, count_match=None, full_file=None,
                full_match=None, full_after=None, full_partial=False, sync_error=None, base=None):
    """The environment for a program whose work below `root` is to go through the layer.

    Each argument is a setting of README.md; `base` is the environment to start from.
    """
    settings = {
        "ROOT": root, "TRACE": trace, "KILL": kill, "COUNT": count, "COUNT_MATCH": count_match,
        "FULL_FILE": full_file, "FULL_MATCH": full_match, "FULL_AFTER": full_after,
        "FULL_PARTIAL": 1 if full_partial else None, "SYNC_ERROR": sync_error,
    }
    result = dict(os.environ if base is None else base)
    for name, value in settings.items():
        if value is not None:
            result[f"SLUICE_FAULTFS_{name}"] = str(value)
    result["LD_PRELOAD"] = library()
    return result


def counts(path):
    """{op: how often}, of the file given as `count`; also after the process was killed."""
    with open(path, encoding="ascii") as file:
        return {op: int(number) for op, number in (line.split() for line in file)}


def kill_points(counted, when=("before", "after"), match=""):
    """Every kill point of a run that was counted with count_match=`match`."""
    for op in OPS:
        moments = tuple(when) + (("during",) if op == "write" else ())
        for number in range(1, counted[op] + 1):
            for moment in moments:
                yield f"{op}:{match}:{number}:{moment}"


def steps(trace):
    """What a traced run did, as text, for the message of a test that fails."""
    return [repr(record) for run in read_trace(trace) for record in run]
