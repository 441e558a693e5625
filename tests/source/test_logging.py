"""Each line of the log is told; and one that is not, or no more, is found."""
import os
import tempfile
import unittest

from checking import checker

check = checker("check-logging.py")

KEYS = """| key | meaning |
| --- | --- |
| `time`, `level`, `service`, `component`, `peer`, `msg`, `truncated` | |
| `lines` | |
| `error` | |

"""
MESSAGES = """| message | level | keys | meaning |
| --- | --- | --- | --- |
| `lines were dropped, for nobody read them` | warn | `lines` | |
"""
LOST = "| `redis lost` | warn | `error` | |\n"


class ThisTree(unittest.TestCase):
    def test_every_line_is_told(self):
        self.assertEqual(check(), (0, ""))


class PlantedFaults(unittest.TestCase):
    def check(self, code, document, **other):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {"worker/a.c": code,
                               "docs/logging.md": document, **other}.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            return check("--root", root)

    def assert_fine(self, code, **other):
        self.assertEqual(self.check(code, KEYS + MESSAGES + LOST, **other),
                         (0, ""))

    def assert_said(self, words, code, document=KEYS + MESSAGES + LOST):
        status, said = self.check(code, document)
        self.assertEqual((status, len(said.splitlines())), (1, 1), said)
        self.assertIn(words, said)

    @staticmethod
    def say(event='"redis lost"', level="WP_LOG_WARN",
            fields='wp_str("error", err->msg)'):
        return ("static void f(const char *given, bool is_on)\n{\n"
                '\tconst char *mine = is_on ? "redis "\n\t\t"lost" : NULL;\n'
                f"\twp_log(&w->log, {level},\n\t       {event}, {fields});\n"
                "}\n")

    def test_wherever_its_text_comes_from(self):
        caller = ('\nstatic void g(void)\n{\n\tf("redis lost", true);\n'
                  '\tf(kind == A ? "redis lost" : "redis lost", a(1, 2));\n}\n')
        self.assert_fine(self.say())
        self.assert_fine(self.say('"redis "\n\t"lost"'))
        self.assert_fine(self.say('is_on ? "redis lost" : "redis lost"'))
        self.assert_fine(self.say("given") + caller)
        self.assert_fine(self.say("say_why(a)") +
                         'const char *say_why(int a)\n{\n'
                         '\treturn a > 1 ? "redis lost" : "redis lost";\n}\n')
        self.assert_fine(self.say("given") + "hooks = { .on_it = f };\n",
                         **{"lib/a.c": "void h(void)\n{\n"
                                       '\tit->on_it("redis lost", 1);\n}\n'})
        self.assert_fine(self.say('"redis " STATE'),
                         **{"lib/a.h": '#define STATE "lost"\n'})

    def test_a_text_that_comes_from_nowhere(self):
        for event in ("given", "mine", "other", "say_why(a)", '"a" STATE'):
            code = self.say(event)
            if event == "mine":
                code = code.replace('"redis "\n\t\t"lost"', "other")
            self.assert_said("worker/a.c:5: nobody can tell what it says" if
                             event != "mine" else "nobody can tell", code,
                             KEYS.replace("| `error` | |\n", "") + MESSAGES)

    def test_what_nobody_says(self):
        self.assert_said("`redis lost` is said by nobody", "",
                         KEYS.replace("| `error` | |\n", "") + MESSAGES + LOST)
        self.assert_said("`redis lost` is said by nobody",
                         "/* wp_log(NULL, WP_LOG_WARN, \"redis lost\"); */\n",
                         KEYS.replace("| `error` | |\n", "") + MESSAGES + LOST)

    def test_what_nobody_tells_of(self):
        self.assert_said("`redis lost` is missing", self.say(),
                         KEYS + MESSAGES)

    def test_what_is_told_twice(self):
        self.assert_said("`redis lost` is there twice", self.say(),
                         KEYS + MESSAGES + LOST + LOST)
        self.assert_said("the key `lines` is there twice", self.say(),
                         KEYS.replace("`lines`", "`lines`, `lines`") +
                         MESSAGES + LOST)

    def test_another_level(self):
        self.assert_said("`redis lost` is of error",
                         self.say(level="WP_LOG_ERROR"))
        self.assert_said("`redis lost` is of info, warn",
                         self.say(level="is_on ? WP_LOG_WARN : WP_LOG_INFO"))

    def test_one_question_decides_on_both(self):
        code = self.say('is_on ? "redis lost" : "it is there"',
                        "is_on ? WP_LOG_WARN : WP_LOG_INFO")
        self.assertEqual(
            self.check(code, KEYS + MESSAGES + LOST +
                       "| `it is there` | info | `error` | |\n"), (0, ""))

    def test_another_key(self):
        self.assert_said("`redis lost` has the keys (none)",
                         self.say(fields="x"),
                         KEYS.replace("| `error` | |\n", "") + MESSAGES + LOST)
        self.assert_said("the key `port` is missing",
                         self.say(fields='wp_int("port", 1)'),
                         KEYS.replace("| `error` | |\n", "") + MESSAGES +
                         LOST.replace("error", "port"))
        self.assert_said("no line has the key `port`", self.say(),
                         KEYS.replace("`lines`", "`lines`, `port`") +
                         MESSAGES + LOST)

    def test_keys_of_an_array(self):
        self.assert_fine("static void f(void)\n{\n"
                         '\tfields[n++] = wp_str("error", text);\n'
                         '\twp_log_add(log, WP_LOG_WARN, "redis lost", '
                         "fields);\n}\n")


if __name__ == "__main__":
    unittest.main()
