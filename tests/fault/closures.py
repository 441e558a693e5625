"""What ends many sessions at once, while everything dies: another password, a
reset, "everywhere else", an account that is disabled or deleted, a back end
that revokes a user, a provider who has logged somebody out.

One person after the other registers, logs in a few times, and then one of
these is done to him, while somebody who knows his password goes on logging in.
What was confirmed holds from then on: who is out stays out, who was not meant
goes on, and only the password that is good lets in. What nobody confirmed is
done or not; of two passwords exactly one is good then, and once the new one
was, the old one is not any more.
"""
import threading
import time

from accounts import JOIN_S, PASSWORD, Accounts, Ended, Leaver, Session
from clients import NETWORK, TOKEN_S, code_of, is_odd
from devkit.user import User
from outside import NAMESPACE
from revoked import Revoked

SESSIONS, INTRUSIONS_MAX = 3, 6
TRIED_AGAIN, REMEMBERED = 3, 60
CHANGED = "another battery staple "


def word_of(answer):
    """What it says, in short: "204", "401 invalid_credentials". Never a code
    that lets somebody in."""
    if answer.status < 400:
        return str(answer.status)
    return f"{answer.status} {code_of(answer)}".strip()


class Person:
    """Somebody with an account, and what is known of it."""

    def __init__(self, name):
        self.name = name
        self.urn = "urn:sm:user:" + name
        self.password = PASSWORD
        self.recovery = None  # a code
        self.sessions = []
        # Did an answer fail to come? Then what was asked may still be done,
        # and at any time.
        self.may_be_late = False


class Outcome:
    """What must be so from now on.

    ended:    sessions that are over
    goes_on:  one that is not; None: nobody's
    right:    a password that lets in; None: none does
    wrong:    passwords that do not
    shuts:    who logged in meanwhile, with the password of before, is out
    is_gone:  nobody ever gets this name again
    is_told:  it was confirmed; else only seen to be done, and access tokens
              may be good until they are over
    """

    def __init__(self, ended, goes_on=None, right=None, wrong=(), shuts=False,
                 is_gone=False, is_told=True):
        self.ended = list(ended)
        self.goes_on = goes_on
        self.right = right
        self.wrong = wrong
        self.shuts = shuts
        self.is_gone = is_gone
        self.is_told = is_told


class Closer(Accounts):
    """Bounded load: one person at a time, and one intruder.

    found: as well ("shut_out", …): what must let in does not; and ("let_in",
    …) for who logs in, or gets what he must not
    """

    def __init__(self, context, number):
        super().__init__(context, f"closer-{number}")
        self.outside = context.outside
        self.took_s = 0.03  # a command, to its end
        self.out = []  # (name, password) that never let in again
        self.untried = []  # of these, when all is quiet

    # ---- life ----

    def live(self):
        while not self.is_to_end():
            person = self.meet()
            if person is not None:
                outcome = self.close(person)
                if outcome is not None:
                    self.check(person, outcome)
            self.try_ended()
            self.try_out(self.random.sample(self.out, min(1, len(self.out))))
            self.pause(0.1)

    def meet(self):
        """Somebody who has logged in a few times; None: not now."""
        self.users += 1
        person = Person(f"{self.prefix}{self.users}")
        told = self.insist(
            person, "register", lambda: self.post(
                "register", username=person.name, password=PASSWORD),
            "201", "409 username_taken")
        if told is not None and told.status == 201:
            person.sessions.append(Session(told.json(), self.now()))
            person.recovery = told.json()["recoveryCode"]
        while told is not None and len(person.sessions) < SESSIONS:
            told = self.insist(person, "login", lambda: self.ask_in(
                person.name, person.password), "200")
            if told is not None:
                person.sessions.append(Session(told.json(), self.now()))
        person.may_be_late = False  # what is late logs in, no more
        return person if told is not None else None

    # ---- asking ----

    def ask_in(self, name, password):
        return self.post("login", username=name, password=password)

    def as_user(self, session, what, **body):
        """Clocks of handlers are set as well: a token may be over at once."""
        answer = self.call(what, self.user_of(session).call, "POST",
                           "/api/auth/" + what, body)
        if answer is not None and word_of(answer) == "401 unauthorized":
            self.refresh_once(session)
        return answer

    def as_back_end(self, what, **body):
        return self.call(what, self.outside.ask, "/api/admin/" + what, body)

    def insist(self, person, what, ask, *known):
        """Ask until the answer is one of these words; None: the run is over,
        or he must not be asked now. Whatever is told late marks him."""
        while not self.is_to_end():
            answer = ask()
            if answer is not None and word_of(answer) in known:
                return answer
            if answer is None or answer.status >= 500:
                person.may_be_late = True
            elif answer.status == 429:
                # Attempts that were cut off count as wrong.
                if code_of(answer) == "too_many_attempts":
                    return None
            elif word_of(answer) != "401 unauthorized":
                self.odd(what, answer)
                return None
            self.pause(self.random.uniform(0.02, 0.3))
        return None

    def lets_in(self, name, password):
        """True, False; None: nobody says."""
        told = self.insist(Person(name), "login",
                           lambda: self.ask_in(name, password), "200",
                           "401 invalid_credentials")
        return None if told is None else told.status == 200

    def tell(self, kind, name, what):
        self.found.append((kind, f"{name}: {what}, at {self.now():.2f}"))

    # ---- closing ----

    def close(self, person):
        """Do one of all to him; what holds then, None: nobody confirmed it.
        Meanwhile somebody goes on logging in."""
        is_over, came = threading.Event(), []

        def go_on():
            while not is_over.is_set() and len(came) < INTRUSIONS_MAX:
                answer = self.ask_in(person.name, PASSWORD)
                if answer is not None and answer.status == 200:
                    came.append(Session(answer.json(), self.now()))
                elif answer is not None and is_odd(answer):
                    return
                self.pause(0.05)
        intruder = threading.Thread(target=go_on, daemon=True)
        intruder.start()
        try:
            outcome = self.random.choice(self.WAYS)(self, person)
        finally:
            is_over.set()
            intruder.join(JOIN_S)
        if outcome is not None and outcome.shuts:
            outcome.ended += came
        return outcome

    def change_password(self, person):
        mine, old = person.sessions[0], person.password
        new = CHANGED + person.name
        told = self.insist(
            person, "password", lambda: self.as_user(
                mine, "password", oldPassword=old, newPassword=new),
            "204", "401 invalid_credentials", "401 token_revoked")
        if told is None or word_of(told) == "401 token_revoked":
            return self.was_ended(person, told)
        if told.status != 204:
            self.refresh(mine)  # it goes on, whether it was done or not
            return self.settle_password(person, person.sessions[1:], old, new,
                                        word_of(told))
        person.password = new
        return Outcome(person.sessions[1:], mine, new, (old,), True)

    def settle_password(self, person, others, old, new, word):
        """It is said that the old one is wrong: the answer that was lost may
        have been a good one. Whom the new one lets in knows that all is done.
        """
        if not person.may_be_late:
            self.tell("shut_out", person.name, f"{word} for what is right")
            return None
        if self.which(person.name, old, new) != new:
            return None
        person.password = new
        return Outcome(others, None, new, (old,), is_told=False)

    def which(self, name, old, new):
        """The one that lets in; None: nobody says. While they are tried the
        new one may become good, and never the old one."""
        for password in (new, old, new):
            is_in = self.lets_in(name, password)
            if is_in is not False:
                return password if is_in else None
        self.tell("shut_out", name, "neither the old nor the new password "
                  "lets in")
        return None

    def leave_others(self, person):
        mine, others = person.sessions[0], person.sessions[1:]
        which = "others" if self.random.random() < 0.5 else [
            session.id for session in others]
        told = self.insist(
            person, "sessions/revoke", lambda: self.as_user(
                mine, "sessions/revoke", sessions=which), "204",
            "401 token_revoked")
        if told is None or told.status != 204:
            return self.was_ended(person, told)
        return Outcome(others, mine, person.password)

    def was_ended(self, person, told):
        """Nobody has ended the session in whose name it was asked."""
        if told is not None:
            self.tell("logged_out", person.name, word_of(told) + " for a "
                      "session that nobody had ended")

    def reset(self, person):
        code, old, new = person.recovery, PASSWORD, CHANGED + person.name
        made = self.now()
        if code is None or self.random.random() < 0.5:
            told = self.insist(person, "reset-code", lambda: self.as_back_end(
                "accounts/reset-code", username=person.name), "201")
            if told is None:
                return None
            code = told.json()["code"]
            person.may_be_late = False  # a code more is nothing
        told = self.insist(
            person, "reset", lambda: self.post(
                "password/reset", username=person.name, code=code,
                newPassword=new), "200", "400 invalid_code")
        if told is None:
            return None
        if told.status != 200:
            # Codes of operators are kept for a time of Redis' clock.
            if not self.context.clock_was_set("redis", made):
                return self.settle_password(person, person.sessions, old, new,
                                            word_of(told))
            return None
        person.password = new
        return Outcome(person.sessions, Session(told.json(), self.now()), new,
                       (old,), True)

    def set_state(self, person, state):
        """As a back end, or at the command line; True when confirmed."""
        command, *sure = {"active": ["enable"], "disabled": ["disable"],
                          "deleted": ["delete", "--yes"]}[state]
        if self.random.random() < 0.6:
            return self.insist(person, command, lambda: self.as_back_end(
                "accounts/state", username=person.name, state=state),
                "204") is not None
        return self.insist_at_the_command_line("account", command,
                                               person.name, *sure)

    def insist_at_the_command_line(self, *words):
        """Until it is done, though some give up in the middle."""
        while not self.is_to_end():
            if self.random.random() < 0.3:
                is_done = self.give_up(*words)
            else:
                began = time.monotonic()
                is_done = self.outside.command(*words)
                self.took_s = time.monotonic() - began
            if is_done:
                return True
            self.pause(0.2)
        return False

    def give_up(self, *words):
        """In the middle, wherever that is."""
        return self.outside.command(
            *words, timeout_s=self.random.uniform(0, self.took_s))

    def disable(self, person):
        if not self.set_state(person, "disabled"):
            return None
        return Outcome(person.sessions, wrong=(person.password,), shuts=True)

    def delete(self, person):
        mine = person.sessions[0]
        if self.random.random() < 0.5:
            told = self.insist(
                person, "account/delete", lambda: self.as_user(
                    mine, "account/delete", password=person.password), "204",
                "401 invalid_credentials", "401 token_revoked")
            if told is None:
                return None
            if told.status != 204:
                return self.was_deleted(person, told)
        elif not self.set_state(person, "deleted"):
            return None
        return Outcome(person.sessions, wrong=(person.password,), shuts=True,
                       is_gone=True)

    def was_deleted(self, person, told):
        """What was lost may have been a good answer; its own token is
        revoked when all have ended."""
        if not person.may_be_late:
            self.tell("shut_out", person.name,
                      f"{word_of(told)} for what is right")
            return None
        return Outcome(
            person.sessions if word_of(told) == "401 token_revoked" else [],
            wrong=(person.password,), is_gone=True, is_told=False)

    def revoke_user(self, person):
        told = self.insist(person, "revoke", lambda: self.as_back_end(
            "revoke", user=person.urn), "204")
        return None if told is None else Outcome(person.sessions,
                                                 right=person.password)

    def revoke_session(self, person):
        """Somebody began it, and another may have to finish it: whose the
        session was is known to nobody then."""
        issuer, one = "waypost", person.sessions[1]
        words = ("session", "revoke", "--issuer", issuer, "--session", one.id)
        for _ in range(self.random.randrange(3)):
            self.give_up(*words)
        if self.random.random() < 0.6:
            is_done = self.insist(person, "revoke", lambda: self.as_back_end(
                "revoke", issuer=issuer, session=one.id), "204") is not None
        else:
            is_done = self.insist_at_the_command_line(*words)
        return Outcome([one], person.sessions[0],
                       person.password) if is_done else None

    WAYS = (change_password, change_password, leave_others, reset, reset,
            disable, disable, delete, revoke_user, revoke_session)

    # ---- what was confirmed ----

    def check(self, person, outcome):
        for session in outcome.ended:
            ended = Ended(session, self.now())
            self.ended.append(ended)
            for _ in range(TRIED_AGAIN):
                if self.try_one(ended):
                    break
        del self.ended[:-REMEMBERED]
        self.out += [(person.name, password) for password in outcome.wrong]
        self.try_out(self.out[-len(outcome.wrong):] if outcome.wrong else [])
        if outcome.goes_on is not None and self.refresh(outcome.goes_on) and \
                not person.may_be_late:
            self.alive.append(outcome.goes_on)
        if outcome.is_gone:
            self.check_gone(person)
        elif outcome.right is None:
            self.enable(person)
        else:
            self.check_right(person)

    def check_right(self, person):
        if self.lets_in(person.name, person.password) is False:
            self.tell("shut_out", person.name, "the right password does not "
                      "let in")

    def enable(self, person):
        """Half of the disabled stay so."""
        if self.random.random() < 0.5:
            return
        self.out.remove((person.name, person.password))
        late = person.may_be_late  # what disables him may come once more
        if self.set_state(person, "active") and not late:
            self.check_right(person)

    def check_gone(self, person):
        told = self.insist(
            person, "register", lambda: self.post(
                "register", username=person.name, password=PASSWORD),
            "409 username_taken", "201")
        if told is not None and told.status == 201:
            self.tell("let_in", person.name, "the name is given out again")
        told = self.insist(person, "enable", lambda: self.as_back_end(
            "accounts/state", username=person.name, state="active"),
            "404 no_account", "204")
        if told is not None and told.status == 204:
            self.tell("let_in", person.name, "a deleted account is enabled")

    def try_out(self, pairs):
        """True: everybody was answered."""
        are_told = True
        for name, password in pairs:
            is_in = self.lets_in(name, password)
            are_told = are_told and is_in is not None
            if is_in:
                self.tell("let_in", name, "logs in with what is good no "
                          "longer")
        return are_told

    # ---- when all is quiet ----

    def ask_all(self):
        super().ask_all()
        # Nobody's password is tried so often that he must not be asked.
        self.untried = self.random.sample(self.out, min(5, len(self.out)))

    def holds(self):
        return super().holds() and self.hold_out()

    def hold_out(self):
        # stop() was called, so insist() says nothing: one attempt each.
        while self.untried:
            name, password = self.untried[-1]
            answer = self.ask_in(name, password)
            if answer is None or answer.status >= 500:
                return False
            self.untried.pop()
            if answer.status == 200:
                self.tell("let_in", name, "logs in with what is good no "
                          "longer")
        return True


class ClosedOut(Leaver):
    """Whose access token is tried again when one of all this has ended its
    session, and whose connection must end."""

    def __init__(self, context, slowness, poke_bound_s):
        super().__init__(context, slowness, poke_bound_s, "s-closed-out",
                         Closer(context, "out"))
        self.account.must_stop = self.must_stop
        self.person = None

    def begin(self):
        self.person = self.account.meet()
        if self.person is None:
            return None, None
        session = self.person.sessions[1]
        return self.account.user_of(session), session

    def revoke(self, session):
        outcome = self.account.close(self.person)
        found, self.account.found = self.account.found, []
        self.found += [f"{kind}: {text}" for kind, text in found]
        return (outcome is not None and outcome.is_told and
                session in outcome.ended)


class LoggedOut(Revoked):
    """Whom a provider has logged out."""

    def __init__(self, context, slowness, poke_bound_s):
        super().__init__(context, slowness, poke_bound_s, "s-logged-out")
        self.outside = context.outside

    def begin(self):
        session = f"{self.context.seed}-{self.number}"
        urn = f"urn:{NAMESPACE}:user:x-logged-out"
        return User(self.context.stack, urn, self.outside.provider.token(
            "x-logged-out", session, TOKEN_S)), session

    def revoke(self, session):
        """A token of a provider is told too late to a handler whose clock is
        set, so it is told again."""
        while not self.is_to_end():
            try:
                answer = self.outside.log_out(session)
            except (*NETWORK, ValueError):
                answer = None
            word = "none" if answer is None else word_of(answer)
            self.context.count("backchannel-logout", word)
            if word == "200":
                return True
            if answer is not None and is_odd(answer) and \
                    word != "400 invalid_token":
                self.odd("backchannel-logout", answer)
                return False
            self.pause(0.3)
        return False
