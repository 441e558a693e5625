"""What is referred to is there; and where it is not, that is said."""
import os
import shutil
import tempfile
import unittest

from checking import checker

check = checker("check-references.py")


class ThisTree(unittest.TestCase):
    def test_every_reference_leads_somewhere(self):
        self.assertEqual(check(), (0, ""))


class PlantedFaults(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        self.write("docs/some.md", "# Some\n\n## One thing\n\n"
                                   "```\n# no heading\n```\n")
        self.write("docs/some.yaml", "paths:\n  /api/one:\n    get: 1\n")
        self.write("lib/base/there.c")

    def write(self, path, text=""):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def check(self, path, text):
        self.write(path, text)
        return check("--root", self.root)

    def assert_fine(self, path, text):
        self.assertEqual(self.check(path, text), (0, ""))

    def assert_said(self, words, path, text):
        status, said = self.check(path, text)
        self.assertEqual(status, 1)
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn(words, said)

    def test_headings_and_keys_that_are_there(self):
        self.assert_fine("lib/a.c", '/*\n * docs/some.md "One\n * thing", and '
                                    'docs/some.yaml "/api/one".\n */\n')
        self.assert_fine("lib/a.lua", '-- a (docs/some.md\n-- "One thing")\n')
        self.assert_fine("tools/a.py", '"""Of docs/some.md\n"One thing"."""\n')

    def test_a_heading_that_is_not_there(self):
        for heading in ("Other thing", "One", "no heading"):
            self.assert_said(f'lib/a.h:2: docs/some.md has no "{heading}"',
                             "lib/a.h", f'\n/* docs/some.md "{heading}" */\n')

    def test_a_key_that_is_not_there(self):
        self.assert_said('docs/some.yaml has no "/api"', "lib/a.lua",
                         '-- docs/some.yaml "/api"\n')

    def test_a_document_that_is_not_there(self):
        self.assert_said("docs/other.md is not here", "lib/a.c",
                         '/* docs/other.md "One thing" */\n')
        self.assert_said("ARCHITECTURE: no such document", "lib/a.c",
                         "/* see ARCHITECTURE 4.2 */\n")
        self.assert_said("API section 2: no such document", "lib/a.c",
                         "/* (API section 2) */\n")

    def test_files_that_are_there(self):
        self.assert_fine("lib/a.c", "/* there.c, base/there.c, lib/base/, "
                                    "lib/base/there, lib/<x>/there.c */\n")
        self.assert_fine("lib/a.c", "/* hiredis' async.c, redis.conf */\n")

    def test_files_that_are_not_there(self):
        for name in ("gone.c", "sys/there.c", "lib/sys/", "lib/base/gone",
                     "lib/<x>/gone.c"):
            with self.subTest(name):
                self.assert_said(f"lib/a.c:1: {name}", "lib/a.c",
                                 f"/* in {name} */\n")

    def test_code_is_no_comment(self):
        self.assert_fine("lib/a.c", '#include "gone.h"\n'
                                    'static const char t[] = "/* gone.c */";\n')
        self.assert_fine("tools/a.py", 'x = "lib/gone.c"\n')

    def test_links(self):
        self.assert_fine("docs/b.md", "[a](some.md#one-thing), [b](../lib)\n")
        self.assert_said("docs/b.md:2: gone.md is not here", "docs/b.md",
                         "\n[a](gone.md)\n")

    def test_a_link_to_a_heading_that_is_not_there(self):
        self.assert_said("docs/some.md has no #other", "docs/b.md",
                         "[a](some.md#other)\n")

    def test_every_document_is_led_to(self):
        self.write("docs/more/README.md", "[a](one.md)\n")
        self.write("docs/more/one.md")
        self.assert_said("docs/some.yaml: no link leads here from README.md",
                         "README.md", "[a](docs/some.md), [b](docs/more)\n")
        self.assert_fine("README.md", "[a](docs/some.md#some), [b](docs/more)"
                                      ", [c](docs/some.yaml)\n")
        self.assert_said("docs/more/one.md: no link leads here",
                         "docs/more/README.md", "one.md\n")

    def test_a_line_without_a_blank_behind_its_star(self):
        self.assert_said("lib/a.c:3: a line of a comment begins", "lib/a.c",
                         "/*\n * one\n *two\n */\n")

    def test_a_comment_that_ends_on_a_line_of_its_own(self):
        self.assert_said("lib/a.c:1: a comment begins on its opening line",
                         "lib/a.c", "/* one\n */\n")
        self.assert_fine("lib/a.c", "/* one\n * two */\n/*\n * three\n */\n")


if __name__ == "__main__":
    unittest.main()
