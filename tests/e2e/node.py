"""Programs of Node that tests talk to, in lines of JSON; see oidc/, clients/.
make tests-provider and make test-clients lay them down with what they stand
on."""
import json
import os
import shutil
import subprocess
import unittest

from harness import ROOT

FOLDER = os.path.join(ROOT, "build")
OLDEST = 20  # what all of them are tried with


def missing(kind, make):
    """What is not here of what the programs in a folder need, which make lays
    down; None: it is all there."""
    if shutil.which("node") is None:
        return "there is no node"
    said = subprocess.run(["node", "--version"], capture_output=True,
                          text=True, check=True).stdout.strip()
    if int(said[1:].split(".")[0]) < OLDEST:
        return f"node {said} is too old for it, v{OLDEST} would do"
    folder = os.path.join(FOLDER, kind)
    # npm writes it last.
    if not os.path.exists(os.path.join(folder, "node_modules",
                                       ".package-lock.json")):
        return f"what it is of is not there; make {make} gets it from npm"
    return None


class Node:
    """One of them, running; a test without it is skipped."""

    kind, make = "oidc", "tests-provider"

    def __init__(self, script, *arguments):
        reason = missing(self.kind, self.make)
        if reason:
            raise unittest.SkipTest(reason)
        self._process = subprocess.Popen(
            ["node", os.path.join(FOLDER, self.kind, script), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)

    def hear(self):
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("it has ended")
        return json.loads(line)

    def tell(self, **what):
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def ask(self, **what):
        self.tell(**what)
        return self.hear()

    def stop(self):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
