"""A small blocking Redis client: enough to look, publish and prepare."""
import socket


class RedisError(Exception):
    """Redis answered with an error."""


class Redis:
    """One connection over a unix socket. Replies are bytes, int, list, None."""

    def __init__(self, path, timeout_s=30):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    def close(self):
        self._file.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __call__(self, *words):
        self._socket.sendall(self._command(words))
        return self._reply()

    def at_once(self, commands):
        """Several commands in one write; a list of their replies."""
        self._socket.sendall(b"".join(map(self._command, commands)))
        return [self._reply() for _ in commands]

    @staticmethod
    def _command(words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        return b"".join(parts)

    def _reply(self):
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisError(rest.decode("utf-8", "replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if rest == b"-1":
                return None
            data = self._file.read(int(rest) + 2)
            if len(data) != int(rest) + 2:
                raise ConnectionError("redis closed the connection")
            return data[:-2]
        if kind == b"*":
            if rest == b"-1":
                return None
            return [self._reply() for _ in range(int(rest))]
        raise RedisError(f"unknown reply {kind!r}")


def answers(path):
    """Does a Redis that has finished loading answer at path?"""
    try:
        with Redis(path, timeout_s=2) as redis:
            return redis("PING") == b"PONG"
    except (OSError, RedisError):
        return False
