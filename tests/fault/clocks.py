"""Wall clocks of single programs, to be set by a test (stepped_clock.c)."""
import os
import struct


class Clocks:
    """A file for each program that says how far ahead its clock is.

    library: stepped_clock.so, as make builds it
    folder:  where the files go; made when missing
    """

    def __init__(self, library, folder):
        # Programs are started in folders of their own.
        self.library = os.path.abspath(library)
        self.folder = folder
        self.are_there = os.path.exists(self.library)

    def env(self, name):
        """What the environment of this program needs."""
        if not self.are_there:
            return {}
        os.makedirs(self.folder, exist_ok=True)
        self.set(name, 0)
        return {"LD_PRELOAD": self.library,
                "WAYPOST_TEST_CLOCK": self._path(name)}

    def set(self, name, seconds):
        """From now on its clock is so much ahead (negative: behind)."""
        fd = os.open(self._path(name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.pwrite(fd, struct.pack("=q", seconds), 0)
        finally:
            os.close(fd)

    def _path(self, name):
        return os.path.join(self.folder, name)
