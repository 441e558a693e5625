"""Runs the checks of this tree, for those who test them."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def tool(name):
    return os.path.join(ROOT, "tools", name)


def checker(name):
    """A function that runs the check: (exit status, what it said)"""
    def check(*arguments):
        done = subprocess.run([sys.executable, tool(name), *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        return done.returncode, done.stdout
    return check
