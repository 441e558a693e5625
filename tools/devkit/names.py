"""Names that the programs of a test know, in place of those of the DNS
(tests/push/hosts.c)."""
import os


class Names:
    """A file of names and addresses that may change at any time.

    library: hosts.so, as make builds it
    path:    of the file; made here
    """

    def __init__(self, library, path):
        # Programs are started in folders of their own.
        self.library = os.path.abspath(library)
        self.are_there = os.path.exists(self.library)
        self._path = os.path.abspath(path)
        self._known = {}
        self._write()

    def env(self):
        """What the environment of a program needs to know no others."""
        if not self.are_there:
            return {}
        # It is preloaded, and so comes before the sanitizer.
        said = os.environ.get("ASAN_OPTIONS")
        return {"LD_PRELOAD": self.library, "WAYPOST_TEST_HOSTS": self._path,
                "ASAN_OPTIONS": (said + ":" if said else "") +
                                "verify_asan_link_order=0"}

    def lead(self, name, *addresses):
        """From now on it leads there; nowhere: it does not exist."""
        self._known[name] = addresses
        self._write()

    def go_down(self):
        """No name is found, until lead() or come_up()."""
        os.unlink(self._path)

    def come_up(self):
        self._write()

    def _write(self):
        """At once: somebody may read it meanwhile."""
        with open(self._path + ".new", "w", encoding="ascii") as file:
            for name, addresses in self._known.items():
                if addresses:
                    file.write(f"{name} {','.join(addresses)}\n")
        os.replace(self._path + ".new", self._path)
