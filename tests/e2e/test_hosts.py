"""Another host of the same web server: it is as if Waypost were not there."""
import os

from devkit.http import raw_exchange
from devkit.stack import free_port
from harness import E2eTest, WEB, new_stack, scratch, wait_for

OTHER = "other.example"
# Files at places that are Waypost's on its own host.
FILES = ("healthz", "readyz", "messages", "connect", "api/presence")
NGINX = """return 404;
		}}
	}}

	server {{
		listen 127.0.0.1:{port};
		server_name {other};
		root {folder};
		access_log {folder}/access.log;
		location = /api/odd {{
			return 400 theirs;
		}}
		location / {{
			add_header X-Other yes always;"""
# What an operator may have set for all his hosts, and for this one.
LIGHTTPD = """server.modules += ( "mod_magnet", "mod_fastcgi" )
server.stream-request-body = 2
magnet.attract-response-start-to = ( "{folder}/all" )
$HTTP["host"] == "{other}" {{
	server.document-root = "{folder}"
	accesslog.filename = "{folder}/access.log"
	magnet.attract-raw-url-to = ( "{folder}/odd" )
}}
include"""
ODD = """if lighty.r.req_attr['uri.path'] == '/api/odd' then
	lighty.r.resp_body:set({'theirs'})
	return 400
end
return 0
"""
ALL = "lighty.r.resp_header['X-Other'] = 'yes' return 0\n"


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Hosts(E2eTest):
    @classmethod
    def make_stack(cls):
        cls.folder = folder = scratch()
        os.chmod(folder, 0o755)
        for name in FILES:
            write(folder, name, "theirs: " + name)
        write(folder, "all", ALL)
        write(folder, "odd", ODD)
        port = free_port()
        old, new = (("return 404;", NGINX) if WEB == "nginx" else
                    ("include", LIGHTTPD))
        stack = new_stack(port=port, web_edits=[
            (old, new.format(folder=folder, other=OTHER, port=port))])
        if WEB == "lighttpd":
            cls.name_hosts(stack)
        return stack

    @staticmethod
    def name_hosts(stack):
        """As its head tells an operator to."""
        path = stack.path("waypost.conf")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        any_host = 'var.waypost_host = ".*"\n'
        assert any_host in text
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(
                any_host, r'var.waypost_host = "a\.example|127\.0\.0\.1"'
                "\n"))
        stack.restart("web")

    def ask(self, line, *headers, host=OTHER, body=b""):
        lines = [line + " HTTP/1.1", "Host: " + host, "Connection: close",
                 *headers]
        data, _ = raw_exchange(
            self.stack.port, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head, _, body = data.decode().partition("\r\n\r\n")
        return int(head.split()[1]), head, body

    def log(self):
        path = os.path.join(self.folder, "access.log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_its_paths_are_its_own(self):
        for name in FILES:
            status, head, body = self.ask("GET /" + name)
            self.assertEqual((status, body), (200, "theirs: " + name))
            self.assertIn("X-Other: yes", head)

    def test_its_errors_are_its_own(self):
        for path in ("/api/send", "/send", "/auth/login", "/ws"):
            status, head, body = self.ask("GET " + path)
            self.assertEqual(status, 404, path)
            self.assertIn("html", body)
            self.assertNotIn("X-Request-Id", head)
            self.assertIn("X-Other: yes", head)
        for length in (), ("Content-Length: 0",):
            status, head, body = self.ask("GET /api/odd", *length)
            self.assertEqual((status, body), (400, "theirs"))

    def test_its_log_is_its_own(self):
        self.ask("GET /messages?whole=line", "Referer: https://x/?from=there",
                 "User-Agent: somebody/1")
        self.stack.programs["web"].stop()  # lighttpd writes its log late
        self.stack.restart("web")
        wait_for(lambda: '"GET /messages?whole=line HTTP/1.1" 200 16 '
                 '"https://x/?from=there" "somebody/1"' in self.log(),
                 self.log)

    def test_what_is_set_for_all_hosts_does_not_disturb_ours(self):
        bob = self.user()
        body = b'{"recipientId":"bob","encryptedData":"aGk="}'
        status, head, said = self.ask(
            "POST /api/send", "Content-Type: application/json",
            "Authorization: Bearer " + self.stack.token(bob.name),
            "Transfer-Encoding: chunked", host="127.0.0.1",
            body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        self.assertEqual(status, 202, said)
        if WEB == "lighttpd":
            self.assertIn("X-Other: yes", head)

    def test_what_is_refused_before_its_host_is_known(self):
        """Nobody knows whose it is: it may be ours, and hold a token."""
        for head in ("GET /connect?token=canary HTTP/9.1",
                     "GET /connect?token=canary HTTP/1.1 x",
                     "GET /connect?token=canary HTTP/1.1\r\nno colon",
                     "GET /connect?token=canary HTTP/1.1\r\n"
                     "Referer: https://x/?token=canary\r\n"
                     "Host: 127.0.0.1\r\nContent-Length: 9"):
            raw_exchange(self.stack.port, head.encode() + b"\r\n\r\n",
                         shut=True)
        path = self.stack.path("log", "access.log")
        self.ask("GET /marker", host="127.0.0.1")
        self.stack.programs["web"].stop()
        self.stack.restart("web")
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertTrue([line for line in lines if "/marker" in line], lines)
        self.assertEqual([line for line in lines if "canary" in line], [])

    def test_each_of_our_names(self):
        self.assert_error(self.stack.http().request("GET", "/api"), 404)
        if WEB != "lighttpd":
            return
        for name in ("a.example", "A.Example", f"a.example:{self.stack.port}",
                     "127.0.0.1"):
            _, _, body = self.ask("GET /send", host=name)
            self.assertIn('"code":"method_not_allowed"', body)
        for name in ("aXexample", "a.example.org", "xa.example", OTHER):
            _, _, body = self.ask("GET /send", host=name)
            self.assertIn("html", body)


del E2eTest
