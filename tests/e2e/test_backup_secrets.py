"""Settings and secrets go along with a copy, if one says so, and come back."""
import base64
import hashlib
import json
import os
import shutil
import stat
import tempfile
import unittest

from harness import RSA_PUBLIC_KEY, User, scratch
from test_backup import NOBODY, Backup

WHOLE = "none that this Waypost understands"


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Secrets(Backup):
    def env(self, **more):
        """The stack's secrets are in files, as those of a service are."""
        return {"STORE_SECRET": "",
                "WAYPOST_AUTH_JWT_SECRET_FILE": self.stack.path(
                    "secrets", "jwt"),
                "WAYPOST_AUTH_STORE_SECRET_FILE": self.stack.path(
                    "secrets", "store"), **more}

    def waypost(self, *words, env=None, **how):
        return super().waypost(*words, env=self.env(**(env or {})),
                               **{"cwd": self.stack.state, **how})

    def backup_all(self, **env):
        """The copy, and what secrets.json says: {path: item}."""
        folder = os.path.join(scratch(), "copy")
        self.assert_fine("backup", folder, "--with-secrets", env=env)
        return folder, self.items(folder)

    @staticmethod
    def load(copy, name):
        with open(os.path.join(copy, name), encoding="utf-8") as file:
            return json.load(file)

    def items(self, copy):
        return {item["path"]: item
                for item in self.load(copy, "secrets.json")["items"]}

    def rewrite(self, copy, change):
        """Other secrets, with the sum of what they are."""
        path = os.path.join(copy, "secrets.json")
        value = self.load(copy, "secrets.json")
        change(value)
        text = json.dumps(value).encode()
        with open(path, "wb") as file:
            file.write(text)
        manifest = self.load(copy, "manifest.json")
        for row in manifest["files"]:
            if row["name"] == "secrets.json":
                row["bytes"] = len(text)
                row["sha256"] = hashlib.sha256(text).hexdigest()
        with open(os.path.join(copy, "manifest.json"), "w",
                  encoding="utf-8") as file:
            json.dump(manifest, file)

    def make_file(self, *parts, text="x"):
        path = self.stack.path(*parts)
        self.addCleanup(lambda: os.path.lexists(path) and os.unlink(path))
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def one_file(self):
        """Of a folder of its own, which a link may stand for."""
        folder = self.stack.path("own")
        os.mkdir(folder, 0o750)
        self.addCleanup(shutil.rmtree, folder, True)
        path = self.make_file("own", "pub.pem", text=RSA_PUBLIC_KEY)
        return folder, path, {"WAYPOST_AUTH_PUBLIC_KEY_FILES": path}


class TakenAlong(Secrets):
    def test_tokens_of_before_are_good_on_an_empty_host(self):
        made = json.loads(self.assert_fine("account", "create", "frank",
                                           "--json"))
        answer = self.stack.http().request(
            "POST", "/api/auth/login", json.dumps(
                {"username": "frank", "password": made["password"]}),
            [("Content-Type", "application/json")])
        self.assert_status(answer, 200)
        frank = User(self.stack, "frank", answer.json()["accessToken"])
        alice = self.user()
        sent = self.assert_accepted(alice.send(frank))
        os.chmod(self.stack.path("secrets", "jwt"), 0o640)
        secrets = self.stack.path("secrets")
        os.chmod(secrets, 0o710)
        copy, items = self.backup_all()
        self.assertEqual(mode_of(os.path.join(copy, "secrets.json")), 0o600)
        manifest = self.load(copy, "manifest.json")
        self.assertEqual(manifest["notInIt"], [])
        self.assertIn("secrets.json",
                      [row["name"] for row in manifest["files"]])
        self.assertEqual(len([path for path in items if "/sign-" in path]), 1)

        self.lose_everything()
        aside = scratch()
        for name in os.listdir(self.stack.state):
            if name in ("secrets", "waypost.yaml") or any(
                    path.startswith(self.stack.path(name) + "/") and
                    "/sign-" in path for path in items):
                os.rename(self.stack.path(name), os.path.join(aside, name))
        self.assertFalse(os.path.exists(secrets))
        self.assert_refused("cannot be read", "restore", copy, "--check")
        self.assert_fine("restore", copy, "--secrets", "--check")
        self.assertFalse(os.path.exists(secrets))
        self.assertIn("files of them new",
                      self.assert_fine("restore", copy, "--secrets"))
        self.assertEqual(mode_of(secrets), 0o710)
        self.assertEqual(mode_of(os.path.join(secrets, "jwt")), 0o640)
        self.assertEqual(mode_of(os.path.join(secrets, "store")), 0o600)
        self.assertIn("--secrets",
                      self.assert_fine("restore", copy, "--check"))
        self.assert_fine("restore", copy, "--redis-dir",
                         self.stack.path("redis"))
        self.stack.start()
        self.assertEqual(self.ids_of(frank), [sent])
        self.assertEqual(self.ids_of(alice), [])
        os.chmod(secrets, 0o700)

    def test_all_that_settings_name_is_in_it(self):
        app = self.make_file("app.json", text="{}")
        own = self.make_file("own.json", text="{}")
        kept = self.make_file("waypost.db-secret", text="k" * 64)
        key = self.make_file("pub.pem", text=RSA_PUBLIC_KEY)
        _, items = self.backup_all(
            WAYPOST_AUTH_STORE_SECRET_FILE="",
            WAYPOST_AUTH_PUBLIC_KEY_FILES=key,
            WAYPOST_AUTH_API_KEYS_FILE=own,
            WAYPOST_PUSH_APPS=f"some kind=fcm credentials_file={app}")
        for path in (app, own, kept, key, self.stack.path("waypost.yaml"),
                     self.stack.path("secrets", "jwt")):
            with open(path, "rb") as file:
                self.assertEqual(base64.b64decode(items[path]["base64"]),
                                 file.read(), path)
        self.assertNotIn(self.stack.path("secrets", "store"), items)
        above = [path for path, item in items.items() if "base64" not in item]
        self.assertEqual(above, sorted(above, key=lambda path: path.count("/"))
                         )
        self.assertIn(self.stack.state, above)

    def test_what_cannot_be_in_it_is_said(self):
        long = self.make_file("long", text="aaaaaaaa\n" * 120000)
        copy, items = self.backup_all(
            STORE_SECRET="s" * 32, WAYPOST_ACCOUNTS_BLOCKLIST_FILE=long)
        self.assertEqual(self.load(copy, "manifest.json")["notInIt"],
                         ["auth.store_secret", "accounts.blocklist_file"])
        self.assertNotIn(long, items)
        self.assertNotIn(self.stack.path("secrets", "store"), items)
        copy, _ = self.backup_all(WAYPOST_AUTH_STORE_SECRET_FILE="")
        self.assertEqual(self.load(copy, "manifest.json")["notInIt"],
                         ["auth.store_secret"])

    def assert_no_backup(self, part, **env):
        copy = os.path.join(scratch(), "copy")
        self.assert_refused(part, "backup", copy, "--with-secrets", env=env)
        self.assert_refused("it has no manifest.json", "restore", copy,
                            "--secrets")

    def test_what_settings_name_has_to_be_there(self):
        name = "WAYPOST_AUTH_PUBLIC_KEY_FILES"
        self.assert_no_backup("auth.public_key_files: ",
                              **{name: "/no/such/file"})
        self.assert_no_backup("is no plain file", **{name: self.stack.state})
        self.assert_no_backup("has no ..", **{name: "/tmp/../etc/passwd"})

    def test_a_key_that_signs_is_no_link(self):
        """Whoever runs the programs makes them, and could have one made."""
        folder = os.path.join(scratch(), "keys")
        os.mkdir(folder)
        os.symlink("/etc/passwd", os.path.join(
            folder, "sign-1700000000-0123456789abcdef.pem"))
        self.assert_no_backup("Too many levels of symbolic links",
                              WAYPOST_AUTH_KEY_DIR=folder)


class PutBack(Secrets):
    def test_nothing_is_written_over(self):
        _, path, env = self.one_file()
        other = self.make_file("other.json", text="{}")
        copy, _ = self.backup_all(WAYPOST_AUTH_API_KEYS_FILE=other, **env)
        words = ("restore", copy, "--secrets")
        self.assertIn("0 files of them new", self.assert_fine(*words))
        for text in ("", "another", RSA_PUBLIC_KEY + "x",
                     RSA_PUBLIC_KEY[:-1]):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            os.unlink(other)
            self.assert_refused(path + " is in the way", *words)
            self.assertFalse(os.path.exists(other))
            self.make_file("other.json", text="{}")
        os.unlink(path)
        os.mkdir(path)
        self.assert_refused(path + " is in the way", *words)
        os.rmdir(path)
        with open(path + ".restore", "w", encoding="ascii"):
            pass
        self.assert_refused(path + ".restore is in the way", *words)
        os.unlink(path + ".restore")
        self.assertIn("1 files of them new", self.assert_fine(*words))
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), RSA_PUBLIC_KEY)

    def test_no_link_is_followed(self):
        folder, path, env = self.one_file()
        copy, _ = self.backup_all(**env)
        words = ("restore", copy, "--secrets")
        elsewhere = scratch()
        os.unlink(path)
        os.symlink(os.path.join(elsewhere, "pub.pem"), path)
        self.assert_refused(path + " is in the way", *words)
        # Also one to the same content: it is another's to change.
        real = os.path.join(elsewhere, "real")
        with open(real, "w", encoding="ascii") as file:
            file.write(RSA_PUBLIC_KEY)
        os.unlink(path)
        os.symlink(real, path)
        self.assert_refused(path + " is in the way", *words)
        os.unlink(path)
        os.rmdir(folder)
        os.unlink(real)
        os.symlink(elsewhere, folder)
        self.assert_refused(folder + " is in the way", *words)
        self.assert_refused("nothing is put through one", *words)
        self.assertEqual(os.listdir(elsewhere), [])
        os.unlink(folder)
        self.assert_fine(*words)
        self.assertEqual((mode_of(folder), os.listdir(folder)),
                         (0o750, ["pub.pem"]))

    def test_what_others_could_read_or_write_is_no_secret(self):
        copy, _ = self.backup_all()
        path = os.path.join(copy, "secrets.json")
        words = ("restore", copy, "--secrets")
        os.chmod(path, 0o640)
        self.assert_refused("can be read by others", *words)
        os.chmod(path, 0o600)
        os.chmod(copy, 0o770)
        self.assert_refused("can be written by others", *words)
        os.chmod(copy, 0o700)
        self.assert_fine(*words)
        with open(path, "ab") as file:
            file.write(b" ")
        self.assert_refused("is not what it was", *words)
        self.assert_refused("is not what it was", "restore", copy, "--check")
        self.assert_refused("made without --with-secrets", "restore",
                            self.backup(), "--secrets")

    def test_nonsense_is_not_put_anywhere(self):
        _, path, env = self.one_file()
        copy, items = self.backup_all(**env)
        state = self.stack.state
        wrong = (
            {"path": "etc/x"}, {"path": state + "/../x"}, {"path": "/"},
            {"path": state + "//x"}, {"path": state + "/x\n"},
            {"path": state + "/no/folder"}, {"path": state + "/x/"},
            {"path": self.stack.path("waypost.yaml")}, {"path": None},
            {"mode": 0o4755}, {"mode": -1}, {"mode": "600"},
            {"owner": ""}, {"owner": "a b"}, {"group": "g" * 33},
            {"group": None}, {"base64": "?"}, {"base64": 7},
            {"base64": "a" * (2 << 20)})
        whole = self.load(copy, "secrets.json")
        for change in wrong:
            with self.subTest(str(change)[:60]):
                def spoil(value, change=change):
                    value["items"] = [
                        {**item, **change} if item["path"] == path else item
                        for item in whole["items"]]
                self.rewrite(copy, spoil)
                self.assert_refused(WHOLE, "restore", copy, "--secrets")
                self.assert_refused(WHOLE, "restore", copy, "--check")
        for value in ({"format": 2, "items": []}, {"format": 1}, [],
                      {"format": 1, "items": {}},
                      {"format": 1, "items": [1]},
                      {"format": 1, "items": [
                          {**items[path], "path": f"/p{i}"}
                          for i in range(513)]}):
            path_of = os.path.join(copy, "secrets.json")
            with self.subTest(str(value)[:60]):
                with open(path_of, "w", encoding="utf-8") as file:
                    json.dump(value, file)
                self.rewrite(copy, lambda value: None)
                self.assert_refused(WHOLE, "restore", copy, "--secrets")

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_each_has_its_owner_again(self):
        above = tempfile.mkdtemp(prefix="wpb", dir="/tmp")
        self.addCleanup(shutil.rmtree, above)
        folder = os.path.join(above, "own")
        path = os.path.join(folder, "pub.pem")
        os.mkdir(folder, 0o750)
        with open(path, "w", encoding="ascii") as file:
            file.write(RSA_PUBLIC_KEY)
        os.chmod(path, 0o440)
        os.chown(path, NOBODY, 1)
        os.chown(folder, 1, NOBODY)
        copy, items = self.backup_all(WAYPOST_AUTH_PUBLIC_KEY_FILES=path)
        self.assertEqual(items[path]["owner"], "nobody")
        shutil.rmtree(folder)
        self.rewrite(copy, lambda value: value["items"][-1].update(
            {"group": "4321"}))
        self.assert_fine("restore", copy, "--secrets")
        for one, owner, mode in ((path, (NOBODY, 1), 0o440),
                                 (folder, (1, NOBODY), 0o750)):
            info = os.stat(one)
            self.assertEqual((info.st_uid, info.st_gid), owner)
            self.assertEqual(mode_of(one), mode)
        os.unlink(path)
        for member in ("owner", "group"):
            spoilt = {path: {member: "no-such"}}
            self.rewrite(copy, lambda value, spoilt=spoilt: [
                item.update(spoilt.get(item["path"], {}))
                for item in value["items"]])
            self.assert_refused("no-such here", "restore", copy, "--secrets")
            self.assertFalse(os.path.exists(path))
