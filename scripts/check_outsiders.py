#!/usr/bin/env python3
"""Changes the tables of small stores with pylance and LanceDB and looks at what `kv` then says and holds.

    pip install pylance==14.0.2 lancedb==0.40.0
    python3 scripts/check_outsiders.py target/debug/kv

or `make outsiders`, which does both in a virtual environment of its own. Each case is tried on a closed store, and on
one that a process (`kv shell`) has open and goes on writing, flushing and compacting. They are the lines of the table
"Other tools that write to the table" in docs/guarantees.md. Exit code 1 where one fails.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import warnings

# What they warn of is what is tried here.
os.environ |= {"LANCE_LOG": "error", "LANCEDB_LOG": "error"}
try:
    import lance  # noqa: F401
    import lancedb  # noqa: F401
except ImportError:
    sys.exit("check_outsiders: pip install pylance==14.0.2 lancedb==0.40.0, best in a virtual environment")

import outsiders_acts as acts
import outsiders_closed as closed
import outsiders_running as running
from outsiders_store import Store

CHECKS = {
    "closed": [
        (closed.carried, acts.CARRIED),
        (closed.cleaned, acts.CLEANED),
        (closed.gone, acts.GONE),
        (closed.rewritten, acts.REWRITTEN),
        (closed.refused, acts.REFUSED),
    ],
    "running": [
        (running.carried, acts.CARRIED),
        (running.cleaned, acts.CLEANED),
        (running.gone, acts.GONE),
        (running.rewritten, acts.REWRITTEN),
        (running.refused, acts.REFUSED),
        (running.refused_until_there_is_no_room, acts.UNTIL_NO_ROOM),
        (running.rewritten_all_the_time, acts.ALL_THE_TIME),
    ],
}


def failure(check, act, kv: pathlib.Path) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(Store(kv, pathlib.Path(folder)), act)
        except Exception as error:  # also what pylance says of a table that it cannot read
            return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("kv", type=pathlib.Path, help="the kv binary")
    parser.add_argument("only", nargs="?", default="", help="only cases whose names have this, as in 'running: refused'")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="optimize")  # of readers that a clean-up may surprise
    passed, failed = 0, 0
    for state, checks in CHECKS.items():
        for check, cases in checks:
            for name, act in cases.items():
                case = f"{state}: {check.__name__}: {name}"
                if arguments.only not in case:
                    continue
                reason = failure(check, act, arguments.kv.resolve())
                print(f"  FAIL  {case}: {reason}" if reason else f"  ok    {case}", flush=True)
                passed, failed = passed + (not reason), failed + bool(reason)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
