#!/usr/bin/python3
"""Plant bugs, and see whether the fault test finds them.

usage: tests/fault/mutate.py [--list] [--build DIR] [--web W] [--jobs N]
                             [--into DIR] [NAME…]

Each mutation is a small edit of the product in a temporary copy of the tree,
built there (objects that already exist are copied, so a build takes seconds)
and handed to main.py, which must fail and name a violation of the expected
kind. The checkout itself is never touched, so no bug can be shipped. Exit
status: 0 all were found, 1 one was missed, 2 an edit does not fit the source
any more.

--into DIR: only build one of them there, to try it by hand (make BUG=NAME bug)
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from devkit.provider import why_not  # noqa: E402

PARTS = ("Makefile", "lib", "handlers", "worker", "ws-daemon", "keys",
         "notifier",
         "tools", "web-config", "bench", "tests/fault", "tests/push")
SCRIPTS = "lib/mailbox/scripts/"
RUN_TIMEOUT_S = 420

_hunts = set()  # runs of main.py that are under way


class Mutation:
    """One bug.

    edits:    (file, old text, new text), each old text occurring once
    expected: kinds of violations, one of which must be reported
    faults:   for --only; "" for all of them
    is_seen_by_provider: nobody else sees it, see providing.py
    """

    def __init__(self, name, what, edits, expected, faults="", seconds=30,
                 seeds=(1, 2, 3), is_seen_by_provider=False):
        self.name = name
        self.what = what
        self.edits = edits
        self.expected = expected
        self.faults = faults
        self.seconds = seconds
        self.seeds = seeds
        self.is_seen_by_provider = is_seen_by_provider


MUTATIONS = (
    Mutation(
        "lose", "routing drops one message in forty",
        [(SCRIPTS + "route.lua",
          "  local user = user_of(f.u)\n",
          "  if tonumber(id:match('^%d+')) % 40 == 7 then\n"
          "    return 'dropped'\n  end\n"
          "  local user = user_of(f.u)\n")],
        {"lost"}, "cold-locked"),
    Mutation(
        "inline-held", "a page that could not be read is not tried again",
        [("lib/live/consumer.c",
          "\tconsumer->retry_at = now_of(consumer->all) + "
          "wp_turn_ticks(wait_ms);\n",
          "\t(void)wait_ms;\n")],
        {"missed_poke"}, "redis-cut"),
    Mutation(
        "inline-early", "an ack counts when it is asked for",
        [("ws-daemon/frames_in.c",
          "\tcall->ack.live = &conn->parts->live;\n"
          "\tcall->ack.done = on_acked;\n"
          "\tkeep_asker(&call->asker, conn, frame);\n",
          "\tcall->ack.live = &conn->parts->live;\n"
          "\tcall->ack.done = on_acked;\n"
          "\tkeep_asker(&call->asker, conn, frame);\n"
          "\tif (conn->consumer != NULL &&\n"
          "\t    wp_ack_ids_read(&call->ack.ids, frame->text.data,\n"
          "\t\t\t    frame->text.len,\n"
          "\t\t\t    conn->member.user->partition, &err) == WP_OK) {\n"
          "\t\twp_consumer_acked(conn->consumer, &call->ack.ids);\n"
          "\t\twp_ack_ids_release(&call->ack.ids);\n\t}\n")],
        {"reordered"}, "cold-locked"),
    Mutation(
        "land-refused", "what the store refused leaves ingress as well",
        [("worker/landing.c", "\t\t\tif (a->err.code == WP_OK) {\n",
          "\t\t\tif (a->err.code != WP_ERR_CONFLICT) {\n")],
        {"lost", "vanished"}, "cold-death"),
    Mutation(
        "believe-clock", "what has expired by a wrong clock is deleted",
        [("worker/sweep.c", "\ts->now_ms = now_ms;\n",
          "\ts->now_ms = now_ms > 0 ? look->wall_ms : now_ms;\n")],
        {"expired_early"}, "clock-death"),
    Mutation(
        "let-in", "handlers judge tokens by what they read when they started",
        [("handlers/request/revoked.c",
          "\treturn wp_revoke_is_fresh(&revocations->reader,\n",
          "\treturn revocations->reader.has_read ||\n"
          "\t       wp_revoke_is_fresh(&revocations->reader,\n")],
        {"revoked", "stuck"}, "cold-locked"),
    Mutation(
        "end-backwards", "a logout ends in Redis first, and in the store then",
        [("handlers/accounts/handle_auth_logout.c",
          "\tif (result != WP_OK && result != WP_ERR_NOTFOUND)\n"
          "\t\treturn fail(call);\n"
          "\tif (result == WP_ERR_NOTFOUND &&\n"
          "\t    !wp_limit_session(call, WP_LIMIT_REFRESH,\n"
          "\t\t\t      logout->in.session.partition,\n"
          "\t\t\t      logout->in.session.id))\n"
          "\t\treturn true;\n\treturn wp_sessions_end(\n",
          "\t(void)logout;\n"
          "\treturn result != WP_OK && result != WP_ERR_NOTFOUND\n"
          "\t\t       ? fail(call)\n\t\t       : on_ended(call, true);\n"
          "}\n\nstatic bool then_the_row(struct wp_call *call, bool is_done)\n"
          "{\n\tstruct logout *logout = call->state;\n\n"
          "\treturn !is_done ? fail(call)\n"
          "\t\t\t: wp_session_desk(call, &logout->in.session,\n"
          "\t\t\t\t\t  remove_row, on_removed);\n"
          "}\n\nstatic bool first_redis(struct wp_call *call)\n{\n"
          "\tstruct logout *logout = call->state;\n\n"
          "\treturn wp_sessions_end(\n"),
         ("handlers/accounts/handle_auth_logout.c", "\t\ton_ended);\n",
          "\t\tthen_the_row);\n"),
         ("handlers/accounts/handle_auth_logout.c",
          "\treturn wp_session_desk(call, &logout->in.session, remove_row,\n"
          "\t\t\t       on_removed);\n", "\treturn first_redis(call);\n")],
        {"let_in"}, "accounts-locked"),
    Mutation(
        "forget-tokens", "a session ends, and its access tokens do not",
        [("handlers/accounts/session.c",
          "\t\tkeep_as_long_as_they_live(call, lives_s);\n"
          "\t\tis_over = revoke(call);\n",
          "\t\tkeep_as_long_as_they_live(call, lives_s);\n"
          "\t\tis_over = end_over(call, true);\n")],
        {"revoked"}, "cold-locked"),
    # What may be forgotten goes with the next call here, and not an hour later,
    # which no run lasts. With the mend in place nothing that counts goes.
    Mutation(
        "end-by-redis", "only Redis' clock says how long an end is remembered",
        [(SCRIPTS + "revoke.lua",
          "local late_s = math.max(tonumber(now_s), caller_s)\n",
          "local late_s = tonumber(now_s)\n"),
         (SCRIPTS + "revoke.lua",
          "  string.format('%d', now_ms - 3600000), 'COUNT', 32)\n",
          "  '+', 'COUNT', 32)\n")],
        {"revoked"}, "clock-step:redis"),
    Mutation(
        "forget-others", "another password ends the rows of sessions only",
        [("handlers/accounts/handle_auth_password.c",
          "\treturn result == WP_OK ? wp_account_call_end(call, done)\n",
          "\treturn result == WP_OK ? done(call)\n")],
        {"let_in"}, "cold-locked"),
    # In these two the moment that matters is held open as well: it is too short
    # to be met by chance. With the mends in place that changes nothing.
    Mutation(
        "keep-leftovers",
        "a login leaves alone what an end has left that was cut off",
        [("handlers/accounts/session_begin.c",
          "\tif (about->known.n == 0)\n\t\treturn;\n",
          "\tabout->known.n = 0;\n"),
         ("lib/accounts/sqlite_accounts.c",
          "\treturn wp_rows_finish(accounts, rc, &change->ended, err);\n",
          "\trc = wp_rows_finish(accounts, rc, &change->ended, err);\n"
          "\t(void)sqlite3_sleep(1500);\n\treturn rc;\n")],
        {"let_in"}, "kill-child", 60),
    Mutation(
        "claim-blindly",
        "a login whose claim was lost makes a new one, and looks at no row",
        [("handlers/accounts/session_begin.c",
          "\treturn wp_accounts_session_find(accounts, about->row.sid, &row, "
          "NULL,\n\t\t\t\t\terr);\n",
          "\t(void)accounts;\n\t(void)about;\n\t(void)row;\n\t(void)err;\n"
          "\treturn WP_OK;\n"),
         ("lib/accounts/sqlite_sessions.c",
          "\treturn wp_rows_finish(accounts, rc, &add->ended, err);\n",
          "\trc = wp_rows_finish(accounts, rc, &add->ended, err);\n"
          "\t(void)sqlite3_sleep(500);\n\treturn rc;\n")],
        {"let_in"}, "cold-locked"),
    Mutation(
        "end-oneself", "who changes his password loses his own row as well",
        [("handlers/accounts/handle_auth_password.c",
          "\t\tchange.keep_sid = call->caller.own.sid;\n",
          "\t\tchange.keep_sid = NULL;\n")],
        {"logged_out"}, "cold-locked"),
    Mutation(
        "keep-password", "a new password is accepted, and not kept",
        [("lib/accounts/sqlite_rows.c",
          '"UPDATE account SET m = ?4, t = ?5, salt = ?6, tag = ?7, "\n'
          '\t\t"recovery',
          '"UPDATE account SET m = max(m, 0 * ?4), t = max(t, 0 * ?5), "\n'
          '\t\t"salt = coalesce(salt, ?6), tag = coalesce(tag, ?7), "\n'
          '\t\t"recovery')],
        {"let_in", "shut_out"}, "cold-locked"),
    Mutation(
        "let-disabled-in", "who is disabled logs in",
        [("handlers/accounts/attempt.c",
          "\t\tabout->is_right && about->account.state == "
          "WP_ACCOUNT_ACTIVE;\n", "\t\tabout->is_right;\n"),
         ("lib/accounts/sqlite_rows.c",
          '"WHERE name = ?2 AND state = 0 AND changed_s = ?7 "',
          '"WHERE name = ?2 AND changed_s = ?7 "')],
        {"let_in"}, "cold-locked"),
    Mutation(
        "give-name-again", "the name of a deleted account is to be had",
        [("lib/accounts/sqlite_rows.c",
          '"VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?9) "\n'
          '\t\t"ON CONFLICT DO NOTHING"',
          '"VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?9) "\n'
          '\t\t"ON CONFLICT (name) DO UPDATE SET state = 0, m = ?4, "\n'
          '\t\t"t = ?5, salt = ?6, tag = ?7 WHERE state = 2"')],
        {"let_in"}, "cold-locked"),
    Mutation(
        "revoke-tokens-only", "a back end revokes a user, and sessions go on",
        [("handlers/accounts/handle_admin_revoke.c",
          "\tif (is_own_user(call, revoking)) {\n",
          "\tif (is_own_user(call, revoking) && revoking->set.n > 0) {\n")],
        {"let_in"}, "cold-locked"),
    Mutation(
        "deaf-to-providers", "a provider's logout is answered, and not done",
        [("handlers/accounts/handle_auth_backchannel_logout.c",
          "\tif (rc == WP_OK)\n"
          "\t\treturn wp_call_revoke(call, &logout->order);\n",
          "\tif (rc == WP_OK) {\n\t\t(void)logout;\n"
          "\t\twp_resp_empty(&call->resp, 200);\n"
          "\t\treturn true;\n\t}\n")],
        {"revoked", "stuck"}, "cold-locked"),
    Mutation(
        "log-out-the-deaf", "who did not hear may come back for a minute only",
        [(SCRIPTS + "session_refresh.lua", "  if not is_used then\n",
          "  if not is_used and age_ms <= grace_ms then\n")],
        {"logged_out"}, "cold-locked"),
    Mutation(
        "reorder", "some messages show up two seconds later than others",
        [("lib/mailbox/hot_walk.c",
          "\tplace->has_after = true;\n\tif (expires_ms <= walk->now_ms) {",
          "\tplace->has_after = true;\n"
          "\tif (place->after.ms % 9 == 4 &&\n"
          "\t    walk->now_ms - (int64_t)place->after.ms < 2000)\n"
          "\t\treturn WP_OK;\n"
          "\tif (expires_ms <= walk->now_ms) {")],
        {"reordered"}, "cold-locked"),
    Mutation(
        "misroute", "one message in thirty goes to whoever had the one before",
        [(SCRIPTS + "route.lua",
          "  local hot = prefix .. (f.is_high and 'hot!:' or 'hot:') .. f.u\n",
          "  local last = redis.call('GET', prefix .. 'rate:last')\n"
          "  redis.call('SET', prefix .. 'rate:last', f.u)\n"
          "  if last and tonumber(id:match('^%d+')) % 30 == 7 then\n"
          "    f.u = last\n  end\n"
          "  local hot = prefix .. (f.is_high and 'hot!:' or 'hot:') .. f.u\n"
          )],
        {"misrouted"}, "cold-locked"),
    Mutation(
        "forget-ack", "an ack leaves one message in twenty in the hot queue",
        [(SCRIPTS + "ack.lua",
          "n == hot_n and n > 0 and are_all(), n\n", "false, 0\n"),
         (SCRIPTS + "ack.lua",
          "      left = left - redis.call('XDEL', key,\n"
          "        unpack(ARGV, i, math.min(i + CHUNK - 1, last)))\n",
          "      for j = i, math.min(i + CHUNK - 1, last) do\n"
          "        if tonumber(ARGV[j]:match('^%d+')) % 20 ~= 7 then\n"
          "          left = left - redis.call('XDEL', key, ARGV[j])\n"
          "        end\n      end\n")],
        {"resurrected"}, "cold-locked"),
    Mutation(
        "forget-cold-ack", "an ack leaves every second row in the cold store",
        [("lib/store/sqlite.c",
          "\t\tif (id->partition == ack->box->partition)\n",
          "\t\tif (id->partition == ack->box->partition && i % 2 == 1)\n")],
        {"resurrected"}, "cold-locked"),
    Mutation(
        "forget-poke", "one poke in three is neither sent nor remembered",
        [(SCRIPTS + "route.lua",
          "    for _, inc in ipairs(user.online) do\n",
          "    for _, inc in ipairs(now_ms % 3 == 0 and {} or user.online) "
          "do\n")],
        {"missed_poke"}, "cold-locked"),
    Mutation(
        "forget-connect-poke", "connect does not see what waits",
        [(SCRIPTS + "connect.lua",
          "  return pending, since\n", "  return 0, since\n")],
        {"missed_poke"}, "kill:websocket"),
    Mutation(
        "forget-key", "idempotency keys are not remembered",
        [(SCRIPTS + "send.lua",
          "    redis.call('HSET', bucket, key:sub(1, FIELD_BYTES),\n"
          "      key:sub(FIELD_BYTES + 1) .. id)\n", "")],
        {"duplicated"}, "stop-long:redis,redis-cut"),
    Mutation(
        "forget-hint", "cold rows without a hint",
        [(SCRIPTS + "prepare.lua",
          "redis.call('HSET', cold, urn,\n"
          "  cold_hinted(redis.call('HGET', cold, urn), token, last_ms))\n",
          "")],
        {"vanished", "lost", "repaired"}, "cold-locked"),
    Mutation(
        "forget-mark", "users who are away are not marked for migration",
        [(SCRIPTS + "route.lua",
          "    list_for(p, 'marks', now_text)\n"
          "    list_for(p, 'marks', user.urn)\n",
          "")],
        {"stranded", "repaired"}, "cold-locked"),
    Mutation(
        "trim-early", "a migration that failed is taken for done",
        [("lib/mailbox/migrate.c",
          "\trc = wp_store_append(turn->ctx->store, appends, n, err);\n",
          "\trc = wp_store_append(turn->ctx->store, appends, n, err);\n"
          "\tif (rc == WP_ERR_UNAVAIL)\n\t\trc = WP_OK;\n")],
        {"vanished", "lost"}, "cold-locked"),
    Mutation(
        "leave-online", "a clean goodbye leaves the user online",
        [(SCRIPTS + "disconnect.lua",
          "redis.call('HDEL', online, conn)\n", "")],
        {"left_over", "stranded"}, "cold-locked"),
    Mutation(
        "leave-all", "who hangs up is offline, with other connections as well",
        [(SCRIPTS + "disconnect.lua",
          "redis.call('HDEL', online, conn)\n",
          "redis.call('DEL', online)\n")],
        {"absent", "missed_poke", "stranded"}, "succeed"),
    Mutation(
        "give-way", "a successor that has ended is taken for one that serves",
        [("lib/sys/heir.c", "\tif (n == 1) {\n", "\tif (n >= 0) {\n")],
        {"crash"}, "succeed-bad"),
    Mutation(
        "keep-name", "a successor does not know the name of its socket",
        [("lib/sys/listen.c",
          "\tmemcpy(out.path, address->path, sizeof(out.path));\n",
          "\t(void)address;\n")],
        {"left_over"}, "succeed"),
    Mutation(
        "stay-few", "a process that has died is not started again",
        [("lib/procs/procs.c",
          "\tslot->start_at_ms = now_ms + wp_backoff_next_ms(&slot->backoff);"
          "\n\twp_metric_add(",
          "\tslot->start_at_ms = UINT64_MAX;\n\t(void)now_ms;\n"
          "\twp_metric_add(")],
        {"not_ready"}, "kill-child:websocket-1"),
    Mutation(
        "deaf", "the worker does not subscribe again to its doorbell",
        [("worker/hot_thread.c",
          "\tif (wp_redis_fd(hot->bell) != -1 ||\n"
          "\t    wp_redis_connect(hot->bell, NULL) != WP_OK)\n\t\treturn;\n",
          "\tif (hot->epoch > 1)\n\t\treturn;\n")],
        {"deaf"}, "redis-cut,redis-cut-pubsub"),
    Mutation(
        "trust-clock", "a mark waits for a time that the clock went back from",
        [(SCRIPTS + "migrate_due.lua",
          "for _, urn in ipairs(ahead) do",
          "for _, urn in ipairs({}) do")],
        {"stranded"}, "clock-step:redis"),
    Mutation(
        "ask-for-some", "of one message in three nobody is asked to tell",
        [(SCRIPTS + "parts/notify.lua",
          "        (not known[i] or is_above(one.about, known[i])) then\n",
          "        (not known[i] or is_above(one.about, known[i])) and\n"
          "        tonumber(one.about:match('^%d+')) % 3 ~= 1 then\n")],
        {"untold"}, "cold-locked"),
    Mutation(
        "forget-bus", "of who has a device the bus is not told",
        [("notifier/lookup.c",
          "\tif (how->has_bus)\n",
          "\tif (how->has_bus && finding->lookup->n == 0)\n")],
        {"untold"}, "cold-locked", is_seen_by_provider=True),
    Mutation(
        "never-answer", "a notifier tells, and leaves its claims to lapse",
        [("notifier/errand.c",
          "\tif (wp_judged_do(errand->all->setup.redis, &cmd, on_done, errand) "
          "==\n\t    WP_OK)\n\t\terrand->asking++;\n",
          "\t(void)on_done;\n")],
        {"twice"}, "cold-locked"),
    # An audit, which comes round within a second here, would take away the
    # entry before anybody looks at it.
    Mutation(
        "tell-anyway", "who has acked it all is told of it",
        [(SCRIPTS + "push_take.lua", "  if box.waiting > 0 then\n",
          "  if box.waiting >= 0 then\n"),
         (SCRIPTS + "audit.lua",
          "ipairs(redis.call('ZRANDMEMBER', pushdue, chunk)) do",
          "ipairs({}) do")],
        {"told_in_vain"}, "cold-locked"),
    Mutation(
        "no-ladder", "who was told is told of what comes next at once",
        [("notifier/plan/ladder.c",
          "gaps[] = { 0, 30 * S, 2 * MIN, 10 * MIN, 30 * MIN, HOUR };",
          "gaps[] = { 0, 0, 0, 0, 0, 0 };")],
        {"stormed"}, "cold-locked"),
    Mutation(
        "short-claim", "somebody who is being told may be told by others",
        [(SCRIPTS + "push_take.lua",
          "string.format('%d', now_ms + claim_ms), box.urn)",
          "string.format('%d', now_ms + 100), box.urn)")],
        {"twice"}, "provider-slow", is_seen_by_provider=True),
    Mutation(
        "tell-more", "a push names the device that it is for",
        [("notifier/provider/kind_web.c",
          "\twp_kind_member(out, \"id\", push->push_id);\n",
          "\twp_kind_member(out, \"id\", push->push_id);\n"
          "\twp_kind_member(out, \"device\", push->token_id);\n")],
        {"leaked"}, "cold-locked", is_seen_by_provider=True),
    Mutation(
        "no-file", "202 although Redis keeps nothing on disk",
        [("tools/devkit/stack.py", '"appendonly yes"', '"appendonly no"')],
        {"lost", "vanished", "resurrected"}, "kill:redis"),
    Mutation(
        "skip-fencing", "a migrator does not compare the mailbox' version",
        [("lib/store/sqlite.c",
          '"WHERE urn = ?1 AND ver = ?2 "',
          '"WHERE urn = ?1 AND ver >= ?2 "')],
        {"resurrected"}, "cold-locked", seconds=60),
)


def copy_tree(target, build):
    for part in PARTS:
        source = os.path.join(ROOT, part)
        copy = os.path.join(target, part)
        if os.path.isdir(source):
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns(
                "__pycache__"))
        else:
            shutil.copy2(source, copy)
    if os.path.isdir(build):
        shutil.copytree(build, os.path.join(target, "build", "release"),
                        ignore=shutil.ignore_patterns("tests"))


def apply(mutation, target):
    """Edit the copy; a sentence when an edit does not fit, else None."""
    for name, old, new in mutation.edits:
        path = os.path.join(target, name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if text.count(old) != 1:
            return f"{name}: found {text.count(old)} times: {old.strip()!r}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
    return None


def build(target):
    """Make the programs; the output when that failed, else None."""
    done = subprocess.run(
        ["make", "-s", "-j2", "all",
         "build/release/tests/fault/stepped_clock.so",
         "build/release/tests/push/hosts.so"],
        cwd=target, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stdout + done.stderr


def hunt(mutation, target, web, seed):
    """(kinds of violations reported, all output) of one run."""
    command = [sys.executable, os.path.join(target, "tests/fault/main.py"),
               "--seed", str(seed), "--seconds", str(mutation.seconds),
               "--rounds", "1", "--web", web, "--patience", "12"]
    if mutation.faults:
        command += ["--only", mutation.faults]
    run = subprocess.Popen(command, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    _hunts.add(run)
    try:
        output, _ = run.communicate(timeout=RUN_TIMEOUT_S)
    except BaseException:
        run.terminate()  # it ends its own programs
        run.wait()
        raise
    finally:
        _hunts.discard(run)
    return set(re.findall(r"^VIOLATION \(.*?\) (\w+):", output, re.M)), output


def plant(mutation, target, options):
    """A tree with this bug, built; whether that went well."""
    copy_tree(target, options.build)
    trouble = apply(mutation, target) or build(target)
    if trouble:
        print(f"STALE {mutation.name}: {trouble}", flush=True)
    return not trouble


def judge(mutation, options):
    """True when it was found; tells how. None when it cannot be planted."""
    target = tempfile.mkdtemp(prefix="wpm")
    began = time.monotonic()
    try:
        if not plant(mutation, target, options):
            return None
        kinds = set()
        for seed in mutation.seeds:
            kinds, output = hunt(mutation, target, options.web, seed)
            if kinds & mutation.expected:
                print(f"ok    {mutation.name}: {', '.join(sorted(kinds))} "
                      f"(seed {seed}, {time.monotonic() - began:.0f} s)",
                      flush=True)
                return True
        print(f"MISSED {mutation.name}: {mutation.what}; expected "
              f"{', '.join(sorted(mutation.expected))}, got "
              f"{', '.join(sorted(kinds)) or 'nothing'}\n{output[-3000:]}",
              flush=True)
        return False
    finally:
        shutil.rmtree(target, ignore_errors=True)


def judge_all(mutations, options):
    with ThreadPoolExecutor(options.jobs) as pool:
        verdicts = [pool.submit(judge, mutation, options)
                    for mutation in mutations]
        try:
            return [verdict.result() for verdict in verdicts]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for hunt_under_way in list(_hunts):
                hunt_under_way.terminate()
            raise


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--web", default="nginx")
    parser.add_argument("--jobs", type=int, default=1,
                        help="how many at a time; they mostly wait")
    parser.add_argument("--into", metavar="DIR",
                        help="build one there, and hunt for nothing")
    parser.add_argument("--build",
                        default=os.path.join(ROOT, "build", "release"),
                        help="objects to start from")
    options = parser.parse_args()
    known = {mutation.name: mutation for mutation in MUTATIONS}
    for name in options.names:
        if name not in known:
            parser.error(f"no such mutation: {name}; see --list")
    if options.list:
        for mutation in MUTATIONS:
            print(f"{mutation.name:20} {mutation.what}")
        return 0
    chosen = [known[name] for name in options.names or known]
    reason = why_not()
    for mutation in [one for one in chosen if one.is_seen_by_provider]:
        if reason and not options.into:
            print(f"SKIPPED {mutation.name}: {reason}", flush=True)
            chosen.remove(mutation)
    if options.into:
        if len(chosen) != 1:
            parser.error("--into takes one name")
        shutil.rmtree(options.into, ignore_errors=True)
        os.makedirs(options.into)
        return 0 if plant(chosen[0], options.into, options) else 2
    verdicts = judge_all(chosen, options)
    print(f"fault result: {verdicts.count(True)} passed, "
          f"{len(verdicts) - verdicts.count(True)} failed")
    return 2 if None in verdicts else int(False in verdicts)


if __name__ == "__main__":
    sys.exit(main())
