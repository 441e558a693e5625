"""A whole Waypost on one machine, in one folder, touching nothing else.

A private Redis (unix socket, AOF always), waypost-worker, waypost-ws,
waypost-handlers, where they have something to do waypost-keys and
waypost-notifier, and nginx or lighttpd as the front door. Everything that any
of them writes is in the state directory; stopping and starting again there
goes on with the same messages and secrets.
"""
import contextlib
import errno
import fcntl
import http.client
import json
import os
import pwd
import resource
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile

from devkit import redis
from devkit.http import Http
from devkit.process import (Program, StartError, end_leftovers, wait_until)
from devkit.token import mint

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
WEB_SERVERS = ("nginx", "lighttpd")
PROGRAMS = ("redis-server", "redis-check-rdb", "nginx", "lighttpd",
            "waypost-worker", "waypost-ws", "waypost-handlers", "waypost-keys",
            "waypost-notifier")
# sockaddr_un holds 108 bytes; leave room for the longest file name here.
SOCKET_DIR_MAX = 80
# Guards, as in devkit.process: until all are ready, and for one answer.
READY_S, ANSWER_S = 60, 30
# What is kept of a log that has grown beyond it, see Stack.bound_logs().
LOG_BYTES_MAX = 16 << 20
# What the environment may say about Waypost; tests do not want any of it.
OWN_VARIABLES = ("JWT_SECRET", "JWT_SECRET_PREVIOUS", "STORE_SECRET",
                 "REDIS_ADDR", "REDIS_PASSWORD", "CORS_ALLOWED_ORIGINS",
                 "LOG_LEVEL")

# The classes of lib/limit/rates.h.
LIMITS = ("send", "pull", "ack", "presence", "ticket", "devices",
          "push_test", "session", "begin", "refresh", "login", "register",
          "key", "failed", "connect", "frames")
# The settings of one backend in web-config/lighttpd/waypost.conf.
LIGHTTPD_POOL = """
			"check-local" => "disable",
			"disable-time" => 0, # one that restarts is used at once
			"connect-timeout" => 5,
			"write-timeout" => 30,
			"read-timeout" => 30
		"""
LIGHTTPD_PROXY = """
			"disable-time" => 0,
			"connect-timeout" => 5,
			"write-timeout" => 90,
			"read-timeout" => 90
		"""


def scrubbed_environment():
    """The environment without anything that configures Waypost."""
    return {key: value for key, value in os.environ.items()
            if not key.startswith("WAYPOST_") and key not in OWN_VARIABLES}


def no_limits():
    """The section of settings for whoever is faster than a user is."""
    return {"rates": [f"{name}=off" for name in LIMITS]}


def find_program(name):
    """Debian keeps web servers in /usr/sbin, which users lack in PATH."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise StartError(f"{name} is not installed; tools/deps.sh installs it")
    return path


def port_is_free(port, host="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise StartError(f"port {port}: {error.strerror}") from error
        return True


def free_port(host="127.0.0.1"):
    """A port below the ephemeral range, so that no client socket takes it."""
    while True:
        port = 10240 + secrets.randbelow(20000)
        if port_is_free(port, host):
            return port


def listens(path):
    """Does somebody accept connections on this unix socket?"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
            return True
        except OSError:
            return False


def fill(template, target, words, literal=()):
    """Copy a template, replacing @WORD@ and literal (old, new) pairs."""
    with open(template, encoding="utf-8") as source:
        text = source.read()
    for name, value in words.items():
        text = text.replace(f"@{name}@", str(value))
    for old, new in literal:
        if old not in text:
            raise StartError(f"{template}: {old} is not there any more")
        text = text.replace(old, new)
    with open(target, "w", encoding="utf-8") as out:
        out.write(text)


def to_yaml(sections):
    """Two levels of settings; JSON scalars and lists are YAML as well."""
    lines = []
    for section, settings in sections.items():
        if not isinstance(settings, dict):
            lines.append(f"{section}: {json.dumps(settings)}")
            continue
        lines.append(f"{section}:")
        lines += [f"  {key}: {json.dumps(value)}"
                  for key, value in settings.items()]
    return "\n".join(lines) + "\n"


class Stack:
    """See the head of this file.

    state:        the folder; made when missing
    web:          "nginx" or "lighttpd"
    port:         of the front door; 0 picks a free one
    build:        the folder with the programs
    workers, websockets: how many processes of each
    pools:        how many waypost-handlers: "handlers", "handlers-1", …
    config:       {"section": {"key": value}} on top of what a stack needs
    redis_config: lines for redis.conf, e.g. ["maxmemory 64mb"]
    env:          base environment of the programs; default: the scrubbed one
    program_env:  called with a program's name, what its environment has besides
    web_edits:    (old, new) pairs for the web server's main configuration
    slowness:     how many times longer than usual everything may take
    keys:         is there a waypost-keys? None: when there is work for it
    notifiers:    how many waypost-notifier; None: one when there is work for it
    """

    def __init__(self, state, web="nginx", port=0, build=None, workers=1,
                 websockets=1, config=None, redis_config=(), env=None,
                 host="127.0.0.1", program_env=None, pools=1, web_edits=(),
                 slowness=1, keys=None, notifiers=None):
        if web not in WEB_SERVERS:
            raise StartError(f"the web server is one of {WEB_SERVERS}")
        self.state = os.path.realpath(state)
        self.web = web
        self.host = host
        self.port = port
        self.build = os.path.abspath(
            build or os.path.join(ROOT, "build", "release"))
        self.config = config or {}
        self.redis_config = list(redis_config)
        self.base_env = scrubbed_environment() if env is None else dict(env)
        self.program_env = program_env or (lambda name: {})
        self.web_edits = list(web_edits)
        self.slowness = slowness
        self.worker_count = workers
        self.websocket_count = websockets
        self.pools = ["handlers"] + [f"handlers-{i}"
                                     for i in range(1, pools)]
        self.has_accounts = self._is_on("accounts")
        self.has_keys = self._wants_keys() if keys is None else keys
        self.notifier_count = int(self._is_on("push")) \
            if notifiers is None else notifiers
        self.programs = {}
        self.leftovers_ended = 0
        self._lock = None

    def _said(self, section, key):
        """What the environment or the file says of a setting; None: nothing"""
        variable = f"WAYPOST_{section}_{key}".upper()
        return (self.base_env.get(variable) or
                self.config.get(section, {}).get(key))

    def _is_on(self, section):
        """Of a section that is enabled unless it is in production."""
        said = self._said(section, "enabled")
        if said is None:  # the default
            return (self.base_env.get("WAYPOST_RUN_MODE") or
                    self.config.get("run_mode")) != "production"
        return str(said).lower() == "true"

    def _wants_keys(self):
        """Is there an issuer, or are there accounts? As waypost-keys asks."""
        return bool(self._said("auth", "issuers")) or self.has_accounts

    # ---- paths -------------------------------------------------------------

    def path(self, *parts):
        return os.path.join(self.state, *parts)

    def socket_path(self, name):
        return os.path.join(self.sockets, name)

    @property
    def redis_socket(self):
        return self.socket_path("redis.sock")

    def log_path(self, name):
        return self.path("log", name + ".log")

    # ---- preparing the folder ----------------------------------------------

    def _prepare_folder(self):
        try:
            os.makedirs(self.state, mode=0o700, exist_ok=True)
            self._take_lock()
            for name in ("log", "tmp", "redis", "secrets", "empty"):
                os.makedirs(self.path(name), mode=0o700, exist_ok=True)
        except OSError as error:
            raise StartError(f"state directory {self.state}: "
                             f"{error.strerror}") from error

    def _take_lock(self):
        self._lock = open(self.path("lock"), "a", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise StartError(
                f"a running Waypost uses {self.state} already; stop it, or "
                "give STATE=another-folder and PORT=another-port") from None

    def _prepare_sockets(self):
        near = self.path("sockets")
        record = self.path("sockets.path")
        if len(os.fsencode(near)) <= SOCKET_DIR_MAX:
            os.makedirs(near, mode=0o700, exist_ok=True)
            self.sockets = near
            return
        if os.path.exists(record):
            with open(record, encoding="utf-8") as file:
                self.sockets = file.read()
            if self._is_private(self.sockets):
                return
        self.sockets = tempfile.mkdtemp(prefix="waypost-", dir="/tmp")
        with open(record, "w", encoding="utf-8") as file:
            file.write(self.sockets)

    @staticmethod
    def _is_private(path):
        try:
            info = os.lstat(path)
        except OSError:
            return False
        return (stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid()
                and stat.S_IMODE(info.st_mode) == 0o700)

    def _secret(self, name, given=None):
        """The secret kept under this name, made at the first start."""
        if given:
            return given
        path = self.path("secrets", name)
        try:
            with open(path, encoding="ascii") as file:
                return file.read().strip()
        except FileNotFoundError:
            text = secrets.token_hex(32)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "w", encoding="ascii") as file:
                file.write(text + "\n")
            return text

    # ---- configuration files -----------------------------------------------

    def _write_config(self):
        sections = {
            "run_mode": "local",
            "redis": {"address": "unix:" + self.redis_socket},
            "handlers": {"listen": "unix:" + self.socket_path(
                "handlers.sock")},
            "store": {"sqlite_path": self.path("waypost.db")},
            "accounts": {"sqlite_path": self.path("accounts.db")},
            "auth": {"key_dir": self.path("keys")},
        }
        for section, settings in self.config.items():
            if isinstance(settings, dict):
                sections.setdefault(section, {}).update(settings)
            else:
                sections[section] = settings
        with open(self.path("waypost.yaml"), "w", encoding="utf-8") as file:
            file.write("# Written at every start; changes here are lost.\n")
            file.write(to_yaml(sections))

    def _write_redis_config(self):
        lines = [
            "port 0",
            f"unixsocket {self.redis_socket}",
            "unixsocketperm 700",
            f"dir {self.path('redis')}",
            "daemonize no",
            'save ""',
            "appendonly yes",
            "appendfsync always",
            "no-appendfsync-on-rewrite no",
            "maxmemory 4gb",
            "maxmemory-policy noeviction",
            "stream-node-max-bytes 512",
            "hash-max-listpack-entries 64",
            *self.redis_config,
        ]
        with open(self.path("redis.conf"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def _write_origins(self):
        """What the web server knows of cors.allowed_origins."""
        done = subprocess.run(
            [*self._waypost("waypost"), "origins"],
            env={**self.base_env, **self._secret_env()},
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StartError(done.stderr.strip())
        with open(self.path("origins.conf"), "w", encoding="utf-8") as file:
            file.write(done.stdout)

    def _write_web_config(self):
        nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        nofile = 65536 if nofile == resource.RLIM_INFINITY else nofile
        nofile = min(nofile, 65536)
        user = pwd.getpwuid(os.getuid()).pw_name
        words = {
            "STATE": self.state, "ADDRESS": self.host, "PORT": self.port,
            "NOFILE": nofile, "CONNECTIONS": nofile // 4,
            "USER": f"user {user};" if os.getuid() == 0 else "",
        }
        folder = os.path.join(ROOT, "web-config", self.web)
        if self.web == "nginx":
            fill(os.path.join(folder, "nginx.conf.in"),
                 self.path("nginx.conf"), words, self.web_edits)
            fill(os.path.join(folder, "waypost.conf"),
                 self.path("waypost.conf"), words,
                 [("/var/log/nginx/access.log", self.log_path("access")),
                  ("/var/log/nginx/error.log", self.log_path("nginx"))])
            fill(os.path.join(folder, "waypost-strict.conf"),
                 self.path("waypost-strict.conf"), words)
            servers = "\n\t".join(
                f"server unix:{self._websocket_socket(i)} max_fails=0;"
                for i in range(self.websocket_count))
            pools = "\n\t".join(
                f"server unix:{self._pool_socket(name)} max_fails=0;"
                for name in self.pools)
            fill(os.path.join(folder, "waypost-upstreams.conf"),
                 self.path("waypost-upstreams.conf"), words,
                 [("server unix:/run/waypost/handlers.sock max_fails=0;",
                   pools),
                  ("server unix:/run/waypost/websocket.sock max_fails=0;",
                   servers),
                  ("/etc/waypost/origins[.]conf", self.path("origins.conf"))])
            return
        fill(os.path.join(folder, "lighttpd.conf.in"),
             self.path("lighttpd.conf"), words, self.web_edits)
        fill(os.path.join(folder, "errors.lua"), self.path("errors.lua"),
             words, [("/etc/waypost/origins.conf", self.path("origins.conf"))])
        fill(os.path.join(folder, "early.lua"), self.path("early.lua"), words)
        pools = " ), (\n".join(
            f'"socket" => "{self._pool_socket(name)}",' + LIGHTTPD_POOL
            for name in self.pools)
        hosts = " ), (\n".join(
            f'"host" => "{self._websocket_socket(i)}",' + LIGHTTPD_PROXY
            for i in range(self.websocket_count))
        fill(os.path.join(folder, "waypost.conf"), self.path("waypost.conf"),
             words,
             [("/run/waypost/handlers.sock",
               self._pool_socket(self.pools[0])),
              ("/run/waypost/websocket.sock", self._websocket_socket(0)),
              ('"socket" => var.waypost_handlers,' + LIGHTTPD_POOL, pools),
              ("/usr/local/share/waypost/lighttpd/errors.lua",
               self.path("errors.lua")),
              ("/usr/local/share/waypost/lighttpd/early.lua",
               self.path("early.lua")),
              ("/usr/local/share/waypost/lighttpd/request.lua",
               os.path.join(folder, "request.lua")),
              ('"host" => var.waypost_websocket,' + LIGHTTPD_PROXY, hosts)])

    def _websocket_socket(self, index):
        return self.socket_path(f"websocket-{index}.sock")

    def _metrics_socket(self, name):
        return self.socket_path(name + "-metrics.sock")

    def metrics(self, name):
        """What GET /metrics of a program says, as text."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(ANSWER_S)
            peer.connect(self._metrics_socket(name))
            peer.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            return answer.read().decode()

    def metric(self, name, metric):
        """One number of them, by its name and labels as they are written."""
        for line in self.metrics(name).splitlines():
            written, _, value = line.rpartition(" ")
            if written == metric:
                return float(value)
        return None

    def _pool_socket(self, name):
        return self.socket_path(name + ".sock")

    # ---- the programs ------------------------------------------------------

    def _add(self, name, argv, ready, **env):
        self.programs[name] = Program(
            name, argv,
            {**self.base_env, **env, **self.program_env(name)},
            self.state, self.log_path(name), ready, slowness=self.slowness)

    def _secret_env(self):
        return {"JWT_SECRET": self.jwt_secret,
                "STORE_SECRET": self.store_secret}

    def _waypost(self, program):
        path = os.path.join(self.build, program)
        if not os.access(path, os.X_OK):
            raise StartError(f"{path} is not built; run make")
        return [path, "--config", self.path("waypost.yaml")]

    def _define_programs(self):
        self.programs = {}
        secret_env = self._secret_env()
        self._add("redis",
                  [find_program("redis-server"), self.path("redis.conf")],
                  lambda: redis.answers(self.redis_socket))
        if self.has_keys:
            listen = self._metrics_socket("keys")
            self._add("keys", self._waypost("waypost-keys"),
                      lambda path=listen: listens(path),
                      WAYPOST_KEYS_METRICS_LISTEN="unix:" + listen)
        for i in range(self.worker_count):
            listen = self._metrics_socket(f"worker-{i}")
            self._add(f"worker-{i}", self._waypost("waypost-worker"),
                      lambda path=listen: listens(path), **secret_env,
                      WAYPOST_WORKER_METRICS_LISTEN="unix:" + listen)
        for i in range(self.websocket_count):
            listen = self._websocket_socket(i)
            self._add(f"websocket-{i}", self._waypost("waypost-ws"),
                      lambda path=listen: listens(path), **secret_env,
                      WAYPOST_WEBSOCKET_LISTEN="unix:" + listen,
                      WAYPOST_WEBSOCKET_METRICS_LISTEN="unix:" +
                      self._metrics_socket(f"websocket-{i}"))
        for i in range(self.notifier_count):
            listen = self._metrics_socket(f"notifier-{i}")
            self._add(f"notifier-{i}", self._waypost("waypost-notifier"),
                      lambda path=listen: listens(path), **secret_env,
                      WAYPOST_NOTIFIER_METRICS_LISTEN="unix:" + listen)
        for name in self.pools:
            listen = self._pool_socket(name)
            self._add(name, self._waypost("waypost-handlers"),
                      lambda path=listen: listens(path), **secret_env,
                      WAYPOST_HANDLERS_LISTEN="unix:" + listen,
                      WAYPOST_HANDLERS_METRICS_LISTEN="unix:" +
                      self._metrics_socket(name))
        self._add("web", self._web_command(), self._web_listens)

    def _web_command(self):
        program = find_program(self.web)
        if self.web == "nginx":
            return [program, "-e", self.log_path("nginx"), "-p", self.state,
                    "-c", self.path("nginx.conf")]
        return [program, "-D", "-f", self.path("lighttpd.conf")]

    def _web_listens(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    # ---- life --------------------------------------------------------------

    def prepare(self):
        """Everything before the first program: folder, secrets, files."""
        self._prepare_folder()
        self.leftovers_ended = end_leftovers(self.state, PROGRAMS)
        if self.port == 0:
            self.port = free_port(self.host)
        elif not port_is_free(self.port, self.host):
            raise StartError(
                f"port {self.port} is taken by another program; give "
                "PORT=another-port")
        self._prepare_sockets()
        self.jwt_secret = self._secret("jwt",
                                       self.base_env.get("JWT_SECRET"))
        self.store_secret = self._secret("store",
                                         self.base_env.get("STORE_SECRET"))
        self._write_config()
        self._write_redis_config()
        self._write_origins()
        self._write_web_config()
        self._define_programs()

    def start(self, timeout_s=None):
        """Start all and wait until /readyz says READY."""
        try:
            self.prepare()
            for program in self.programs.values():
                program.start()
            self.wait_ready(timeout_s)
        except BaseException:
            self.stop()
            raise
        return self

    def wait_ready(self, timeout_s=None):
        """Until the front door answers READY and upgrades are possible."""
        last = ["no answer"]
        if timeout_s is None:
            timeout_s = READY_S * self.slowness

        def check():
            for program in self.programs.values():
                if not program.is_running():
                    raise program.end_error("ended with")
            return self.is_ready(last)
        try:
            wait_until(check, timeout_s, "/readyz is not 200")
        except StartError as error:
            raise type(error)(f"{error} (last answer: {last[0]})") from None

    def is_ready(self, last=None):
        try:
            answer = self.http().request("GET", "/readyz")
            sockets = [self._websocket_ready(i)
                       for i in range(self.websocket_count)]
        except (OSError, ValueError) as error:
            answer, sockets = error, [False]
        except Exception as error:  # http.client's own kind
            answer, sockets = error, [False]
        if last is not None:
            last[0] = f"{answer!r}, websocket daemons ready: {sockets}"
        return (getattr(answer, "status", 0) == 200 and all(sockets) and
                self._has_open_gates())

    def _has_open_gates(self):
        """/readyz may be a second old, and of an earlier life of Redis."""
        try:
            with self.redis() as ask:
                info = ask("INFO", "server").decode()
                gates = ask("KEYS", "wp:{*}:gate")
                count = int(ask("HGET", "wp:meta", "partitions") or 0)
                lives = set(ask("MGET", *gates)) if gates else set()
        except OSError:
            return False
        except redis.RedisError:
            return True  # not for us to see
        return len(gates) == count and all(
            f"run_id:{life.decode()}" in info for life in lives if life)

    def _websocket_ready(self, index):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(5)
            peer.connect(self._websocket_socket(index))
            peer.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return peer.recv(64).startswith(b"HTTP/1.1 200")

    def stop(self):
        """End all in order: no new work first, Redis last.

        Returns: {name: exit status} of what did not end as it should
        """
        odd = {}
        order = ([f"websocket-{i}" for i in range(self.websocket_count)] +
                 ["web"] + self.pools +
                 [f"notifier-{i}" for i in range(self.notifier_count)] +
                 [f"worker-{i}" for i in range(self.worker_count)] +
                 ["keys", "redis"])
        for name in order:
            if name in self.programs:
                status = self.programs[name].stop()
                # lighttpd's status after SIGTERM is 0 or 1, as it happens.
                if status not in (0, None) and (name != "web" or status < 0):
                    odd[name] = status
        if self._lock is not None:
            self._remove_far_sockets()
            self._lock.close()
            self._lock = None
        return odd

    def _remove_far_sockets(self):
        sockets = getattr(self, "sockets", self.state)
        if not sockets.startswith(self.state):
            shutil.rmtree(sockets, ignore_errors=True)
            os.unlink(self.path("sockets.path"))

    def remove(self):
        """Delete the state directory; the stack must be stopped."""
        shutil.rmtree(self.state, ignore_errors=True)

    def kill(self, name):
        """kill -9, children included."""
        self.programs[name].kill()

    def restart(self, name, timeout_s=None):
        """Start a program again that has ended or was killed."""
        self.programs[name].stop()
        self.programs[name].start(timeout_s)

    def bound_logs(self):
        """Of each log that has grown too long, keep the end, as <name>.1.

        Everybody appends, so what is written next stands at the beginning
        again. A line that comes in this moment may be lost, and all of it where
        no copy can be made: a disk may be full because of it.
        """
        for entry in os.scandir(self.path("log")):
            with contextlib.suppress(OSError):  # it may be gone meanwhile
                if (entry.name.endswith(".log") and
                        entry.stat().st_size > LOG_BYTES_MAX):
                    with contextlib.suppress(OSError):
                        self._keep_end(entry.path)
                    os.truncate(entry.path, 0)

    @staticmethod
    def _keep_end(path):
        with open(path, "rb") as log, open(path + ".1", "wb") as kept:
            log.seek(-LOG_BYTES_MAX, os.SEEK_END)
            kept.write(log.read(LOG_BYTES_MAX))

    # ---- using it ----------------------------------------------------------

    def http(self):
        return Http(self.port, self.host, ANSWER_S * self.slowness)

    def redis(self):
        return redis.Redis(self.redis_socket)

    def token(self, user, expires_in_s=3600, **claims):
        return mint(self.jwt_secret, user, expires_in_s, **claims)

    def read_log(self, name):
        try:
            with open(self.log_path(name), encoding="utf-8",
                      errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""
