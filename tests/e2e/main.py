#!/usr/bin/python3
"""Run the end-to-end tests: main.py [PART-OF-A-NAME]

One line per test while it runs; the last line is for tests/run.py.
"""
import faulthandler
import os
import signal
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import harness  # noqa: E402
from contract import Contract  # noqa: E402
from devkit.http import Http  # noqa: E402

TEST_TIMEOUT_S = 90


class TooSlow(Exception):
    """A test did not end."""


def on_alarm(_number, _frame):
    faulthandler.dump_traceback()
    raise TooSlow("this test did not end in time")


class OneLineResult(unittest.TestResult):
    """A line per test, failures in full where they happen."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.bad = 0
        self._started = 0.0
        self._is_bad = False

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()
        self._is_bad = False
        limit = getattr(test, "timeout_s", TEST_TIMEOUT_S)
        signal.alarm(limit * harness.SLOWNESS)

    def stopTest(self, test):
        signal.alarm(0)
        milliseconds = (time.monotonic() - self._started) * 1000
        if not self._is_bad and not self._skipped_now(test):
            self.passed += 1
            print(f"ok    {test.id()} ({milliseconds:.0f} ms)", flush=True)
        super().stopTest(test)

    def _skipped_now(self, test):
        return any(skipped is test for skipped, _ in self.skipped)

    def _complain(self, test, error):
        self._is_bad = True
        self.bad += 1
        text = "".join(traceback.format_exception(*error))
        print(f"FAIL  {test.id()}\n{text}", flush=True)

    def addError(self, test, err):
        self._complain(test, err)

    def addFailure(self, test, err):
        self._complain(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._complain(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"skip  {test.id()}: {reason}", flush=True)


def chosen(suite, part):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from chosen(item, part)
        elif part in item.id() or isinstance(
                item, unittest.loader._FailedTest):
            yield item


def watch_contract():
    """Have every answer that a test gets held against the contract."""
    contract = Contract(harness.ROOT)
    request = Http.request

    def observed(self, method, target, *arguments, **how):
        response = request(self, method, target, *arguments, **how)
        contract.observe(method, target, response)
        return response
    Http.request = observed
    return contract


def broken_contract(contract, is_whole_run):
    """Sentences about answers and operations that do not fit."""
    found = sorted(set(contract.complaints))
    if is_whole_run:
        found += [f"docs/openapi.yaml has {method} {path}, which no test calls"
                  for path, method in contract.untouched()]
    return found


def main():
    faulthandler.enable()
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(
        chosen(loader.discover(HERE, "test_*.py", HERE), part))
    result = OneLineResult()
    contract = watch_contract()
    try:
        suite.run(result)
    finally:
        complaints = harness.end_all_stacks()
    complaints += broken_contract(contract, not part)
    for complaint in complaints:
        print(f"FAIL  at the end: {complaint}", flush=True)
    bad = result.bad + len(complaints)
    skipped = f", {len(result.skipped)} skipped" if result.skipped else ""
    print(f"e2e result: {result.passed} passed, {bad} failed{skipped}",
          flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
