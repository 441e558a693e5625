"""A real Firefox, told by Web Push: it subscribes as docs/push.md has it, and
its service worker reads what waypost-notifier has encrypted for it."""
import json
import unittest

import browser
from devkit.provider import make_certificate, why_not
from harness import E2eTest, scratch, wait_for
from pushed import HOST, make_names, new_live_stack

# It starts a whole browser.
BROWSER_S = 90


class Browser(E2eTest):
    @classmethod
    def make_stack(cls):
        reason = why_not() or browser.why_not()
        if reason:
            raise unittest.SkipTest(reason)
        certificate, key = make_certificate(scratch(), "autopush",
                                            "DNS:" + HOST)
        cls.service = browser.PushService(certificate, key, HOST)
        cls.addClassCleanup(cls.service.stop)
        names = make_names()
        names.lead(HOST, "127.0.0.1")
        return new_live_stack(
            names, certificate, [cls.service.said["provider"]],
            {"allow_networks": ["127.0.0.1"]},
            config={"cors": {"allowed_origins": [cls.service.pages]}})

    def test_it_reads_what_it_is_told(self):
        bob = self.user("bob")
        firefox = browser.Firefox(scratch(), self.service.pages,
                                  self.service.said["browser"])
        self.addCleanup(firefox.stop)
        firefox.open(f"{self.service.pages}/app.html?server=http://127.0.0.1:"
                     f"{self.stack.port}&token={bob.token}")
        device = self.told_by_page(1)[0]["device"]
        self.assertEqual((device["kind"], device["state"]),
                         ("webpush", "active"))
        self.assert_accepted(self.user("ann").send(bob, b"sealed"))
        push = json.loads(self.told_by_page(2)[1]["read"])
        self.assertEqual((push["type"], push["waiting"]), ("mail", 1))
        wait_for(lambda: self.service.happened()["acked"] == 1,
                 "the browser acks")
        [sent] = self.service.happened()["sent"]
        self.assertEqual(sent["topic"], device["id"])
        self.assertEqual(sent["urgency"], "high")
        self.assertNotIn(bob.name, json.dumps([push, sent]))

    def told_by_page(self, n):
        wait_for(lambda: len(self.service.happened()["page"]) >= n,
                 lambda: f"{n} from the page: {self.service.happened()}",
                 BROWSER_S)
        page = self.service.happened()["page"]
        self.assertEqual([one for one in page if "error" in one], [])
        return page
