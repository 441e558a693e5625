#!/usr/bin/python3
"""Test the fault test itself: its judge, its plan, its planted bugs.

The last line is for tests/run.py.
"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    result = unittest.TestResult()
    unittest.TestLoader().discover(HERE, "test_*.py", HERE).run(result)
    bad = result.failures + result.errors
    for test, text in bad:
        print(f"FAIL  {test.id()}\n{text}", flush=True)
    print(f"fault result: {result.testsRun - len(bad)} passed, "
          f"{len(bad)} failed", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
