"""One child process: started, watched, ended, and never left behind.

Knows about signals, sessions and log files. Knows nothing about Waypost, but
how a program of it says whose successor it is.
"""
import ctypes
import os
import signal
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# What the environment of a successor says: the process that it succeeds.
HEIR = b"WP_HEIR="
# What a program may take to begin and to end. Guards: what goes well takes a
# small part of them.
START_S, STOP_S = 30, 30
_libc = ctypes.CDLL(None, use_errno=True)


class StartError(Exception):
    """A program could not be started; the text is for the person at the
    keyboard."""


class KilledError(StartError):
    """It was on its way, and somebody killed it."""


def wait_until(ready, timeout_s, what, step_s=0.02):
    """Poll ready() until it returns something true; that is returned."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = ready()
        if result:
            return result
        if time.monotonic() > deadline:
            raise StartError(f"{what}: not within {timeout_s:g} s")
        time.sleep(step_s)


def describe_exit(returncode):
    """'exit status 3' or 'signal 9 (Killed)'."""
    if returncode is not None and returncode < 0:
        return f"signal {-returncode} ({signal.strsignal(-returncode)})"
    return f"exit status {returncode}"


def _die_with_parent(parent):
    """Runs in the child before exec: no orphan survives its supervisor."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def adopt_orphans():
    """Whoever loses his parent among our descendants is our child then, and
    can be followed (prctl(2), PR_SET_CHILD_SUBREAPER). Of this process."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _group(number):
    """(process, its parent) of each of this group that has not ended.

    One whose first thread has ended keeps its files open until the others
    have (proc(5): the third field, and the 20th).
    """
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{int(entry)}/stat", encoding="utf-8") as file:
                words = file.read().rpartition(")")[2].split()
        except (ValueError, OSError):
            continue
        has_ended = words[0] in "ZX" and int(words[17]) <= 1
        if int(words[2]) == number and not has_ended:
            yield int(entry), int(words[1])


def _succeeds(pid, before):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return HEIR + str(before).encode() in file.read().split(b"\0")
    except OSError:
        return False


def _reap(group):
    """Those of it that have become our children, and have ended."""
    try:
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


class Adopted:
    """A process that a child of ours has left to us; as subprocess.Popen."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None
        self._lock = threading.Lock()

    def poll(self):
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout=None):
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)


class Program:
    """A program in a session of its own, so that it can be killed whole.

    slowness: how many times longer than usual it may take to begin and to end
    """

    def __init__(self, name, argv, env, cwd, log_path, ready,
                 stop_signal=signal.SIGTERM, slowness=1):
        self.name = name
        self.argv = argv
        self.env = env
        self.cwd = cwd
        self.log_path = log_path
        self.ready = ready
        self.stop_signal = stop_signal
        self.slowness = slowness
        self.process = None
        self.group = None  # of it, and of all that it starts

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def exit_text(self):
        return describe_exit(self.process.poll())

    def heirs(self):
        """Those that it has started to succeed it, and that have not ended."""
        family = (self.pid, os.getpid())
        return [pid for pid, parent in _group(self.group)
                if parent in family and _succeeds(pid, self.pid)]

    def follow(self):
        """When it has ended and a successor goes on, that is it from now on.

        Returns: whether it is. Wants adopt_orphans() to have been called
        """
        if self.process is None or self.is_running():
            return False
        for pid in self.heirs():
            self.process = Adopted(pid)
            return True
        return False

    def start(self, timeout_s=None):
        """Start it and wait until it is ready."""
        self.spawn()
        self.wait_ready(timeout_s)

    def spawn(self):
        parent = os.getpid()
        with open(self.log_path, "ab") as log:
            try:
                self.process = subprocess.Popen(
                    self.argv, env=self.env, cwd=self.cwd,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                    preexec_fn=lambda: _die_with_parent(parent))
            except OSError as error:
                raise StartError(f"{self.name}: {error}") from error
        self.group = self.pid

    def wait_ready(self, timeout_s=None):
        if timeout_s is None:
            timeout_s = START_S * self.slowness

        def check():
            if not self.is_running():
                raise self.end_error("ended at once with")
            return self.ready()
        try:
            wait_until(check, timeout_s, f"{self.name} is not ready")
        except StartError as error:
            if self.is_running():
                raise StartError(f"{error}\n{self.log_tail()}") from None
            raise

    def end_error(self, how):
        """What to raise when it has ended but should be running.

        Nothing ends with 0 unless it was told to.
        """
        kind = KilledError if self.process.poll() <= 0 else StartError
        return kind(f"{self.name} {how} {self.exit_text()}; its last words:\n"
                    f"{self.log_tail()}")

    def log_tail(self, lines=15):
        try:
            with open(self.log_path, encoding="utf-8",
                      errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except OSError:
            return ""

    def signal(self, number):
        """Signal the first process only."""
        if self.is_running():
            os.kill(self.pid, number)

    def kill(self):
        """SIGKILL for it and everything that it started."""
        if self.process is None:
            return
        try:
            os.killpg(self.group, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        # Its children's connections are open until they are gone as well.
        wait_until(lambda: not any(_group(self.group)), STOP_S,
                   f"{self.name} is killed", 0.002)
        _reap(self.group)

    def stop(self, timeout_s=None):
        """Ask it to end; kill what has not ended by then.

        Returns: its exit status (negative: the signal); None if never started
        """
        if self.process is None:
            return None
        if timeout_s is None:
            timeout_s = STOP_S * self.slowness
        self.follow()
        if self.is_running():
            self.signal(self.stop_signal)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                pass
        status = self.process.poll()
        self.kill()
        return self.process.returncode if status is None else status


def _cwd_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
    except OSError:
        return ""


def _program_of(pid):
    try:
        path = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        return os.path.basename(path)
    except OSError:
        return ""


def leftovers(state, programs):
    """Processes of earlier runs that still work in the folder state.

    programs: names of executables; anything else there (a shell, an editor)
    is none of our business
    """
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        cwd = _cwd_of(entry)
        if cwd != state and not cwd.startswith(state + os.sep):
            continue
        if _program_of(entry) in programs:
            found.append(int(entry))
    return found


def end_leftovers(state, programs, patience_s=5):
    """End them, gently first.

    Returns: how many there were
    """
    count = 0
    deadline = time.monotonic() + patience_s
    number = signal.SIGTERM
    signalled = set()
    while True:
        pids = leftovers(state, programs)
        count = max(count, len(pids))
        if not pids:
            return count
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        for pid in pids:
            if (pid, number) in signalled:
                continue
            signalled.add((pid, number))
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        time.sleep(0.05)
