"""What happened to every message, and which promises that breaks.

Pure: takes times and ids, opens nothing, waits for nothing. Clients write
down what they did and were told; check() compares it with docs/guarantees.md.
All times come from one monotonic clock. Safe to use from many threads.

What a violation is called:
  lost         accepted, not ephemeral, never received and not pullable
  reordered    an earlier message came after a later one (or ids of accepted
               sends fell)
  vanished     seen once, not acked, and missing from a later full answer
  misrouted    somebody received what was for another
  resurrected  seen by a pull that started after the 204 of its ack
  duplicated   one send became two messages
  phantom      refused, or never sent, and delivered all the same
  missed_poke  a connected recipient was not told in time
"""
import bisect
import threading
from collections import defaultdict

ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
HANDED = "handed"  # to the inbox: accepted later, under an id not told
FOREVER = float("inf")
START, END = (-1,), (2,)  # before and behind every place in a mailbox


def entry_of(message_id):
    """(ms, seq): the place in the order of acceptance of a partition."""
    value = int(message_id.replace("-", ""), 16)
    seq = ((value >> 64) & 0xFFF) << 28 | (value >> 34) & 0xFFFFFFF
    return value >> 80, seq


def band_of(message_id):
    return (int(message_id.replace("-", ""), 16) >> 17) & 1


def place_of(message_id):
    """Where it is in a mailbox: the high band first, then as accepted."""
    return (1 - band_of(message_id), *entry_of(message_id))


def make_id(ms, seq=0, band=0, partition=0):
    """The id of a message; what entry_of() and band_of() read."""
    value = (ms << 80 | 7 << 76 | (seq >> 28) << 64 | 2 << 62 |
             (seq & 0xFFFFFFF) << 34 | partition << 18 | band << 17)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20],
                     text[20:]))


class Send:
    """One message that a client tried to send, perhaps several times."""

    def __init__(self, sender, recipient, number, is_keyed, is_ephemeral,
                 started):
        self.sender = sender
        self.recipient = recipient
        self.number = number
        self.is_keyed = is_keyed
        self.is_ephemeral = is_ephemeral
        self.started = started
        self.ended = FOREVER
        self.outcome = UNKNOWN
        self.id = None

    def accept(self, message_id, ended):
        self.id, self.ended, self.outcome = message_id, ended, ACCEPTED

    def refuse(self, ended):
        self.ended, self.outcome = ended, REFUSED


class Pull:
    """One answer: messages is a list of (id, claim).

    claim: (sender, number, recipient) as the payload says, None if unreadable
    """

    def __init__(self, recipient, started, ended, after, messages, has_more):
        self.recipient = recipient
        self.started = started
        self.ended = ended
        self.messages = messages
        self.places = [place_of(message_id) for message_id, _ in messages]
        self.first = START if after is None else place_of(after)
        self.last = END if not has_more else (
            self.places[-1] if self.places else self.first)
        self.ids = {message_id for message_id, _ in messages}


class Frame(Pull):
    """One message that a connection was sent: an answer that goes on behind
    the one before of its band, read some time since the connection began."""

    def __init__(self, connection, message, at):
        super().__init__(connection.recipient, connection.opened, at, None,
                         [message], False)
        place, = self.places
        self.first = connection.places.get(place[0], place[:1])
        self.last = place
        self.follows = self.first < place
        connection.places[place[0]] = place


class Ack:
    def __init__(self, recipient, ids, started):
        self.recipient = recipient
        self.ids = list(ids)
        self.started = started
        self.ended = None  # when the 204 was there

    def confirm(self, ended):
        self.ended = ended


class Connection:
    def __init__(self, recipient, opened):
        self.recipient = recipient
        self.opened = opened
        self.closed = FOREVER
        self.pokes = []
        self.places = {}  # of what it was sent last, by the band
        self.sent = []    # when it was sent something

    def poke(self, at):
        self.pokes.append(at)

    def close(self, at):
        self.closed = min(self.closed, at)


class Violation:
    def __init__(self, kind, text, ids=()):
        self.kind = kind
        self.text = text
        self.ids = list(ids)

    def __repr__(self):
        return f"{self.kind}: {self.text}"


class History:
    def __init__(self):
        self._lock = threading.Lock()
        self.sends = []
        self.pulls = []
        self.acks = []
        self.connections = []
        self.marks = []    # (time, text): faults, rounds
        self.overdue = []  # (time, recipient, id): settled, still not told
        self._accepted = defaultdict(dict)  # recipient -> id -> Send
        self._received = defaultdict(set)   # recipient -> ids
        self._handed = defaultdict(set)     # recipient -> (sender, number)
        self._claims = defaultdict(set)     # recipient -> (sender, number)

    # ---- writing down ----

    def begin_send(self, sender, recipient, number, at, is_keyed=True,
                   is_ephemeral=False):
        send = Send(sender, recipient, number, is_keyed, is_ephemeral, at)
        with self._lock:
            self.sends.append(send)
        return send

    def accept(self, send, message_id, at):
        with self._lock:
            send.accept(message_id, at)
            self._accepted[send.recipient][message_id] = send

    def hand_over(self, send, at):
        with self._lock:
            send.ended, send.outcome = at, HANDED
            if not send.is_ephemeral:
                self._handed[send.recipient].add((send.sender, send.number))

    def add_pull(self, recipient, started, ended, after, messages, has_more):
        pull = Pull(recipient, started, ended, after, messages, has_more)
        with self._lock:
            self.pulls.append(pull)
            fresh = pull.ids - self._received[recipient]
            self._received[recipient] |= pull.ids
            self._claims[recipient] |= {claim[:2] for _, claim in messages
                                        if claim}
        return fresh

    def add_frame(self, connection, message, at):
        with self._lock:
            frame = Frame(connection, message, at)
            connection.sent.append(at)
            self.pulls.append(frame)
            self._received[frame.recipient] |= frame.ids
            if message[1]:
                self._claims[frame.recipient].add(message[1][:2])

    def begin_ack(self, recipient, ids, at):
        ack = Ack(recipient, ids, at)
        with self._lock:
            self.acks.append(ack)
        return ack

    def connect(self, recipient, at):
        connection = Connection(recipient, at)
        with self._lock:
            self.connections.append(connection)
        return connection

    def mark(self, at, text):
        with self._lock:
            self.marks.append((at, text))

    def add_overdue(self, recipient, ids, at):
        with self._lock:
            self.overdue += [(at, recipient, one) for one in ids
                             if " of " not in one]

    # ---- looking while it runs ----

    def missing(self, recipient):
        """What was accepted for good, and not received so far: ids, and for
        what has no id yet, "number of sender"."""
        with self._lock:
            received = self._received[recipient]
            return sorted(
                message_id
                for message_id, send in self._accepted[recipient].items()
                if not send.is_ephemeral and message_id not in received
            ) + [f"{number} of {sender}" for sender, number in sorted(
                self._handed[recipient] - self._claims[recipient])]

    def has_received(self, recipient, message_id):
        with self._lock:
            return message_id in self._received[recipient]

    def counts(self):
        with self._lock:
            return {
                "sent": len(self.sends),
                "accepted": sum(s.outcome == ACCEPTED for s in self.sends),
                "handed over": sum(s.outcome == HANDED for s in self.sends),
                "refused": sum(s.outcome == REFUSED for s in self.sends),
                "received": sum(map(len, self._received.values())),
                "pulls": len(self.pulls),
                "acks": sum(a.ended is not None for a in self.acks),
                "acks unconfirmed": sum(a.ended is None for a in self.acks),
                "connections": len(self.connections),
                "pokes": sum(len(c.pokes) for c in self.connections),
                "sent inline": sum(len(c.sent) for c in self.connections),
            }

    def frozen(self):
        """A copy to check while clients go on."""
        copy = History()
        with self._lock:
            for name in ("sends", "pulls", "acks", "connections", "marks",
                         "overdue"):
                setattr(copy, name, list(getattr(self, name)))
            copy._received = defaultdict(
                set, {k: set(v) for k, v in self._received.items()})
            copy._accepted = defaultdict(
                dict, {k: dict(v) for k, v in self._accepted.items()})
        return copy

    # ---- evidence ----

    def story(self, message_id, around_s=3.0, most=24):
        """Lines about one message: ids and times, never a payload."""
        lines = [(send.ended, f"accepted from {send.sender}, number "
                  f"{send.number}, for {send.recipient}, begun at "
                  f"{send.started:.3f}" +
                  (", ephemeral" if send.is_ephemeral else ""))
                 for send in self.sends if send.id == message_id]
        place, owner = place_of(message_id), None
        for pull in self.pulls:
            if message_id in pull.ids:
                owner = pull.recipient
                lines.append((pull.started, f"in a pull of {pull.recipient} "
                              f"until {pull.ended:.3f}"))
        for send in self.sends:
            if send.id == message_id:
                owner = send.recipient
        passed = [p for p in self.pulls
                  if p.recipient == owner and message_id not in p.ids
                  and p.first < place <= p.last and p.messages]
        lines += [(p.started, f"NOT in a pull of {owner} until {p.ended:.3f}"
                   " that covers its place") for p in passed[:6]]
        for ack in self.acks:
            if message_id in ack.ids:
                told = (f"204 at {ack.ended:.3f}" if ack.ended is not None
                        else "outcome unknown")
                lines.append((ack.started, f"ack begun, {told}"))
        times = [at for at, _ in lines if at != FOREVER]
        if times:
            low, high = min(times) - around_s, max(times) + around_s
            lines += [(at, "* " + text) for at, text in self.marks
                      if low <= at <= high]
        lines.sort(key=lambda line: line[0])
        if len(lines) > most:
            lines = lines[:most // 2] + [(lines[most // 2][0], "…")] + \
                lines[-most // 2:]
        return [f"{at:9.3f}  {text}" for at, text in lines]


# ---- the promises ----

def check_accepted(history):
    """lost: run it when everything that can be pulled has been pulled."""
    received = defaultdict(set)
    for pull in history.pulls:
        received[pull.recipient] |= pull.ids
        received[pull.recipient] |= {claim[:2] for _, claim in pull.messages
                                     if claim}
    found = []
    for send in history.sends:
        if send.is_ephemeral:
            continue
        if send.outcome == ACCEPTED and \
                send.id not in received[send.recipient]:
            found.append(Violation(
                "lost", f"{send.id} for {send.recipient}", [send.id]))
        if send.outcome == HANDED and \
                (send.sender, send.number) not in received[send.recipient]:
            found.append(Violation(
                "lost", f"number {send.number} of {send.sender} for "
                f"{send.recipient}, handed over at {send.ended:.3f}"))
    return found


def check_acceptance_order(history):
    """A send that began after another was answered has the greater id.

    The inbox has an order of its own: it is read later than it is written.
    """
    ids = {}
    for pull in history.pulls:
        for one, claim in pull.messages:
            if claim:
                ids.setdefault(claim[:2], one)
    lanes = defaultdict(list)
    for send in history.sends:
        one = send.id or ids.get((send.sender, send.number))
        if send.outcome in (ACCEPTED, HANDED) and one:
            lanes[send.recipient, send.outcome].append(
                (entry_of(one), one, send))
    found = []
    for (recipient, _), sends in lanes.items():
        sends.sort(key=lambda item: item[0], reverse=True)
        before = None  # of those with greater ids, the one answered first
        for _, one, send in sends:
            if before is not None and before[1].ended <= send.started:
                found.append(Violation(
                    "reordered", f"{one} for {recipient} was begun after "
                    f"{before[0]} had been accepted, and has the smaller id",
                    [one, before[0]]))
            if before is None or send.ended < before[1].ended:
                before = one, send
    return found


def _first_acks(history):
    first, confirmed = {}, {}
    for ack in history.acks:
        for one in ack.ids:
            key = ack.recipient, one
            first[key] = min(first.get(key, FOREVER), ack.started)
            if ack.ended is not None:
                confirmed[key] = min(confirmed.get(key, FOREVER), ack.ended)
    return first, confirmed


def check_acks(history):
    """resurrected: in a pull that started after the 204."""
    _, confirmed = _first_acks(history)
    return [Violation("resurrected", f"{one} for {pull.recipient}", [one])
            for pull in history.pulls for one in sorted(pull.ids)
            if confirmed.get((pull.recipient, one), FOREVER) < pull.started]


def _ephemeral_ids(history):
    """By claim as well: the answer to its send may have been lost."""
    numbers = {(send.sender, send.number) for send in history.sends
               if send.is_ephemeral}
    return {one for pull in history.pulls for one, claim in pull.messages
            if claim and claim[:2] in numbers}


def check_answers(history):
    """reordered, vanished: every answer against the others of its mailbox."""
    by_recipient = defaultdict(list)
    for pull in history.pulls:
        by_recipient[pull.recipient].append(pull)
    first_ack, _ = _first_acks(history)
    ephemeral = _ephemeral_ids(history)
    found = []
    for recipient, pulls in by_recipient.items():
        found += _check_mailbox(recipient, pulls, first_ack, ephemeral)
    return found


def check_frames(history):
    """reordered: a connection is sent each band in its order, each once."""
    return [Violation("reordered", f"{one} came on a connection of "
                      f"{frame.recipient} behind what is behind it, or again",
                      [one])
            for frame in history.pulls if isinstance(frame, Frame)
            and not frame.follows for one in frame.ids]


def _check_mailbox(recipient, pulls, first_ack, ephemeral):
    found = []
    seen = {}    # id -> when the first answer that has it was complete
    sought = {}  # id -> when the first pull that has it was begun
    for pull in pulls:
        if pull.places != sorted(set(pull.places)):
            found.append(Violation(
                "reordered", f"an answer to {recipient} is not in order",
                [one for one, _ in pull.messages[:8]]))
        for one in pull.ids:
            seen[one] = min(seen.get(one, FOREVER), pull.ended)
            sought[one] = min(sought.get(one, FOREVER), pull.started)
    known = sorted((place_of(one), one) for one in seen)
    reported = set()
    for pull in pulls:
        low = bisect.bisect_right(known, (pull.first, "~"))
        high = bisect.bisect_right(known, (pull.last, "~"))
        tops = {}
        for place in pull.places:
            tops[place[0]] = place
        for place, one in known[low:high]:
            if one in pull.ids or one in reported:
                continue
            if first_ack.get((recipient, one), FOREVER) <= pull.ended:
                continue
            if seen[one] <= pull.started and one not in ephemeral:
                kind = "vanished"
            elif sought[one] >= pull.ended and tops.get(place[0],
                                                        START) > place:
                kind = "reordered"
            else:
                continue
            reported.add(one)
            found.append(Violation(
                kind, f"{one} is missing from the answer to {recipient} at "
                f"{pull.started:.3f}", [one]))
    return found


def check_claims(history):
    """misrouted, duplicated, phantom: whose message is it that came?"""
    sends = {(send.sender, send.number): send for send in history.sends}
    ids = defaultdict(set)
    for send in history.sends:
        if send.id is not None:
            ids[send.sender, send.number].add(send.id)
    found, reported = [], set()
    for pull in history.pulls:
        for one, claim in pull.messages:
            if (pull.recipient, one) in reported:
                continue
            if claim is None:
                found.append(Violation(
                    "phantom", f"{one} for {pull.recipient} is unreadable",
                    [one]))
            elif claim[2] != pull.recipient:
                found.append(Violation(
                    "misrouted", f"{one} for {claim[2]} was answered to "
                    f"{pull.recipient}", [one]))
            elif claim[:2] not in sends:
                found.append(Violation(
                    "phantom", f"{one} was never sent", [one]))
            elif sends[claim[:2]].outcome == REFUSED:
                found.append(Violation(
                    "phantom", f"{one} had been refused", [one]))
            else:
                ids[claim[:2]].add(one)
                continue
            reported.add((pull.recipient, one))
    found += [Violation("duplicated", f"number {number} of {sender} has the "
                        f"ids {', '.join(sorted(both))}", sorted(both))
              for (sender, number), both in ids.items() if len(both) > 1]
    return found


def check_pokes(history, bound_s, now):
    """missed_poke: connected, waiting, and neither told nor fetched."""
    received = {}
    for pull in history.pulls:
        for one in pull.ids:
            key = pull.recipient, one
            received[key] = min(received.get(key, FOREVER), pull.ended)
    waiting = defaultdict(list)
    for send in history.sends:
        if send.outcome == ACCEPTED and not send.is_ephemeral:
            waiting[send.recipient].append(send)
    found = {}
    for connection in history.connections:
        pokes = sorted(connection.pokes)
        until = min(connection.closed, now)
        for send in waiting[connection.recipient]:
            deadline = max(send.ended, connection.opened) + bound_s
            if deadline >= until or received.get(
                    (send.recipient, send.id), FOREVER) <= deadline:
                continue
            i = bisect.bisect_left(pokes, send.started)
            if i < len(pokes) and pokes[i] <= deadline:
                continue
            found[send.id] = Violation(
                "missed_poke", f"{send.id} for {send.recipient}: connected "
                f"since {connection.opened:.3f} and not told for "
                f"{bound_s:g} s", [send.id])
    for at, recipient, one in history.overdue:
        if (recipient, one) in received and one not in found:
            found[one] = Violation(
                "missed_poke", f"{one} for {recipient} waited, not told, "
                f"after everything had settled at {at:.3f}", [one])
    return list(found.values())


def check(history, now, poke_bound_s=FOREVER, is_drained=False):
    """All violations so far.

    is_drained: everything that is pullable has been pulled, so what was not
    received is lost
    """
    found = check_claims(history) + check_acceptance_order(history)
    found += check_answers(history) + check_acks(history)
    found += check_frames(history)
    found += check_pokes(history, poke_bound_s, now)
    if is_drained:
        found += check_accepted(history)
    return found
