#!/usr/bin/python3
"""Lines are as wide as one reads them.

usage: tools/check-widths.py [--root FOLDER]

100 columns: documents and YAML, but for tables, code blocks, and a line that
is one link or one long word. 80 columns: Lua, Python, and comments of C;
its code is clang-format's business (make check-format). A tab goes on to the
next eight.
"""
import argparse
import os
import re
import sys

WIDE, NARROW = 100, 80
# What is made while building and running.
NOT_OURS = ("build", "var")
CODE = re.compile(r"^ *```")
LINK = re.compile(r"(?:[-*]|\d+\.)? *\[[^]]*\]\([^) ]*\)")
# Strings first, so that what they hold begins no comment.
C_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|'
                       r"/\*.*?\*/", re.S)


def lines_of_comments(text):
    """The numbers of the lines of C on which a comment is."""
    numbers = set()
    for match in C_COMMENT.finditer(text):
        if match.group().startswith("/*"):
            first = text.count("\n", 0, match.start()) + 1
            numbers.update(range(first,
                                 first + match.group().count("\n") + 1))
    return numbers


def is_free(line):
    """One that cannot be wrapped: a row of a table, a link, one long word."""
    return line.lstrip().startswith("|") or len(line.split()) < 2 or \
        bool(LINK.fullmatch(line.strip()))


def too_wide(path, text):
    """(number, columns, limit) of each line of a file that is too wide."""
    kind = path.rpartition(".")[2]
    comments = lines_of_comments(text) if kind in ("c", "h", "pml") else ()
    in_code = False
    for number, line in enumerate(text.split("\n"), 1):
        columns = len(line.expandtabs(8))
        if kind in ("md", "yaml"):
            in_code ^= kind == "md" and bool(CODE.match(line))
            if columns > WIDE and not in_code and not is_free(line):
                yield number, columns, WIDE
        elif columns > NARROW and (kind in ("lua", "py") or
                                   number in comments):
            yield number, columns, NARROW


def paths_in(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name[0] != "." and
                            not (folder == root and name in NOT_OURS))
        for name in sorted(names):
            yield os.path.relpath(os.path.join(folder, name), root)


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=here)
    root = parser.parse_args().root
    faults = 0
    for path in paths_in(root):
        if not path.endswith((".md", ".yaml", ".lua", ".py", ".c", ".h",
                              ".pml")):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            for number, columns, limit in too_wide(path, file.read()):
                print(f"{path}:{number}: {columns} columns, {limit} are "
                      "enough")
                faults += 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
