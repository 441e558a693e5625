/*
 * The scripts around a partition and its ingress, one by one on a real Redis:
 * leases, workers, gate, hints, send, route, tickets. What happens to a user's
 * presence is in test_presence.c, what a cut does in test_script_cuts.c.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/mailbox/entry.h"
#include "lib/mailbox/scripts.h"
#include "lib/mailbox/ticket.h"
#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum { LEASE_MS = 60000, WAIT_MS = 20000, SECONDS_2025 = 1735689600 };

static enum wp_err acquire(struct wp_world *w, const char *worker,
			   bool *held_out, char value[WP_OWNER_MAX + 1])
{
	struct wp_reply *reply;
	enum wp_err rc;

	wp_lease_acquire_build(&w->cmd, WP_P, worker, LEASE_MS);
	reply = wp_world_do(w);
	rc = wp_lease_acquire_parse(reply, held_out, value);
	wp_reply_free(&reply);
	return rc;
}

/* The answer to w->cmd as one of the parsers reads it. */
static enum wp_err answer(struct wp_world *w,
			  enum wp_err (*parse)(const struct wp_reply *))
{
	struct wp_reply *reply = wp_world_do(w);
	enum wp_err rc = parse(reply);

	wp_reply_free(&reply);
	return rc;
}

static void a_lease_has_one_holder_and_a_new_token_each_time(void **state)
{
	struct wp_world *w = *state;
	char value[WP_OWNER_MAX + 1];
	bool is_held = false;

	assert_string_equal(w->owner, "1:worker-a");
	assert_int_equal(acquire(w, "worker-b", &is_held, value), WP_OK);
	assert_true(is_held);
	assert_string_equal(value, "1:worker-a");

	wp_lease_release_build(&w->cmd, WP_P, w->owner);
	assert_int_equal(answer(w, wp_script_done), WP_OK);
	assert_int_equal(acquire(w, "worker-b", &is_held, value), WP_OK);
	assert_false(is_held);
	assert_string_equal(value, "2:worker-b");
	assert_in_range(wp_world_int(w, "PTTL " WP_P "owner"), 1, LEASE_MS);
}

static void a_lost_lease_is_neither_renewed_nor_released(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "SET " WP_P "owner 9:worker-b PX 5000");

	wp_lease_renew_build(&w->cmd, WP_P, w->owner, LEASE_MS);
	assert_int_equal(answer(w, wp_script_done), WP_ERR_STALE);
	wp_lease_release_build(&w->cmd, WP_P, w->owner);
	assert_int_equal(answer(w, wp_script_done), WP_ERR_STALE);
	wp_world_expect(w, "9:worker-b", "GET " WP_P "owner");
	assert_in_range(wp_world_int(w, "PTTL " WP_P "owner"), 1, 5000);

	wp_lease_renew_build(&w->cmd, WP_P, "9:worker-b", LEASE_MS);
	assert_int_equal(answer(w, wp_script_done), WP_OK);
	assert_in_range(wp_world_int(w, "PTTL " WP_P "owner"), 5001, LEASE_MS);
}

static void an_error_is_no_answer_to_any_parser(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply = wp_world_cmd(w, "NOSUCHCOMMAND");
	char value[WP_OWNER_MAX + 1];
	const struct wp_ack_ids none = { .n = 0 };
	struct wp_ack_walk walk;
	int64_t removed = -1;
	bool is_held;

	assert_int_equal(wp_lease_acquire_parse(reply, &is_held, value),
			 WP_ERR_UNAVAIL);
	assert_int_equal(wp_script_done(reply), WP_ERR_UNAVAIL);
	assert_int_equal(wp_reap_parse(reply, &removed), WP_REAP_REFUSED);
	assert_int_equal(removed, 0);
	wp_ack_begin(&walk, &w->box, &none);
	wp_ack_told(&walk, reply, false);
	assert_int_equal(walk.step, WP_ACK_FAILED);
	assert_int_equal(wp_script_done(NULL), WP_ERR_UNAVAIL);
	wp_ack_begin(&walk, &w->box, &none);
	wp_ack_told(&walk, NULL, false);
	assert_int_equal(walk.step, WP_ACK_FAILED);
	wp_reply_free(&reply);
}

static void workers_see_each_other_sorted_until_they_leave(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply;
	char *list;

	wp_world_run(w, "ZADD " WP_WORKERS_KEY " 1000 long-dead");
	wp_workers_build(&w->cmd, "bb", LEASE_MS, false);
	reply = wp_world_do(w);
	wp_reply_free(&reply);
	wp_workers_build(&w->cmd, "aa", LEASE_MS, false);
	reply = wp_world_do(w);
	list = wp_world_show(reply);
	assert_string_equal(list, "[aa bb]");
	free(list);
	wp_reply_free(&reply);

	wp_workers_build(&w->cmd, "bb", LEASE_MS, true);
	reply = wp_world_do(w);
	list = wp_world_show(reply);
	assert_string_equal(list, "[aa]");
	free(list);
	wp_reply_free(&reply);
}

static enum wp_err raise_to(struct wp_world *w, const char *owner, uint64_t ms,
			    uint64_t seq)
{
	const struct wp_lease lease = wp_world_lease(owner);
	const struct wp_entry_id floor = { .ms = ms, .seq = seq };

	wp_ingress_raise_build(&w->cmd, &lease, &floor);
	return answer(w, wp_script_done);
}

/* Far in the future, and more than 2^53 when taken as one number. */
enum { FAR_SEQ = 77 };
static const uint64_t far_ms = 1ULL << 47;

static void new_ids_are_above_the_floor_they_were_raised_to(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	assert_int_equal(raise_to(w, w->owner, far_ms, FAR_SEQ), WP_OK);
	assert_int_equal(wp_world_int(w, "XLEN " WP_P "ingress"), 0);

	id = wp_world_post(w, (struct wp_world_mail){ .json = "m1" });
	assert_true(id.entry.ms == far_ms);
	assert_int_equal(id.entry.seq, FAR_SEQ + 1);
}

static void raising_keeps_entries_and_never_lowers_the_last_id(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid first =
		wp_world_post(w, (struct wp_world_mail){ .json = "m1" });
	struct wp_msgid id;

	assert_int_equal(raise_to(w, w->owner, first.entry.ms - 1, 0), WP_OK);
	assert_int_equal(raise_to(w, w->owner, 0, 0), WP_OK);
	assert_int_equal(raise_to(w, w->owner, far_ms, FAR_SEQ), WP_OK);
	assert_int_equal(raise_to(w, w->owner, far_ms, 1), WP_OK);

	assert_int_equal(wp_world_int(w, "XLEN " WP_P "ingress"), 1);
	id = wp_world_post(w, (struct wp_world_mail){ .json = "m2" });
	assert_int_equal(id.entry.seq, FAR_SEQ + 1);
}

static void raising_forgets_an_unfinished_send(void **state)
{
	struct wp_world *w = *state;
	const struct wp_world_mail mail = { .json = "m1", .key = "k" };
	struct wp_msgid id;

	wp_world_run(w, "SET " WP_P "intent %s%s0-0", "field-of-16-byte",
		     "digest-of-16-byt");
	assert_int_equal(raise_to(w, w->owner, far_ms, FAR_SEQ), WP_OK);

	wp_world_expect(w, "0", "EXISTS " WP_P "intent");
	id = wp_world_post(w, mail);
	assert_int_equal(id.entry.seq, FAR_SEQ + 1);
	assert_int_equal(wp_world_int(w, "EVAL "
					 "return#redis.call('hkeys',redis.call("
					 "'keys','" WP_P "idem:*')[1]) 0"),
			 1);
}

static void a_gate_can_only_be_opened_by_the_owner(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease other = wp_world_lease("9:other");

	wp_world_run(w, "DEL " WP_P "gate");
	wp_gate_open_build(&w->cmd, &other, "run");
	assert_int_equal(answer(w, wp_script_done), WP_ERR_STALE);
	wp_world_expect(w, "0", "EXISTS " WP_P "gate");
	assert_int_equal(raise_to(w, "9:other", far_ms, 1), WP_ERR_STALE);
	wp_world_expect(w, "0", "EXISTS " WP_P "ingress");
}

static void hints_set_again_never_repeat_a_token(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease other = wp_world_lease("9:other");
	const struct wp_lease lease = wp_world_lease(w->owner);
	struct wp_reply *first;
	struct wp_reply *second;

	wp_hint_set_begin(&w->cmd, &lease);
	wp_cmd_str(&w->cmd, WP_BOB);
	wp_cmd_str(&w->cmd, WP_AMY);
	assert_int_equal(answer(w, wp_script_done), WP_OK);
	first = wp_world_cmd(w, "HMGET " WP_P "cold " WP_BOB " " WP_AMY);
	wp_hint_set_begin(&w->cmd, &lease);
	wp_cmd_str(&w->cmd, WP_BOB);
	assert_int_equal(answer(w, wp_script_done), WP_OK);
	second = wp_world_cmd(w, "HMGET " WP_P "cold " WP_BOB " " WP_AMY);

	assert_string_not_equal(wp_reply_str(wp_reply_at(first, 0)),
				wp_reply_str(wp_reply_at(second, 0)));
	assert_string_equal(wp_reply_str(wp_reply_at(first, 1)),
			    wp_reply_str(wp_reply_at(second, 1)));
	wp_reply_free(&first);
	wp_reply_free(&second);

	wp_hint_set_begin(&w->cmd, &other);
	wp_cmd_str(&w->cmd, "urn:sm:user:eve");
	assert_int_equal(answer(w, wp_script_done), WP_ERR_STALE);
	wp_world_expect(w, "0", "HEXISTS " WP_P "cold urn:sm:user:eve");
}

/*
 * bob's m1 is about to be moved, and expires last_s seconds after 2025 began,
 * when index:<urn> begins to count.
 */
static struct wp_reply *prepare(struct wp_world *w, const char *token,
				int64_t last_s)
{
	wp_world_run(w, "DEL " WP_P "hot:" WP_BOB " " WP_P "index:" WP_BOB);
	wp_world_run(w,
		     WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-1", "%lld", "0", "m1"),
		     (long long)((SECONDS_2025 + last_s) * 1000));
	wp_world_run(w, "ZADD " WP_P "index:" WP_BOB " %lld 1-1",
		     (long long)(last_s << 23 | 2));
	wp_cmd_script(&w->cmd, WP_SCRIPT_PREPARE, WP_WORLD_PARTITION);
	wp_cmd_str(&w->cmd, w->owner);
	wp_cmd_int(&w->cmd, w->conf.worker.lease_ms);
	wp_cmd_str(&w->cmd, WP_BOB);
	wp_cmd_str(&w->cmd, token);
	return wp_world_do(w);
}

/* The same, and what it says. */
static void expect_prepare(struct wp_world *w, const char *token,
			   int64_t last_s, const char *want)
{
	struct wp_reply *reply = prepare(w, token, last_s);
	char *text = wp_world_show(reply);

	assert_string_equal(text, want);
	free(text);
	wp_reply_free(&reply);
}

static int64_t clear_hint(struct wp_world *w, const char *token)
{
	struct wp_reply *reply;
	int64_t cleared;

	wp_cmd_script(&w->cmd, WP_SCRIPT_HINT_CLEAR, WP_WORLD_PARTITION);
	wp_cmd_str(&w->cmd, wp_redis_run_id(w->redis));
	wp_cmd_str(&w->cmd, WP_BOB);
	wp_cmd_str(&w->cmd, token);
	reply = wp_world_do(w);
	cleared = wp_reply_int(reply);
	wp_reply_free(&reply);
	return cleared;
}

static void note_size(struct wp_world *w, int64_t version, int64_t n)
{
	const struct wp_store_size size = { version, n, n };

	wp_cold_size_begin(&w->cmd, WP_WORLD_PARTITION);
	wp_cold_size_add(&w->cmd, &w->box, &size);
	assert_int_equal(answer(w, wp_script_done), WP_OK);
}

#define HINT "HGET " WP_P "cold " WP_BOB

/* When the last of the rows expires is known as long as the hint stays. */
static void a_hint_knows_when_the_last_row_expires(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease lease = wp_world_lease(w->owner);

	expect_prepare(w, "t1", 7, "[read 0 1 1735689607000 ]");
	wp_world_expect(w, "t1 1735689607000 - 0 0", HINT);
	note_size(w, 4, 3);
	expect_prepare(w, "t2", 9, "[read 0 1 1735689609000 ]");
	wp_world_expect(w, "t2 1735689609000 4 3 3", HINT);
	expect_prepare(w, "t3", 8, "[read 0 1 1735689608000 ]");
	wp_world_expect(w, "t3 1735689609000 4 3 3", HINT);
	note_size(w, 3, 9);
	wp_world_expect(w, "t3 1735689609000 4 3 3", HINT);

	/* Nobody knows it of rows that are found after a loss of memory. */
	wp_hint_set_begin(&w->cmd, &lease);
	wp_cmd_str(&w->cmd, WP_BOB);
	assert_int_equal(answer(w, wp_script_done), WP_OK);
	expect_prepare(w, "t4", 9, "[read 0 1 1735689609000 ]");
	wp_world_expect(w, "t4 - 4 3 3", HINT);
	assert_int_equal(clear_hint(w, "t4"), 1);
	expect_prepare(w, "t5", 7, "[read 0 1 1735689607000 ]");
	wp_world_expect(w, "t5 1735689607000 - 0 0", HINT);
}

static void only_the_newest_token_clears_a_hint(void **state)
{
	struct wp_world *w = *state;

	assert_int_equal(clear_hint(w, "t1"), 0);
	expect_prepare(w, "t1", 7, "[read 0 1 1735689607000 ]");
	assert_int_equal(clear_hint(w, "t"), 0);
	assert_int_equal(clear_hint(w, "t1 1735689607000"), 0);
	expect_prepare(w, "t2", 7, "[read 0 1 1735689607000 ]");
	assert_int_equal(clear_hint(w, "t1"), 0);
	/* What the store tells meanwhile is no new hint. */
	note_size(w, 4, 3);
	assert_int_equal(clear_hint(w, "t2"), 1);
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
}

static void a_foreign_hint_says_only_that_rows_may_exist(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "HSET " WP_P "cold " WP_BOB " foreign");
	(void)wp_world_post(w, (struct wp_world_mail){ .json = "m1" });
	note_size(w, 4, 3);
	wp_world_expect(w, "foreign", HINT);
	expect_prepare(w, "t1", 7, "[read 0 1 1735689607000 1 2]");
	wp_world_expect(w, "t1 - - 0 0", HINT);
}

static void no_two_calls_set_the_same_token(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *first;
	struct wp_reply *second;

	(void)wp_world_deliver(w, "m1");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	first = wp_world_cmd(w, HINT);
	(void)wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	second = wp_world_cmd(w, HINT);
	/* 16 hex digits each. */
	assert_int_equal(strspn(wp_reply_str(first), "0123456789abcdef"), 16);
	assert_int_equal(strspn(wp_reply_str(second), "0123456789abcdef"), 16);
	assert_memory_not_equal(wp_reply_str(first), wp_reply_str(second), 16);
	wp_reply_free(&first);
	wp_reply_free(&second);
}

static void due_users_come_earliest_first_and_only_to_the_owner(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease other = wp_world_lease("9:other");
	const struct wp_lease lease = wp_world_lease(w->owner);
	struct wp_reply *reply;
	char *list;

	wp_world_run(w, "ZADD " WP_P "migrate 2 u2 1 u1 3 u3");
	wp_migrate_due_build(&w->cmd, &lease, 2, w->conf.websocket.grace_ms);
	reply = wp_world_do(w);
	list = wp_world_show(reply);
	assert_string_equal(list, "[ok -1 u1 u2]");
	free(list);
	wp_reply_free(&reply);

	wp_migrate_due_build(&w->cmd, &other, 2, 0);
	assert_int_equal(answer(w, wp_script_done), WP_ERR_STALE);
}

/* Then nothing limits what may be copied. */
static void an_index_that_differs_knows_no_last_expiry(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply = prepare(w, "t1", 7);

	wp_reply_free(&reply);
	wp_world_run(w, "DEL " WP_P "cold");
	wp_world_run(
		w, WP_PUT_HOT(WP_P "hot!:" WP_BOB, "1-2", WP_ALIVE, "0", "h2"));
	wp_cmd_script(&w->cmd, WP_SCRIPT_PREPARE, WP_WORLD_PARTITION);
	wp_cmd_str(&w->cmd, w->owner);
	wp_cmd_int(&w->cmd, w->conf.worker.lease_ms);
	wp_cmd_str(&w->cmd, WP_BOB);
	wp_cmd_str(&w->cmd, "t2");
	reply = wp_world_do(w);
	assert_string_equal(wp_reply_str(wp_reply_at(reply, 3)), "");
	assert_int_equal(wp_reply_int(wp_reply_at(reply, 1)), 1);
	wp_reply_free(&reply);
	wp_world_expect(w, "t2 - - 0 0", HINT);
}

/* ids: of trim.lua, from n on */
static void expect_trim(struct wp_world *w, const char *ids, const char *want)
{
	char words[128];
	char *rest = words;
	struct wp_reply *reply;
	const char *word;

	(void)snprintf(words, sizeof(words), WP_BOB " 0 0 0 %s", ids);
	wp_cmd_script(&w->cmd, WP_SCRIPT_TRIM, WP_WORLD_PARTITION);
	while ((word = strsep(&rest, " ")) != NULL)
		wp_cmd_str(&w->cmd, word);
	reply = wp_world_do(w);
	assert_true(wp_reply_is(wp_reply_at(reply, 0), want));
	wp_reply_free(&reply);
}

static void a_trim_deletes_the_band_that_it_has_emptied(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-1", "9", "0", "m1"));
	wp_world_run(w, WP_PUT_HOT(WP_P "hot!:" WP_BOB, "1-2", "9", "0", "h1"));
	wp_world_run(w, WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-3", "9", "0", "m3"));
	expect_trim(w, "1 0 1-1 1-2", "more");
	wp_world_expect(w, "0", "EXISTS " WP_P "hot!:" WP_BOB);
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
}

/* They may have come when the user was here, and are stored nowhere else. */
static void the_ephemeral_are_trimmed_only_while_the_user_is_away(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-1", "9", "0", "m1"));
	wp_world_run(w, WP_PUT_HOT(WP_P "hot:" WP_BOB, "1-2", "9", "2", "e2"));
	wp_world_run(w, WP_PUT_HOT(WP_P "hot!:" WP_BOB, "1-3", "9", "2", "e3"));
	wp_world_run(w, "HSET " WP_P "online:" WP_BOB " i1.1 5");
	expect_trim(w, "1 0 1-1", "more");
	expect_trim(w, "1 1 1-2 1-3", "more");
	wp_world_expect(w, "1", "XLEN " WP_P "hot:" WP_BOB);
	wp_world_expect(w, "1", "XLEN " WP_P "hot!:" WP_BOB);
	wp_world_run(w, "DEL " WP_P "online:" WP_BOB);
	expect_trim(w, "1 1 1-2 1-3", "empty");
	wp_world_expect(w, "0",
			"EXISTS " WP_P "hot:" WP_BOB " " WP_P "hot!:" WP_BOB);
}

static void an_accepted_entry_carries_what_routing_needs(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply;
	const struct wp_reply *fields;
	struct wp_entry entry;

	(void)wp_world_post(w, (struct wp_world_mail){
				       .json = "{\"a\":\"b\"}",
				       .band = WP_BAND_HIGH,
				       .is_ephemeral = true,
			       });

	reply = wp_world_cmd(w, "XRANGE " WP_P "ingress - +");
	fields = wp_reply_at(wp_reply_at(reply, 0), 1);
	assert_int_equal(wp_reply_count(fields), 4);
	assert_true(wp_reply_int(wp_reply_at(fields, 1)) > 1000000000000);
	assert_true(wp_entry_read(&entry, wp_reply_str(wp_reply_at(fields, 3)),
				  wp_reply_len(wp_reply_at(fields, 3))));
	assert_int_equal(entry.band, WP_BAND_HIGH);
	assert_true(entry.is_ephemeral);
	assert_int_equal(entry.urn_len, strlen(WP_BOB));
	assert_memory_equal(entry.urn, WP_BOB, entry.urn_len);
	assert_string_equal(entry.envelope, "{\"a\":\"b\"}");
	wp_reply_free(&reply);
}

static void a_full_redis_accepts_nothing_and_says_so(void **state)
{
	struct wp_world *w = *state;
	const struct wp_world_mail mail = { .json = "m2" };
	struct wp_send_result result;
	struct wp_msgid id = wp_world_deliver(w, "m1");

	wp_world_run(w, "CONFIG SET maxmemory 1");
	wp_world_send(w, &mail, 1, &result);
	assert_int_equal(result.status, WP_SEND_OVERLOADED);
	/* Everything that drains goes on. */
	assert_int_equal(wp_world_route(w).left, 0);
	wp_world_expect_pull(w, "m1");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_ack_one(w, id);
	wp_world_expect_pull(w, "");
	wp_world_run(w, "CONFIG SET maxmemory 0");
}

/* Each makes a partition accept nothing new, and ends what it began. */
static const struct overload {
	const char *name;
	const char *begin;
	const char *end;
	unsigned int memory_percent;
	int64_t high_mark;
} overloads[] = {
	{ "at the memory mark", "PING", "PING", 80, 100 },
	{ "over the memory mark", "PING", "PING", 4000000000, 100 },
	{ "full", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", 0, 100 },
	{ "full ingress", "PING", "PING", 0, 1 },
	{ "closed gate", "SET " WP_P "gate other", "PING", 0, 100 },
	{ "no replicas", "CONFIG SET min-replicas-to-write 1",
	  "CONFIG SET min-replicas-to-write 0", 0, 100 },
};

/* m1 was accepted with key k: what is said of it and others once it is full? */
static void expect_key_before_overload(struct wp_world *w,
				       const struct overload *how,
				       struct wp_msgid id)
{
	const struct wp_world_mail mails[] = {
		{ .json = "m2" },
		{ .json = "m1", .key = "k" },
		{ .json = "m3", .key = "k" },
		{ .json = "m4", .key = "l" },
		{ .json = "m1", .key = "k" },
	};
	static const enum wp_send_status wanted[] = {
		WP_SEND_OVERLOADED, WP_SEND_ACCEPTED, WP_SEND_CONFLICT,
		WP_SEND_OVERLOADED, WP_SEND_ACCEPTED,
	};
	struct wp_send_result results[5];

	wp_world_run(w, "%s", how->begin);
	w->memory_percent = how->memory_percent;
	w->conf.mailbox.ingress_high_mark = how->high_mark;
	wp_world_send(w, mails, 5, results);
	for (size_t i = 0; i < 5; i++)
		if (results[i].status != wanted[i])
			fail_msg("%s, item %zu: %d", how->name, i,
				 (int)results[i].status);
	assert_memory_equal(&results[1].id, &id, sizeof(id));
	assert_memory_equal(&results[4].id, &id, sizeof(id));
	w->memory_percent = 0;
	wp_world_run(w, "%s", how->end);
	wp_world_expect(w, "1", "XLEN " WP_P "ingress");
}

static void a_known_key_is_answered_before_any_overload(void **state)
{
	const struct wp_world_mail mail = { .json = "m1", .key = "k" };

	for (size_t i = 0; i < sizeof(overloads) / sizeof(overloads[0]); i++) {
		struct wp_world *w = *state;
		int64_t high_mark = w->conf.mailbox.ingress_high_mark;
		struct wp_msgid id = wp_world_post(w, mail);

		expect_key_before_overload(w, &overloads[i], id);
		w->conf.mailbox.ingress_high_mark = high_mark;
		wp_world_teardown(state);
		wp_world_setup(state);
	}
}

/* A cut send that was not settled yet is known as well. */
static void what_was_cut_off_is_known_to_a_full_redis(void **state)
{
	struct wp_world *w = *state;
	const struct wp_world_mail mail = { .json = "m1", .key = "k" };
	struct wp_msgid id = wp_world_post(w, mail);
	struct wp_send_result result;

	wp_world_run(w, "EVAL local\tb=redis.call('KEYS','" WP_P "idem:*')[1]"
			"local\tf=redis.call('HGETALL',b)"
			"redis.call('DEL',b)"
			"redis.call('SET',KEYS[1],f[1]..f[2]:sub(1,16)..'0-0') "
			"1 " WP_P "intent");
	w->memory_percent = 100;
	wp_world_send(w, &mail, 1, &result);
	assert_int_equal(result.status, WP_SEND_ACCEPTED);
	assert_memory_equal(&result.id, &id, sizeof(id));
	wp_world_expect(w, "1", "EXISTS " WP_P "intent");

	w->memory_percent = 0;
	(void)wp_world_post(w, (struct wp_world_mail){ .json = "m2" });
	wp_world_expect(w, "0", "EXISTS " WP_P "intent");
	id = wp_world_post(w, mail);
	assert_memory_equal(&result.id, &id, sizeof(id));
	wp_world_expect(w, "2", "XLEN " WP_P "ingress");
}

/* Nobody has looked the key up: the repeat may be of what was accepted. */
static void a_refusal_as_a_whole_is_certain_without_a_key_only(void **state)
{
	struct wp_world *w = *state;
	const struct wp_submission plain = { .envelope.recipient = w->box };
	const struct wp_submission keyed = { .envelope.recipient = w->box,
					     .has_key = true };
	const struct wp_submission *const list[] = { &plain, &keyed };
	struct wp_send_result results[2];
	struct wp_reply *reply;

	reply = wp_world_cmd(w, "EVAL return{err='BUSY'} 0");
	wp_send_parse(reply, list, 2, results);
	assert_int_equal(results[0].status, WP_SEND_OVERLOADED);
	assert_int_equal(results[1].status, WP_SEND_UNKNOWN);
	wp_reply_free(&reply);
}

static void what_was_never_answered_is_unknown(void **state)
{
	struct wp_world *w = *state;
	const struct wp_submission plain = { .envelope.recipient = w->box };
	const struct wp_submission *one = &plain;
	struct wp_send_result result;
	struct wp_reply *reply;

	wp_send_parse(NULL, &one, 1, &result);
	assert_int_equal(result.status, WP_SEND_UNKNOWN);

	wp_world_run(w, "SET " WP_P "ingress not-a-stream");
	reply = wp_world_cmd(w, "XLEN " WP_P "ingress");
	wp_send_parse(reply, &one, 1, &result);
	assert_int_equal(result.status, WP_SEND_UNKNOWN);
	wp_reply_free(&reply);
}

/* A word for each, or nobody knows which is whose. */
static void an_answer_with_another_number_of_words_says_nothing(void **state)
{
	static const struct {
		const char *answer;
		enum wp_send_status first, second;
	} cases[] = {
		{ "1-1\\0321-2", WP_SEND_ACCEPTED, WP_SEND_ACCEPTED },
		{ "1-1\\032error", WP_SEND_ACCEPTED, WP_SEND_UNKNOWN },
		{ "full\\032fuller", WP_SEND_FULL, WP_SEND_UNKNOWN },
		{ "1-1", WP_SEND_UNKNOWN, WP_SEND_UNKNOWN },
		{ "1-1\\0321-2\\0321-3", WP_SEND_UNKNOWN, WP_SEND_UNKNOWN },
		{ "", WP_SEND_UNKNOWN, WP_SEND_UNKNOWN },
	};
	struct wp_world *w = *state;
	const struct wp_submission plain = { .envelope.recipient = w->box };
	const struct wp_submission *const list[] = { &plain, &plain };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wp_reply *reply =
			wp_world_cmd(w, "EVAL return'%s' 0", cases[i].answer);
		struct wp_send_result results[2];

		wp_send_parse(reply, list, 2, results);
		assert_int_equal(results[0].status, cases[i].first);
		assert_int_equal(results[1].status, cases[i].second);
		wp_reply_free(&reply);
	}
}

/* Six partitions in one call, and something is wrong with most of them. */
static void partitions_of_a_send_do_not_spoil_each_other(void **state)
{
	static const struct wp_world_mail mails[] = {
		{ .json = "m1", .partition = 8 }, /* gate closed */
		{ .json = "m2", .partition = 8 },
		{ .json = "m3", .partition = 7, .key = "k" },
		{ .json = "m4", .partition = 7 },
		{ .json = "m5", .partition = 9 }, /* foreign ingress */
		{ .json = "m6", .partition = 10, .key = "k" },
		{ .json = "m7", .partition = 11, .key = "k" }, /* full */
		{ .json = "m8",
		  .partition = 12,
		  .key = "k" }, /* foreign keys */
		{ .json = "m9", .partition = 12 },
		{ .json = "m10", .partition = 13, .band = WP_BAND_HIGH },
	};
	static const enum wp_send_status wanted[] = {
		WP_SEND_OVERLOADED, WP_SEND_OVERLOADED, WP_SEND_ACCEPTED,
		WP_SEND_ACCEPTED,   WP_SEND_UNKNOWN,    WP_SEND_ACCEPTED,
		WP_SEND_OVERLOADED, WP_SEND_UNKNOWN,    WP_SEND_UNKNOWN,
		WP_SEND_ACCEPTED,
	};
	enum {
		N = sizeof(mails) / sizeof(mails[0]),
		BUCKET_HOURS = 6,
		BUCKET_MS = BUCKET_HOURS * 3600 * 1000,
	};
	struct wp_world *w = *state;
	struct wp_send_result results[N];
	struct wp_msgid accepted;

	for (int p = 9; p <= 13; p++)
		wp_world_run(w, "SET wp:{%d}:gate %s", p,
			     wp_redis_run_id(w->redis));
	wp_world_run(w, "SET wp:{9}:ingress not-a-stream");
	w->conf.mailbox.ingress_high_mark = 3;
	for (int i = 0; i < 3; i++)
		wp_world_run(w, "XADD wp:{11}:ingress * what ever");
	for (int64_t i = -1; i <= 1; i++)
		wp_world_run(w, "SET wp:{12}:idem:%" PRId64 " not-a-hash",
			     (wp_wall_ms() / BUCKET_MS + i) * BUCKET_HOURS);

	wp_world_send(w, mails, N, results);
	for (size_t i = 0; i < N; i++)
		if (results[i].status != wanted[i])
			fail_msg("item %zu: %d", i, (int)results[i].status);
	assert_int_equal(results[9].id.partition, 13);
	assert_int_equal(results[9].id.band, WP_BAND_HIGH);
	wp_world_expect(w, "2", "XLEN wp:{7}:ingress");
	wp_world_expect(w, "1", "XLEN wp:{10}:ingress");
	wp_world_expect(w, "0", "XLEN wp:{12}:ingress");
	wp_world_expect(w, "1", "XLEN wp:{13}:ingress");

	/* Each partition knows its own key. */
	accepted = results[5].id;
	wp_world_send(w, mails, N, results);
	assert_memory_equal(&results[5].id, &accepted, sizeof(accepted));
	wp_world_expect(w, "3", "XLEN wp:{7}:ingress");
	wp_world_expect(w, "1", "XLEN wp:{10}:ingress");
}

/* Whoever sent has to look for another server; nothing else tells so. */
static void a_replica_refuses_a_send_as_a_whole(void **state)
{
	char none[] = "";
	struct wp_buf json = { .data = none };
	struct wp_submission one = { .envelope.recipient = { .partition = 8 },
				     .json = &json };
	struct wp_submission other = one;
	const struct wp_submission *const list[] = { &one, &other };
	struct wp_test_server server;
	struct wp_reply *reply = NULL;
	struct wp_send_target target;
	struct wp_redis *redis;
	struct wp_conf conf;
	struct wp_cmd cmd;

	(void)state;
	other.envelope.recipient.partition = 9;
	wp_test_server_start(&server, "replica", NULL);
	wp_test_conf(&conf, server.path);
	redis = wp_test_redis(&conf);
	target = (struct wp_send_target){ .conf = &conf, .run_id = "run" };
	wp_test_run(redis, "SET", "wp:{9}:gate", "run", NULL);
	wp_test_run(redis, "REPLICAOF", "127.0.0.1", "1", NULL);

	wp_cmd_init(&cmd);
	wp_send_build(&cmd, &target, list, 2);
	assert_int_equal(wp_redis_do(redis, &cmd, &reply, NULL),
			 WP_ERR_UNAVAIL);
	assert_int_equal(wp_redis_fd(redis), -1);

	wp_cmd_release(&cmd);
	wp_redis_free(&redis);
	wp_test_server_kill(&server, SIGKILL);
}

static void the_bell_rings_when_a_worker_may_sleep(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply = NULL;

	reply = wp_test_cmd(ear, "SUBSCRIBE", WP_BELL_PREFIX "worker-a", NULL);
	wp_reply_free(&reply);

	(void)wp_world_post(w, (struct wp_world_mail){ .json = "m1" });
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	assert_string_equal(wp_reply_str(wp_reply_at(reply, 2)), "7");
	wp_reply_free(&reply);

	/* Ingress is not empty now: whoever works on it sees the rest. */
	(void)wp_world_post(w, (struct wp_world_mail){ .json = "m2" });
	assert_int_equal(wp_redis_wait(ear, 0, &reply, NULL), WP_ERR_NOTFOUND);

	/* Unless one waits there for another try. */
	wp_world_run(w, "HSET " WP_P "tries 1-1 1");
	(void)wp_world_post(w, (struct wp_world_mail){ .json = "m3" });
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	assert_string_equal(wp_reply_str(wp_reply_at(reply, 2)), "7");
	wp_reply_free(&reply);
	wp_redis_free(&ear);
}

/* What is new in several partitions of a worker is one message for it. */
static void a_call_rings_each_worker_once(void **state)
{
	static const struct wp_world_mail mails[] = {
		{ .json = "m1", .partition = 7 },
		{ .json = "m2", .partition = 8 }, /* gate closed */
		{ .json = "m3", .partition = 9 },
		{ .json = "m4", .partition = 10 }, /* another worker's */
		{ .json = "m5", .partition = 11 }, /* not empty */
		{ .json = "m6", .partition = 12 }, /* nobody's */
		{ .json = "m7", .partition = 13 },
	};
	enum { N = sizeof(mails) / sizeof(mails[0]) };
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply =
		wp_test_cmd(ear, "PSUBSCRIBE", WP_BELL_PREFIX "*", NULL);
	struct wp_send_result results[N];
	bool is_rung[2] = { false, false };

	wp_reply_free(&reply);
	for (int p = 9; p <= 13; p++)
		wp_world_run(w, "SET wp:{%d}:gate %s", p,
			     wp_redis_run_id(w->redis));
	for (int p = 8; p <= 13; p++)
		wp_world_run(w, "SET wp:{%d}:owner 2:worker-%c", p,
			     p == 10 ? 'b' : 'a');
	wp_world_run(w, "DEL wp:{12}:owner");
	wp_world_run(w, "XADD wp:{11}:ingress * what ever");

	wp_world_send(w, mails, N, results);
	for (int i = 0; i < 2; i++) {
		const char *channel, *text;
		bool is_b;

		/* {"pmessage", pattern, channel, message} */
		assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL),
				 WP_OK);
		channel = wp_reply_str(wp_reply_at(reply, 2));
		text = wp_reply_str(wp_reply_at(reply, 3));
		is_b = strcmp(channel, WP_BELL_PREFIX "worker-b") == 0;
		assert_string_equal(text, is_b ? "10" : "7,9,13");
		assert_false(is_rung[is_b]);
		is_rung[is_b] = true;
		wp_reply_free(&reply);
	}
	assert_int_equal(wp_redis_wait(ear, 0, &reply, NULL), WP_ERR_NOTFOUND);
	wp_redis_free(&ear);
}

static struct wp_route_result route_as(struct wp_world *w, const char *owner,
				       const char *run_id)
{
	const struct wp_route_call call = { &w->conf, run_id, "token" };
	struct wp_route_ask ask = wp_world_ask(w);
	struct wp_route_result result;
	struct wp_reply *reply;

	ask.lease.owner = owner;
	w->conf.worker.batch_entries = 10;
	wp_route_build(&w->cmd, &call, &ask, 1);
	reply = wp_world_do(w);
	wp_route_parse(reply, 0, &result);
	wp_reply_free(&reply);
	return result;
}

static void routing_needs_the_lease_and_an_open_gate(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_post(w, (struct wp_world_mail){ .json = "m1" });
	assert_int_equal(
		route_as(w, "9:other", wp_redis_run_id(w->redis)).status,
		WP_ROUTE_LOST);
	assert_int_equal(route_as(w, w->owner, "another-life").status,
			 WP_ROUTE_GATE);
	assert_int_equal(wp_world_int(w, "XLEN " WP_P "ingress"), 1);
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);
}

static void a_refusal_by_redis_is_no_fault_of_an_entry(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;
	struct wp_reply *reply;

	reply = wp_world_cmd(w, "EVAL return{err='NOREPLICAS\\32no'} 0");
	wp_route_parse(reply, 0, &result);
	assert_int_equal(result.status, WP_ROUTE_REFUSED);
	assert_string_equal(result.error, "NOREPLICAS no");
	wp_reply_free(&reply);
	reply = wp_world_cmd(w, "EVAL return{err='ERR\\32broken'} 0");
	wp_route_parse(reply, 0, &result);
	assert_int_equal(result.status, WP_ROUTE_FAULT);
	assert_non_null(strstr(result.error, "broken"));
	wp_reply_free(&reply);
	wp_route_parse(NULL, 0, &result);
	assert_int_equal(result.status, WP_ROUTE_REFUSED);
}

static void a_batch_is_bounded_by_entries(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;

	for (int i = 0; i < 25; i++)
		(void)wp_world_post(w, (struct wp_world_mail){ .json = "m" });
	result = route_as(w, w->owner, wp_redis_run_id(w->redis));
	assert_int_equal(result.routed, 10);
	assert_int_equal(result.left, 15);
}

#define ZERO "00000000000000000000000000000000"

static enum wp_err redeem(struct wp_world *w, const char *ticket,
			  struct wp_identity *caller)
{
	struct wp_reply *reply;
	enum wp_err rc;

	assert_int_equal(
		wp_ticket_redeem_build(&w->cmd, ticket, strlen(ticket)), WP_OK);
	reply = wp_world_do(w);
	rc = wp_ticket_redeem_parse(reply, caller);
	wp_reply_free(&reply);
	return rc;
}

static void a_ticket_is_good_once_and_is_stored_nowhere(void **state)
{
	struct wp_world *w = *state;
	char ticket[WP_TICKET_LEN + 1];
	const struct wp_identity caller = {
		.user = w->bob,
		.expires_s = 1893456000,
		.issued_s = 1893450000,
		.subject = { 0xab, 1 },
		.session = { 2, 0xcd },
		.device = "phone-1",
	};
	struct wp_identity got = { 0 };
	struct wp_reply *reply;
	char *keys;

	wp_ticket_issue(&w->cmd, ticket, &caller);
	assert_int_equal(strlen(ticket), WP_TICKET_LEN);
	reply = wp_world_do(w);
	assert_true(wp_reply_is(reply, "OK"));
	wp_reply_free(&reply);
	reply = wp_world_cmd(w, "KEYS wp:ticket:*");
	keys = wp_world_show(reply);
	assert_int_equal(wp_reply_count(reply), 1);
	assert_null(strstr(keys, ticket));
	assert_in_range(
		wp_world_int(w, "TTL %s", wp_reply_str(wp_reply_at(reply, 0))),
		1, WP_TICKET_TTL_S);
	free(keys);
	wp_reply_free(&reply);

	assert_int_equal(redeem(w, ticket, &got), WP_OK);
	assert_string_equal(got.user.text, WP_BOB);
	assert_int_equal(got.expires_s, caller.expires_s);
	assert_int_equal(got.issued_s, caller.issued_s);
	assert_memory_equal(got.subject, caller.subject, sizeof(got.subject));
	assert_memory_equal(got.session, caller.session, sizeof(got.session));
	assert_string_equal(got.device, caller.device);
	assert_int_equal(redeem(w, ticket, &got), WP_ERR_DENIED);
}

static void a_ticket_says_no_more_than_the_token(void **state)
{
	struct wp_world *w = *state;
	const struct wp_identity caller = { .user = w->bob,
					    .expires_s = 1893456000 };
	struct wp_identity got = { .device = "another", .issued_s = 1 };
	const struct wp_identity none = { 0 };
	char ticket[WP_TICKET_LEN + 1];
	struct wp_reply *reply;

	wp_ticket_issue(&w->cmd, ticket, &caller);
	reply = wp_world_do(w);
	wp_reply_free(&reply);
	assert_int_equal(redeem(w, ticket, &got), WP_OK);
	assert_int_equal(got.issued_s, 0);
	assert_memory_equal(got.subject, none.subject, sizeof(got.subject));
	assert_memory_equal(got.session, none.session, sizeof(got.session));
	assert_string_equal(got.device, "");
}

static void what_cannot_be_a_ticket_never_reaches_redis(void **state)
{
	static const char *const damaged[] = {
		"damaged",
		"12 34 " ZERO " " ZERO " phone ",
		"12 34 " ZERO " " ZERO " phone",
		"12 34 " ZERO " " ZERO,
		"12 x " ZERO " " ZERO " phone " WP_BOB,
		"12  " ZERO " " ZERO " phone " WP_BOB,
		"12 34 " ZERO " 00 phone " WP_BOB,
		"12 34 " ZERO " " ZERO " " ZERO ZERO "0 " WP_BOB,
		"12 " WP_BOB,
	};
	struct wp_world *w = *state;
	struct wp_identity caller;
	struct wp_reply *reply;
	char text[WP_TICKET_LEN + 2];

	memset(text, 'A', sizeof(text));
	assert_int_equal(wp_ticket_redeem_build(&w->cmd, text, WP_TICKET_LEN),
			 WP_OK);
	assert_int_equal(
		wp_ticket_redeem_build(&w->cmd, text, WP_TICKET_LEN + 1),
		WP_ERR_INVAL);
	assert_int_equal(wp_ticket_redeem_build(&w->cmd, text, 0),
			 WP_ERR_INVAL);
	text[5] = '*';
	assert_int_equal(wp_ticket_redeem_build(&w->cmd, text, WP_TICKET_LEN),
			 WP_ERR_INVAL);

	assert_int_equal(wp_ticket_redeem_parse(NULL, &caller), WP_ERR_UNAVAIL);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		reply = wp_test_cmd(w->redis, "ECHO", damaged[i], NULL);
		assert_int_equal(wp_ticket_redeem_parse(reply, &caller),
				 WP_ERR_DENIED);
		wp_reply_free(&reply);
	}
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_lease_has_one_holder_and_a_new_token_each_time),
		WORLD_TEST(a_lost_lease_is_neither_renewed_nor_released),
		WORLD_TEST(an_error_is_no_answer_to_any_parser),
		WORLD_TEST(workers_see_each_other_sorted_until_they_leave),
		WORLD_TEST(new_ids_are_above_the_floor_they_were_raised_to),
		WORLD_TEST(raising_keeps_entries_and_never_lowers_the_last_id),
		WORLD_TEST(raising_forgets_an_unfinished_send),
		WORLD_TEST(a_gate_can_only_be_opened_by_the_owner),
		WORLD_TEST(hints_set_again_never_repeat_a_token),
		WORLD_TEST(a_hint_knows_when_the_last_row_expires),
		WORLD_TEST(only_the_newest_token_clears_a_hint),
		WORLD_TEST(a_foreign_hint_says_only_that_rows_may_exist),
		WORLD_TEST(no_two_calls_set_the_same_token),
		WORLD_TEST(due_users_come_earliest_first_and_only_to_the_owner),
		WORLD_TEST(an_index_that_differs_knows_no_last_expiry),
		WORLD_TEST(a_trim_deletes_the_band_that_it_has_emptied),
		WORLD_TEST(
			the_ephemeral_are_trimmed_only_while_the_user_is_away),
		WORLD_TEST(an_accepted_entry_carries_what_routing_needs),
		WORLD_TEST(a_full_redis_accepts_nothing_and_says_so),
		WORLD_TEST(a_known_key_is_answered_before_any_overload),
		WORLD_TEST(what_was_cut_off_is_known_to_a_full_redis),
		WORLD_TEST(a_refusal_as_a_whole_is_certain_without_a_key_only),
		WORLD_TEST(what_was_never_answered_is_unknown),
		WORLD_TEST(an_answer_with_another_number_of_words_says_nothing),
		WORLD_TEST(partitions_of_a_send_do_not_spoil_each_other),
		cmocka_unit_test(a_replica_refuses_a_send_as_a_whole),
		WORLD_TEST(the_bell_rings_when_a_worker_may_sleep),
		WORLD_TEST(a_call_rings_each_worker_once),
		WORLD_TEST(routing_needs_the_lease_and_an_open_gate),
		WORLD_TEST(a_refusal_by_redis_is_no_fault_of_an_entry),
		WORLD_TEST(a_batch_is_bounded_by_entries),
		WORLD_TEST(a_ticket_is_good_once_and_is_stored_nowhere),
		WORLD_TEST(a_ticket_says_no_more_than_the_token),
		WORLD_TEST(what_cannot_be_a_ticket_never_reaches_redis),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("scripts", tests, NULL, NULL);
}
