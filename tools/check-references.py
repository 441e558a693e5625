#!/usr/bin/python3
"""What comments and documents refer to is there.

usage: tools/check-references.py [--root FOLDER]

- docs/NAME.md "Heading" names a heading of that document, docs/NAME.yaml "key"
  a key of it. Documents that are not in the repository are not referred to.
- A path, or the name of a source file, that stands in a comment or a document
  is that of a file or folder here.
- A link in a document leads to a file, and to a heading in it; and every
  document is led to by links that begin in README.md.
- Comments are whole: no line begins with "*word", and one that begins on its
  opening line does not end on a line of its own.
"""
import argparse
import collections
import os
import re
import sys

# What is made while building and running.
NOT_OURS = ("build", "var")
SOURCE = ("c", "h", "lua", "pml", "py", "sh", "md")
# Of other projects, and what is only made at run time.
FOREIGN = {
    "async.c",      # hiredis'
    "fcgiapp.h", "ev.h", "json.h", "jwt.h", "sqlite3.h", "yaml.h",
}

REFERENCE = re.compile(r'\b(docs/[\w./-]+\.(?:md|yaml))\s+"([^"]+)"')
LOST = re.compile(r"\bARCHITECTURE\b(?!\.)|\bAPI (?:section )?\d|"
                  r"\b(?:HOUSE|STYLE|MODEL) (?:section )?§?\d")
NAME = re.compile(r"(?<![\w/.<*-])((?:[\w-]+/)*[\w-]+\.(?:%s))\b(?!\.\w)" %
                  "|".join(SOURCE))
LINK = re.compile(r"\]\(([^)\s]+)\)")
C_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|'
                       r"/\*.*?\*/", re.S)


def comments_of_c(text):
    for match in C_COMMENT.finditer(text):
        if match.group().startswith("/*"):
            yield match.start(), match.group()


def comments_of_lines(text, mark):
    """Runs of lines that begin with mark."""
    pattern = re.compile(r"(?:^[ \t]*%s.*\n?)+" % re.escape(mark), re.M)
    for match in pattern.finditer(text):
        yield match.start(), match.group()


def comments_of_python(text):
    yield from comments_of_lines(text, "#")
    for match in re.finditer(r'^[ \t]*"""(.*?)"""', text, re.M | re.S):
        yield match.start(), match.group()


def comments(path, text):
    """(offset, text) of each comment; all of a document."""
    kind = path.rpartition(".")[2]
    if kind in ("c", "h"):
        return comments_of_c(text)
    if kind == "lua":
        return comments_of_lines(text, "--")
    if kind == "py":
        return comments_of_python(text)
    if kind == "pml":
        return comments_of_c(text)
    if kind == "md":
        return [(0, text)]
    return comments_of_lines(text, "#")


def flowing(text):
    """A comment as one line, without what its lines begin with; as long as
    before, so that offsets stay."""
    return re.sub(r"\n[ \t]*(?:\*(?!/)|--|#)?[ \t]*",
                  lambda match: " " * len(match.group()), text)


class Tree:
    """The files of the repository, and what is wrong with their references."""

    def __init__(self, root):
        self.root = root
        self.files = sorted(
            name for name in os.listdir(root)
            if os.path.isfile(os.path.join(root, name)))
        self.tops = tuple(
            name for name in sorted(os.listdir(root)) if name[0] != "." and
            name not in NOT_OURS and os.path.isdir(os.path.join(root, name)))
        self.path = re.compile(
            r"(?<![\w/.<-])((?:%s)/[\w.{}*<>/-]*[\w*>}/])" %
            "|".join(self.tops))
        for top in self.tops:
            for folder, _, names in os.walk(os.path.join(root, top)):
                folder = os.path.relpath(folder, root)
                if os.path.basename(folder) != "__pycache__":
                    self.files += sorted(os.path.join(folder, name)
                                         for name in names)
        self.known = set(self.files)
        self.folders = set()
        for path in self.files:
            while path := os.path.dirname(path):
                self.folders.add(path)
        self.faults = []
        self._headings = {}
        self._links = collections.defaultdict(set)  # document -> documents

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def headings(self, path):
        """Of a document: its headings; of YAML: its keys."""
        if path not in self._headings:
            text = self.read(path)
            if path.endswith(".md"):
                text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
                found = re.findall(r"^#+ (.+?) *$", text, re.M)
            else:
                found = re.findall(r"^ *([\w/.-]+):", text, re.M)
            self._headings[path] = set(found)
        return self._headings[path]

    def check(self):
        for path in self.files:
            kind = path.rpartition(".")[2]
            is_text = kind in SOURCE + ("yaml", "conf", "service") or \
                os.path.basename(path) == "Makefile"
            # They are full of paths that are not here, and are to be.
            if is_text and not path.startswith("tests/source/") and \
                    path != "tools/check-references.py":
                self._check_file(path, self.read(path))

    def _check_file(self, path, text):
        for start, comment in comments(path, text):
            def fault(offset, what, start=start):
                line = text.count("\n", 0, start + offset) + 1
                self.faults.append(f"{path}:{line}: {what}")
            self._check_comment(path, comment, fault)
            if path.endswith((".c", ".h")):
                check_shape(comment, fault)
        if path.endswith(".md"):
            self._check_links(path, text)

    def _check_comment(self, path, comment, fault):
        text = flowing(comment)
        if path.endswith(".md"):  # links have a check of their own
            text = LINK.sub(lambda match: " " * len(match.group()), text)
        for match in REFERENCE.finditer(text):
            document, heading = match.group(1), " ".join(
                match.group(2).split())
            if document in self.known and \
                    heading not in self.headings(document):
                fault(match.start(), f'{document} has no "{heading}"')
        for match in LOST.finditer(text):
            fault(match.start(), f"{match.group()}: no such document here")
        for match in self.path.finditer(text):
            if not self._is_here(path, match.group(1)):
                fault(match.start(), f"{match.group(1)} is not here")
        for match in NAME.finditer(text):
            name = match.group(1)
            if not name.startswith(tuple(top + "/" for top in self.tops)) and \
                    not self._is_named(path, name):
                fault(match.start(), f"{name} is not here")

    def _is_here(self, path, name):
        # As in the documents below: relative to the file that names it.
        name = name.rstrip("/")
        for start in ("", os.path.dirname(path)):
            full = os.path.normpath(os.path.join(start, name))
            if full in self.known or full in self.folders:
                return True
        if re.search(r"[<*{]", name):
            parts = re.split(r"<[^>]*>|\*+|\{[^}]*\}", name)
            pattern = re.compile(".*".join(map(re.escape, parts)))
            return any(pattern.match(each) for each in self.known)
        if re.fullmatch(r"docs/decisions/\d{4}", name):
            return any(each.startswith(name + "-") for each in self.known)
        # The both of a module, or a test as `make test-unit T=` takes it.
        return any(each in self.known for each in
                   (name + ".c", name + ".h", f"tests/unit/{name}.c"))

    def _is_named(self, path, name):
        if name in FOREIGN or "NAME" in name:
            return True
        return any(each == name or each.endswith("/" + name)
                   for each in self.known)

    def _check_links(self, path, text):
        for match in LINK.finditer(text):
            target, _, anchor = match.group(1).partition("#")
            if ":" in target:
                continue
            full = os.path.normpath(os.path.join(os.path.dirname(path),
                                                 target)) if target else path
            line = text.count("\n", 0, match.start()) + 1
            self._links[path].add(
                full + "/README.md" if full in self.folders else full)
            if full not in self.known and full not in self.folders:
                self.faults.append(f"{path}:{line}: {target} is not here")
            elif anchor and anchor not in map(anchor_of, self.headings(full)):
                self.faults.append(f"{path}:{line}: {full} has no #{anchor}")

    def check_documents(self):
        """Can a reader find all of them?"""
        if "README.md" not in self.known:
            return
        found, new = set(), {"README.md"}
        while new:
            found |= new
            new = set().union(*(self._links[each] for each in new)) - found
        for path in self.files:
            if path.startswith("docs/") and path not in found and \
                    path.endswith((".md", ".yaml")):
                self.faults.append(f"{path}: no link leads here from README.md")


def anchor_of(heading):
    """As the places where documents are read make it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def check_shape(comment, fault):
    lines = comment.split("\n")
    offset = len(lines[0]) + 1
    for line in lines[1:]:
        if re.match(r"\s*\*[^\s/*]", line):
            fault(offset, "a line of a comment begins with * and no blank")
        offset += len(line) + 1
    if len(lines) > 1 and lines[0].strip() != "/*" and \
            lines[-1].strip() == "*/":
        fault(0, "a comment begins on its opening line and ends on its own")


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=here)
    tree = Tree(parser.parse_args().root)
    tree.check()
    tree.check_documents()
    for fault in tree.faults:
        print(fault)
    return 1 if tree.faults else 0


if __name__ == "__main__":
    sys.exit(main())
