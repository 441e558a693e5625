"""Programs of Node that tests talk to, a line of JSON for a line of JSON; see
oidc/. make tests-provider lays them down with what they stand on."""
import json
import os
import shutil
import subprocess
import unittest

from harness import ROOT

FOLDER = os.path.join(ROOT, "build", "oidc")
OLDEST = 20  # what oidc-provider and jose are tried with


def missing():
    """What is not here of what these programs need; None: it is all there."""
    if shutil.which("node") is None:
        return "there is no node"
    said = subprocess.run(["node", "--version"], capture_output=True,
                          text=True, check=True).stdout.strip()
    if int(said[1:].split(".")[0]) < OLDEST:
        return f"node {said} is too old for it, v{OLDEST} would do"
    for name in ("oidc-provider", "jose"):
        if not os.path.isdir(os.path.join(FOLDER, "node_modules", name)):
            return f"npm's {name} is not installed; make tests-provider does it"
    return None


class Node:
    """One of them, running; a test without it is skipped."""

    def __init__(self, script, *arguments):
        reason = missing()
        if reason:
            raise unittest.SkipTest(reason)
        self._process = subprocess.Popen(
            ["node", os.path.join(FOLDER, script), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)

    def hear(self):
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("it has ended")
        return json.loads(line)

    def ask(self, **what):
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self.hear()

    def stop(self):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
