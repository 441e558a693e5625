"""What waypost-notifier says in its log of whom it tells (push.mode: log)."""
import json


class Pushes:
    """The lines `push` of all notifiers of a stack, each once.

    A log that was cut is read from its beginning.
    """

    def __init__(self, stack):
        self._stack = stack
        self._at = {}

    def new(self):
        """Those since the last call: [{"device": …, "waiting": …, …}]"""
        found = []
        for i in range(self._stack.notifier_count):
            for line in self._lines(f"notifier-{i}"):
                try:
                    entry = json.loads(line)
                except ValueError:  # cut in the middle
                    continue
                if entry.get("msg") == "push":
                    found.append(entry)
        return found

    def _lines(self, name):
        try:
            with open(self._stack.log_path(name), "rb") as log:
                end = log.seek(0, 2)
                at = self._at.get(name, 0)
                log.seek(at if at <= end else 0)
                text = log.read()
        except FileNotFoundError:
            return []
        whole = text.rfind(b"\n") + 1
        self._at[name] = (at if at <= end else 0) + whole
        return text[:whole].decode(errors="replace").splitlines()
