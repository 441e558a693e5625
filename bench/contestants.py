"""Who takes part in benchmarks: ourselves, earlier, peers, limits.

Each is started in a folder of its own and has: port (HTTP on 127.0.0.1), token
of a user, programs {label: session}, settle() until nothing is on its way.
"""
import json
import os
import pwd
import secrets
import subprocess
import sys
import time

from kit import ROOT, say

from devkit import redis  # noqa: E402, kit sets the path
from devkit.http import Http  # noqa: E402
from devkit.process import Program  # noqa: E402
from devkit.stack import find_program, free_port, listens  # noqa: E402
from devkit.token import mint  # noqa: E402

START_S, BUILD_S, SETTLE_S = 90, 600, 120
TOKEN_S = 86400
KEPT = 32  # connections that a web server keeps to what is behind it

# How much is on its way: to the mailboxes, and to the disk.
LOOK = """
local queued, due = 0, 0
for p = 0, ARGV[1] - 1 do
  local prefix = 'wp:{' .. p .. '}:'
  queued = queued + redis.call('XLEN', prefix .. 'ingress')
  due = due + redis.call('ZCARD', prefix .. 'migrate')
end
return {queued, due}
"""

NGINX = """
daemon off;
{modules}
worker_processes 2;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
user {user};
events {{ worker_connections 20000; }}
http {{
	access_log off;
	server_tokens off;
	keepalive_timeout 65s;
	client_header_buffer_size 4k;
	client_max_body_size 4352k;
	client_body_buffer_size 512k;
	client_body_temp_path {folder}/body;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	{http}
	server {{
		listen 127.0.0.1:{port} backlog=4096;
		{server}
	}}
}}
"""

FASTCGI = """
		location / {{
			fastcgi_keep_conn on;
			fastcgi_buffer_size 32k;
			fastcgi_buffers 16 32k;
			fastcgi_busy_buffers_size 64k;
			fastcgi_param REQUEST_METHOD $request_method;
			fastcgi_param REQUEST_URI $request_uri;
			fastcgi_param QUERY_STRING $query_string;
			fastcgi_param CONTENT_TYPE $content_type;
			fastcgi_param CONTENT_LENGTH $content_length;
			fastcgi_pass behind;
		}}
"""

PROXY = """
		location / {
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_pass http://behind;
		}
		location = /connect {
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection "upgrade";
			proxy_set_header Host $http_host;
			proxy_read_timeout 90s;
			proxy_buffering off;
			proxy_pass http://behind;
		}
"""


def upstream(path):
    return (f"upstream behind {{ server unix:{path} max_fails=0; "
            f"keepalive {KEPT}; }}")


def checkout(commit):
    """A built tree of an earlier commit, kept in build/bench."""
    tree = os.path.join(ROOT, "build", "bench", commit)
    mark = os.path.join(tree, "built")
    if os.path.exists(mark):
        return tree
    say(f"building {commit} in {tree}, which takes a minute")
    os.makedirs(tree, exist_ok=True)
    archive = subprocess.Popen(["git", "-C", ROOT, "archive", commit],
                               stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", tree], stdin=archive.stdout, check=True)
    if archive.wait() != 0:
        raise SystemExit(f"no commit {commit}; a whole clone has it")
    done = subprocess.run(
        ["make", "-s", "-C", tree, f"-j{os.cpu_count()}", "all"],
        env={key: value for key, value in os.environ.items()
             if not key.startswith("MAKE") and key != "MFLAGS"},
        stdout=sys.stderr, timeout=BUILD_S, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{commit} does not build here")
    with open(mark, "w", encoding="ascii"):
        return tree


class Waypost:
    """This tree, or that of an earlier commit; nobody is told of anything, as
    no earlier one does, unless config says so."""

    def __init__(self, bench, commit=None, config=None, **options):
        self.tree = checkout(commit) if commit else ROOT
        self.options = {
            "config": {"push": {"enabled": False}, **(config or {})},
            "redis_config": [f"appendfsync {bench.options.fsync}"], **options}
        self.process = None

    def start(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(ROOT, "bench", "serve.py"),
             self.tree, os.path.join(folder, "s")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps(self.options) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.tree}: did not start")
        self.about = json.loads(line)
        self.port = self.about["port"]
        self.redis_path = self.about["redis"]
        self.programs = {name.removesuffix("-0"): pid for name, pid
                         in self.about["programs"].items()}
        with self.redis() as ask:
            self.partitions = int(ask("HGET", "wp:meta", "partitions"))

    host = "127.0.0.1"

    def http(self):
        return Http(self.port, self.host, START_S)

    def redis(self):
        return redis.Redis(self.redis_path)

    def token(self, user):
        return mint(self.about["jwt_secret"], user, TOKEN_S)

    def settle(self, on_disk=True):
        end = time.monotonic() + SETTLE_S
        with self.redis() as ask:
            while time.monotonic() < end:
                queued, due = ask("EVAL", LOOK, "0", str(self.partitions))
                if queued == 0 and (due == 0 or not on_disk):
                    return
                time.sleep(0.01)
        raise SystemExit(f"{self.tree}: still on its way after {SETTLE_S} s")

    def stop(self):
        if self.process is None:
            return
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(60)


class Programs:
    """A contestant of programs that are started one by one."""

    def __init__(self, bench):
        self.bench = bench
        self.running = {}
        self.secret = secrets.token_hex(32)

    @property
    def programs(self):
        return {label: program.pid for label, program in self.running.items()}

    def token(self, user):
        return mint(self.secret, user, TOKEN_S)

    host = "127.0.0.1"

    def http(self):
        return Http(self.port, self.host, START_S)

    def settle(self, on_disk=True):
        """Nothing is ever on its way."""

    def launch(self, label, argv, ready, **env):
        program = Program(label, argv, {**os.environ, **env}, self.folder,
                          os.path.join(self.folder, label + ".log"), ready)
        self.running[label] = program
        program.start()

    def start(self, folder):
        self.folder = folder
        self.port = free_port()
        self.begin()

    def path(self, name):
        return os.path.join(self.folder, name)

    def nginx(self, server, http="", modules=""):
        with open(self.path("nginx.conf"), "w", encoding="utf-8") as file:
            file.write(NGINX.format(
                folder=self.folder, port=self.port, server=server, http=http,
                modules=modules, user=pwd.getpwuid(os.getuid()).pw_name))
        self.launch("web", [find_program("nginx"), "-e",
                            self.path("nginx.log"), "-p", self.folder, "-c",
                            self.path("nginx.conf")], self.answers)

    def answers(self):
        try:
            return Http(self.port, "127.0.0.1", 5).request("GET", "/").status
        except OSError:
            return False

    def redis_server(self):
        """As that of a stack."""
        self.redis_path = self.path("redis.sock")
        with open(self.path("redis.conf"), "w", encoding="utf-8") as file:
            file.write("\n".join([
                "port 0", f"unixsocket {self.redis_path}", f"dir {self.folder}",
                'save ""', "appendonly yes",
                f"appendfsync {self.bench.options.fsync}",
                "no-appendfsync-on-rewrite no", "maxmemory 4gb",
                "maxmemory-policy noeviction", "stream-node-max-bytes 512",
                "hash-max-listpack-entries 64",
            ]) + "\n")
        self.launch("redis", [find_program("redis-server"),
                              self.path("redis.conf")],
                    lambda: redis.answers(self.redis_path))

    def redis(self):
        return redis.Redis(self.redis_path)

    def stop(self):
        for program in reversed(list(self.running.values())):
            program.stop()


class Nginx202(Programs):
    """The web server answers 202 by itself, once it has read the body."""

    def begin(self):
        # return does not read the body first; nginx then throws it away.
        self.nginx('location / { default_type application/json; return 202 '
                   '\'{"id":"0190b4a0-0000-7000-8000-000000000000"}\'; }')


class EmptyFcgi(Programs):
    """The same web server before libfcgi that answers 202, kept
    connections."""

    def begin(self):
        path = self.path("fcgi.sock")
        self.launch("handlers", [os.path.join(
            self.bench.options.build, "bench", "empty_fcgi"), path, "96"],
            lambda: listens(path))
        self.nginx(FASTCGI.format(), upstream(path))


def go_peer():
    """Build the peer; its path."""
    target = os.path.join(ROOT, "build", "bench", "go-peer")
    env = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
           "GOFLAGS": "", "GOPROXY": "off", "CGO_ENABLED": "0",
           "GOCACHE": os.path.join(ROOT, "build", "bench", "go-cache")}
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        subprocess.run(["go", "build", "-o", target, "."], env=env,
                       cwd=os.path.join(ROOT, "bench", "peers", "go"),
                       check=True, timeout=BUILD_S)
    except FileNotFoundError:
        raise SystemExit("go is missing; make bench-deps installs it") from None
    return target


class GoPeer(Programs):
    """The same contract in Go, behind the same web server or without one."""

    def __init__(self, bench, web=True):
        super().__init__(bench)
        self.web = web

    def begin(self):
        self.redis_server()
        path = self.path("go.sock")
        where = "unix:" + path if self.web else f"127.0.0.1:{self.port}"
        self.launch("go", [go_peer(), "-listen", where, "-redis",
                           self.redis_path],
                    (lambda: listens(path)) if self.web else self.answers,
                    JWT_SECRET=self.secret)
        if self.web:
            self.nginx(PROXY, upstream(path))

    def empty(self):
        """Nothing waits any more; who is online stays."""
        with self.redis() as ask:
            ask("EVAL", "for _, k in ipairs(redis.call('KEYS', 'hot*')) do "
                "redis.call('UNLINK', k) end", "0")


# ---- who pokes WebSockets: daemon is the label of the program that does -----

class WsLoop(Programs):
    """A bare epoll loop."""
    daemon = "loop"

    def begin(self):
        self.redis_server()
        self.address = "unix:" + self.path("ws.sock")
        self.launch("loop", [os.path.join(
            self.bench.options.build, "bench", "ws_loop"),
            self.path("ws.sock"), self.redis_path],
            lambda: listens(self.path("ws.sock")))


class GoHub(GoPeer):
    """The peer's hub, without a web server; GOMAXPROCS as it likes."""
    daemon = "go"

    def begin(self):
        self.redis_server()
        self.address = "unix:" + self.path("go.sock")
        self.launch("go", [go_peer(), "-listen", self.address, "-redis",
                           self.redis_path],
                    lambda: listens(self.path("go.sock")),
                    JWT_SECRET=self.secret)


class NodeHub(Programs):
    """Node's ws."""
    daemon = "node"

    def begin(self):
        self.redis_server()
        self.address = "unix:" + self.path("node.sock")
        self.launch("node", [
            find_program("node"),
            os.path.join(ROOT, "bench", "peers", "node", "hub.js"),
            self.path("node.sock"), self.redis_path],
            lambda: listens(self.path("node.sock")), JWT_SECRET=self.secret,
            NODE_PATH="/usr/share/nodejs")


class Nchan(Programs):
    """nginx with Nchan: published to by HTTP, without Redis or tokens."""
    daemon = "web"

    def begin(self):
        self.address = f"127.0.0.1:{self.port}"
        self.nginx("location = / { return 200 'OK'; } "
                   "location = /connect { nchan_subscriber websocket; "
                   "nchan_channel_id $args; "
                   "nchan_subscriber_first_message newest; } "
                   "location = /publish { nchan_publisher; "
                   "nchan_channel_id $args; nchan_message_buffer_length 0; "
                   "client_body_in_single_buffer on; }",
                   http="keepalive_requests 1000000000;",
                   modules="load_module /usr/lib/nginx/modules/"
                           "ngx_nchan_module.so;")


class WaypostHub(Waypost):
    """Our daemon, without a web server."""
    daemon = "websocket"

    def start(self, folder):
        super().start(folder)
        self.address = "unix:" + self.about["websocket"]

    def channel(self):
        """Of the daemon's present incarnation."""
        with self.redis() as ask:
            found = ask("PUBSUB", "CHANNELS", "wp:poke:*")
        return found[0].decode()


class WaypostTold(WaypostHub):
    """The same, of which back ends tell users something."""


ALL = {
    "waypost": Waypost,
    "before": lambda bench: Waypost(bench, bench.options.before),
    "go + nginx": GoPeer,
    "go": lambda bench: GoPeer(bench, web=False),
    "empty fcgi": EmptyFcgi,
    "nginx 202": Nginx202,
}


def some(*names):
    return {name: ALL[name] for name in names}
