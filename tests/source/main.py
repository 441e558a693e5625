#!/usr/bin/python3
"""Test what the sources must keep to, and the checks that hold them to it.

The last line is for tests/run.py.
"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    result = unittest.TestResult()
    pattern = sys.argv[1] if len(sys.argv) > 1 else "test_*"
    unittest.TestLoader().discover(HERE, f"{pattern}.py", HERE).run(result)
    bad = result.failures + result.errors
    for test, text in bad:
        print(f"FAIL  {test.id()}\n{text}", flush=True)
    for test, why in result.skipped:
        print(f"skip  {test.id()}: {why}", flush=True)
    skipped = len(result.skipped)
    print(f"source: {result.testsRun - len(bad) - skipped} passed, "
          f"{len(bad)} failed" + (f", {skipped} skipped" if skipped else ""),
          flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
