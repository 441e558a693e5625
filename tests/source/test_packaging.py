"""What packages have is what the tree has, and no unit may do much."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
EXPOSURE_MAX = 2.0


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


class Packages(unittest.TestCase):
    def test_they_have_the_version_of_the_tree(self):
        said = re.match(r"waypost \((.*?)\)", read("packaging", "debian",
                                                  "changelog")).group(1)
        self.assertEqual(
            [said], re.findall(r"^VERSION := (.*)$", read("Makefile"), re.M))

    def test_each_program_has_a_unit_that_packages_handle(self):
        programs = re.search(r"^PROGRAMS := waypost (.*)$", read("Makefile"),
                             re.M).group(1).split()
        rules = read("packaging", "debian", "rules")
        for program in programs:
            unit = read("packaging", "systemd", program + ".service")
            self.assertIn(f"ExecStart=/usr/local/sbin/{program}\n", unit)
            self.assertIn(f"{program}.service", rules)

    def test_what_is_installed_to_be_read_leads_nowhere_else(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["make", "-s", "install-pages", "PREFIX=",
                            "DESTDIR=" + folder], cwd=ROOT, check=True)
            pages = glob.glob(folder + "/**/*.md", recursive=True)
            self.assertGreater(len(pages), 50)
            for page in pages:
                with open(page, encoding="utf-8") as file:
                    links = re.findall(r"\]\(\s*([^)#\s]+)", file.read())
                for link in links:
                    self.assertTrue(
                        "://" in link or os.path.exists(os.path.join(
                            os.path.dirname(page), link)),
                        f"{os.path.relpath(page, folder)}: {link}")

    def test_a_purge_leaves_a_mount_and_nothing_in_it(self):
        """In a mount namespace, with folders of its own over the real ones."""
        script = """set -e
            mount -t tmpfs none /var/lib
            mount -t tmpfs none /etc
            mkdir -p /etc/waypost /etc/redis "$DATA/deep"
            touch /etc/waypost/jwt-secret "$DATA/deep/file" "$DATA/.hidden"
            if [ -n "$IS_MOUNT" ]; then
                mount -t tmpfs none "$DATA"
                mkdir "$DATA/deep"
                touch "$DATA/deep/file"
            fi
            purge() {
                sh "$POSTRM" purge
                [ ! -e /etc/waypost/jwt-secret ] || echo secret
                [ ! -d "$DATA" ] || find "$DATA"
            }
            purge
            touch "$DATA/PURGE-DATA"
            echo --
            purge"""
        for package, data in (("waypost", "/var/lib/waypost"),
                              ("waypost-redis", "/var/lib/redis/waypost")):
            for is_mount in "", "yes":
                done = subprocess.run(
                    ["unshare", "--map-root-user", "--mount", "sh", "-c",
                     script], capture_output=True, text=True, check=False,
                    env={**os.environ, "DATA": data, "IS_MOUNT": is_mount,
                         "POSTRM": os.path.join(ROOT, "packaging", "debian",
                                                package + ".postrm")})
                if "unshare" in done.stderr:
                    self.skipTest(done.stderr)
                self.assertEqual(done.returncode, 0, done.stderr)
                kept, purged = done.stdout.split("--\n")
                self.assertIn(f"{data}/deep/file", kept)
                self.assertEqual(
                    purged.replace("secret\n", "", package != "waypost"),
                    f"{data}\n" if is_mount else "")

    @unittest.skipIf(shutil.which("shellcheck") is None,
                     "there is no shellcheck")
    def test_scripts_of_shell_have_no_findings(self):
        scripts = [path for pattern in (
            "packaging/debian/*.p[or]*", "packaging/debian/*.sh",
            "tools/*.sh", "tests/**/*.sh", ".ci/run")
            for path in glob.glob(os.path.join(ROOT, pattern), recursive=True)]
        self.assertTrue(any(path.endswith(".postinst") for path in scripts))
        said = subprocess.run(["shellcheck", "--severity=warning", *scripts],
                              capture_output=True, text=True, check=False)
        self.assertEqual((said.returncode, said.stdout + said.stderr), (0, ""))

    @unittest.skipIf(shutil.which("systemd-analyze") is None,
                     "there is no systemd-analyze")
    def test_systemd_has_nothing_to_say_of_the_units(self):
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for path in glob.glob(os.path.join(ROOT, "packaging", "systemd",
                                               "waypost*")):
                name = os.path.basename(path)
                with open(os.path.join(folder, name), "w",
                          encoding="utf-8") as file:
                    # Whether the programs are there is for test_units.py.
                    file.write(re.sub(r"/usr/local/s?bin/[\w-]+", "/bin/true",
                                      read("packaging", "systemd", name)))
                names.append(name.replace("@.", "@2."))
            said = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", *names],
                capture_output=True, text=True, check=False,
                env={**os.environ, "SYSTEMD_UNIT_PATH": folder + ":"})
        self.assertEqual((said.returncode, said.stdout + said.stderr), (0, ""))

    @unittest.skipIf(shutil.which("systemd-analyze") is None,
                     "there is no systemd-analyze")
    def test_no_program_is_exposed(self):
        for path in glob.glob(os.path.join(ROOT, "packaging", "systemd",
                                           "waypost-*.service")):
            if "canary" in path:
                continue  # an operator's command, and root
            said = subprocess.run(
                ["systemd-analyze", "security", "--offline=true",
                 "--no-pager", path], capture_output=True, text=True,
                check=False)
            exposure = re.search(r"exposure level .*?: (\S+)", said.stdout)
            self.assertIsNotNone(exposure, said.stdout + said.stderr)
            self.assertLessEqual(float(exposure.group(1)), EXPOSURE_MAX,
                                 path)
