"""What is told and what is there agree; and where they do not, that is said.

The faults are planted in what the check reads, not in the files.
"""
import glob
import os
import tempfile
import unittest

from checking import ROOT, checker, load

check = checker("check-contract.py")
faults_in = load("check-contract.py").faults_in


class ThisTree(unittest.TestCase):
    def test_documents_and_programs_agree(self):
        self.assertEqual(check(), (0, ""))


class PlantedFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # What is wrong here as well is no fault of a test.
        cls.known = faults_in(ROOT)

    def where(self, text, pattern):
        """The one file of a pattern that has this text."""
        found = []
        for path in glob.glob(os.path.join(ROOT, pattern), recursive=True):
            with open(path, encoding="utf-8") as file:
                if text in file.read():
                    found.append(path)
        self.assertEqual(len(found), 1, f"{text} in {pattern}")
        return found[0]

    def assert_said(self, sentences, pattern, text, other):
        """With other in the place of text, exactly these are said."""
        path = self.where(text, pattern)
        with open(path, encoding="utf-8") as file:
            changed = file.read().replace(text, other, 1)
        self.assertEqual(
            [fault for fault in faults_in(ROOT, {path: changed})
             if fault not in self.known], sentences)

    # ---- paths ----

    def test_an_endpoint_that_is_told_nowhere(self):
        row = '\tROW(ticket, "/api/ticket", NULL, WP_POST, USER, TICKET, WORK)'
        self.assert_said(
            ["docs/openapi.yaml: operation POST /api/extra is missing",
             "README.md: endpoint POST /api/extra is missing",
             "web-config/nginx/waypost-upstreams.conf: $waypost_plain of "
             "/api/extra is missing",
             "web-config/nginx/waypost-upstreams.conf: $waypost_allow says "
             "OPTIONS of /api/extra, not POST, OPTIONS",
             "web-config/lighttpd/errors.lua: PATHS /api/extra: POST, OPTIONS "
             "is missing"],
            "handlers/**/*.h", row,
            row + ' \\\n\tROW(extra, "/api/extra", NULL, WP_POST, USER, '
            'TICKET, WORK)')

    def test_an_endpoint_outside_api_that_the_web_servers_do_not_pass_on(self):
        row = ('\tROW(readyz, "/readyz", NULL, WP_GET | WP_HEAD, PROBE, '
               'NONE, NONE)')
        self.assert_said(
            ["docs/openapi.yaml: operation GET /extra is missing",
             "README.md: endpoint GET /extra is missing",
             "web-config/nginx/waypost.conf: location /extra is missing",
             "web-config/nginx/waypost-upstreams.conf: $waypost_plain of "
             "/extra is missing",
             "web-config/nginx/waypost-upstreams.conf: $waypost_allow says "
             "nothing special of /extra, not GET, OPTIONS",
             "web-config/lighttpd/waypost.conf: /extra leads nowhere",
             "web-config/lighttpd/errors.lua: PATHS /extra: GET, OPTIONS is "
             "missing"],
            "handlers/**/*.h", row,
            row + ' \\\n\tROW(extra, "/extra", NULL, WP_GET, PROBE, NONE, '
            'NONE)')

    def test_an_endpoint_that_is_told_of_and_gone(self):
        self.assert_said(
            ["docs/openapi.yaml: operation GET /api/presence is none of ours",
             "README.md: endpoint GET /api/presence is none of ours",
             "web-config/nginx/waypost-upstreams.conf: $waypost_plain of "
             "/api/presence is none of ours",
             "web-config/lighttpd/errors.lua: PATHS /api/presence: GET, "
             "OPTIONS is none of ours"],
            "handlers/**/*.h",
            '\tROW(presence, "/api/presence", NULL, WP_GET, '
            'EITHER(PRESENCE),         \\\n\t    PRESENCE, WORK)', "\t")

    def test_a_method_that_is_told_wrong(self):
        self.assert_said(
            ["docs/openapi.yaml: operation POST /api/ticket is missing",
             "docs/openapi.yaml: operation PUT /api/ticket is none of ours"],
            "docs/openapi.yaml", "  /api/ticket:\n    post:",
            "  /api/ticket:\n    put:")

    def test_an_alias_that_is_not_told(self):
        for path, text in (("docs/openapi.yaml", "`/send`, "),
                           ("README.md", "\n`/send` ")):
            self.assert_said([f"{path}: alias /send is missing"], path, text,
                             "\n" if text[0] == "\n" else "")

    def test_a_location_of_nginx_that_leads_to_nothing(self):
        self.assert_said(
            ["web-config/nginx/waypost.conf: location /messages is missing",
             "web-config/nginx/waypost.conf: location /mail is none of ours"],
            "web-config/nginx/waypost.conf", "location = /messages {",
            "location = /mail {")

    def test_where_nothing_is_found_the_check_has_lost_its_way(self):
        with tempfile.TemporaryDirectory() as root:
            said = "".join(f"{fault}\n" for fault in faults_in(root))
        for what in ("handlers/: endpoints", "ws-daemon/: frames read",
                     "ws-daemon/: frames written", "ws-daemon/: close codes",
                     "lib/sys/sections/: keys", "metrics.c",
                     "docs/openapi.yaml: codes", "Makefile: programs",
                     "tools/deps.sh: packages", "lib/store/: backends",
                     "scripts: keys"):
            self.assertIn(f"{what}: none was found\n", said)

    # ---- the socket ----

    def test_a_frame_of_clients_without_a_document(self):
        self.assert_said(
            ["docs/websocket.md: frame of clients talk is missing",
             "docs/websocket.md: frame of clients chat is none of ours",
             "tests/e2e/: no test sends the frame talk"],
            "ws-daemon/**/*.[ch]", '{ "chat", WP_FRAME_CHAT }',
            '{ "talk", WP_FRAME_CHAT }')

    def test_a_frame_of_clients_that_nobody_reads(self):
        self.assert_said(
            ["ws-daemon/: the name of frame WP_FRAME_PING is missing",
             "docs/websocket.md: frame of clients ping is none of ours"],
            "ws-daemon/**/*.[ch]", '{ "ping", WP_FRAME_PING },', "")

    def test_a_member_of_a_frame(self):
        self.assert_said(
            ["docs/websocket.md: member of a frame of clients extra is "
             "missing",
             "docs/websocket.md: member of a frame of clients messageIds is "
             "none of ours"],
            "ws-daemon/**/*.c", '[MEMBER_IDS] = "messageIds"',
            '[MEMBER_IDS] = "extra"')
        self.assert_said(
            ["docs/websocket.md: member of a frame of clients chatId is "
             "missing"], "docs/websocket.md", ',"chatId":string or null', "")

    def test_a_frame_that_is_refused_is_told_of_as_well(self):
        self.assert_said(
            ["docs/websocket.md: frame of clients unwatch is missing"],
            "docs/websocket.md", ", `unwatch`", "")

    def test_a_frame_of_the_server_without_a_document(self):
        self.assert_said(
            ["docs/websocket.md: frame of the server acked is missing"],
            "docs/websocket.md", '| `{"type":"acked","ref":…}` |', "| it |")
        self.assert_said(
            ["docs/websocket.md: frame of the server bell is missing",
             "docs/websocket.md: frame of the server poke is none of ours"],
            "ws-daemon/**/*.c", r'{\"type\":\"poke\"}', r'{\"type\":\"bell\"}')

    def test_close_codes(self):
        self.assert_said(["docs/websocket.md: close code 4409 is missing"],
                         "docs/websocket.md", "| 4409 |", "| 44 |")
        self.assert_said(
            ["docs/websocket.md: close code 4410 is missing",
             "docs/websocket.md: close code 4409 is none of ours"],
            "ws-daemon/**/*.h", "WP_CLOSE_REPLACED = 4409",
            "WP_CLOSE_REPLACED = 4410")

    # ---- settings, variables, metrics, codes ----

    def test_a_section_that_the_readme_does_not_know(self):
        self.assert_said(["README.md: section push is missing"], "README.md",
                         "| `push` |", "| |")

    def test_a_section_that_is_in_no_list(self):
        self.assert_said(
            ["lib/sys/sections/all.c: table wp_conf_push is missing"],
            "lib/sys/sections/all.c", "&wp_conf_push,", "")

    def test_a_setting_that_nobody_reads(self):
        self.assert_said(["lib/sys/sections/: worker.drain_ms is read by "
                          "nobody"], "lib/sys/sections/worker.c",
                         "WP_CONF_AT(worker.drain_ms)",
                         "WP_CONF_AT(worker.drain_months)")

    def test_a_setting_that_a_document_made_up(self):
        self.assert_said(["documents: mailbox.max_fries is no setting"],
                         "docs/operations.md", "is tried `mailbox.max_tries`",
                         "is tried `mailbox.max_fries`")

    def test_variables(self):
        self.assert_said(
            ["documents: WAYPOST_ALLOW_ALL is read and told nowhere",
             "documents: WAYPOST_ALLOW_ROOT is read by nobody"],
            "lib/sys/*.c", 'getenv("WAYPOST_ALLOW_ROOT")',
            'getenv("WAYPOST_ALLOW_ALL")')

    def test_metrics(self):
        self.assert_said(
            ["documents: waypost_worker_mends_total is counted by nobody"],
            "docs/operations.md", "waypost_worker_repairs_total",
            "waypost_worker_mends_total")

    def test_a_metric_without_a_name_or_a_count(self):
        for folder, last in (("handlers/request", "WP_H_COUNT"),
                             ("worker", "WP_WORKER_METRIC_COUNT"),
                             ("ws-daemon", "WP_WS_METRIC_COUNT")):
            self.assert_said([f"{folder}/metrics.c: WP_EXTRA has no row"],
                             f"{folder}/metrics.h", f"\t{last}",
                             f"\tWP_EXTRA,\n\t{last}")
        self.assert_said(["worker/: WP_WM_ROUTE_FAULTS is never counted"],
                         "worker/[!m]*.c", "WP_WM_ROUTE_FAULTS", "0")

    def test_a_program_that_nobody_tells_of(self):
        line = "PROGRAMS := waypost "
        self.assert_said(
            ["README.md: the program waypost-extra is missing",
             "docs/architecture.md: the program waypost-extra is missing",
             "tools/devkit/stack.py: the program waypost-extra is missing",
             "tests/e2e/harness.py: the program waypost-extra is missing"],
            "Makefile", line, line + "waypost-extra ")

    def test_a_package_that_the_readme_does_not_name(self):
        self.assert_said(["README.md: package liblmdb-dev is missing",
                          "packaging/debian/control: package liblmdb-dev is "
                          "missing"], "tools/deps.sh", "\tneed libev-dev",
                         "\tneed liblmdb-dev ./lmdb.h\n\tneed libev-dev")

    def test_a_backend_that_nobody_can_name(self):
        declared = "const struct wp_store_backend wp_store_sqlite"
        self.assert_said(
            ["lib/sys/sections/store.c: backend lmdb is missing",
             "lib/store/: wp_store_lmdb is in no list",
             "tests/integration/test_store_lmdb.c: the contract of a backend "
             "is not tried"],
            "lib/store/*.c", f"\n{declared}",
            f"\nconst struct wp_store_backend wp_store_lmdb;\n{declared}")
        self.assert_said(
            ["lib/sys/sections/store.c: backend lmdb is none of ours"],
            "lib/sys/sections/store.c", "backends[] = { ",
            'backends[] = { "lmdb", ')

    def test_a_program_that_leaves_a_backend_out(self):
        self.assert_said(
            ["worker/main.c: wp_conf_sqlite is missing beside the other "
             "settings of the store"], "worker/main.c", "&wp_conf_sqlite", "0")

    def test_a_key_of_a_partition_without_a_row(self):
        self.assert_said(
            ["docs/architecture.md: key of a partition elsewhere is missing"],
            "lib/mailbox/scripts/ack.lua", "\nlocal ",
            "\nlocal elsewhere = KEYS[1] .. 'elsewhere'\nlocal ")
        self.assert_said(
            ["docs/architecture.md: key of a partition waits is missing"],
            "docs/architecture.md", "| `wp:{p}:waits` |", "| it |")

    def test_a_class_of_limits(self):
        self.assert_said(
            ["tools/devkit/stack.py: LIMITS: the class session is missing"],
            "tools/devkit/stack.py", '"session", ', "")
        self.assert_said(
            ["web-config/waypost.yaml: the preset send=100/200 is missing",
             "web-config/waypost.yaml: the preset send=10/200 is none of ours"],
            "web-config/waypost.yaml", "send=100/200", "send=10/200")
        self.assert_said(
            ["docs/operations.md: the preset of presence is wrong"],
            "docs/operations.md", "| 5 | 20 |", "| 5 | 21 |")

    def test_names_of_the_notification_service(self):
        where = "docs/from-notification-service.md"
        self.assert_said([f"{where}: name WS_PONG_WAIT is missing"], where,
                         "| `WS_PONG_WAIT` | ", "| it | ")
        self.assert_said(
            [f"{where}: REDIS_DB is redis.database here, not redis.address"],
            where, "| `redis.database` |", "| `redis.address` |")
        self.assert_said(
            [f"{where}: REDIS_USE_TLS is redis.database here, not none"],
            "lib/sys/conf_theirs.c", '"REDIS_USE_TLS", NULL',
            '"REDIS_USE_TLS", "redis.database"')
        self.assert_said(
            [f"{where}: REDIS_PASSWORD is none here, not redis.password"],
            "lib/sys/sections/redis.c", '.alias = "REDIS_PASSWORD", ', "")
        self.assert_said(
            [f"{where}: REDIS_PORT is none here, not redis.address"], where,
            "| `REDIS_HOST` |", "| `REDIS_HOST`, `REDIS_PORT` |")

    def test_codes(self):
        self.assert_said(
            ["docs/openapi.yaml (table): code not_ready is missing",
             "docs/openapi.yaml (table): code unready is none of ours"],
            "docs/openapi.yaml", "| `not_ready` |", "| `unready` |")
        self.assert_said(["documents: nobody answers with code odd_type"],
                         "docs/websocket.md", "and `unknown_type`",
                         "and `odd_type`")


if __name__ == "__main__":
    unittest.main()
