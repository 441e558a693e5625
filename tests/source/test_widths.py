"""No line is too wide; and where one is, that is said."""
import os
import tempfile
import unittest

from checking import checker

check = checker("check-widths.py")


def words(columns):
    """Text of this width that could be wrapped."""
    return "é " * (columns // 2) + "é" * (columns % 2)


class ThisTree(unittest.TestCase):
    def test_no_line_is_too_wide(self):
        self.assertEqual(check(), (0, ""))


class PlantedFaults(unittest.TestCase):
    def check(self, path, text):
        with tempfile.TemporaryDirectory() as root:
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
            return check("--root", root)

    def assert_fine(self, path, text):
        self.assertEqual(self.check(path, text), (0, ""))

    def assert_said(self, words_said, path, text):
        self.assertEqual(self.check(path, text), (1, words_said + "\n"))

    def test_documents(self):
        for path in ("README.md", "docs/a.md", "docs/a.yaml",
                     "docs/decisions/a.md"):
            self.assert_fine(path, words(100) + "\n")
            self.assert_said(f"{path}:2: 101 columns, 100 are enough", path,
                             "\n" + words(101) + "\n")

    def test_what_cannot_be_wrapped(self):
        self.assert_fine("docs/a.md", "| " + words(200) + "|\n")
        self.assert_fine("docs/a.md", "```\n" + words(200) + "\n```\n")
        self.assert_fine("docs/a.md", "x" * 200 + "\n")
        self.assert_fine("docs/a.md", f"10. [a title]({'x' * 90}.md)\n")
        self.assert_said("docs/a.md:3: 101 columns, 100 are enough",
                         "docs/a.md", "```\n```\n" + words(101) + "\n")

    def test_lua_and_python(self):
        for path in ("lib/mailbox/scripts/a.lua", "web-config/a.lua",
                     "tools/a.py", "tests/e2e/a.py"):
            self.assert_fine(path, words(80) + "\n")
            self.assert_said(f"{path}:1: 81 columns, 80 are enough", path,
                             words(81) + "\n")

    def test_comments_of_c(self):
        for path in ("lib/base/a.c", "worker/a.h"):
            self.assert_fine(path, "/* " + words(77) + "\n * x */\n")
            for text in ("/* " + words(78) + "\n */\n",
                         "/*\n * x\n * " + words(78) + "\n */\n",
                         "\tint x; /* " + words(60) + " */\n"):
                status, said = self.check(path, text)
                self.assertEqual((status, said.count("\n")), (1, 1), text)
                self.assertIn(": 81 columns, 80 are enough", said)

    def test_code_of_c_is_the_formatters(self):
        self.assert_fine("lib/base/a.c", f'char *x = "/* {words(90)}";\n')


if __name__ == "__main__":
    unittest.main()
