"""What `waypost` does without settings: help, completion, tail."""
import os
import shutil
import subprocess
import tempfile
import unittest

WAYPOST = os.path.join(os.environ.get("WAYPOST_E2E_BUILD", "build/release"),
                       "waypost")
LOG = """<4>{"time":"2026-11-30T21:44:01.123Z","level":"warn",\
"service":"waypost-ws","msg":"redis is away","error":"\\u001b[31m","n":3}
plain
{"time":"2026-11-30T21:44:02.123Z","level":"info",\
"service":"waypost-worker","msg":"x","request_id":"r1"}
"""
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


def said(*words, told=""):
    # Settings that would be refused: nobody reads them.
    return subprocess.run(
        [WAYPOST, *words], input=told, capture_output=True, text=True,
        timeout=30, check=True,
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

    def test_a_log_becomes_text(self):
        warned = ("2026-11-30T21:44:01.123Z\twaypost-ws\twarn\t"
                  "redis is away\terror=?[31m n=3\n")
        other = ("2026-11-30T21:44:02.123Z\twaypost-worker\tinfo\tx\t"
                 "request_id=r1\n")
        self.assertEqual(said("tail", "-", told=LOG),
                         warned + "plain\n" + other)
        self.assertEqual(said("tail", "-", "--level", "warn", told=LOG),
                         warned + "plain\n")
        for name in ("worker", "waypost-worker"):
            self.assertEqual(said("tail", "-", "--program", name, told=LOG),
                             other)
        self.assertEqual(said("tail", "-", "--request", "r1", told=LOG),
                         other)
        self.assertEqual(said("tail", "-", "--json", told=LOG),
                         LOG.replace("<4>", "").replace("plain\n", ""))

    def test_the_journal_is_read_by_journalctl(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "journalctl")
            with open(path, "w", encoding="ascii") as file:
                file.write("#!/bin/sh\nprintf '{\"service\":\"waypost-ws\","
                           "\"msg\":\"%s\"}' \"$*\"\nexit $STATUS\n")
            os.chmod(path, 0o755)
            done = [subprocess.run(
                [WAYPOST, "tail", *words], capture_output=True, text=True,
                timeout=30, check=False,
                env={**os.environ, "STATUS": status,
                     "PATH": folder + ":" + os.environ["PATH"]})
                    for words, status in (
                        ([], "0"), (["--program", "ws"], "0"), ([], "1"))]
        self.assertEqual(done[0].stdout,
                         "\twaypost-ws\t\t--follow --lines 20 --output=cat "
                         "--quiet --unit=waypost*\n")
        self.assertIn("--unit=waypost-ws*", done[1].stdout)
        self.assertEqual([each.returncode for each in done], [0, 0, 1])
        self.assertIn("waypost tail -", done[2].stderr)
