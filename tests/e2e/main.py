#!/usr/bin/python3
"""Run the end-to-end tests: main.py [--times] [PART-OF-A-NAME]

--times: say at the end which classes cost most, in seconds of the clock and of
the processor, with what they set up and stop

A whole run behind nginx leaves out what no web server has a part in: that is
tried behind lighttpd, and make test has both.

One line per test while it runs; the last line is for tests/run.py. Most of the
time a test waits, so three processes do it, a file of tests each at a time.
"""
import argparse
import collections
import faulthandler
import fcntl
import json
import os
import signal
import sys
import tempfile
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import harness  # noqa: E402
from contract import Contract  # noqa: E402
from devkit.http import Http  # noqa: E402
from node import missing  # noqa: E402

TEST_TIMEOUT_S = 90
PROCESSES = 3
# Files that take longest, so that no process ends with one while others idle.
FIRST = ("test_faults", "test_doctor", "test_floods", "test_keys", "test_abuse",
         "test_revocation", "test_accounts_login", "test_issuers",
         "test_backup")
COSTLY = 25  # classes that --times tells of
# What is the same behind any web server, and costs most: beginnings of names.
ANYWHERE = (
    "test_accounts_tool.CommandLine.", "test_backup", "test_bench.",
    "test_canary.",
    "test_cli_look.", "test_cli_words.", "test_clock.",
    "test_doctor.Doctor.", "test_doctor.Load.", "test_doctor_host.",
    "test_inline.InlineOutage.", "test_manager.", "test_metrics.",
    "test_moved.", "test_moving.", "test_processes.", "test_provider.",
    "test_push_browser.", "test_push_outage.", "test_ranges.", "test_rolling.",
    "test_run.MakeRun.test_a_s", "test_run.MakeRun.test_daemon",
    "test_run.MakeRun.test_everything_killed",
    "test_run.MakeRun.test_logs_do_not_grow",
    "test_run.MakeRun.test_program_killed", "test_strange_servers.",
    "test_topics.", "test_upgrade.", "test_websocket_clients.",
    "test_websocket_deflate.ConformanceWhereAgreed.",
    "test_websocket_deflate.DeflatingStraight.",
)

_screen = tempfile.TemporaryFile()


def say(text):
    """Whole, whoever else has something to say."""
    fcntl.lockf(_screen, fcntl.LOCK_EX)
    print(text, flush=True)
    fcntl.lockf(_screen, fcntl.LOCK_UN)


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
        self.costs = {}  # of classes: [seconds, of CPU]
        self._charged = (None, *self._used())
        self._started = 0.0
        self._is_bad = False

    @staticmethod
    def _used():
        """Seconds until now; of CPU, with processes that have ended."""
        return time.monotonic(), sum(os.times()[:4])

    def charge(self, name):
        """What is used from now on is for the class of this name."""
        before, used = self._charged, self._used()
        costs = self.costs.setdefault(before[0], [0, 0])
        for i, seconds in enumerate(used):
            costs[i] += seconds - before[i + 1]
        self._charged = (name, *used)

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
            say(f"ok    {test.id()} ({milliseconds:.0f} ms)")
        super().stopTest(test)

    def _skipped_now(self, test):
        return any(skipped is test for skipped, _ in self.skipped)

    def _complain(self, test, error):
        self._is_bad = True
        self.bad += 1
        text = "".join(traceback.format_exception(*error))
        say(f"FAIL  {test.id()}\n{text}")

    def addError(self, test, err):
        self._complain(test, err)

    def addFailure(self, test, err):
        self._complain(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._complain(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        say(f"skip  {test.id()}: {reason}")


def is_chosen(test, part):
    if part or harness.WEB != "nginx":
        return part in test.id()
    return not test.id().startswith(ANYWHERE)


def chosen(suite, part):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from chosen(item, part)
        elif is_chosen(item, part) or isinstance(
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


class Charged(unittest.TestSuite):
    """Has the result told when another class begins."""

    def _tearDownPreviousClass(self, test, result):
        super()._tearDownPreviousClass(test, result)
        result.charge(test and unittest.util.strclass(type(test)))


def by_file(tests):
    files = collections.defaultdict(Charged)
    for test in tests:
        files[type(test).__module__].addTest(test)
    return [files[name] for name in sorted(
        files, key=lambda name: (name not in FIRST, name))]


class WhatIsLeft(Charged):
    """File by file, whatever no other process has begun."""

    _cleanup = False  # it has no list to remove from

    def __init__(self, files, queue):
        super().__init__()
        self._files = files
        self._queue = queue

    def __iter__(self):
        while number := os.read(self._queue, 1):
            yield self._files[number[0]]


def run_what_is_left(files, queue, report):
    """In a process of its own.

    queue: gives a byte for each file, its number
    report: where what came of it is written to, as JSON
    """
    result = OneLineResult()
    contract = watch_contract()
    try:
        WhatIsLeft(files, queue).run(result)
    finally:
        complaints = harness.end_all_stacks()
    with open(report, "w", encoding="utf-8") as file:
        json.dump({"passed": result.passed, "bad": result.bad,
                   "skipped": len(result.skipped), "costs": result.costs,
                   "complaints": complaints + contract.complaints,
                   "seen": [list(answer) for answer in contract.seen]}, file)


def fork(files, queue, report):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        run_what_is_left(files, queue, report)
        status = 0
    except SystemExit as stopped:
        status = stopped.code
    except BaseException:  # it ends here, whatever it is
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def stop(pids):
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    for pid in pids:
        os.waitpid(pid, 0)
    sys.exit(143)


def run_side_by_side(files):
    """Returns: of each process what run_what_is_left() reports, and sentences
    about those that did not come so far."""
    queue, numbers = os.pipe()
    os.write(numbers, bytes(range(len(files))))
    os.close(numbers)
    with tempfile.TemporaryDirectory() as folder:
        reports = [os.path.join(folder, str(i)) for i in range(PROCESSES)]
        pids = [fork(files, queue, report) for report in reports]
        signal.signal(signal.SIGTERM, lambda *_: stop(pids))
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
        told = []
        for report in reports:
            if os.path.exists(report):
                with open(report, encoding="utf-8") as file:
                    told.append(json.load(file))
    return told, [f"tests ended early with status {status}"
                  for status in statuses if status]


def say_costs(costs):
    costs.pop("null", None)
    for name, (seconds, cpu) in sorted(
            costs.items(), key=lambda item: -item[1][0])[:COSTLY]:
        print(f"{seconds:6.1f} s, {cpu:5.1f} s of CPU: {name}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", action="store_true")
    parser.add_argument("part", nargs="?", default="")
    options = parser.parse_args()
    part = options.part
    faulthandler.enable()
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    loader = unittest.TestLoader()
    told, complaints = run_side_by_side(by_file(
        chosen(loader.discover(HERE, "test_*.py", HERE), part)))
    complaints += sorted({complaint for each in told
                          for complaint in each["complaints"]})
    if not part:
        seen = {tuple(answer) for each in told for answer in each["seen"]}
        untouched = Contract(harness.ROOT).untouched(seen)
        # Who plays a push service is a program of Node.
        reason = missing("oidc", "tests-provider")
        for path, method in untouched:
            what = f"docs/openapi.yaml has {method} {path}, which no test calls"
            if reason is None:
                complaints.append(what)
            else:
                print(f"skip  at the end: {what}: {reason}", flush=True)
    if options.times:
        say_costs({name: used for each in told
                   for name, used in each["costs"].items()})
    for complaint in complaints:
        print(f"FAIL  at the end: {complaint}", flush=True)
    passed, bad, skipped = (sum(each[count] for each in told)
                            for count in ("passed", "bad", "skipped"))
    bad += len(complaints)
    print(f"e2e result: {passed} passed, {bad} failed" +
          (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
