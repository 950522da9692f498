"""Runs the tests of the current folder (all, or those named) and ends with a line
that ./test reads. Called by run.sh of each tier in Python. Exit status 1 when a test
failed.

All of them: each file in a process and a temporary folder of its own, several at a
time, because they wait far more than they compute (KubeSphere's retry queue alone is
waited for 90 s), but control planes start one after the other, because a start is all
computing. What a file says is printed when it is done. test_rights is last and alone: it
reads what the others have noted."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import rights

HERE = Path.cwd()
AT_A_TIME = int(os.environ.get("MESHGRAFT_E2E_JOBS", "7"))  # two cores are half idle with five, and a control plane takes less than 1 GiB
LONGEST_FIRST = ("test_replace_killed", "test_undo", "test_replace", "test_releases", "test_replace_shapes", "test_replace_trouble", "test_replace_verbs", "test_replace_traffic", "test_client", "test_docs", "test_sidecars", "test_helm", "test_gateways", "test_laws")
LONGEST = 2400  # seconds for a file; on two slow cores the longest takes a quarter of it
LAST = "test_rights"
TURN = "MESHGRAFT_E2E_TURN"  # the file that a start locks, cluster.py
OUTCOME = re.compile(r"^OUTCOME (\|.*\|)$\n", re.MULTILINE)  # outcomes.py
HEAD = "| scenario | Service | fewest ready endpoints | writes | outcome |\n|---|---|---|---|---|"
RESULT = re.compile(r"^RESULT passed=(\d+) failed=(\d+) skipped=(\d+)$", re.MULTILINE)


class Result(unittest.TextTestResult):
    """Counts successes and tells how long each test took."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.passed = 0

    def startTest(self, test):
        self._begin = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        self.passed += 1
        self.stream.write(f"{time.monotonic() - self._begin:.1f} s ")
        super().addSuccess(test)


class TooLong(Exception):
    """A file has used up its time. No OSError: nobody who waits for a server takes it for "no answer yet". But an Exception,
    so that unittest tells it and still stops what a class has started."""


def too_long(*_):
    """One that hangs must not take what the others found with it."""
    raise TooLong(f"this file has run for {LONGEST} s")


def run_here(names):
    """The tests of these names, in this process: passed, failed, skipped."""
    sys.path.insert(0, str(HERE))
    signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LONGEST, LONGEST / 8)
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names)
    runner = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result, warnings="ignore")
    result = runner.run(suite)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for row in getattr(sys.modules.get("outcomes"), "rows", ()):
        print(f"OUTCOME {row}")
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    return result.passed, failed, len(result.skipped)


def run_file(name):
    """One file in a process of its own: passed, failed, skipped, and the rows that it told. A process that ends
    without its result counts as one failure."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"{name}-", ignore_cleanup_errors=True) as folder:
        done = subprocess.run([sys.executable, "-B", Path(__file__).resolve(), name], cwd=HERE, env={**os.environ, "TMPDIR": folder},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    found = RESULT.search(done.stdout)
    rows = OUTCOME.findall(done.stdout)
    print(f"--- {name}: {time.monotonic() - begin:.0f} s\n{RESULT.sub('', OUTCOME.sub('', done.stdout)).strip()}", flush=True)
    return tuple(map(int, found.groups())) if found else (0, 1, 0), rows


def run_all():
    names = sorted((path.stem for path in HERE.glob("test_*.py")),
                   key=lambda name: (LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST), name))
    with tempfile.TemporaryDirectory(prefix="rights-") as folder, ThreadPoolExecutor(AT_A_TIME) as pool:
        os.environ[rights.FOLDER] = folder
        os.environ[TURN] = f"{folder}/turn"
        results = list(pool.map(run_file, [name for name in names if name != LAST]))
        if LAST in names:
            results.append(run_file(LAST))
    if rows := sorted(row for _, told in results for row in told):
        print("\n".join(("--- outcomes", HEAD, *rows)))
    return map(sum, zip(*(counts for counts, _ in results)))


def main():
    passed, failed, skipped = run_here(sys.argv[1:]) if sys.argv[1:] else run_all()
    print(f"RESULT passed={passed} failed={failed} skipped={skipped}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
