"""A daemon of which another one takes over, and what may become of either.

The successor is started by the daemon itself, with the command that it was
started with: here that is a link, so that it can be another program meanwhile.
"""
import contextlib
import os
import re
import signal
import time

from devkit.stack import Stack

DAEMON = "websocket"
# Guards: until there is one, and until one of both has gone.
BEGIN_S, SETTLE_S, LOOK_S = 5, 30, 0.02
NONE = "/bin/false"
OVER = ("successor has ended before it could take over",
        "successor cannot be started")


class LinkedStack(Stack):
    """Its daemons are started by links of their own."""

    def _define_programs(self):
        super()._define_programs()
        for name, program in self.programs.items():
            if name.startswith(DAEMON):
                link = self.path(name)
                lead(link, program.argv[0])
                program.argv = [link, *program.argv[1:]]


def lead(link, target):
    """From now on link leads there; there is always one."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(link + ".new")
    os.symlink(target, link + ".new")
    os.replace(link + ".new", link)


@contextlib.contextmanager
def leading(link, target):
    before = os.readlink(link)
    lead(link, target)
    try:
        yield
    finally:
        lead(link, before)


def hears(pid, number):
    """It does not die of this signal (proc(5))."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            sets = re.findall("^Sig(?:Blk|Cgt):\t(.*)$", file.read(), re.M)
    except OSError:
        return False
    return any(int(one, 16) >> (number - 1) & 1 for one in sets)


def await_it(claim, seconds):
    """Whether claim() came true in time."""
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S)
    return True


class Succession:
    """One of them.

    program:  the daemon
    read_log: returns what it has logged
    """

    def __init__(self, program, read_log):
        self.program = program
        self.read_log = read_log

    def can_be(self):
        return (self.program.is_running() and
                hears(self.program.pid, signal.SIGUSR2))

    def begin(self):
        """Returns: whether there is a successor, as far as can be seen"""
        self.program.signal(signal.SIGUSR2)
        return await_it(lambda: self.program.heirs() or
                        not self.program.is_running(), BEGIN_S)

    def settle(self):
        """Until one of both has gone; Redis may be away for longer.

        Returns: whether somebody is left who serves
        """
        await_it(lambda: not self.program.is_running() or
                 not self.program.heirs(), SETTLE_S)
        return self.program.is_running() or self.program.follow()

    def fail(self):
        """The successor is no daemon at all. Returns: whether that was told"""
        before = self.told_over()
        with leading(self.program.argv[0], NONE):
            self.program.signal(signal.SIGUSR2)
            return await_it(lambda: self.told_over() > before or
                            not self.program.is_running(), BEGIN_S)

    def told_over(self):
        log = self.read_log()
        return sum(log.count(text) for text in OVER)

    def kill_old(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.program.pid, signal.SIGKILL)
        self.program.process.wait()

    def signal_new(self, number):
        for pid in self.program.heirs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
