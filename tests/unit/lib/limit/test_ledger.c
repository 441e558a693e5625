/*
 * Promises over time, for 1 to 32 processes that know of each other only what
 * Redis answers: the long-run rate is that of the class, who keeps to it is
 * never refused, and few calls go to Redis. Redis is limit.lua in C here;
 * tests/integration/test_rate.c holds the script to the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/limit/ledger.h"

enum {
	PROCESSES_MAX = 32,
	CALLS_MAX = 4096, /* under way */
	ANSWER_MS = 3,    /* how long one takes */
	PER_S = 100,      /* of the class send */
	BURST = 200,
	CREDIT = 10,
	BATCH = 100,
};
static const int64_t ms = 1000000, s = 1000000000;

/* ---- one caller of a deployment ---- */

struct call {
	size_t process;
	int64_t asked_ns;
	int64_t ahead_ns;
};

static struct {
	struct wp_limit_rates rates;
	struct wp_ledger *ledgers[PROCESSES_MAX];
	uint64_t keys[PROCESSES_MAX];
	size_t n;
	int64_t now_ns;
	int64_t full_at; /* Redis' */
	int64_t base;
	int64_t spare;
	struct call calls[CALLS_MAX];
	size_t first;
	size_t n_calls;
	size_t n_paid; /* calls, ever */
	uint64_t seed;
} world;

static void begin(size_t n)
{
	struct wp_error err;

	assert_int_equal(wp_limit_rates_read(&world.rates, NULL, 0, &err),
			 WP_OK);
	world.n = n;
	world.now_ns = 1000 * s;
	world.full_at = 0;
	world.first = 0;
	world.n_calls = 0;
	world.n_paid = 0;
	world.seed = 1;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(
			wp_ledger_new(&world.ledgers[i], &world.rates, &err),
			WP_OK);
		world.keys[i] = wp_ledger_key(world.ledgers[i], WP_LIMIT_SEND,
					      "bob", 3);
	}
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < world.n; i++)
		wp_ledger_free(&world.ledgers[i]);
	world.n = 0;
	return 0;
}

/* The same each time (Knuth's MMIX). */
static uint64_t random_below(uint64_t bound)
{
	world.seed = world.seed * 6364136223846793005 + 1442695040888963407;
	return (world.seed >> 33) % bound;
}

/* limit.lua */
static int64_t charge(int64_t cost_ns, int64_t age_ns)
{
	const struct wp_limit_rate *rate = &world.rates.of[WP_LIMIT_SEND];
	int64_t since = world.now_ns - age_ns;

	if (world.full_at <= world.now_ns - rate->keep_ns) {
		world.full_at = since;
		world.base = since;
		world.spare = BURST * s / PER_S;
	} else if (since > world.full_at) {
		world.spare += since - world.full_at;
		if (world.spare > BURST * s / PER_S)
			world.spare = BURST * s / PER_S;
		world.full_at = since;
		world.base = since;
	} else if (since < world.base) {
		int64_t used = world.base - since;

		if (used > world.spare)
			used = world.spare;
		if (used > cost_ns)
			used = cost_ns;
		world.spare -= used;
		cost_ns -= used;
	}
	world.full_at += cost_ns;
	return world.full_at > world.now_ns ? world.full_at - world.now_ns : 0;
}

static void pay(size_t process, const struct wp_ledger_verdict *verdict)
{
	struct call *call =
		&world.calls[(world.first + world.n_calls) % CALLS_MAX];

	if (verdict->due == 0)
		return;
	assert_true(world.n_calls < CALLS_MAX);
	*call = (struct call){
		.process = process,
		.asked_ns = world.now_ns,
		.ahead_ns =
			charge(verdict->due * s / PER_S, verdict->due_age_ns),
	};
	world.n_calls++;
	world.n_paid++;
}

static void hear(void)
{
	while (world.n_calls > 0 &&
	       world.calls[world.first].asked_ns + ANSWER_MS * ms <=
		       world.now_ns) {
		const struct call *call = &world.calls[world.first];

		wp_ledger_told(world.ledgers[call->process], WP_LIMIT_SEND,
			       world.keys[call->process], call->asked_ns,
			       call->ahead_ns);
		world.first = (world.first + 1) % CALLS_MAX;
		world.n_calls--;
	}
}

/* A request of n units of one process; was it accepted? */
static bool ask(size_t process, int64_t n)
{
	struct wp_ledger_verdict verdict;

	hear();
	wp_ledger_take(world.ledgers[process], WP_LIMIT_SEND,
		       world.keys[process], n, world.now_ns, &verdict);
	pay(process, &verdict);
	if (verdict.is_refused)
		assert_int_equal(verdict.due, 0);
	return !verdict.is_refused;
}

/* Requests of n units at random times, per_s units on the whole, to processes
 * at random; how many units were accepted in these seconds? */
static int64_t run(int64_t seconds, int64_t per_s, int64_t n)
{
	const int64_t until = world.now_ns + seconds * s;
	int64_t accepted = 0;

	for (;;) {
		world.now_ns +=
			(int64_t)random_below((uint64_t)(2 * s * n / per_s));
		if (world.now_ns >= until)
			return accepted;
		if (ask(random_below(world.n), n))
			accepted += n;
	}
}

static const size_t sizes[] = { 1, 2, 5, 8, 32 };
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void the_long_run_rate_is_that_of_the_class(void **state)
{
	static const int64_t offered[] = { 120, 300, 3000 };

	for (size_t i = 0; i < SIZES; i++)
		for (size_t k = 0; k < 3; k++) {
			int64_t first, rest;

			begin(sizes[i]);
			first = run(20, offered[k], 1);
			rest = run(100, offered[k], 1);

			assert_in_range(first + rest, 120 * PER_S,
					120 * PER_S + BURST +
						(int64_t)sizes[i] *
							(2 * CREDIT + 2));
			/* The burst is behind us but for the slowest. */
			if (offered[k] > 120)
				assert_in_range(rest, 98 * PER_S,
						100 * PER_S +
							(int64_t)sizes[i] *
								PER_S);
			end(state);
		}
}

static void what_was_not_used_for_long_is_saved_up_as_a_burst_only(void **state)
{
	for (size_t i = 0; i < SIZES; i++) {
		begin(sizes[i]);
		(void)run(1000, 50, 1);

		assert_in_range(run(100, 120, 1), 100 * PER_S,
				100 * PER_S + 2 * BURST +
					(int64_t)sizes[i] * (2 * CREDIT + 2));
		end(state);
	}
}

static void so_it_is_for_batches(void **state)
{
	for (size_t i = 0; i < SIZES; i++) {
		begin(sizes[i]);

		run(20, 5000, BATCH);
		assert_in_range(run(100, 5000, BATCH), 96 * PER_S,
				100 * PER_S + (int64_t)sizes[i] * PER_S);
		end(state);
	}
}

/* A caller that a bucket which sees everything would never refuse. */
static void who_keeps_to_the_rate_is_never_refused(void **state)
{
	static const int64_t pauses_ms[] = { 1, 9, 60, 900, 30000, 3600000 };

	for (size_t i = 0; i < SIZES; i++) {
		int64_t full_at = 0;
		size_t n = 0;

		begin(sizes[i]);
		while (n < 60000) {
			int64_t at = world.now_ns +
				     (int64_t)random_below((uint64_t)(20 * ms));

			/* Now and then not for a while. */
			if (random_below(200) == 0)
				at += pauses_ms[random_below(6)] * ms;
			/* As early as one may, much of the time. */
			if (full_at > at + (BURST - 1) * (s / PER_S))
				at = full_at - (BURST - 1) * (s / PER_S);
			else if (random_below(3) != 0)
				at = world.now_ns;
			if (full_at > at + (BURST - 1) * (s / PER_S))
				continue;
			world.now_ns = at;
			full_at = (full_at > at ? full_at : at) + s / PER_S;
			n++;
			if (!ask(random_below(world.n), 1))
				fail_msg("number %zu of %zu processes", n,
					 sizes[i]);
		}
		assert_true(world.n_paid <= n / CREDIT);
		end(state);
	}
}

static void one_call_in_ten_pays_for_all(void **state)
{
	int64_t accepted;

	begin(2);

	accepted = run(60, 3000, 1);

	assert_in_range((int64_t)world.n_paid, accepted / CREDIT - 2,
			accepted / CREDIT);
	(void)state;
}

/* ---- one process ---- */

static struct wp_ledger_verdict take(enum wp_limit_class class, const char *who,
				     int64_t n)
{
	struct wp_ledger *ledger = world.ledgers[0];
	struct wp_ledger_verdict verdict;

	wp_ledger_take(ledger, class, wp_ledger_key(ledger, class, who, 3), n,
		       world.now_ns, &verdict);
	return verdict;
}

static void a_burst_is_served_and_what_follows_is_told_when(void **state)
{
	struct wp_ledger_verdict verdict;

	(void)state;
	begin(1);

	for (int i = 0; i < BURST; i++) {
		verdict = take(WP_LIMIT_SEND, "bob", 1);
		assert_false(verdict.is_refused);
		assert_int_equal(verdict.left, BURST - 1 - i);
	}
	verdict = take(WP_LIMIT_SEND, "bob", 1);

	assert_true(verdict.is_refused);
	assert_int_equal(verdict.wait_ns, s / PER_S);
	assert_int_equal(verdict.left, 0);
	assert_int_equal(verdict.full_ns, 2 * s);
	world.now_ns += verdict.wait_ns - 1;
	assert_true(take(WP_LIMIT_SEND, "bob", 1).is_refused);
	world.now_ns += 1;
	assert_false(take(WP_LIMIT_SEND, "bob", 1).is_refused);
}

static void what_a_batch_overdraws_is_owed(void **state)
{
	struct wp_ledger_verdict verdict;

	(void)state;
	begin(1);

	(void)take(WP_LIMIT_SEND, "bob", 150);
	assert_false(take(WP_LIMIT_SEND, "bob", 100).is_refused);
	verdict = take(WP_LIMIT_SEND, "bob", 1);

	assert_true(verdict.is_refused);
	assert_int_equal(verdict.left, 0);
	assert_int_equal(verdict.wait_ns, 51 * s / PER_S);
}

static void one_who_is_served_already_may_owe_more(void **state)
{
	struct wp_ledger_verdict verdict;

	(void)state;
	begin(1);

	(void)take(WP_LIMIT_SEND, "bob", BURST);
	wp_ledger_owe(world.ledgers[0], WP_LIMIT_SEND, world.keys[0], 99,
		      world.now_ns, &verdict);

	assert_false(verdict.is_refused);
	assert_int_equal(verdict.due, 99);
	assert_int_equal(take(WP_LIMIT_SEND, "bob", 1).wait_ns,
			 100 * s / PER_S);
}

static void others_and_other_classes_have_buckets_of_their_own(void **state)
{
	(void)state;
	begin(1);

	(void)take(WP_LIMIT_SEND, "bob", BURST);

	assert_true(take(WP_LIMIT_SEND, "bob", 1).is_refused);
	assert_false(take(WP_LIMIT_SEND, "amy", 1).is_refused);
	assert_false(take(WP_LIMIT_PULL, "bob", 1).is_refused);
}

static void a_class_that_is_off_limits_nobody_and_pays_nothing(void **state)
{
	char *items[] = { (char[]){ "send=off" } };
	struct wp_error err;

	(void)state;
	begin(1);
	assert_int_equal(wp_limit_rates_read(&world.rates, items, 1, &err),
			 WP_OK);
	wp_ledger_use(world.ledgers[0], &world.rates);

	for (int i = 0; i < 10 * BURST; i++) {
		const struct wp_ledger_verdict verdict =
			take(WP_LIMIT_SEND, "bob", 1);

		assert_false(verdict.is_refused);
		assert_int_equal(verdict.due, 0);
	}
}

static void a_class_of_one_process_pays_nothing(void **state)
{
	(void)state;
	begin(1);

	for (int i = 0; i < 100; i++)
		assert_int_equal(take(WP_LIMIT_FAILED, "bob", 1).due, 0);
	assert_true(take(WP_LIMIT_FAILED, "bob", 1).is_refused);
}

static void a_sum_that_does_not_grow_is_forgotten(void **state)
{
	struct wp_ledger_verdict verdict;

	(void)state;
	begin(1);

	(void)take(WP_LIMIT_SEND, "bob", CREDIT - 1);
	world.now_ns += 10 * s;
	verdict = take(WP_LIMIT_SEND, "bob", 1);
	assert_int_equal(verdict.due, CREDIT);
	assert_int_equal(verdict.due_age_ns, 10 * s);

	(void)take(WP_LIMIT_SEND, "bob", CREDIT - 1);
	world.now_ns += 10 * s + 1;
	assert_int_equal(take(WP_LIMIT_SEND, "bob", 1).due, 0);
	verdict = take(WP_LIMIT_SEND, "bob", CREDIT - 1);
	assert_int_equal(verdict.due, CREDIT);
	assert_int_equal(verdict.due_age_ns, 0);
}

static void looking_takes_nothing(void **state)
{
	struct wp_ledger_verdict verdict;

	(void)state;
	begin(1);

	for (int i = 0; i < 2 * BURST; i++)
		wp_ledger_look(world.ledgers[0], WP_LIMIT_SEND, world.keys[0],
			       world.now_ns, &verdict);

	assert_false(verdict.is_refused);
	assert_int_equal(verdict.left, BURST);
}

static void an_answer_makes_no_bucket_fuller(void **state)
{
	(void)state;
	begin(1);

	(void)take(WP_LIMIT_SEND, "bob", BURST);
	wp_ledger_told(world.ledgers[0], WP_LIMIT_SEND, world.keys[0],
		       world.now_ns, 0);

	assert_true(take(WP_LIMIT_SEND, "bob", 1).is_refused);
}

static void an_answer_tells_what_others_have_spent(void **state)
{
	(void)state;
	begin(1);

	(void)take(WP_LIMIT_SEND, "bob", CREDIT);
	(void)take(WP_LIMIT_SEND, "bob", 3); /* which Redis does not know */
	wp_ledger_told(world.ledgers[0], WP_LIMIT_SEND, world.keys[0],
		       world.now_ns, 190 * s / PER_S);

	assert_int_equal(take(WP_LIMIT_SEND, "bob", 1).left, 6);
}

static void an_answer_for_one_who_gave_way_is_nothing(void **state)
{
	(void)state;
	begin(1);

	wp_ledger_told(world.ledgers[0], WP_LIMIT_SEND, world.keys[0],
		       world.now_ns, 3 * s);

	assert_false(take(WP_LIMIT_SEND, "bob", 1).is_refused);
}

/* Whatever comes by, who is there often stays, and all fit. */
static void who_comes_often_does_not_give_way(void **state)
{
	struct wp_ledger *ledger;
	struct wp_ledger_verdict verdict;

	(void)state;
	begin(1);
	ledger = world.ledgers[0];

	(void)take(WP_LIMIT_SEND, "bob", BURST);
	for (uint32_t i = 0; i < 20 * WP_LEDGER_ENTRIES; i++) {
		wp_ledger_take(
			ledger, WP_LIMIT_PULL,
			wp_ledger_key(ledger, WP_LIMIT_PULL, &i, sizeof(i)), 1,
			world.now_ns, &verdict);
		if (i % 1000 == 0)
			wp_ledger_owe(ledger, WP_LIMIT_SEND, world.keys[0], 1,
				      world.now_ns, &verdict);
	}

	assert_true(take(WP_LIMIT_SEND, "bob", 1).is_refused);
}

static void a_few_thousand_have_room_beside_each_other(void **state)
{
	struct wp_ledger *ledger;
	struct wp_ledger_verdict verdict;
	uint32_t n_forgotten = 0;

	(void)state;
	begin(1);
	ledger = world.ledgers[0];

	for (int round = 0; round < 2; round++)
		for (uint32_t i = 0; i < 8000; i++) {
			wp_ledger_take(ledger, WP_LIMIT_SEND,
				       wp_ledger_key(ledger, WP_LIMIT_SEND, &i,
						     sizeof(i)),
				       1, world.now_ns, &verdict);
			if (round == 1 && verdict.left != BURST - 2)
				n_forgotten++;
		}

	assert_in_range(n_forgotten, 0, 80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			the_long_run_rate_is_that_of_the_class, end),
		cmocka_unit_test_teardown(
			what_was_not_used_for_long_is_saved_up_as_a_burst_only,
			end),
		cmocka_unit_test_teardown(so_it_is_for_batches, end),
		cmocka_unit_test_teardown(
			who_keeps_to_the_rate_is_never_refused, end),
		cmocka_unit_test_teardown(one_call_in_ten_pays_for_all, end),
		cmocka_unit_test_teardown(
			a_burst_is_served_and_what_follows_is_told_when, end),
		cmocka_unit_test_teardown(what_a_batch_overdraws_is_owed, end),
		cmocka_unit_test_teardown(
			one_who_is_served_already_may_owe_more, end),
		cmocka_unit_test_teardown(
			others_and_other_classes_have_buckets_of_their_own,
			end),
		cmocka_unit_test_teardown(
			a_class_that_is_off_limits_nobody_and_pays_nothing,
			end),
		cmocka_unit_test_teardown(a_class_of_one_process_pays_nothing,
					  end),
		cmocka_unit_test_teardown(a_sum_that_does_not_grow_is_forgotten,
					  end),
		cmocka_unit_test_teardown(looking_takes_nothing, end),
		cmocka_unit_test_teardown(an_answer_makes_no_bucket_fuller,
					  end),
		cmocka_unit_test_teardown(
			an_answer_tells_what_others_have_spent, end),
		cmocka_unit_test_teardown(
			an_answer_for_one_who_gave_way_is_nothing, end),
		cmocka_unit_test_teardown(who_comes_often_does_not_give_way,
					  end),
		cmocka_unit_test_teardown(
			a_few_thousand_have_room_beside_each_other, end),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
