"""What `waypost` says of itself: help, completion. No stack is needed."""
import os
import shutil
import subprocess
import tempfile
import unittest

WAYPOST = os.path.join(os.environ.get("WAYPOST_E2E_BUILD", "build/release"),
                       "waypost")
ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_waypost; printf '%s\\n' "${COMPREPLY[@]}"
"""
# What zsh's own functions would show.
ASK_ZSH = """
compdef() { :; }
_describe() { print -l -- ${(P)@[-1]}; }
_files() { print -l -- files; }
source $1; shift
words=("$@"); CURRENT=$#
_waypost
"""


def said(*words):
    # Settings that would be refused: nobody reads them.
    return subprocess.run(
        [WAYPOST, *words], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=30, check=True,
        env={**os.environ, "WAYPOST_CONFIG": "/nowhere"}).stdout


class Words(unittest.TestCase):
    def script(self, shell):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "_waypost")
        with open(path, "w", encoding="utf-8") as file:
            file.write(said("completion", shell))
        return path

    def ask(self, shell, code, path, line):
        """What completes the last word of a line; its others may be ''."""
        done = subprocess.run(
            [shell, "-c", code, shell, path, *line.split(" ")],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=30, check=False)
        self.assertEqual(done.stderr, "", line)
        return done.stdout.split("\n")[:-1]

    def test_bash_completes_commands_and_options(self):
        path = self.script("bash")

        def ask(line):
            return self.ask("bash", ASK_BASH, path, line)
        self.assertIn("status", ask("waypost "))
        self.assertIn("--config", ask("waypost "))
        self.assertEqual(ask("waypost dl"), ["dlq"])
        self.assertEqual(ask("waypost dlq "),
                         ["list", "show", "requeue", "drop", "--help"])
        self.assertEqual(ask("waypost dlq list --sh"), ["--show-recipient"])
        self.assertEqual(ask("waypost --redis dlq queue l"), ["list"])
        self.assertEqual(ask("waypost --check send --to bob --da"),
                         ["--data"])
        self.assertIn("dlq", ask("waypost help "))
        self.assertEqual(ask("waypost unheardof "), [""])
        self.assertEqual(ask(f"waypost send --data {path[:-2]}"), [path])

    def test_zsh_completes_commands_and_options(self):
        if shutil.which("zsh") is None:
            self.skipTest("there is no zsh here")
        path = self.script("zsh")

        def ask(line):
            return self.ask("zsh", ASK_ZSH, path, line)
        self.assertIn("dlq:list, show, requeue, drop", ask("waypost "))
        self.assertEqual([one.split(":")[0] for one in ask("waypost dlq ")],
                         ["list", "show", "requeue", "drop", "--help"])
        self.assertIn("--show-recipient:name whom they are for",
                      ask("waypost --redis x:1 dlq list "))
        self.assertEqual(ask("waypost send --data "), ["files"])

    def test_the_script_for_bash_is_good_bash(self):
        if shutil.which("shellcheck") is None:
            self.skipTest("there is no shellcheck here")
        done = subprocess.run(
            ["shellcheck", "--shell=bash", self.script("bash")],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_help_is_had_in_three_ways(self):
        text = said("dlq", "list", "--help")
        self.assertTrue(text.startswith("Usage: waypost dlq list "), text)
        self.assertEqual(said("help", "dlq", "list"), text)
        self.assertIn("waypost dlq show <id>", said("dlq", "--help"))
        self.assertIn("dlq list|show|requeue|drop", said("--help"))

    def test_who_says_nothing_is_told_what_there_is(self):
        done = subprocess.run([WAYPOST], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30,
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("dlq list|show|requeue|drop", done.stderr)
        self.assertLessEqual(len(done.stderr.splitlines()), 10)
        done = subprocess.run([WAYPOST, "statsu"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn('no command "statsu"; did you mean status?',
                      done.stderr)
