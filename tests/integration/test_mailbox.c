/*
 * A message on its whole way: send, route, pull, ack; and what a repeated,
 * refused or cut-off send leaves behind. Real Redis, real cold store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })

static bool is_same_id(const struct wp_msgid *a, const struct wp_msgid *b)
{
	return wp_entry_id_cmp(&a->entry, &b->entry) == 0 &&
	       a->partition == b->partition && a->band == b->band;
}

static enum wp_send_status send_one(struct wp_world *w,
				    struct wp_world_mail mail)
{
	struct wp_send_result result;

	wp_world_send(w, &mail, 1, &result);
	return result.status;
}

static void a_message_waits_until_it_is_acked_and_never_comes_back(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = wp_world_post(w, MAIL(.json = "m1"));

	assert_int_equal(id.partition, WP_WORLD_PARTITION);
	assert_int_equal(id.band, WP_BAND_STANDARD);
	wp_world_expect_pull(w, "");
	assert_int_equal(wp_world_route(w).routed, 1);
	wp_world_expect_pull(w, "m1");
	wp_world_expect_pull(w, "m1");

	wp_world_ack_one(w, id);
	wp_world_expect_pull(w, "");
	wp_world_ack_one(w, id);
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);
}

static void an_ack_takes_what_it_names_and_nothing_else(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[4];

	ids[0] = wp_world_post(w, MAIL(.json = "m1"));
	ids[1] = wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	ids[2] = wp_world_post(w, MAIL(.json = "m2"));
	ids[3] = wp_world_post(w, MAIL(.json = "h2", .band = WP_BAND_HIGH));
	assert_int_equal(wp_world_route(w).routed, 4);

	assert_int_equal(wp_world_ack(w, ids, 2), WP_OK);
	wp_world_expect_pull(w, "h2 m2");
	/* The right entry in the wrong band is another, unknown message. */
	ids[2].band = WP_BAND_HIGH;
	wp_world_ack_one(w, ids[2]);
	wp_world_expect_pull(w, "h2 m2");
	assert_int_equal(wp_world_ack(w, ids, 0), WP_OK);
}

/* What is named is all that waits only when each of it is named. */
static void as_many_ids_as_wait_need_not_be_those(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[3], named[2];

	ids[0] = wp_world_post(w, MAIL(.json = "m1"));
	assert_int_equal(wp_world_route(w).routed, 1);
	wp_world_ack_one(w, ids[0]);
	ids[1] = wp_world_post(w, MAIL(.json = "m2"));
	ids[2] = wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	assert_int_equal(wp_world_route(w).routed, 2);

	named[0] = ids[0];
	named[1] = ids[2];
	assert_int_equal(wp_world_ack(w, named, 2), WP_OK);
	wp_world_expect_pull(w, "m2");
	/* Nor is one that is named twice two. */
	ids[2] = wp_world_post(w, MAIL(.json = "m3"));
	assert_int_equal(wp_world_route(w).routed, 1);
	named[0] = named[1] = ids[2];
	assert_int_equal(wp_world_ack(w, named, 2), WP_OK);
	wp_world_expect_pull(w, "m2");
	/* Nor is it that one of the other band. */
	named[0] = ids[1];
	named[0].band = WP_BAND_HIGH;
	assert_int_equal(wp_world_ack(w, named, 1), WP_OK);
	wp_world_expect_pull(w, "m2");

	assert_int_equal(wp_world_ack(w, ids, 3), WP_OK);
	wp_world_expect_pull(w, "");
	wp_world_expect(w, "0",
			"EXISTS " WP_P "waits " WP_P "expiry " WP_P
			"index:" WP_BOB);
}

/* Without an index nobody knows what is all. */
static void an_ack_of_all_needs_no_index(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[2];

	ids[0] = wp_world_post(w, MAIL(.json = "m1"));
	ids[1] = wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	assert_int_equal(wp_world_route(w).routed, 2);
	wp_world_run(w, "DEL " WP_P "index:" WP_BOB);
	wp_world_run(w, "SET " WP_P "index:" WP_BOB " foreign");

	assert_int_equal(wp_world_ack(w, ids, 2), WP_OK);
	wp_world_expect_pull(w, "");
	wp_world_expect(w, "0",
			"EXISTS " WP_P "waits " WP_P "hot:" WP_BOB " " WP_P
			"hot!:" WP_BOB);
}

/* A foreign key in the place of waits does not outlive an ack. */
static void an_ack_of_all_makes_waits_anew(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = wp_world_post(w, MAIL(.json = "m1"));

	assert_int_equal(wp_world_route(w).routed, 1);
	wp_world_run(w, "SET " WP_P "waits foreign");
	wp_world_ack_one(w, id);
	wp_world_expect_pull(w, "");
	wp_world_expect(w, "0", "EXISTS " WP_P "waits");
}

static void high_comes_before_standard_whenever_it_was_sent(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "h2", .band = WP_BAND_HIGH));
	(void)wp_world_route(w);

	wp_world_expect_pull(w, "h1 h2 m1 m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_cold(w, "h1 h2 m1 m2");
	wp_world_expect_pull(w, "h1 h2 m1 m2");
}

static void the_same_key_gives_the_same_id_and_one_message(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid first =
		wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	struct wp_msgid again =
		wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	struct wp_msgid other =
		wp_world_post(w, MAIL(.json = "m1", .key = "k2"));
	struct wp_msgid for_amy =
		wp_world_post(w, MAIL(.json = "m1", .key = "k", .to = WP_AMY));

	assert_true(is_same_id(&first, &again));
	assert_false(is_same_id(&first, &other));
	assert_false(is_same_id(&first, &for_amy));
	assert_int_equal(wp_world_int(w, "XLEN " WP_P "ingress"), 3);
}

/* Not even who cannot count what waits for a user forgets what it has said. */
static void a_key_is_known_beside_a_number_that_is_none(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid first =
		wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	struct wp_msgid again;

	wp_world_run(w, "HSET " WP_P "waits " WP_BOB " foreign");
	again = wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	assert_true(is_same_id(&first, &again));
	assert_int_equal(send_one(w, MAIL(.json = "m2")), WP_SEND_UNKNOWN);
}

static void a_key_with_another_envelope_or_expiry_is_a_conflict(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	assert_int_equal(send_one(w, MAIL(.json = "m2", .key = "k")),
			 WP_SEND_CONFLICT);
	assert_int_equal(send_one(w, MAIL(.json = "m1", .key = "k",
					  .expires_in_ms = 5000)),
			 WP_SEND_CONFLICT);
	assert_int_equal(wp_world_int(w, "XLEN " WP_P "ingress"), 1);
}

/* Move today's bucket of idempotency fields back in time. */
static void age_bucket(struct wp_world *w, int hours)
{
	static const char head[] = WP_P "idem:";
	struct wp_reply *reply = wp_world_cmd(w, "KEYS " WP_P "idem:*");
	const char *key = wp_reply_str(wp_reply_at(reply, 0));
	long hour;

	assert_int_equal(wp_reply_count(reply), 1);
	hour = strtol(key + strlen(head), NULL, 10);
	assert_int_equal(hour % 6, 0);
	wp_world_run(w, "RENAME %s %s%ld", key, head, hour - hours);
	wp_reply_free(&reply);
}

static void a_key_is_known_for_a_day_across_buckets(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid first =
		wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	struct wp_msgid again;

	age_bucket(w, 24);
	again = wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	assert_true(is_same_id(&first, &again));
	assert_int_equal(send_one(w, MAIL(.json = "m2", .key = "k")),
			 WP_SEND_CONFLICT);

	age_bucket(w, 6);
	again = wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	assert_false(is_same_id(&first, &again));
}

static void a_bucket_expires_as_a_whole(void **state)
{
	struct wp_world *w = *state;
	struct wp_reply *reply;
	int64_t ttl;

	(void)wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	reply = wp_world_cmd(w, "KEYS " WP_P "idem:*");
	ttl = wp_world_int(w, "TTL %s", wp_reply_str(wp_reply_at(reply, 0)));
	assert_in_range(ttl, 30 * 3600, 36 * 3600);
	wp_reply_free(&reply);
}

static void a_batch_is_accepted_in_order_item_by_item(void **state)
{
	struct wp_world *w = *state;
	const struct wp_world_mail mails[] = {
		{ .json = "m1", .key = "k" },
		{ .json = "a1", .to = WP_AMY },
		{ .json = "m1", .key = "k" },
		{ .json = "m2", .key = "k" },
		{ .json = "m3" },
	};
	struct wp_send_result r[5];

	wp_world_send(w, mails, 5, r);
	assert_int_equal(r[0].status, WP_SEND_ACCEPTED);
	assert_int_equal(r[1].status, WP_SEND_ACCEPTED);
	assert_int_equal(r[2].status, WP_SEND_ACCEPTED);
	assert_int_equal(r[3].status, WP_SEND_CONFLICT);
	assert_int_equal(r[4].status, WP_SEND_ACCEPTED);
	assert_true(is_same_id(&r[0].id, &r[2].id));
	assert_true(wp_entry_id_cmp(&r[0].id.entry, &r[1].id.entry) < 0);
	assert_true(wp_entry_id_cmp(&r[1].id.entry, &r[4].id.entry) < 0);

	(void)wp_world_route(w);
	wp_world_expect_pull(w, "m1 m3");
}

static void above_the_high_mark_only_repeats_are_answered(void **state)
{
	struct wp_world *w = *state;
	const struct wp_world_mail mails[] = {
		{ .json = "m1", .key = "k" },
		{ .json = "m2" },
		{ .json = "m3" },
		{ .json = "m1", .key = "k" },
		{ .json = "m4" },
	};
	struct wp_send_result r[5];

	w->conf.mailbox.ingress_high_mark = 2;
	wp_world_send(w, mails, 5, r);
	assert_int_equal(r[1].status, WP_SEND_ACCEPTED);
	assert_int_equal(r[2].status, WP_SEND_OVERLOADED);
	assert_int_equal(r[3].status, WP_SEND_ACCEPTED);
	assert_true(is_same_id(&r[0].id, &r[3].id));
	assert_int_equal(r[4].status, WP_SEND_OVERLOADED);

	(void)wp_world_route(w);
	assert_int_equal(send_one(w, mails[2]), WP_SEND_ACCEPTED);
}

static void a_closed_gate_accepts_nothing_new(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	wp_world_run(w, "SET " WP_P "gate another-life");
	assert_int_equal(send_one(w, MAIL(.json = "m2")), WP_SEND_OVERLOADED);
	/* A key and its message are of one script: known is accepted. */
	assert_int_equal(send_one(w, MAIL(.json = "m1", .key = "k")),
			 WP_SEND_ACCEPTED);
	wp_world_expect(w, "1", "XLEN " WP_P "ingress");
}

static void a_closed_gate_means_ask_cold_and_clear_nothing(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = wp_world_deliver(w, "m1");

	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	/* Redis lost its memory: no hint, and the gate is of another life. */
	wp_world_run(w, "DEL " WP_P "cold");
	wp_world_expect_pull(w, "");
	wp_world_run(w, "SET " WP_P "gate another-life");
	wp_world_expect_pull(w, "m1");

	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "token_-_-_0_0"));
	wp_world_ack_one(w, id);
	wp_world_expect_pull(w, "");
	wp_world_expect(w, "token - 2 0 0", "HGET " WP_P "cold " WP_BOB);
}

static void a_closed_gate_makes_the_hint_unknown(void **state)
{
	struct wp_world *w = *state;
	const struct wp_ack_ids none = { 0 };
	struct wp_ack_walk walk;
	struct wp_reply *reply;

	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "token_-_-_0_0"));
	wp_ack_begin(&walk, &w->box, &none);
	wp_ack_ask(&walk, "another-life", &w->cmd);
	reply = wp_world_do(w);
	wp_ack_told(&walk, reply, false);
	assert_int_equal(walk.step, WP_ACK_COLD);
	assert_false(walk.may_clear);
	wp_reply_free(&reply);

	/* So it is when another Redis answers than was asked. */
	wp_ack_begin(&walk, &w->box, &none);
	wp_ack_ask(&walk, wp_redis_run_id(w->redis), &w->cmd);
	reply = wp_world_do(w);
	wp_ack_told(&walk, reply, true);
	assert_int_equal(walk.step, WP_ACK_COLD);
	assert_false(walk.may_clear);

	wp_ack_begin(&walk, &w->box, &none);
	wp_ack_told(&walk, reply, false);
	assert_int_equal(walk.step, WP_ACK_COLD);
	assert_true(walk.may_clear);
	assert_string_equal(walk.token, "token");
	walk.cold.rest = (struct wp_store_rest){ .is_empty = true };
	wp_ack_stored(&walk, WP_OK);
	assert_int_equal(walk.step, WP_ACK_HINT);
	wp_ack_ask(&walk, "another-life", &w->cmd);
	wp_reply_free(&reply);
	reply = wp_world_do(w);
	assert_int_equal(wp_reply_int(reply), 0);
	wp_reply_free(&reply);
	wp_world_expect(w, "token - - 0 0", "HGET " WP_P "cold " WP_BOB);
}

/* Write the intent of a keyed send of m1 by hand; before: ingress' last id. */
static void leave_intent(struct wp_world *w, const char *before)
{
	char m1[] = "m1";
	const struct wp_buf json = { .data = m1, .len = 2 };
	struct wp_submission one = {
		.envelope = { .recipient = w->box },
		.json = &json,
		.json_len = 2,
		.expires_in_ms = 24 * 3600 * 1000,
	};
	char value[2 * WP_IDEM_FIELD_LEN + WP_ENTRY_ID_MAX];
	struct wp_reply *reply;

	wp_world_set_key(&one, "k");
	memcpy(value, one.field, WP_IDEM_FIELD_LEN);
	memcpy(value + WP_IDEM_FIELD_LEN, one.digest, WP_IDEM_FIELD_LEN);
	memcpy(value + 2 * WP_IDEM_FIELD_LEN, before, strlen(before));
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "SET");
	wp_cmd_str(&w->cmd, WP_P "intent");
	wp_cmd_add(&w->cmd, value, 2 * WP_IDEM_FIELD_LEN + strlen(before));
	reply = wp_world_do(w);
	wp_reply_free(&reply);
}

static void a_send_cut_off_after_the_append_is_found_again(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid appended = wp_world_post(w, MAIL(.json = "m1"));
	struct wp_msgid other;
	struct wp_msgid again;

	leave_intent(w, "0-0");
	/* Even when it was routed, and somebody else sends in between. */
	(void)wp_world_route(w);
	other = wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	again = wp_world_post(w, MAIL(.json = "m1", .key = "k"));

	assert_true(is_same_id(&appended, &again));
	assert_false(is_same_id(&other, &again));
	wp_world_expect(w, "0", "EXISTS " WP_P "intent");
	(void)wp_world_route(w);
	wp_world_expect_pull(w, "m1");
}

static void a_send_cut_off_before_the_append_is_sent_anew(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid last = wp_world_post(w, MAIL(.json = "m0"));
	char before[WP_ENTRY_ID_MAX];
	struct wp_msgid again;

	wp_entry_id_format(&last.entry, before);
	leave_intent(w, before);
	again = wp_world_post(w, MAIL(.json = "m1", .key = "k"));

	assert_false(is_same_id(&last, &again));
	(void)wp_world_route(w);
	wp_world_expect_pull(w, "m0 m1");
}

/* A route call was cut off between XADD hot and XDEL ingress. */
static struct wp_msgid route_half(struct wp_world *w, const char *json)
{
	struct wp_msgid id = wp_world_post(w, MAIL(.json = json));
	char text[WP_ENTRY_ID_MAX];

	wp_entry_id_format(&id.entry, text);
	wp_world_run(w,
		     WP_PUT_HOT(WP_P "hot:" WP_BOB, "%s", WP_ALIVE, "0", "%s"),
		     text, json);
	return id;
}

static void a_half_routed_message_does_not_come_back_after_its_ack(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = route_half(w, "m1");

	wp_world_ack_one(w, id);
	(void)wp_world_route(w);
	wp_world_expect_pull(w, "");

	/* The same when it has reached the cold store meanwhile. */
	id = route_half(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);
	wp_world_ack_one(w, id);
	(void)wp_world_route(w);
	wp_world_expect_pull(w, "");
}

/* In whatever order they are named, and whoever's lie between. */
static void all_half_routed_ones_of_an_ack_stay_gone(void **state)
{
	enum { N = 5 };
	static const size_t order[N] = { 3, 0, 4, 2, 1 };
	struct wp_world *w = *state;
	struct wp_msgid ids[N];
	struct wp_msgid named[N];

	ids[0] = wp_world_deliver(w, "m0");
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	for (size_t i = 1; i < N; i++)
		ids[i] = route_half(w, "m");
	(void)wp_world_post(w, MAIL(.json = "new"));
	for (size_t i = 0; i < N; i++)
		named[i] = ids[order[i]];
	assert_int_equal(wp_world_ack(w, named, N), WP_OK);
	wp_world_expect(w, "2", "XLEN " WP_P "ingress");
	while (wp_world_route(w).left > 0)
		;
	wp_world_expect_pull(w, "new");
}

static void nobody_acks_the_waiting_messages_of_others(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid amys =
		wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	struct wp_msgid bobs = wp_world_post(w, MAIL(.json = "m1"));

	wp_world_ack_one(w, amys);
	bobs.band = WP_BAND_HIGH;
	wp_world_ack_one(w, bobs);

	assert_int_equal(wp_world_int(w, "XLEN " WP_P "ingress"), 2);
}

static void an_ack_without_the_cold_store_is_repeated_as_a_whole(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[2];

	ids[0] = wp_world_deliver(w, "m1");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	ids[1] = wp_world_deliver(w, "m2");

	w->spy.refuse = "ack";
	assert_int_equal(wp_world_ack(w, ids, 2), WP_ERR_UNAVAIL);
	w->spy.refuse = NULL;
	wp_world_expect_pull(w, "m1");
	assert_int_equal(wp_world_ack(w, ids, 2), WP_OK);
	wp_world_expect_pull(w, "");
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
}

/* How many times are told of by an ack of these, if it holds. */
static int64_t ack_and_count(struct wp_world *w, struct wp_metrics *metrics,
			     struct wp_msgid *ids, size_t n)
{
	const struct wp_ack_ids list = { .ids = ids, .n = n };
	int64_t before = wp_metric_get(metrics, 0);
	struct wp_ack_walk walk;
	struct wp_reply *reply;

	wp_ack_begin(&walk, &w->box, &list);
	walk.waits = (struct wp_ack_waits){ .metrics = metrics };
	wp_ack_ask(&walk, wp_redis_run_id(w->redis), &w->cmd);
	reply = wp_world_do(w);
	wp_ack_told(&walk, reply, false);
	assert_true(walk.step == WP_ACK_DONE || walk.step == WP_ACK_COLD);
	wp_reply_free(&reply);
	return wp_metric_get(metrics, 0) - before;
}

static void acks_tell_how_long_messages_took_that_were_in_hot(void **state)
{
	static const struct wp_metric_desc row = {
		"waypost_delivery_duration_seconds", NULL, "", WP_HISTOGRAM
	};
	struct wp_world *w = *state;
	struct wp_metrics *metrics;
	struct wp_msgid ids[4];

	assert_int_equal(wp_metrics_new(&metrics, &row, 1, NULL), WP_OK);
	for (size_t i = 0; i < 4; i++)
		ids[i] = wp_world_deliver(w, "m");

	assert_int_equal(ack_and_count(w, metrics, ids, 1), 1);
	assert_int_equal(ack_and_count(w, metrics, ids, 1), 0); /* again */
	assert_int_equal(ack_and_count(w, metrics, &ids[1], 2), 2);
	ids[2].entry.ms = 1; /* made up */
	assert_int_equal(ack_and_count(w, metrics, &ids[2], 2), 0);

	ids[0] = wp_world_deliver(w, "m");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	assert_int_equal(ack_and_count(w, metrics, ids, 1), 0);
	wp_metrics_free(&metrics);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(
			a_message_waits_until_it_is_acked_and_never_comes_back),
		WORLD_TEST(an_ack_takes_what_it_names_and_nothing_else),
		WORLD_TEST(as_many_ids_as_wait_need_not_be_those),
		WORLD_TEST(an_ack_of_all_needs_no_index),
		WORLD_TEST(an_ack_of_all_makes_waits_anew),
		WORLD_TEST(high_comes_before_standard_whenever_it_was_sent),
		WORLD_TEST(the_same_key_gives_the_same_id_and_one_message),
		WORLD_TEST(a_key_is_known_beside_a_number_that_is_none),
		WORLD_TEST(a_key_with_another_envelope_or_expiry_is_a_conflict),
		WORLD_TEST(a_key_is_known_for_a_day_across_buckets),
		WORLD_TEST(a_bucket_expires_as_a_whole),
		WORLD_TEST(a_batch_is_accepted_in_order_item_by_item),
		WORLD_TEST(above_the_high_mark_only_repeats_are_answered),
		WORLD_TEST(a_closed_gate_accepts_nothing_new),
		WORLD_TEST(a_closed_gate_means_ask_cold_and_clear_nothing),
		WORLD_TEST(a_closed_gate_makes_the_hint_unknown),
		WORLD_TEST(a_send_cut_off_after_the_append_is_found_again),
		WORLD_TEST(a_send_cut_off_before_the_append_is_sent_anew),
		WORLD_TEST(
			a_half_routed_message_does_not_come_back_after_its_ack),
		WORLD_TEST(all_half_routed_ones_of_an_ack_stay_gone),
		WORLD_TEST(nobody_acks_the_waiting_messages_of_others),
		WORLD_TEST(
			an_ack_without_the_cold_store_is_repeated_as_a_whole),
		WORLD_TEST(acks_tell_how_long_messages_took_that_were_in_hot),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
