"""Runs the tests of this folder (all, or those named) and ends with a line that
./test reads. Called by run.sh. Exit status 1 when a test failed."""

import sys
import time
import unittest


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


def main():
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(sys.argv[1:]) if sys.argv[1:] else loader.discover(".")
    runner = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Result, warnings="ignore")
    result = runner.run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"RESULT passed={result.passed} failed={failed} skipped={len(result.skipped)}", flush=True)
    return 1 if failed or loader.errors else 0


if __name__ == "__main__":
    sys.exit(main())
