#!/usr/bin/python3
"""Each row of the failure table names its test, and that test exists."""
import glob
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tools")]

from faults import KINDS  # noqa: E402

HEADING = "## What may go wrong, and the test of it"
FUNCTION = re.compile(r"^\s*(?:def|static void) (\w+)\(", re.M)


def rows():
    """(what goes wrong, words in backticks that should prove it)"""
    with open(os.path.join(ROOT, "docs", "guarantees.md"),
              encoding="utf-8") as file:
        text = file.read().split(HEADING)[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    for line in lines[2:]:  # the head, and the line below it
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        yield cells[0], re.findall(r"`([^`]+)`", cells[-1])


def tests():
    """Names of all test files and functions, and of the soak's faults."""
    names = set()
    for kind in ("e2e/test_*.py", "integration/test_*.c", "unit/*/test_*.c",
                 "unit/*/*/test_*.c", "support/store_contract.c"):
        for path in glob.glob(os.path.join(ROOT, "tests", kind)):
            stem = os.path.splitext(path)[0]
            names.add(os.path.basename(stem))
            names.add("/".join(stem.split(os.sep)[-2:]))
            with open(path, encoding="utf-8") as file:
                names.update(FUNCTION.findall(file.read()))
    for kind, (_, _, _, targets) in KINDS.items():
        names.add(kind)
        names.update(f"{kind}:{target}" for target in targets)
    return names


class Table(unittest.TestCase):
    def test_every_row_names_tests_that_exist(self):
        known = tests()
        count = 0
        for what, named in rows():
            count += 1
            with self.subTest(what):
                # Verdicts of the soak, explained further down.
                named = [name for name in named
                         if name not in ("left_over", "delayed")]
                self.assertTrue(named, "no test is named")
                self.assertEqual([n for n in named if n not in known], [])
        self.assertGreater(count, 20)


if __name__ == "__main__":
    unittest.main()
