"""A real Firefox, headless and offline, with a push service of its own."""
import os
import shutil
import sqlite3
import subprocess
import time

from devkit.provider import NodeProgram

PROGRAM = "firefox-esr"
END_S = 30
# May be asked for what a page may do, instead of a person (schema 12 of
# PermissionManager; a newer browser brings it up to date).
PERMISSIONS = """
PRAGMA user_version = 12;
CREATE TABLE moz_perms (id INTEGER PRIMARY KEY, origin TEXT, type TEXT,
  permission INTEGER, expireType INTEGER, expireTime INTEGER,
  modificationTime INTEGER);
CREATE TABLE moz_hosts (id INTEGER PRIMARY KEY, host TEXT, type TEXT,
  permission INTEGER, expireType INTEGER, expireTime INTEGER,
  modificationTime INTEGER, isInBrowserElement INTEGER);
"""
ALLOWED = 1
# Nothing beyond this machine is asked: what is not loopback goes to a proxy
# that nobody is at.
PREFERENCES = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": 9,
    "dom.push.testing.allowInsecureServerURL": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}


def why_not():
    """What is not here of what it needs; None: it is there."""
    if shutil.which(PROGRAM) is None:
        return f"there is no {PROGRAM}; tools/deps.sh browser installs it"
    return None


class PushService(NodeProgram):
    """autopush.mjs: what it has been given, and what pages have told."""

    def __init__(self, certificate, key, name):
        super().__init__("autopush.mjs", cert=certificate, key=key, name=name)
        self.pages = f"http://127.0.0.1:{self.said['pages']}"

    def happened(self):
        return self.ask()


def as_preference(value):
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


class Firefox:
    """One that may show what pages of this origin are told.

    folder: for its profile; there already
    """

    def __init__(self, folder, origin, push_port):
        self._folder = folder
        preferences = {**PREFERENCES, "dom.push.serverURL":
                       f"ws://127.0.0.1:{push_port}/"}
        with open(os.path.join(folder, "user.js"), "w",
                  encoding="utf-8") as file:
            for name, value in preferences.items():
                file.write(f'user_pref("{name}", {as_preference(value)});\n')
        with sqlite3.connect(os.path.join(folder,
                                          "permissions.sqlite")) as database:
            database.executescript(PERMISSIONS)
            database.execute(
                "INSERT INTO moz_perms (origin, type, permission, expireType, "
                "expireTime, modificationTime) VALUES (?, "
                "'desktop-notification', ?, 0, 0, ?)",
                (origin, ALLOWED, int(time.time() * 1000)))
        database.close()
        self._process = None

    def open(self, url):
        self._process = subprocess.Popen(
            [PROGRAM, "--headless", "--no-remote", "--profile", self._folder,
             url],
            env={**os.environ, "HOME": self._folder,
                 "XDG_RUNTIME_DIR": self._folder},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(os.path.join(self._folder, "said"), "wb"))

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(END_S)
