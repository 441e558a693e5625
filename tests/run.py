#!/usr/bin/python3
"""Run the test suites and count: the last line is "N passed, N failed", and
", N skipped" when something that a test needs is not here.

usage: tests/run.py [SUITE…] [--flavour release|asan|tsan] [--only NAME]

Suites: unit, integration, harness (of the fault test), source (what the code as
text must keep to), model, e2e-nginx, e2e-lighttpd, fault-nginx, fault-lighttpd,
bugs. Without arguments it is what `make test` runs: unit and integration as
released, both again under the address and under the thread sanitizer, the tests
of the fault test itself, the source, the model, end-to-end through nginx with
sanitized programs and through lighttpd with released ones, two minutes of
faults behind each, and planted bugs that the fault test must find. Nothing is
left behind, and two runs side by side do not disturb each other.
"""
import argparse
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from devkit import redis  # noqa: E402
from devkit.process import Program, StartError  # noqa: E402
from devkit.stack import find_program, scrubbed_environment  # noqa: E402

UNIT_TIMEOUT_S = 120
INTEGRATION_TIMEOUT_S = 180
SOURCE_TIMEOUT_S = 300  # a quarter of a minute of CPU
E2E_TIMEOUT_S = 900
MODEL_TIMEOUT_S = 600
FAULT_TIMEOUT_S = 600
BUGS_TIMEOUT_S = 1200
# One of each kind; make test-fault-bugs has them all.
BUGS = ["lose", "reorder", "forget-ack", "forget-poke", "skip-fencing",
        "no-ladder"]
# Each web server has a seed of its own, as in make test-fault.
FAULT_SEEDS = {"nginx": "1", "lighttpd": "2"}
FAULT_SECONDS = "90"
# Sanitizers and a busy machine make everything slower.
FLAVOUR_FACTOR = {"release": 1, "asan": 2, "tsan": 4}
SUITES = ("unit", "integration", "harness", "source", "model", "e2e-nginx",
          "e2e-lighttpd", "fault-nginx", "fault-lighttpd", "bugs")
# These mostly wait: they run side by side, after the rest.
WAITING = ("e2e-", "fault-", "bugs")
SIDE_BY_SIDE = 3  # each of some processes, which wait most of the time
# Programs of one suite at once: an integration test mostly waits for Redis.
AT_ONCE = {"unit": 2, "integration": 4}
# What these test is written in Lua: sanitizers of C find nothing there.
IN_LUA = ("test_script_cuts", "test_push_claims")
DEFAULT_PLAN = (
    ("unit", "release"), ("integration", "release"),
    ("unit", "asan"), ("integration", "asan"),
    ("unit", "tsan"), ("integration", "tsan"),
    ("harness", "release"), ("source", "release"), ("model", "release"),
    ("e2e-nginx", "asan"), ("e2e-lighttpd", "release"), ("bugs", "release"),
    ("fault-nginx", "release"), ("fault-lighttpd", "release"),
)
PASSED = re.compile(r"^\[  PASSED  \] (\d+) test\(s\)", re.M)
FAILED = re.compile(r"^\[  FAILED  \] (?:.*: )?(\d+) test\(s\)", re.M)
SKIPPED = re.compile(r"^\[  SKIPPED \] (?:.*: )?(\d+) test\(s\)", re.M)
# What a failed test is called, in cmocka's words and in those of our own
# runners; the last unindented line after the latter says what was wrong.
FAILED_NAME = re.compile(r"^\[  FAILED  \] (?!.*test\(s\))(.+)$", re.M)
OWN_FAILURE = re.compile(r"^FAIL  (.+)$")
SKIPPED_NAME = re.compile(r"^\[  SKIPPED \] (?!.*test\(s\))(.+)$", re.M)
OWN_SKIP = re.compile(r"^skip  (.+)$", re.M)
OWN_RESULT = re.compile(
    r"^(?:e2e result|fault result|source|model): (\d+) passed, (\d+) failed"
    r"(?:, (\d+) skipped)?$",
    re.M)

_print_lock = threading.Lock()
_sessions = set()  # of programs that are running now


def say(text):
    with _print_lock:
        print(text, flush=True)


class Outcome:
    """What one test program said."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.seconds = 0.0
        self.output = ""
        self.trouble = ""
        self.failures = []  # one line each, to be said again at the end
        self.skips = []  # likewise


def sanitizer_environment(folder, factor):
    """Reports go to files, so that no program can swallow them."""
    log = os.path.join(folder, "sanitizer")
    common = f"log_path={log}:exitcode=99:handle_abort=1"
    return {
        "ASAN_OPTIONS": common + ":detect_leaks=1:strict_string_checks=1:"
                                 "detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": common + ":print_stacktrace=1",
        "TSAN_OPTIONS": common,
        "WAYPOST_TEST_SLOWNESS": str(factor),
    }


# What looks for leaks at the end stops all threads; one was ending by itself,
# as resolvers of libcurl may, which outlive their questions.
NO_REPORT = re.compile(r"^==\d+==Unable to get registers from thread \d+\.\n",
                       re.M)


def sanitizer_reports(folder):
    texts = []
    for path in sorted(glob.glob(os.path.join(folder, "sanitizer.*"))):
        with open(path, encoding="utf-8", errors="replace") as file:
            texts.append(NO_REPORT.sub("", file.read()))
    return "\n".join(text for text in texts if text.strip())


def run_bounded(argv, env, timeout_s, show=None):
    """Run a program in a session of its own; kill all of it at the end.

    show: called with each line as it comes, or None
    Returns: (exit status or None for a timeout, output)
    """
    process = subprocess.Popen(
        argv, env=env, cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True)
    _sessions.add(process.pid)
    timed_out = threading.Event()

    def expire():
        timed_out.set()
        kill_session(process.pid)
    timer = threading.Timer(timeout_s, expire)
    timer.start()
    lines = []
    try:
        for raw in process.stdout:
            line = raw.decode("utf-8", "replace")
            lines.append(line)
            if show:
                show(line.rstrip("\n"))
        process.wait()
    finally:
        timer.cancel()
        kill_session(process.pid)
        _sessions.discard(process.pid)
        process.wait()
        process.stdout.close()
    status = None if timed_out.is_set() else process.returncode
    return status, "".join(lines)


def kill_session(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def count_cmocka(outcome, status, timeout_s):
    """Read what cmocka printed; a crash is one more failure."""
    outcome.passed = sum(int(n) for n in PASSED.findall(outcome.output))
    for pattern, name in ((FAILED, "failed"), (SKIPPED, "skipped")):
        total = sum(int(n) for n in pattern.findall(outcome.output))
        setattr(outcome, name, total)
    if status is None:
        outcome.trouble = f"not done after {timeout_s} s"
    elif status < 0:
        outcome.trouble = (f"ended by signal {-status} "
                           f"({signal.strsignal(-status)})")
    elif status != 0 and not outcome.failed:
        outcome.trouble = f"exit status {status}"
    elif not outcome.passed + outcome.failed + outcome.skipped:
        outcome.trouble = "said nothing about tests"
    if outcome.trouble:
        outcome.failed += 1
    outcome.failures = sorted(set(FAILED_NAME.findall(outcome.output)))
    outcome.skips = sorted(set(SKIPPED_NAME.findall(outcome.output)))


def start_redis(folder, env):
    """A fresh private Redis for one test program."""
    path = os.path.join(folder, "redis.sock")
    os.mkdir(os.path.join(folder, "redis"))
    program = Program(
        "redis", [find_program("redis-server"), "--port", "0",
                  "--unixsocket", path, "--dir",
                  os.path.join(folder, "redis"), "--save", "",
                  "--appendonly", "yes", "--appendfsync", "always",
                  "--stream-node-max-bytes", "512"],
        env, folder, os.path.join(folder, "redis.log"),
        lambda: redis.answers(path))
    program.start()
    return program, path


class CmockaSuite:
    """Unit or integration: every binary of one folder."""

    def __init__(self, kind, flavour, scratch):
        self.kind = kind
        self.base = os.path.join(ROOT, "build", flavour, "tests", kind)
        self.factor = FLAVOUR_FACTOR[flavour]
        self.scratch = scratch
        self.flavour = flavour
        # It wants memory where a kernel that scatters it more puts other
        # things.
        self.wrapper = ["setarch", "-R"] if flavour == "tsan" else []

    def binaries(self, only):
        """One per source file, so that stale binaries do not count."""
        pattern = os.path.join(ROOT, "tests", self.kind, "**", "test_*.c")
        found = []
        for source in sorted(glob.glob(pattern, recursive=True)):
            name = os.path.relpath(source[:-2],
                                   os.path.join(ROOT, "tests", self.kind))
            if only in name and not (self.flavour != "release" and not only
                                     and name in IN_LUA):
                found.append(name)
        return found

    def run(self, only):
        names = self.binaries(only)
        with ThreadPoolExecutor(max_workers=AT_ONCE[self.kind]) as pool:
            try:
                return list(pool.map(self._run_one, names))
            except SystemExit:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _run_one(self, name):
        outcome = Outcome(name)
        folder = tempfile.mkdtemp(dir=self.scratch)
        started = time.monotonic()
        try:
            self._execute(outcome, folder)
        except (OSError, StartError) as error:
            outcome.failed += 1
            outcome.trouble = str(error)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        outcome.seconds = time.monotonic() - started
        report(outcome)
        return outcome

    def _execute(self, outcome, folder):
        env = {**scrubbed_environment(), "TMPDIR": folder,
               **sanitizer_environment(folder, self.factor)}
        server = None
        timeout_s = UNIT_TIMEOUT_S * self.factor
        if self.kind == "integration":
            timeout_s = INTEGRATION_TIMEOUT_S * self.factor
            server, path = start_redis(folder, scrubbed_environment())
            env["WAYPOST_TEST_REDIS"] = path
            env["WAYPOST_TEST_DIR"] = os.path.join(folder, "work")
            os.mkdir(env["WAYPOST_TEST_DIR"])
        try:
            status, outcome.output = run_bounded(
                self.wrapper + [os.path.join(self.base, outcome.name)], env,
                timeout_s)
        finally:
            if server is not None:
                server.kill()
        count_cmocka(outcome, status, timeout_s)
        add_reports(outcome, folder)


def add_reports(outcome, folder):
    reports = sanitizer_reports(folder)
    if reports:
        outcome.output += "\n" + reports
        if not outcome.failed:
            outcome.failed = 1
            outcome.trouble = "a sanitizer complained"


class ScriptSuite:
    """A suite that runs itself and counts in its last line."""

    def __init__(self, name, label, argv, flavour, scratch, timeout_s):
        self.name = name
        self.label = label
        self.argv = argv
        self.flavour = flavour
        self.scratch = scratch
        self.factor = FLAVOUR_FACTOR[flavour]
        self.timeout_s = timeout_s * self.factor

    def run(self, only):
        outcome = Outcome(self.name)
        folder = tempfile.mkdtemp(dir=self.scratch)
        env = {**scrubbed_environment(),
               **sanitizer_environment(folder, self.factor),
               "WEB": self.label, "WAYPOST_E2E_DIR": folder,
               "WAYPOST_E2E_BUILD": os.path.join(ROOT, "build",
                                                 self.flavour),
               "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
        started = time.monotonic()
        try:
            status, output = run_bounded(self.argv + ([only] if only else []),
                                         env, self.timeout_s, show=self._show)
            self._count(outcome, status, output)
            outcome.output = ""  # it has been shown
            add_reports(outcome, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        outcome.seconds = time.monotonic() - started
        if outcome.failed:
            report(outcome)
        return [outcome]

    def _note_failures(self, outcome, output):
        """Keep the name of each failed test and what it ended with."""
        name, last = "", ""
        for line in output.splitlines() + ["ok    "]:
            failure = OWN_FAILURE.match(line)
            if failure or line.startswith(("ok    ", "skip  ")):
                if name:
                    outcome.failures.append(f"{name}: {last}")
                name, last = failure.group(1) if failure else "", ""
            elif line and not line[0].isspace() and not OWN_RESULT.match(line):
                last = line[:200]

    def _show(self, line):
        if not OWN_RESULT.match(line):
            say(f"  {self.label}: {line}")

    def _count(self, outcome, status, output):
        results = OWN_RESULT.findall(output)
        outcome.passed = sum(int(passed) for passed, _, _ in results)
        outcome.failed = sum(int(failed) for _, failed, _ in results)
        outcome.skipped = sum(int(skipped or 0) for _, _, skipped in results)
        if status is None:
            outcome.trouble = f"not done after {self.timeout_s} s"
        elif not results:
            outcome.trouble = f"ended early with exit status {status}"
        elif status and not outcome.failed:
            outcome.trouble = f"exit status {status}"
        if outcome.trouble:
            outcome.failed += 1
        self._note_failures(outcome, output)
        outcome.skips = OWN_SKIP.findall(output)


def report(outcome):
    """One line of progress; everything about a failure."""
    text = f"  {outcome.name}: {outcome.passed} passed"
    if outcome.failed:
        text += f", {outcome.failed} FAILED"
    if outcome.skipped:
        text += f", {outcome.skipped} skipped"
    text += f" ({outcome.seconds:.1f} s)"
    if outcome.trouble:
        text += f": {outcome.trouble}"
    if outcome.failed and outcome.output:
        text += "\n" + outcome.output.rstrip()
    say(text)


def make_suite(name, flavour, scratch):
    kind, _, label = name.partition("-")
    here = os.path.join(ROOT, "tests")
    if kind == "e2e":
        return ScriptSuite(name, label,
                           [sys.executable, os.path.join(here, "e2e",
                                                         "main.py")],
                           flavour, scratch, E2E_TIMEOUT_S)
    if kind == "harness":
        return ScriptSuite(name, name,
                           [sys.executable, os.path.join(here, "fault",
                                                         "unit.py")],
                           flavour, scratch, UNIT_TIMEOUT_S)
    if kind == "source":
        return ScriptSuite(name, name,
                           [sys.executable, os.path.join(here, "source",
                                                         "main.py")],
                           flavour, scratch, SOURCE_TIMEOUT_S)
    if kind == "model":
        return ScriptSuite(name, name,
                           [os.path.join(here, "model", "run.sh")],
                           flavour, scratch, MODEL_TIMEOUT_S)
    if kind == "fault":
        build = os.path.join(ROOT, "build", flavour)
        return ScriptSuite(name, label,
                           [sys.executable,
                            os.path.join(here, "fault", "main.py"),
                            "--web", label, "--build", build, "--seconds",
                            FAULT_SECONDS, "--seed", FAULT_SEEDS[label]],
                           flavour, scratch, FAULT_TIMEOUT_S)
    if kind == "bugs":
        return ScriptSuite(name, name,
                           [sys.executable,
                            os.path.join(here, "fault", "mutate.py"),
                            "--jobs", "2", "--build",
                            os.path.join(ROOT, "build", flavour)] + BUGS,
                           flavour, scratch, BUGS_TIMEOUT_S)
    return CmockaSuite(name, flavour, scratch)


def run_suite(name, flavour, only, scratch):
    """Run one suite and say how it went.

    Returns: (passed, failed, skipped, summary: a line, and one for each
    failure and each that was skipped)
    """
    title = name if flavour == "release" else f"{name} ({flavour})"
    say(f"== {title}")
    started = time.monotonic()
    outcomes = make_suite(name, flavour, scratch).run(only)
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    summary = f"{title}: {passed} passed, {failed} failed"
    if skipped:
        summary += f", {skipped} skipped"
    say(f"{summary} ({time.monotonic() - started:.0f} s)")
    for outcome in outcomes:
        summary += "".join(f"\n  FAILED {outcome.name} {what}" for what in
                           outcome.failures + [outcome.trouble] if what)
        summary += "".join(f"\n  SKIPPED {outcome.name} {what}"
                           for what in outcome.skips)
    return passed, failed, skipped, summary


def run_plan(plan, only):
    """Returns: (passed, failed, skipped) over all suites.

    What mostly waits runs side by side, after the rest.
    """
    # A short path: sockets in it must fit into 108 bytes.
    scratch = tempfile.mkdtemp(prefix="waypost-test-")
    try:
        results = [run_suite(name, flavour, only, scratch)
                   for name, flavour in plan if not name.startswith(WAITING)]
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            waiting = [pool.submit(run_suite, name, flavour, only, scratch)
                       for name, flavour in plan if name.startswith(WAITING)]
            results += [each.result() for each in waiting]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    say("")
    for *_, summary in results:
        say(summary)
    return tuple(sum(counts) for counts in
                 zip(*(result[:3] for result in results)))


def stop_on_signal(number, _frame):
    """End what is running, so that the threads that wait for it end too."""
    for pid in list(_sessions):
        kill_session(pid)
    raise SystemExit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    parser.add_argument("--flavour", choices=FLAVOUR_FACTOR)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in SUITES:
            parser.error(f"no suite {name}; there are {', '.join(SUITES)}")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on_signal)
    flavour = arguments.flavour or "release"
    plan = [(name, flavour) for name in arguments.suites] or DEFAULT_PLAN
    passed, failed, skipped = run_plan(plan, arguments.only)
    if not passed + failed + skipped:
        say("no test was found")
        failed = 1
    say(f"{passed} passed, {failed} failed" +
        (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
