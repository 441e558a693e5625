"""What `waypost` does without settings: help, completion, tail; and the manual
pages, which are made of what the programs say."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("WAYPOST_E2E_BUILD",
                                          "build/release"))
WAYPOST = os.path.join(BUILD, "waypost")
PAGES = {"waypost.1", "waypost.7", "waypost.yaml.5", "waypost-handlers.8",
         "waypost-worker.8", "waypost-ws.8", "waypost-notifier.8",
         "waypost-keys.8"}
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
        self.assertLessEqual(len(done.stderr.splitlines()), 12)
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
                           "\"level\":\"info\",\"msg\":\"%s\"}' "
                           "\"$*\"\nexit $STATUS\n")
            os.chmod(path, 0o755)
            done = [subprocess.run(
                [WAYPOST, "tail", *words], capture_output=True, text=True,
                timeout=30, check=False,
                env={**os.environ, "STATUS": status,
                     "PATH": folder + ":" + os.environ["PATH"]})
                    for words, status in (
                        ([], "0"), (["--program", "ws"], "0"), ([], "1"),
                        (["--level", "debug"], "0"))]
        self.assertEqual(done[0].stdout,
                         "\twaypost-ws\tinfo\t--follow --lines 20 --output=cat "
                         "--quiet --unit=waypost*\n")
        self.assertIn("--unit=waypost-ws*", done[1].stdout)
        self.assertEqual([each.returncode for each in done], [0, 0, 1, 0])
        # What systemd says of units is of no level.
        self.assertNotIn("_TRANSPORT", done[0].stdout)
        self.assertIn("--unit=waypost* _TRANSPORT=stdout", done[3].stdout)
        self.assertIn("waypost tail -", done[2].stderr)


class Settings(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "waypost.yaml")

    def config(self, *words, **env):
        env = {**{name: value for name, value in os.environ.items()
                  if not name.startswith("WAYPOST_")}, **env}
        done = subprocess.run(
            [WAYPOST, "--config", self.path, "config", *words], env=env,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def test_the_reference_is_a_file_of_defaults(self):
        self.write(said("config", "reference"))
        self.assertEqual(self.config("diff"), "")
        markdown = said("config", "reference", "--form", "markdown")
        self.assertIn("\n| `mailbox.max_tries` | 1 to 1000 | 5 | ", markdown)

    def test_what_differs_is_told_with_its_default(self):
        self.write("mailbox:\n  max_tries: 7\n")
        self.assertEqual(self.config("diff"), "mailbox.max_tries\t7\t5\n")
        self.assertIn("mailbox.max_tries\t7\n", self.config("show"))
        told = json.loads(self.config("diff", "--json"))
        self.assertEqual(told, {"settings": [
            {"key": "mailbox.max_tries", "value": "7", "default": "5",
             "changed": True}]})
        # What production has by default is no difference there.
        told = json.loads(self.config("show", "--json",
                                      WAYPOST_RUN_MODE="production"))
        changed = [one["key"] for one in told["settings"] if one["changed"]]
        self.assertEqual(changed, ["run_mode", "mailbox.max_tries"])

    def test_secrets_are_told_by_their_length(self):
        secret = self.path + ".secret"
        with open(secret, "w", encoding="ascii") as file:
            file.write("x" * 43)
        self.write(f"auth:\n  jwt_secret_file: {secret}\n"
                   "  store_secret_file: /nowhere/secret\n"
                   f"redis:\n  password_file: {secret}\n")
        os.chmod(secret, 0o600)
        lines = self.config("diff").splitlines()
        self.assertIn(f"redis.password\tset (43 bytes, from {secret})\t"
                      "not set", lines)
        self.assertIn(f"auth.jwt_secret\tset (43 bytes, from {secret})\t"
                      "not set", lines)
        self.assertIn("auth.store_secret\tnot to be seen (from "
                      "/nowhere/secret)\tnot set", lines)
        self.assertNotIn("xxx", self.config("show", "--json"))
        os.unlink(secret)
        self.write("")
        self.assertIn("redis.password\tset (3 bytes, from the environment)\n",
                      self.config("show", REDIS_PASSWORD="yyy"))


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        subprocess.run([sys.executable, os.path.join(ROOT, "tools/man.py"),
                        "--build", BUILD, "--out", cls.folder.name],
                       check=True, timeout=60)

    def page(self, name):
        with open(os.path.join(self.folder.name, name),
                  encoding="utf-8") as file:
            return file.read()

    def test_each_program_has_a_page(self):
        self.assertEqual(set(os.listdir(self.folder.name)), PAGES)
        programs = {name for name in os.listdir(BUILD)
                    if re.fullmatch(r"waypost[a-z-]*", name)}
        self.assertEqual(programs, {name.rpartition(".")[0] for name in PAGES}
                         - {"waypost.yaml"})
        self.assertIn("Fl -processes Ar VALUE",
                      self.page("waypost-handlers.8"))
        self.assertNotIn("@", "".join(
            line for name in PAGES for line in self.page(name).splitlines()
            if line.startswith('.\\"')))

    def test_each_command_and_key_is_explained(self):
        page = self.page("waypost.1")
        self.assertIn('.It Cm dlq Cm show Ar <id> Oo Fl -raw Oc', page)
        self.assertIn("\nHand a message in.\n", page)
        page = self.page("waypost.yaml.5")
        keys = set()
        for path in glob.glob(os.path.join(ROOT, "lib/sys/sections/*.c")):
            with open(path, encoding="utf-8") as file:
                keys.update(re.findall(
                    r'\{ "([a-z]\w*(?:\.\w+)?)",\s*WP_CONF_AT', file.read()))
        self.assertGreater(len(keys), 100)
        for key in keys:
            self.assertTrue(f".It Cm {key}\n" in page, key)

    def test_the_pages_are_good_mdoc(self):
        if shutil.which("mandoc") is None:
            self.skipTest("there is no mandoc here")
        done = subprocess.run(
            ["mandoc", "-T", "lint", "-W", "warning",
             *(os.path.join(self.folder.name, name) for name in PAGES)],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))
