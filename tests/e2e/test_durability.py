"""What 202 meant is told as it is now; a replica is nobody to write to."""
from harness import E2eTest, end_stack, new_stack, wait_for

ROUNDS = 20  # more than one thread answers


class Durability(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"handlers": {"processes": 2, "threads": 4}})

    @classmethod
    def tearDownClass(cls):
        complaints = end_stack(cls.stack)
        assert not complaints, complaints

    def redis(self, *words):
        with self.stack.redis() as redis:
            return redis(*words)

    def send(self):
        return self.user().send(self.user())

    def test_header_follows_the_settings_of_redis(self):
        for setting, bad, good in (("appendfsync", "everysec", "always"),
                                   ("appendfsync", "no", "always"),
                                   ("appendonly", "no", "yes")):
            self.addCleanup(self.redis, "CONFIG", "SET", setting, good)
            for value, told in ((bad, "memory"), (good, "fsync")):
                self.redis("CONFIG", "SET", setting, value)

                def are_told():
                    answers = [self.send() for _ in range(ROUNDS)]
                    for answer in answers:
                        self.assert_accepted(answer)
                    return all(answer.header("X-Durability") == told
                               for answer in answers)
                wait_for(are_told, f"{setting} {value} is told as {told}")

    def test_demoted_master_is_left_and_found_again(self):
        self.assert_accepted(self.send())
        self.addCleanup(self.redis, "REPLICAOF", "NO", "ONE")
        self.redis("REPLICAOF", "127.0.0.1", "1")

        def are_refused():
            return all(self.send().status == 503 for _ in range(ROUNDS))
        wait_for(are_refused, "sends are refused")

        self.redis("REPLICAOF", "NO", "ONE")

        def are_accepted():
            return all(self.send().status == 202 for _ in range(ROUNDS))
        wait_for(are_accepted, "sends are accepted")
