#!/usr/bin/python3
"""Is each line that a program may log told in docs/logging.md, and no other?

usage: tools/check-logging.py [--root FOLDER] [--list]

Reads the calls of lib/base/log.h in C: what they say, at which levels, with
which keys. A text that was handed in is looked for where it comes from: in the
calls of the function that has it as a parameter, or where the variable is set.
--list prints rows for the tables of the document, without what they mean.
"""
import argparse
import collections
import glob
import os
import re
import sys

DOCUMENT = "docs/logging.md"
FOLDERS = ("lib", "handlers", "worker", "ws-daemon", "notifier", "keys",
           "tools/waypost")
# Where they are made; it says a line of its own accord, too.
MAKER = "lib/base/log.c"
OWN = {"lines were dropped, for nobody read them": ({"warn"}, {"lines"})}
# What every line may have, whoever says it.
COMMON = {"time", "level", "service", "component", "peer", "msg", "truncated"}

CALL = re.compile(r"\bwp_log(?:_gather|_plain|_add|_write)?\(")
FIELD = re.compile(r'\bwp_(?:str|int)\(\s*"(\w+)"')
COMMENT = re.compile(r"/\*.*?\*/", re.S)
PIECE = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([A-Z][A-Z0-9_]+))')
FUNCTION = re.compile(r"^\w[^;{}()]*?\b(\w+)\(([^;{}]*?)\)\n\{\n(.*?)^\}",
                      re.M | re.S)
LEVEL = re.compile(r"WP_LOG_(ERROR|WARN|INFO|DEBUG)\b")
VALUE = r'((?:"(?:[^"\\]|\\.)*"|[^;"])+)'
QUOTED = re.compile(r"`([^`]+)`")


def arguments(text, start):
    """Of the call whose bracket opens at start."""
    depth, found, at = 0, [], start + 1
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[](),[{}]', text[start:]):
        sign = match.group()
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0 or (depth == 1 and sign == ","):
            found.append(text[at:start + match.start()].strip())
            at = start + match.end()
        if depth == 0:
            break
    return found


def ways(level, text):
    """Pairs of both, where one question decides on both."""
    asked = [[part.strip() for part in re.split(r"\s[?:]\s", each)]
             for each in (level, text)]
    if all(len(each) == 3 for each in asked) and asked[0][0] == asked[1][0]:
        return list(zip(asked[0][1:], asked[1][1:]))
    return [(level, text)]


class File:
    """A file of C, without its comments."""

    def __init__(self, path, text):
        self.path = path
        self.text = COMMENT.sub(" ", text)
        self.functions = list(FUNCTION.finditer(self.text))

    def around(self, at):
        """The function in which this place is."""
        return next((function for function in self.functions
                     if function.start() < at < function.end()), None)


class Tree:
    """All that may be said below root, and what is told of it."""

    def __init__(self, root):
        self.root = root
        self.faults = []
        self.files = [
            File(os.path.relpath(path, root), self._read(path))
            for folder in FOLDERS for path in sorted(glob.glob(
                os.path.join(root, folder, "**", "*.c"), recursive=True))]
        self.macros = {}
        for path in glob.glob(os.path.join(root, "lib", "**", "*.h"),
                              recursive=True):
            self.macros.update(re.findall(
                r'^#define (\w+) "((?:[^"\\]|\\.)*)"$', self._read(path),
                re.M))
        # message -> (levels, keys)
        self.said = collections.OrderedDict()

    @staticmethod
    def _read(path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def joined(self, expression):
        """The text of literals, and macros of them; None: it is none."""
        text, at = "", 0
        while match := PIECE.match(expression, at):
            piece = match.group(1)
            if piece is None:
                piece = self.macros.get(match.group(2))
            if piece is None:
                return None
            text += piece
            at = match.end()
        return text if text and not expression[at:].strip() else None

    def texts(self, file, function, expression, depth=0):
        """All that this expression may say."""
        text = self.joined(expression)
        if text is not None:
            return {text}
        if "?" in expression:
            return set().union(*(
                self.texts(file, function, way, depth)
                for way in re.split(r"\s[?:]\s", expression)[1:]))
        if function is None or depth > 3:
            return set()
        call = re.fullmatch(r"(\w+)\(.*\)", expression, re.S)
        if call is not None:
            return self._handed_out(call.group(1), depth)
        if not re.fullmatch(r"\w+", expression):
            return set()
        names = [re.sub(r".*?(\w+)(?:\[\])?$", r"\1", part.strip(),
                        flags=re.S)
                 for part in function.group(2).split(",")]
        if expression in names:
            return self._handed_in(file, function, names.index(expression),
                                   depth)
        found = set()
        for match in re.finditer(rf"\b{expression} = {VALUE};",
                                 function.group(3)):
            if match.group(1) != "NULL":
                found |= self.texts(file, function, match.group(1), depth + 1)
        return found

    def _handed_out(self, name, depth):
        return set().union(*(
            self.texts(file, function, match.group(1), depth + 1)
            for file in self.files for function in file.functions
            if function.group(1) == name
            for match in re.finditer(rf"\breturn {VALUE};",
                                     function.group(3))))

    def _handed_in(self, where, function, number, depth):
        """From who calls it, by its name or by a hook that it was put into."""
        name = function.group(1)
        is_static = function.group().startswith("static ")
        hooks = {hook for file in self.files
                 for hook in re.findall(rf"\.(\w+) = {name}\b", file.text)}
        found = set()
        for file in self.files:
            calls = [rf"(?:->|\.){hook}\(" for hook in hooks]
            if file is where or not is_static:
                calls.append(rf"\b{name}\(")
            for match in re.finditer("|".join(calls) or "$^", file.text):
                caller = file.around(match.start())
                given = arguments(file.text, match.end() - 1)
                if caller is not None and number < len(given):
                    found |= self.texts(file, caller, given[number],
                                        depth + 1)
        return found

    def read_calls(self):
        for message, (levels, keys) in OWN.items():
            self.said[message] = (set(levels), set(keys))
        for file in self.files:
            if file.path == MAKER:
                continue
            for match in CALL.finditer(file.text):
                self._read_call(file, match)

    def _read_call(self, file, match):
        given = arguments(file.text, match.end() - 1)
        function = file.around(match.start())
        line = file.text.count("\n", 0, match.start()) + 1
        where = f"{file.path}:{line}"
        # An array of fields was filled before.
        fields = function.group(3) if given[3:] == ["fields"] and function \
            else " ".join(given[3:])
        keys = set(FIELD.findall(fields))
        for level, text in ways(given[1], given[2]):
            messages = self.texts(file, function, text)
            levels = {each.lower() for each in LEVEL.findall(level)}
            if not messages or not levels:
                self.faults.append(f"{where}: nobody can tell what it says, "
                                   "or at which level")
            for message in messages:
                known = self.said.setdefault(message, (set(), set()))
                known[0].update(levels)
                known[1].update(keys)

    # ---- what is told ----

    def compare(self):
        try:
            text = self._read(os.path.join(self.root, DOCUMENT))
        except FileNotFoundError:
            text = ""
        told = {}
        for cells in rows(text, "message"):
            message = cells[0].strip("`")
            if message in told:
                self.faults.append(f"{DOCUMENT}: `{message}` is there twice")
            told[message] = cells
        for message, (levels, keys) in self.said.items():
            if message not in told:
                self.faults.append(f"{DOCUMENT}: `{message}` is missing")
                continue
            cells = told[message]
            if set(re.findall(r"\w+", cells[1])) != levels:
                self.faults.append(f"{DOCUMENT}: `{message}` is of "
                                   f"{', '.join(sorted(levels))}")
            if set(QUOTED.findall(cells[2])) != keys:
                self.faults.append(f"{DOCUMENT}: `{message}` has the keys "
                                   f"{', '.join(sorted(keys)) or '(none)'}")
        for message in told.keys() - self.said.keys():
            self.faults.append(f"{DOCUMENT}: `{message}` is said by nobody")
        self._compare_keys(text)

    def _compare_keys(self, text):
        keys = COMMON.union(*(keys for _, keys in self.said.values()))
        told = [key for cells in rows(text, "key")
                for key in QUOTED.findall(cells[0])]
        for key in sorted(keys - set(told)):
            self.faults.append(f"{DOCUMENT}: the key `{key}` is missing")
        for key in sorted(set(told) - keys):
            self.faults.append(f"{DOCUMENT}: no line has the key `{key}`")
        for key in sorted(key for key in set(told) if told.count(key) > 1):
            self.faults.append(f"{DOCUMENT}: the key `{key}` is there twice")


def rows(text, first):
    """Cells of the rows of all tables whose first column is called so."""
    is_in = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            is_in = False
        elif cells[0] == first:
            is_in = True
        elif is_in and not cells[0].startswith("---"):
            yield cells


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=here)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    tree = Tree(options.root)
    tree.read_calls()
    if options.list:
        for message, (levels, keys) in sorted(tree.said.items()):
            print(f"| `{message}` | {', '.join(sorted(levels))} | "
                  f"{' '.join(f'`{key}`' for key in sorted(keys))} | |")
    else:
        tree.compare()
    for fault in tree.faults:
        print(fault)
    return 1 if tree.faults else 0


if __name__ == "__main__":
    sys.exit(main())
