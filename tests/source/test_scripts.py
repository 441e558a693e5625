"""A part of a script says by name what it gives and needs, and means it."""
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from checking import ROOT, tool

SCRIPTS = os.path.join(ROOT, "lib", "mailbox", "scripts")

PART = """-- exports double, LIMIT
-- needs base
-- What it is.
local double, LIMIT = nil, 7
do
  local factor = 2

  function double(x)
    local sum = x * factor + base -- a comment on hidden
    return sum
  end
end
"""


class Embedding(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.mkdir(os.path.join(self.folder, "parts"))

    def embed(self, script, **parts):
        """Returns: (exit status, what was written, what was complained of)"""
        for name, text in parts.items():
            with open(os.path.join(self.folder, "parts", name + ".lua"), "w",
                      encoding="utf-8") as file:
                file.write(text)
        path = os.path.join(self.folder, "some.lua")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        done = subprocess.run([sys.executable, tool("embed-scripts.py"), path],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def assert_refused(self, words, script, **parts):
        status, _, said = self.embed(script, **parts)
        self.assertEqual(status, 1)
        self.assertIn(words, said)

    def test_a_part_is_put_in_with_the_margin_of_its_line(self):
        status, out, said = self.embed(
            "local base = 1\nif base then\n  -- include part\n\n"
            "  return double(LIMIT)\nend\n", part=PART)
        self.assertEqual((status, said), (0, ""))
        text = "local base = 1\nif base then\n" + "".join(
            "  " + line if line.strip() else line
            for line in PART.splitlines(True)) + \
            "\n  return double(LIMIT)\nend\n"
        self.assertIn(f".len = {len(text)},", out)
        self.assertIn(hashlib.sha1(text.encode()).hexdigest(), out)
        self.assertIn('\t\t\t"  local double, LIMIT = nil, 7\\n"\n', out)

    def test_a_part_may_take_several_lines_for_what_it_exports(self):
        part = PART.replace("double, LIMIT", "double\n-- exports LIMIT", 1)
        status, _, said = self.embed("local base = 1\n-- include part\n",
                                     part=part)
        self.assertEqual((status, said), (0, ""))
        self.assert_refused("exports double, but has double, LIMIT",
                            "local base = 1\n-- include part\n",
                            part=part.replace("-- exports LIMIT\n", ""))

    def test_as_many_as_have_a_name(self):
        _, out, _ = self.embed("return 1\n")
        self.assertIn("_Static_assert(WP_SCRIPT_COUNT == 1,", out)

    def test_parts_include_parts(self):
        status, out, said = self.embed(
            "local base = 1\n-- include outer\nreturn double(LIMIT)\n",
            part=PART, outer="-- exports nothing\n-- include part\n")
        self.assertEqual((status, said), (0, ""))
        self.assertIn("function double(x)", out)

    def test_quotes_and_backslashes_survive(self):
        _, out, _ = self.embed("return '\\n' .. \"x\"\n")
        self.assertIn('"return \'\\\\n\' .. \\"x\\"\\n"', out)

    def test_a_part_that_does_not_exist_is_refused(self):
        self.assert_refused("nowhere.lua", "-- include nowhere\n")

    def test_a_part_says_what_it_exports(self):
        self.assert_refused("does not begin with what it exports",
                            "-- include part\n", part="-- It is.\nlocal a\n")

    def test_a_part_exports_all_that_is_at_its_margin(self):
        self.assert_refused(
            "exports double, LIMIT, but has double, LIMIT, leak",
            "local base = 1\n-- include part\n",
            part=PART + "local leak = 1\n")

    def test_a_part_has_all_that_it_exports(self):
        self.assert_refused(
            "exports double, LIMIT, more, but", "-- include part\n",
            part=PART.replace("LIMIT\n", "LIMIT, more\n", 1))

    def test_what_a_part_needs_comes_before_it(self):
        self.assert_refused("needs base",
                            "-- include part\nlocal base = 1\n", part=PART)

    def test_what_a_part_keeps_to_itself_is_nobody_elses(self):
        for name in ("factor", "sum"):
            self.assert_refused(
                f"{name} is private to",
                f"local base = 1\n-- include part\nreturn {name} + 1\n",
                part=PART)

    def test_the_same_word_for_something_else_is_fine(self):
        for script in ("local factor = 3\nreturn factor\n",
                       "return redis.factor, x.sum, 'sum' -- factor\n",
                       "for sum, factor in pairs({}) do return sum end\n",
                       "return function(sum) return sum end\n"):
            status, _, said = self.embed(
                "local base = 1\n-- include part\n" + script, part=PART)
            self.assertEqual((status, said), (0, ""), script)


class TheseScripts(unittest.TestCase):
    def test_every_part_is_used(self):
        text = ""
        for path in glob.glob(os.path.join(SCRIPTS, "**", "*.lua"),
                              recursive=True):
            with open(path, encoding="utf-8") as file:
                text += file.read() + "\n"
        included = {line.split()[-1] for line in text.splitlines()
                    if line.strip().startswith("-- include ")}
        parts = {os.path.basename(path)[:-4] for path in
                 glob.glob(os.path.join(SCRIPTS, "parts", "*.lua"))}
        self.assertEqual(parts, included)


if __name__ == "__main__":
    unittest.main()
