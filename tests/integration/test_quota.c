/*
 * How much may wait for one user: counted where it waits, in ingress, in hot
 * and in cold, and never counted twice for long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "tests/support/boxes.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })

static enum wp_send_status send_one(struct wp_world *w,
				    struct wp_world_mail mail)
{
	struct wp_send_result result;

	wp_world_send(w, &mail, 1, &result);
	return result.status;
}

static void expect_full(struct wp_world *w, const char *json)
{
	assert_int_equal(send_one(w, MAIL(.json = json)), WP_SEND_FULL);
}

static void what_waits_in_ingress_counts(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 2;
	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	expect_full(w, "m3");
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	wp_world_expect(w, "3", "XLEN " WP_P "ingress");
}

static void what_waits_in_hot_counts_in_both_bands(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m1;

	w->conf.mailbox.max_waiting = 2;
	m1 = wp_world_deliver(w, "m1");
	(void)wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	(void)wp_world_route(w);
	wp_world_expect(w, "0", "XLEN " WP_P "ingress");
	expect_full(w, "m2");
	assert_int_equal(send_one(w, MAIL(.json = "e1", .is_ephemeral = true)),
			 WP_SEND_FULL);
	wp_world_ack_one(w, m1);
	(void)wp_world_post(w, MAIL(.json = "m2"));
	expect_full(w, "m3");
}

static void what_waits_in_cold_counts_until_it_is_acked(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[2];

	w->conf.mailbox.max_waiting = 2;
	ids[0] = wp_world_deliver(w, "m1");
	ids[1] = wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_told(w, "1 2 4");
	expect_full(w, "m3");

	wp_world_ack_one(w, ids[0]);
	wp_world_expect_told(w, "2 1 2");
	(void)wp_world_deliver(w, "m3");
	expect_full(w, "m4");
	wp_world_ack_one(w, ids[1]);
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
	(void)wp_world_post(w, MAIL(.json = "m4"));
}

static void expiry_in_cold_makes_room(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_expire expire = { .box = &w->box };

	w->conf.mailbox.max_waiting = 2;
	(void)wp_world_post(w, MAIL(.json = "m1", .expires_in_ms = 60000));
	(void)wp_world_route(w);
	(void)wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	expect_full(w, "m3");
	expire.now_ms = wp_wall_ms() + 120000;
	assert_int_equal(wp_ack_expired(w->redis, w->store, &expire, NULL),
			 WP_OK);
	wp_world_expect_told(w, "2 1 2");
	(void)wp_world_post(w, MAIL(.json = "m3"));
}

static void bytes_count_wherever_they_wait(void **state)
{
	struct wp_world *w = *state;
	char large[3000];

	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	w->conf.mailbox.max_waiting_bytes = 10000;
	(void)wp_world_post(w, MAIL(.json = large));
	(void)wp_world_post(w, MAIL(.json = large));
	(void)wp_world_post(w, MAIL(.json = large));
	expect_full(w, large);
	(void)wp_world_post(w, MAIL(.json = "small"));

	(void)wp_world_route(w);
	expect_full(w, large);

	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_told(w, "1 4 9002");
	expect_full(w, large);
	(void)wp_world_post(w, MAIL(.json = "small"));
}

enum { LARGE = 24500, MIB = 1024 * 1024, SMALL_ONES = 40 };

/* Envelopes of `size` bytes until one is refused; the bytes that fitted. */
static int64_t fill(struct wp_world *w, size_t size, enum wp_band band,
		    int64_t n_max)
{
	char *json = calloc(1, size + 1);
	int64_t bytes = 0;

	assert_non_null(json);
	memset(json, 'x', size);
	for (int64_t n = 0; n < n_max; n++) {
		enum wp_send_status status =
			send_one(w, MAIL(.json = json, .band = band));

		if (status == WP_SEND_FULL)
			break;
		assert_int_equal(status, WP_SEND_ACCEPTED);
		bytes += (int64_t)size;
		(void)wp_world_route(w);
	}
	free(json);
	return bytes;
}

/* The sample that Redis takes of a queue is one that the sender chooses. */
static void the_first_envelopes_do_not_hide_the_size_of_the_others(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting_bytes = MIB;
	for (int band = 0; band < 2; band++) {
		int64_t sum = fill(w, 1, (enum wp_band)band, SMALL_ONES);

		assert_int_equal(sum, SMALL_ONES);
		sum += fill(w, LARGE, (enum wp_band)band, MIB);
		assert_in_range(sum, MIB - LARGE + 1, MIB);
		/* Exactly what is left, and not a byte more. */
		assert_int_equal(
			fill(w, (size_t)(MIB - sum), (enum wp_band)band, 1),
			MIB - sum);
		expect_full(w, "x");
		wp_world_run(w, "DEL " WP_P "ingress " WP_P "hot:" WP_BOB
				" " WP_P "hot!:" WP_BOB);
	}
}

static void the_last_envelopes_do_not_hide_it_either(void **state)
{
	struct wp_world *w = *state;
	int64_t sum;

	w->conf.mailbox.max_waiting_bytes = MIB;
	sum = fill(w, LARGE, WP_BAND_STANDARD, MIB / LARGE);
	sum += fill(w, 1, WP_BAND_STANDARD, SMALL_ONES);
	assert_int_equal(sum, MIB / LARGE * LARGE + SMALL_ONES);
	assert_int_equal(fill(w, LARGE, WP_BAND_HIGH, 1), 0);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	assert_int_equal(fill(w, LARGE, WP_BAND_HIGH, 1), 0);
	sum += fill(w, (size_t)(MIB - sum), WP_BAND_HIGH, 1);
	assert_int_equal(sum, MIB);
	expect_full(w, "x");
}

/* xorshift64*: the same cases on every machine. */
static uint32_t next_random(uint64_t *seed, uint32_t bound)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 2685821657736338717ULL) >> 33) % bound;
}

/* What bob is known to have waiting. */
enum { PILE_MAX = 2000, PILE_BYTES = 100000, PILE_COUNT = 60 };
struct pile {
	struct wp_msgid ids[PILE_MAX];
	size_t sizes[PILE_MAX];
	size_t n;
	size_t bytes;
};

static void send_at_random(struct wp_world *w, struct pile *pile,
			   uint64_t *seed)
{
	static const uint32_t most[] = { 2, 100, 3000, 30000 };
	static char json[30001];
	size_t size = 1 + next_random(seed, most[next_random(seed, 4)]);
	struct wp_send_result result;
	const struct wp_world_mail mail = {
		.json = json,
		.band = (enum wp_band)next_random(seed, 2),
	};
	bool fits = pile->n < PILE_COUNT && pile->bytes + size <= PILE_BYTES;

	memset(json, 'x', size);
	json[size] = '\0';
	wp_world_send(w, &mail, 1, &result);
	assert_int_equal(result.status, fits ? WP_SEND_ACCEPTED : WP_SEND_FULL);
	if (!fits)
		return;
	pile->ids[pile->n] = result.id;
	pile->sizes[pile->n++] = size;
	pile->bytes += size;
}

static void ack_at_random(struct wp_world *w, struct pile *pile, uint64_t *seed)
{
	size_t i;

	if (pile->n == 0)
		return;
	i = next_random(seed, (uint32_t)pile->n);
	wp_world_ack_one(w, pile->ids[i]);
	pile->bytes -= pile->sizes[i];
	pile->n--;
	pile->ids[i] = pile->ids[pile->n];
	pile->sizes[i] = pile->sizes[pile->n];
}

/* Acks take entries out of all three places, ingress too. */
static void the_quota_is_exact_wherever_messages_wait(void **state)
{
	enum { STEPS = 3000 };
	struct wp_world *w = *state;
	struct pile pile = { .n = 0 };
	uint64_t seed = 20261129;

	w->conf.mailbox.max_waiting = PILE_COUNT;
	w->conf.mailbox.max_waiting_bytes = PILE_BYTES;
	for (int i = 0; i < STEPS; i++) {
		uint32_t what = next_random(&seed, 100);

		if (what < 50)
			send_at_random(w, &pile, &seed);
		else if (what < 85)
			ack_at_random(w, &pile, &seed);
		else if (what < 97)
			(void)wp_world_route(w);
		else
			assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	}
}

/* Ingress is never empty: what is acked is counted all the same. */
static void an_ack_counts_while_others_are_on_their_way(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m1 = wp_world_deliver(w, "m-1");
	struct wp_msgid m2 = wp_world_deliver(w, "m--2");

	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	wp_world_expect(w, "2 7", "HGET " WP_P "waits " WP_BOB);
	wp_world_ack_one(w, m1);
	wp_world_expect(w, "1 4", "HGET " WP_P "waits " WP_BOB);
	(void)wp_world_post(w, MAIL(.json = "m---3"));
	wp_world_ack_one(w, m2); /* all that is in hot */
	wp_world_expect(w, "1 5", "HGET " WP_P "waits " WP_BOB);
	(void)wp_world_route(w);
	m1 = wp_world_deliver(w, "m----4");
	(void)wp_world_post(w, MAIL(.json = "a2", .to = WP_AMY));
	wp_world_expect(w, "2 11", "HGET " WP_P "waits " WP_BOB);
	wp_world_expect(w, "2", "XLEN " WP_P "hot:" WP_BOB);
	wp_world_ack_one(w, m1);
	wp_world_expect(w, "1 5", "HGET " WP_P "waits " WP_BOB);
}

/* However often, and wherever it is said to be: it makes room once. */
static void an_ack_frees_no_more_than_it_deletes(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[4];

	w->conf.mailbox.max_waiting = 3;
	for (int is_routed = 0; is_routed < 2; is_routed++) {
		ids[0] = wp_world_post(w, MAIL(.json = "m1"));
		ids[1] = ids[2] = ids[3] = ids[0];
		ids[1].band = ids[3].band = WP_BAND_HIGH;
		(void)wp_world_post(w, MAIL(.json = "m2"));
		(void)wp_world_post(w, MAIL(.json = "m3"));
		if (is_routed)
			(void)wp_world_route(w);
		/* Ingress is not empty: nobody puts right what is wrong. */
		(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
		assert_int_equal(wp_world_ack(w, ids, 4), WP_OK);
		assert_int_equal(wp_world_ack(w, ids, 4), WP_OK);
		(void)wp_world_post(w, MAIL(.json = "m4"));
		expect_full(w, "m5");
		wp_world_run(w, "DEL " WP_P "ingress " WP_P "hot:" WP_BOB
				" " WP_P "waits " WP_P "index:" WP_BOB);
	}
}

/* A route call was cut off: what is in both is one message. */
static void what_is_in_ingress_and_hot_counts_once(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m1;

	w->conf.mailbox.max_waiting = 2;
	m1 = wp_world_post(w, MAIL(.json = "m1"));
	wp_world_run(w, "COPY " WP_P "ingress " WP_P "copy");
	(void)wp_world_route(w);
	wp_world_run(w, "RENAME " WP_P "copy " WP_P "ingress");
	(void)wp_world_post(w, MAIL(.json = "m2"));
	expect_full(w, "m3");
	wp_world_ack_one(w, m1);
	(void)wp_world_post(w, MAIL(.json = "m3"));
	expect_full(w, "m4");
	(void)wp_world_route(w);
	expect_full(w, "m4");
}

/* Somebody's hand, or a bug: too low and too high alike. */
static void an_audit_puts_wrong_numbers_right(void **state)
{
	static const char *const wrong[] = { "1\\0321", "9\\0329", "2\\0321",
					     "2\\0329" };
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 3;
	(void)wp_world_deliver(w, "m1");
	(void)wp_world_deliver(w, "m2");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		wp_world_run(w,
			     "EVAL return\tredis.call('HSET',KEYS[1],"
			     "KEYS[2],'%s') 2 " WP_P "waits " WP_BOB,
			     wrong[i]);
		wp_world_run(
			w, "EVALSHA %s 1 " WP_P " user " WP_BOB " 10 100 run -",
			wp_scripts.list[WP_SCRIPT_AUDIT].sha1);
		wp_world_expect(w, "[2 4]",
				"EVAL return{string.match(redis.call('HGET',"
				"KEYS[1],KEYS[2]),'(%%d+).(%%d+)')} 2 " WP_P
				"waits " WP_BOB);
	}
	(void)wp_world_post(w, MAIL(.json = "m3"));
	expect_full(w, "m4");
}

static void expired(struct wp_world *w, const char *json)
{
	(void)wp_world_post(w, MAIL(.json = json, .expires_in_ms = -5000));
}

static void what_has_expired_holds_no_quota(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 3;
	w->conf.mailbox.max_waiting_bytes = 8;
	expired(w, "m1");
	expired(w, "m2");
	(void)wp_world_post(w, MAIL(.json = "m3"));
	(void)wp_world_route(w);
	(void)wp_world_post(w, MAIL(.json = "m4"));
	(void)wp_world_post(w, MAIL(.json = "m5"));
	expect_full(w, "m6");
	(void)wp_world_route(w);
	expect_full(w, "m6");

	w->conf.mailbox.max_waiting = 10;
	(void)wp_world_post(w, MAIL(.json = "m6"));
	expect_full(w, "m");
}

static void nor_does_it_on_disk(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 2;
	expired(w, "m1");
	expired(w, "m2");
	(void)wp_world_route(w);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	(void)wp_world_post(w, MAIL(.json = "m3"));
	(void)wp_world_post(w, MAIL(.json = "m4"));
	expect_full(w, "m5");
	(void)wp_world_route(w);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	expect_full(w, "m5");
}

/* The clock went back: what had expired waits again. */
static void what_has_expired_is_not_forgotten(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 5;
	w->conf.mailbox.max_waiting_bytes = 4;
	(void)wp_world_deliver(w, "m1");
	(void)wp_world_deliver(w, "m2");
	expect_full(w, "m");
	wp_world_run(w, "EVAL return\tredis.call('HSET',KEYS[1],KEYS[2],"
			"'1073741823\\0322\\0324') 2 " WP_P "waits !" WP_BOB);
	expect_full(w, "m");
}

static void a_queue_without_an_index_is_counted_all_the_same(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m1;

	w->conf.mailbox.max_waiting_bytes = 4;
	m1 = wp_world_deliver(w, "m1");
	(void)wp_world_deliver(w, "m2");
	wp_world_run(w, "DEL " WP_P "index:" WP_BOB);
	expect_full(w, "m");
	wp_world_run(w, "SET " WP_P "index:" WP_BOB " not-an-index");
	expect_full(w, "m");
	wp_world_run(w, "SET " WP_P "index:" WP_BOB " not-an-index");
	wp_world_ack_one(w, m1);
	(void)wp_world_post(w, MAIL(.json = "m"));
	wp_world_run(w, "SET " WP_P "index:" WP_BOB " not-an-index");
	(void)wp_world_route(w);
	(void)wp_world_post(w, MAIL(.json = "m"));
	expect_full(w, "m");
}

/*
 * An ack was cut off when it had deleted m1, and the next one found the index
 * longer than what waits. m1 must not count for ever.
 */
static void what_a_cut_ack_has_left_does_not_count_for_ever(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m2;

	w->conf.mailbox.max_waiting_bytes = 6;
	(void)wp_world_deliver(w, "m1");
	m2 = wp_world_deliver(w, "m2");
	(void)wp_world_deliver(w, "m3");
	wp_world_run(w, "XTRIM " WP_P "hot:" WP_BOB " MAXLEN 2");
	wp_world_ack_one(w, m2);
	/* Whoever looks while ingress is not empty makes the index anew. */
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	expect_full(w, "more");
	(void)wp_world_route(w);
	(void)wp_world_deliver(w, "m4");
	(void)wp_world_deliver(w, "m5");
	expect_full(w, "m6");
}

/* The cut was before it: hot is empty, and what had expired has left it. */
static void an_index_of_nothing_makes_no_room(void **state)
{
	const struct wp_world_mail mails[] = { { .json = "m3" },
					       { .json = "m4" },
					       { .json = "m5" } };
	struct wp_world *w = *state;
	struct wp_send_result results[3];

	w->conf.mailbox.max_waiting = 2;
	expired(w, "m1");
	expired(w, "m2");
	(void)wp_world_route(w);
	wp_world_run(w, "DEL " WP_P "hot:" WP_BOB);
	wp_world_send(w, mails, 3, results);
	assert_int_equal(results[1].status, WP_SEND_ACCEPTED);
	assert_int_equal(results[2].status, WP_SEND_FULL);

	(void)wp_world_route(w);
	wp_world_run(w, "DEL " WP_P "hot:" WP_BOB);
	wp_world_run(w, "SET " WP_P "index:" WP_BOB " not-an-index");
	(void)wp_world_post(w, MAIL(.json = "m6"));
}

static void a_known_key_is_answered_before_the_quota(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 1;
	(void)wp_world_post(w, MAIL(.json = "m1", .key = "k"));
	assert_int_equal(send_one(w, MAIL(.json = "m1", .key = "k")),
			 WP_SEND_ACCEPTED);
	assert_int_equal(send_one(w, MAIL(.json = "m2", .key = "k")),
			 WP_SEND_CONFLICT);
	assert_int_equal(send_one(w, MAIL(.json = "m2", .key = "l")),
			 WP_SEND_FULL);
}

static void the_quota_comes_before_the_mark_of_ingress(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 1;
	w->conf.mailbox.ingress_high_mark = 1;
	(void)wp_world_post(w, MAIL(.json = "m1"));
	expect_full(w, "m2");
	assert_int_equal(send_one(w, MAIL(.json = "a1", .to = WP_AMY)),
			 WP_SEND_OVERLOADED);
}

/* Small enough to fit, but behind one that did not. */
static void later_elements_for_a_full_mailbox_fail_with_it(void **state)
{
	struct wp_world *w = *state;
	static const char big[] = "a-rather-long-envelope";
	const struct wp_world_mail mails[] = {
		{ .json = "m1" },
		{ .json = big },
		{ .json = "m2" },
		{ .json = "a1", .to = WP_AMY },
	};
	struct wp_send_result r[4];

	w->conf.mailbox.max_waiting_bytes = 20;
	wp_world_send(w, mails, 4, r);
	assert_int_equal(r[0].status, WP_SEND_ACCEPTED);
	assert_int_equal(r[1].status, WP_SEND_FULL);
	assert_int_equal(r[2].status, WP_SEND_FULL);
	assert_int_equal(r[3].status, WP_SEND_ACCEPTED);
}

static void what_route_holds_back_or_buries_is_counted_right(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_tries = 2;
	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	(void)wp_world_route(w);
	wp_world_expect(w, "[" WP_BOB " 2 4]",
			"EVAL return{'" WP_BOB "',unpack({string.match("
			"redis.call('HGET',KEYS[1],'" WP_BOB
			"'),'(%%d+).(%%d+)')})} 1 " WP_P "waits");
	while (wp_world_route(w).left > 0)
		;
	wp_world_expect(w, "[" WP_AMY "]", "HKEYS " WP_P "waits");
	wp_world_expect(w, "2", "XLEN " WP_P "dlq");
}

static void wrong_numbers_last_until_ingress_is_empty(void **state)
{
	struct wp_world *w = *state;

	w->conf.mailbox.max_waiting = 2;
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	wp_world_run(w, "EVAL return\tredis.call('HSET',KEYS[1],KEYS[2],"
			"'9\\0329') 2 " WP_P "waits " WP_BOB);
	expect_full(w, "m1");
	(void)wp_world_route(w);
	(void)wp_world_post(w, MAIL(.json = "m1"));

	/* Also when nobody has routed since. */
	wp_world_run(w, "DEL " WP_P "ingress");
	wp_world_run(w, "EVAL return\tredis.call('HSET',KEYS[1],KEYS[2],"
			"'9\\0329') 2 " WP_P "waits " WP_BOB);
	(void)wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "m3"));
	expect_full(w, "m4");
}

static void note_size(struct wp_world *w, int64_t version, int64_t n)
{
	const struct wp_store_size size = { version, n, n * 10 };
	struct wp_reply *reply;

	wp_cold_size_begin(&w->cmd, WP_WORLD_PARTITION);
	wp_cold_size_add(&w->cmd, &w->box, &size);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

static void a_late_writer_cannot_overwrite_a_newer_size(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "token_-_-_0_0"));
	note_size(w, 5, 3);
	note_size(w, 4, 9);
	wp_world_expect_told(w, "5 3 30");
	note_size(w, 10, 0);
	wp_world_expect_told(w, "10 0 0");
	note_size(w, 9, 2);
	wp_world_expect_told(w, "10 0 0");
	/* Without a hint there is nothing to count. */
	wp_world_run(w, "HDEL " WP_P "cold " WP_BOB);
	note_size(w, 11, 4);
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
}

struct meddler {
	struct wp_world *w;
	struct wp_msgid id;
};

static void ack_before_trim(void *ctx, const char *step)
{
	struct meddler *meddler = ctx;

	if (strcmp(step, "M4") == 0)
		wp_world_ack_one(meddler->w, meddler->id);
}

static void an_ack_between_append_and_trim_leaves_no_size(void **state)
{
	struct wp_world *w = *state;
	struct wp_migrate_ctx ctx = wp_world_migration(w);
	struct meddler meddler = { .w = w, .id = wp_world_deliver(w, "m1") };
	int64_t moved = 0;

	ctx.on_step = ack_before_trim;
	ctx.on_step_ctx = &meddler;
	assert_int_equal(wp_world_move(&ctx, w->owner, &w->box, &moved), WP_OK);
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_waits_in_ingress_counts),
		WORLD_TEST(what_waits_in_hot_counts_in_both_bands),
		WORLD_TEST(what_waits_in_cold_counts_until_it_is_acked),
		WORLD_TEST(expiry_in_cold_makes_room),
		WORLD_TEST(bytes_count_wherever_they_wait),
		WORLD_TEST(
			the_first_envelopes_do_not_hide_the_size_of_the_others),
		WORLD_TEST(the_last_envelopes_do_not_hide_it_either),
		WORLD_TEST(the_quota_is_exact_wherever_messages_wait),
		WORLD_TEST(what_has_expired_holds_no_quota),
		WORLD_TEST(nor_does_it_on_disk),
		WORLD_TEST(what_has_expired_is_not_forgotten),
		WORLD_TEST(a_queue_without_an_index_is_counted_all_the_same),
		WORLD_TEST(what_a_cut_ack_has_left_does_not_count_for_ever),
		WORLD_TEST(an_index_of_nothing_makes_no_room),
		WORLD_TEST(a_known_key_is_answered_before_the_quota),
		WORLD_TEST(the_quota_comes_before_the_mark_of_ingress),
		WORLD_TEST(an_ack_counts_while_others_are_on_their_way),
		WORLD_TEST(an_ack_frees_no_more_than_it_deletes),
		WORLD_TEST(what_is_in_ingress_and_hot_counts_once),
		WORLD_TEST(an_audit_puts_wrong_numbers_right),
		WORLD_TEST(later_elements_for_a_full_mailbox_fail_with_it),
		WORLD_TEST(what_route_holds_back_or_buries_is_counted_right),
		WORLD_TEST(wrong_numbers_last_until_ingress_is_empty),
		WORLD_TEST(a_late_writer_cannot_overwrite_a_newer_size),
		WORLD_TEST(an_ack_between_append_and_trim_leaves_no_size),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
