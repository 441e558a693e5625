"""What programs use: processor time and memory, read from /proc."""
import glob
import os


def processes_of(session):
    """The ids of all processes in a session: a program and its children."""
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                head, _, rest = file.read().rpartition(")")
            if int(rest.split()[3]) == session:
                found.append(int(head.split()[0]))
        except OSError:
            continue  # it has ended
    return found


def pin(pids, processors):
    """Have all threads of these run there, and those that they begin."""
    for pid in pids:
        for task in glob.glob(f"/proc/{pid}/task/*"):
            try:
                os.sched_setaffinity(int(os.path.basename(task)), processors)
            except ProcessLookupError:
                continue


def cpu_ns(pid):
    """What all threads of a process have used."""
    total = 0
    for task in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(task, encoding="ascii") as file:
                total += int(file.read().split()[0])
        except OSError:
            continue
    return total


def user_share(pid):
    """(user, system) ticks, threads that have ended included."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii",
                  errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[11]), int(fields[12])


def status_kb(pid, field):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii",
                  errors="replace") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def rollup_kb(pid, field):
    """Of all mappings of a process; 0 when it may not be read."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


class Meter:
    """Processor time and peak memory of programs, from begin to end.

    programs: {label: id of the session}
    """

    def __init__(self, programs):
        self.pids = {label: processes_of(session)
                     for label, session in programs.items()}
        for pid in self._all():
            try:  # the peak from now on
                with open(f"/proc/{pid}/clear_refs", "w",
                          encoding="ascii") as file:
                    file.write("5")
            except OSError:
                pass
        self.before = {pid: cpu_ns(pid) for pid in self._all()}
        self.ticks = {pid: user_share(pid) for pid in self._all()}

    def _all(self):
        return [pid for pids in self.pids.values() for pid in pids]

    def cpu_s(self):
        """{label: seconds used since the meter was made}"""
        return {label: sum(cpu_ns(pid) - self.before[pid]
                           for pid in pids) / 1e9
                for label, pids in self.pids.items()}

    def costs(self, count):
        """What a turn keeps: per one of count, and of each program."""
        peak = self.peak_mb()
        return {"cpu_us": {label: seconds / max(count, 1) * 1e6
                           for label, seconds in self.cpu_s().items()},
                "peak_mb_of": peak, "peak_mb": sum(peak.values())}

    def user_part(self, label):
        """Which part of it was in user mode (by ticks, so roughly)."""
        user = system = 0
        for pid in self.pids[label]:
            now = user_share(pid)
            user += now[0] - self.ticks[pid][0]
            system += now[1] - self.ticks[pid][1]
        return user / max(user + system, 1)

    def peak_mb(self):
        return {label: sum(status_kb(pid, "VmHWM") for pid in pids) / 1024
                for label, pids in self.pids.items()}

    def private_kb(self, label):
        """Resident and of nobody else: neither code nor libraries."""
        return sum(status_kb(pid, "RssAnon") for pid in self.pids[label])

    def resident_mb(self, field="Rss"):
        """{label: Rss, or Pss, which counts shared pages by their share}"""
        return {label: sum(rollup_kb(pid, field) for pid in pids) / 1024
                for label, pids in self.pids.items()}
