/* Turns around the share: how many calls, how many boxes, and when none. Redis
 * and the clock are ours; a poll is one of the loop's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <ev.h>

#include "notifier/metrics.h"
#include "notifier/taker.h"

enum { POLL_MS = 5, PARTITIONS = 8, CALLS_MAX = 64 };

static uint64_t now_ms;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return now_ms;
}

/* ---- Redis ---- */

static struct {
	wp_reply_fn fn;
	void *ctx;
	uint32_t partition;
	int64_t max;
} calls[CALLS_MAX];
static size_t n_calls, n_answered;
static struct wp_push_take built;
static size_t boxes; /* of the next answer */

void __wrap_wp_push_take_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			       const struct wp_push_take *take);
void __wrap_wp_push_take_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			       const struct wp_push_take *take)
{
	(void)cmd;
	(void)conf;
	built = *take;
}

enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);
/* A look is answered behind the poll. */
static bool is_look;
static struct {
	wp_reply_fn fn; /* NULL: none is under way */
	void *ctx;
	size_t n, all; /* all: how many there were */
	uint32_t first;
	uint32_t idle; /* a partition where nobody is due */
	bool is_lost;
} look;

void __wrap_wp_push_look_build(struct wp_cmd *cmd, const uint32_t *partitions,
			       size_t n);
void __wrap_wp_push_look_build(struct wp_cmd *cmd, const uint32_t *partitions,
			       size_t n)
{
	(void)cmd;
	is_look = true;
	look.first = partitions[0];
	look.n = n;
}

enum wp_err __wrap_wp_push_look_parse(const struct wp_reply *reply, size_t n,
				      bool *is_due);
enum wp_err __wrap_wp_push_look_parse(const struct wp_reply *reply, size_t n,
				      bool *is_due)
{
	(void)reply;
	assert_int_equal(n, look.n);
	for (size_t i = 0; i < n; i++)
		is_due[i] = (look.first + i) % PARTITIONS != look.idle;
	return look.is_lost ? WP_ERR_UNAVAIL : WP_OK;
}

static void answer_look(void)
{
	const struct wp_reply *reply = (const void *)"";
	wp_reply_fn fn = look.fn;

	look.fn = NULL;
	if (fn != NULL)
		fn(look.ctx, look.is_lost ? NULL : reply);
}

enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	(void)judged;
	(void)cmd;
	if (is_look) {
		assert_null(look.fn);
		look.fn = fn;
		look.ctx = ctx;
		look.all++;
		is_look = false;
		return WP_OK;
	}
	assert_true(n_calls < CALLS_MAX);
	calls[n_calls].fn = fn;
	calls[n_calls].ctx = ctx;
	calls[n_calls].partition = built.partition;
	calls[n_calls++].max = built.max;
	return WP_OK;
}

const char *__wrap_wp_judged_run_id(const struct wp_judged *judged);
const char *__wrap_wp_judged_run_id(const struct wp_judged *judged)
{
	(void)judged;
	return "run";
}

enum wp_err __wrap_wp_push_take_parse(const struct wp_reply *reply,
				      struct wp_push_taken *out);
enum wp_err __wrap_wp_push_take_parse(const struct wp_reply *reply,
				      struct wp_push_taken *out)
{
	(void)reply;
	*out = (struct wp_push_taken){ .now_ms = 7, .lapsed = 2, .n = boxes };
	return WP_OK;
}

enum wp_err __wrap_wp_push_taken_box(const struct wp_reply *reply, size_t i,
				     uint32_t partition,
				     struct wp_push_box *out);
enum wp_err __wrap_wp_push_taken_box(const struct wp_reply *reply, size_t i,
				     uint32_t partition,
				     struct wp_push_box *out)
{
	(void)reply;
	(void)i;
	*out = (struct wp_push_box){ .box = { .partition = partition } };
	return WP_OK;
}

/* An answer with so many boxes; only its being there is looked at. */
static void answer(size_t n)
{
	size_t i = n_answered++;

	boxes = n;
	assert_true(i < n_calls);
	calls[i].fn(calls[i].ctx, (const struct wp_reply *)(const void *)"");
}

/* ---- a world ---- */

struct world {
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_sharing sharing;
	struct wp_taker *taker;
	struct wp_metrics *metrics;
	size_t claimed;
};

static size_t count(void *ctx)
{
	return ((struct world *)ctx)->claimed;
}

static void on_box(void *ctx, const struct wp_push_box *box,
		   const struct wp_claim *claim)
{
	(void)box;
	assert_int_equal(claim->redis_ms, 7);
	((struct world *)ctx)->claimed++;
}

static void on_answer(void *ctx)
{
	(void)ctx;
}

static int begin(void **state)
{
	static struct world w;
	struct wp_taker_setup setup = {
		.conf = &w.conf,
		.sharing = &w.sharing,
		.count = count,
		.on_box = on_box,
		.on_answer = on_answer,
		.ctx = &w,
	};
	struct wp_error err;

	w = (struct world){ .loop = ev_loop_new(EVFLAG_AUTO) };
	w.conf.push.enabled = true;
	w.conf.push.poll_ms = POLL_MS;
	w.conf.push.claim_ms = 60000;
	w.conf.mailbox.partitions = PARTITIONS;
	w.sharing.now = (struct wp_fair_share){ .first = 6, .count = 3 };
	setup.loop = w.loop;
	assert_int_equal(wp_notifier_metrics_new(&w.metrics, &err), WP_OK);
	setup.metrics = w.metrics;
	n_calls = 0;
	n_answered = 0;
	memset(&look, 0, sizeof(look));
	look.idle = PARTITIONS; /* none */
	now_ms = 1000;
	assert_int_equal(wp_taker_new(&w.taker, &setup, &err), WP_OK);
	*state = &w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	answer_look();
	while (n_answered < n_calls)
		answer(0);
	wp_taker_free(&w->taker);
	wp_metrics_free(&w->metrics);
	ev_loop_destroy(w->loop);
	return 0;
}

static void poll_once(struct world *w)
{
	ev_run(w->loop, EVRUN_ONCE);
	answer_look();
}

static void each_partition_of_the_share_is_looked_at(void **state)
{
	struct world *w = *state;

	poll_once(w);
	assert_int_equal(n_calls, 3);
	assert_int_equal(calls[0].partition, 6);
	assert_int_equal(calls[1].partition, 7);
	assert_int_equal(calls[2].partition, 0);
	assert_int_equal(wp_taker_asking(w->taker), 3);
	poll_once(w);
	assert_int_equal(n_calls, 6);
}

static void where_nobody_is_due_nobody_is_taken(void **state)
{
	struct world *w = *state;

	look.idle = 7;
	poll_once(w);
	assert_int_equal(look.all, 1);
	assert_int_equal(n_calls, 2);
	assert_int_equal(calls[0].partition, 6);
	assert_int_equal(calls[1].partition, 0);
	look.is_lost = true;
	poll_once(w);
	assert_int_equal(n_calls, 2);
	look.is_lost = false;
	poll_once(w); /* the next turn */
	assert_int_equal(n_calls, 4);
}

static void a_look_is_waited_for(void **state)
{
	struct world *w = *state;

	ev_run(w->loop, EVRUN_ONCE);
	ev_run(w->loop, EVRUN_ONCE);
	assert_int_equal(look.all, 1);
	assert_int_equal(n_calls, 0);
	answer_look();
	assert_int_equal(n_calls, 3);
}

static void claims_and_those_that_had_lapsed_are_counted(void **state)
{
	struct world *w = *state;

	poll_once(w);
	answer(3);
	answer(1);
	assert_int_equal(w->claimed, 4);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_CLAIMS), 4);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_LAPSED), 4);
}

static void no_more_is_claimed_than_there_is_room_for(void **state)
{
	struct world *w = *state;

	w->claimed = WP_CLAIMS_MAX - WP_PUSH_TAKE_MAX - 1;
	poll_once(w);
	assert_int_equal(n_calls, 2);
	assert_int_equal(calls[0].max, WP_PUSH_TAKE_MAX);
	assert_int_equal(calls[1].max, 1);
	poll_once(w);
	assert_int_equal(n_calls, 2);
	answer(0);
	assert_int_equal(n_calls, 3); /* there is room again */
}

/* A backlog is not bounded by how often is looked. */
static void room_is_used_before_the_next_poll(void **state)
{
	struct world *w = *state;

	w->claimed = WP_CLAIMS_MAX;
	poll_once(w);
	assert_int_equal(n_calls, 0);
	w->claimed = WP_CLAIMS_MAX - WP_PUSH_TAKE_MAX + 1;
	wp_taker_room(w->taker);
	assert_int_equal(look.all, 0); /* a call for a few costs too much */
	w->claimed--;
	wp_taker_room(w->taker);
	assert_int_equal(look.all, 1);
	answer_look();
	assert_int_equal(n_calls, 1);
	assert_int_equal(calls[0].max, WP_PUSH_TAKE_MAX);
	w->claimed = 0;
	wp_taker_room(w->taker);
	assert_int_equal(n_calls, 3); /* all of the share; the turn is over */
	wp_taker_room(w->taker);
	assert_int_equal(n_calls, 3);
}

static void in_a_crowd_nobody_is_taken_for_a_while(void **state)
{
	struct world *w = *state;

	poll_once(w);
	wp_taker_pause(w->taker);
	answer(1);
	assert_int_equal(w->claimed, 1); /* what was claimed is claimed */
	now_ms += WP_TAKER_PAUSE_MS - 1;
	poll_once(w);
	assert_int_equal(n_calls, 3);
	now_ms++;
	poll_once(w);
	assert_int_equal(n_calls, 6);
}

static void who_is_stopped_takes_nothing(void **state)
{
	struct world *w = *state;

	poll_once(w);
	wp_taker_stop(w->taker);
	answer(1);
	ev_run(w->loop, EVRUN_NOWAIT);
	assert_int_equal(n_calls, 3);
	assert_int_equal(wp_taker_asking(w->taker), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(each_partition_of_the_share_is_looked_at),
		TEST(where_nobody_is_due_nobody_is_taken),
		TEST(a_look_is_waited_for),
		TEST(no_more_is_claimed_than_there_is_room_for),
		TEST(room_is_used_before_the_next_poll),
		TEST(claims_and_those_that_had_lapsed_are_counted),
		TEST(in_a_crowd_nobody_is_taken_for_a_while),
		TEST(who_is_stopped_takes_nothing),
	};
#undef TEST

	return cmocka_run_group_tests_name("taker", tests, NULL, NULL);
}
