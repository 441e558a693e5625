"""What is left in Redis and in the cold store when nothing should be.

Looks behind the contract, in the words of docs/architecture.md. Allowed to
stay: ids (ingress, empty), leases, gates, counters, idempotency buckets, when
whom is to be told something and what he was told, last seen, version rows of
mailboxes, hints ("cold rows may exist": cleared by the next ack that finds
none) and incarnations of daemons that live.
"""
import json
import os
import sqlite3

# Type of key -> what must be 0 in it.
EMPTY = {
    "ingress": "XLEN", "dlq": "XLEN", "tries": "HLEN", "migrate": "ZCARD",
    "waits": "HLEN",
}
GONE = ("hot:", "hot!:", "online:", "due:", "at:", "rebuild", "reindex",
        "intent", "index:")
STAY = ("owner", "fence", "gate", "cold", "idem:", "seen:", "live", "rate:",
        "session:", "sessions:", "login:", "reset:", "notified:",
        "pushed:", "pushdue", "pushhigh", "closings", "closed:")
OWN = "waypost"  # accounts.issuer


def in_redis(redis, daemons):
    """Sentences about what is too much.

    daemons: how many live incarnations a partition may know
    """
    found = []
    for raw in redis("KEYS", "wp:*"):
        key = raw.decode("utf-8", "replace")
        if not key.startswith("wp:{") or key.startswith("wp:{inbox}"):
            continue
        part = key.split("}:", 1)[1]
        if part in EMPTY:
            count = redis(EMPTY[part], raw)
            if count:
                found.append(f"{key}: {count} left")
        elif part.startswith(GONE):
            found.append(f"{key} is still there")
        elif part == "live":
            count = redis("HLEN", raw)
            if count > daemons:
                found.append(f"{key}: {count} incarnations, {daemons} live")
        elif not part.startswith(STAY):
            found.append(f"{key}: unknown")
    for raw in (b"wp:inbox", b"wp:inbox:dlq"):
        if redis("EXISTS", raw) and redis("XLEN", raw):
            found.append(f"{raw.decode()}: not empty")
    return sorted(found)


def in_keys(folder):
    """Sentences about keys of our own: there is one, published and whole."""
    names = os.listdir(folder)
    own = [name.split("-")[2].removesuffix(".pem") for name in names
           if name.startswith("sign-")]
    found = [f"{name} is half a file" for name in names
             if name.startswith(".new-")]
    if len(own) != 1:
        found.append(f"{len(own)} signing keys")
    for name in names:
        if name.startswith("issuer-"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                issuer = json.load(file)
            published = [key["kid"] for key in issuer["keys"]]
            if issuer["issuer"] == OWN and published != own:
                found.append(f"{published} published, {own} there")
    if not any(name.startswith("issuer-") for name in names):
        found.append("no keys are published")
    return found


def in_sockets(folder):
    """Names of sockets that lead nowhere, when all programs have stopped."""
    return [f"{name} is still there" for name in sorted(os.listdir(folder))]


def unrouted(redis):
    """Is there anything that was accepted and not routed yet?"""
    return any(redis("XLEN", key) for key in redis("KEYS", "wp:{*}:ingress"))


def hints(redis):
    return sum(redis("HLEN", key) for key in redis("KEYS", "wp:{*}:cold"))


def deaf(redis):
    """Channels that nobody listens to although somebody should.

    A deaf worker still polls, a deaf daemon still hears at its heartbeat: all
    arrives, late, for ever. Nothing but this look would tell.
    """
    channels = [b"wp:bell:" + worker
                for worker in redis("ZRANGE", "wp:workers", 0, -1)]
    for key in redis("KEYS", "wp:{*}:live"):
        channels += [b"wp:poke:" + name for name in redis("HKEYS", key)]
    if not channels:
        return []
    answer = redis("PUBSUB", "NUMSUB", *sorted(set(channels)))
    return [answer[i].decode() for i in range(0, len(answer), 2)
            if answer[i + 1] == 0]


def stranded(redis):
    """Hot queues of users who are not connected: they should move to disk."""
    found = []
    for key in redis("KEYS", "wp:{*}:hot*:*"):
        prefix, urn = key.split(b":hot", 1)
        urn = urn.split(b":", 1)[1]
        if b":x-foreign-" in urn:
            continue  # made so that they cannot; see burdens.py
        if not redis("EXISTS", prefix + b":online:" + urn):
            found.append(key.decode("utf-8", "replace"))
    return sorted(found)


def repairs(log):
    """What a worker's log says was repaired that should never have been."""
    found = []
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # a program killed in the middle of a line
        if entry.get("msg") == "repaired what should never be":
            found.append(f"{entry['time']} {entry.get('what')}, "
                         f"{entry.get('n')} times")
    return found


def in_cold(path):
    """Sentences about rows in the cold store."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        rows = database.execute(
            "SELECT urn, band, count(*) FROM msg GROUP BY urn, band"
        ).fetchall()
    finally:
        database.close()
    return [f"cold store: {count} rows of {urn}, band {band}"
            for urn, band, count in rows]
