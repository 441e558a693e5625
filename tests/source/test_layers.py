"""The layers of this tree hold; and in a tree where they do not, it is said."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from checking import ROOT, checker, load

check = checker("check-layers.py")


class ThisTree(unittest.TestCase):
    def test_no_folder_looks_up_and_no_file_goes_in_a_circle(self):
        build = os.environ.get("WAYPOST_E2E_BUILD",
                               os.path.join(ROOT, "build", "release"))
        status, said = check("--objects", build)
        self.assertEqual((status, said), (0, ""))

    def test_every_floor_is_a_folder(self):
        for floor in load("check-layers.py").FLOORS:
            for folder in floor:
                self.assertTrue(os.path.isdir(os.path.join(ROOT, folder)),
                                f"{folder}/ has a place in FLOORS and is gone")


    def test_one_file_makes_checkpoints_and_one_folder_opens_files(self):
        """Others' would have no guard (lib/sqlite/checkpoint.h)."""
        places = {"open_v2": set(), "checkpoint": set()}
        for path in glob.glob(os.path.join(ROOT, "**", "*.c"), recursive=True):
            place = os.path.relpath(path, ROOT)
            if place.startswith(("build/", "tests/")):
                continue
            with open(path, encoding="utf-8") as file:
                for what in re.findall(
                        r"\bsqlite3_(open\w*)\(|wal_\w*(checkpoint)",
                        file.read()):
                    places["".join(what)].add(place)
        self.assertEqual(places, {
            "checkpoint": {"lib/sqlite/checkpoint.c"},
            "open_v2": {"lib/sqlite/checkpoint.c", "lib/sqlite/copy.c",
                        "lib/sqlite/file.c"}})


class PlantedFaults(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text=""):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def check(self, *arguments):
        return check("--root", self.root, *arguments)

    def assert_said(self, words, *arguments):
        status, said = self.check(*arguments)
        self.assertEqual(status, 1)
        self.assertEqual(len(said.splitlines()), 1, said)
        self.assertIn(words, said)

    def compile(self):
        """Into build/, as make does."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                source = os.path.join(folder, name)
                place = os.path.join(self.root, "build",
                                     os.path.relpath(source, self.root))
                os.makedirs(os.path.dirname(place), exist_ok=True)
                if name.endswith(".c"):
                    subprocess.run(["gcc", "-I", self.root, "-c", source, "-o",
                                    place[:-2] + ".o"], check=True)
        self.write("build/gen/scripts.c")
        subprocess.run(
            ["gcc", "-c", os.path.join(self.root, "build/gen/scripts.c"), "-o",
             os.path.join(self.root, "build/gen/scripts.o")], check=True)
        return "--objects", os.path.join(self.root, "build")

    def test_a_way_down_is_fine(self):
        self.write("lib/base/a.h")
        self.write("lib/redis/b.h", '#include "lib/base/a.h"\n')
        self.write("worker/c.c", '#include "lib/redis/b.h"\n'
                                 "#include <stdio.h>\n")
        self.assertEqual(self.check(), (0, ""))

    def test_a_way_up_is_a_fault(self):
        self.write("lib/redis/b.h")
        self.write("lib/base/a.h", '\n#include "lib/redis/b.h"\n')
        self.assert_said("lib/base/a.h:2: includes lib/redis/b.h")

    def test_programs_do_not_know_each_other(self):
        self.write("worker/b.h")
        self.write("handlers/a.c", '#include "worker/b.h"\n')
        self.assert_said("handlers/a.c:1: includes worker/b.h")

    def test_a_folder_without_a_floor_is_a_fault(self):
        self.write("lib/new/a.c")
        self.assert_said("lib/new/ has no place")

    def test_nor_may_a_program_be_without(self):
        self.write("elsewhere/main.c")
        self.assert_said("elsewhere/main.c: elsewhere/ has no place in FLOORS")

    def test_calls_of_a_folder_without_a_floor_are_no_second_fault(self):
        self.write("lib/new/a.c", "void wp_b(void);\nvoid wp_a(void);\n"
                                  "void wp_a(void) { wp_b(); }\n")
        self.write("lib/base/b.c", "void wp_b(void);\nvoid wp_b(void) {}\n")
        self.assert_said("lib/new/ has no place", *self.compile())

    def test_tests_are_on_no_floor(self):
        self.write("tests/support/a.h")
        self.write("worker/a.c", '#include "tests/support/a.h"\n')
        self.assert_said("worker/a.c:1: includes tests/support/a.h")

    def test_a_path_that_is_not_from_the_root_is_a_fault(self):
        self.write("lib/base/a.h")
        self.write("lib/base/b.h", '#include "a.h"\n')
        self.assert_said("lib/base/b.h:1: a.h: write the path from the root")

    def test_a_header_of_others_has_its_place(self):
        self.write("lib/redis/a.c", "#include <hiredis/hiredis.h>\n")
        self.assertEqual(self.check(), (0, ""))
        self.write("worker/a.c", "#include <hiredis/hiredis.h>\n")
        self.assert_said("worker/a.c:1: <hiredis/hiredis.h> belongs in")

    def test_a_header_that_only_tests_use_has_none(self):
        self.write("worker/a.c", "#include <fcgiapp.h>\n")
        self.assert_said("<fcgiapp.h> belongs in tests only")

    def test_a_library_that_is_new_has_none_yet(self):
        self.write("lib/store/a.c", "#include <lmdb.h>\n"
                                    "#include <sys/stat.h>\n")
        self.assert_said("lib/store/a.c:1: <lmdb.h> has no place in PLACES")

    def test_the_protocol_knows_no_loop(self):
        self.write("ws-daemon/wire/a.c", "#include <ev.h>\n")
        self.assert_said("no socket, clock, loop")

    def test_a_circle_of_includes_is_found_through_sources(self):
        self.write("worker/a.h")
        self.write("worker/a.c", '#include "worker/b.h"\n')
        self.write("worker/b.h", '#include "worker/c.h"\n')
        self.write("worker/c.h")
        self.write("worker/c.c", '#include "worker/a.h"\n')
        self.assert_said("worker/a, worker/b, worker/c: know each other")

    def test_a_circle_of_calls_is_found(self):
        self.write("worker/a.h", "void wp_a(void);\n")
        self.write("worker/a.c", '#include "worker/a.h"\nvoid wp_b(void);\n'
                                 "void wp_a(void) { wp_b(); }\n")
        self.write("worker/b.c", '#include "worker/a.h"\n'
                                 "void wp_b(void) { wp_a(); }\n")
        self.assertEqual(self.check(), (0, ""))
        self.assert_said("worker/a -> worker/b uses wp_b() of",
                         *self.compile())

    def test_a_call_upwards_is_found(self):
        self.write("worker/a.c", "void wp_a(void);\nvoid wp_a(void) {}\n")
        self.write("lib/base/b.c", "void wp_a(void);\n"
                                   "void wp_b(void) { wp_a(); }\n")
        self.assert_said("lib/base/b.c: uses wp_a() of worker/a.c",
                         *self.compile())

    def test_what_was_not_built_is_not_taken_for_good(self):
        self.write("worker/a.c")
        self.assert_said("not built", "--objects",
                         os.path.join(self.root, "build"))


if __name__ == "__main__":
    unittest.main()
