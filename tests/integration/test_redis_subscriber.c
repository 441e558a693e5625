/* What a subscribed connection hears: all of it, in order, as it was said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/mailbox/scripts.h"
#include "lib/redis/async.h"
#include "tests/support/test_redis.h"

enum { PATIENCE_S = 20 };

/* One client under test and all that it told its owner. */
struct owner {
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_aredis *redis;
	int ready;
	int lost;
	int answers;  /* callbacks with a reply */
	int failures; /* callbacks with NULL */
	int messages;
	size_t channel_len; /* of the last message */
	char log[512];      /* what came in, in order */
	/* Messages of a flood, by their numbers. */
	size_t coming; /* that were said to come, and have not yet */
	size_t most;   /* of them at once */
	void (*on_flood)(struct owner *owner);
};

static void note(struct owner *owner, const char *a, size_t a_len,
		 const char *b, size_t b_len)
{
	size_t at = strlen(owner->log);

	snprintf(owner->log + at, sizeof(owner->log) - at, "%.*s %.*s;",
		 (int)a_len, a, (int)b_len, b);
}

static void on_ready(void *ctx)
{
	((struct owner *)ctx)->ready++;
}

static void on_lost(void *ctx)
{
	((struct owner *)ctx)->lost++;
}

static void on_message(void *ctx, const struct wp_pushed *m)
{
	struct owner *owner = ctx;

	owner->channel_len = m->channel_len;
	if (owner->coming > 0)
		owner->coming--;
	if (owner->on_flood == NULL) {
		if (m->pattern != NULL)
			note(ctx, m->pattern, m->pattern_len, m->channel,
			     m->channel_len);
		note(ctx, m->channel, m->channel_len, m->data, m->len);
	}
	owner->messages++;
	if (owner->on_flood != NULL)
		owner->on_flood(owner);
}

static void on_confirmed(void *ctx, const struct wp_reply *reply)
{
	struct owner *owner = ctx;
	const struct wp_reply *verb = wp_reply_at(reply, 0);
	const struct wp_reply *name = wp_reply_at(reply, 1);

	if (reply == NULL) {
		owner->failures++;
		return;
	}
	owner->answers++;
	if (owner->on_flood == NULL)
		note(owner, wp_reply_str(verb), wp_reply_len(verb),
		     wp_reply_str(name), wp_reply_len(name));
}

static void begin_with(struct owner *owner, const struct wp_aredis_hooks *hooks)
{
	struct wp_aredis_setup setup = {
		.conf = &owner->conf,
		.scripts = &wp_scripts,
		.name = "test",
		.hooks = *hooks,
	};

	memset(owner, 0, sizeof(*owner));
	owner->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(owner->loop);
	wp_test_conf(&owner->conf, NULL);
	setup.loop = owner->loop;
	setup.hooks.ctx = owner;
	setup.hooks.on_lost = on_lost;
	assert_int_equal(wp_aredis_new(&owner->redis, &setup, NULL), WP_OK);
}

static void on_impatience(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	*(bool *)w->data = true;
	ev_break(loop, EVBREAK_ONE);
}

/* Run the loop until *counter is at least wanted. */
static void run_until(struct owner *owner, const int *counter, int wanted)
{
	bool is_late = false;
	struct ev_timer timer;

	ev_timer_init(&timer, on_impatience, PATIENCE_S, 0.);
	timer.data = &is_late;
	ev_timer_start(owner->loop, &timer);
	while (*counter < wanted && !is_late)
		ev_run(owner->loop, EVRUN_ONCE);
	ev_timer_stop(owner->loop, &timer);
	assert_false(is_late);
}

static void begin(struct owner *owner)
{
	const struct wp_aredis_hooks hooks = { .on_ready = on_ready,
					       .on_message = on_message };

	begin_with(owner, &hooks);
	run_until(owner, &owner->ready, 1);
}

static void end(struct owner *owner)
{
	wp_aredis_free(&owner->redis);
	ev_loop_destroy(owner->loop);
}

static enum wp_err ask(struct owner *owner, const char *verb, const char *a,
		       const char *b)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, verb);
	wp_cmd_str(&cmd, a);
	if (b != NULL)
		wp_cmd_str(&cmd, b);
	rc = wp_aredis_subscribe(owner->redis, &cmd, on_confirmed, owner);
	wp_cmd_release(&cmd);
	return rc;
}

static void each_channel_is_confirmed_and_heard(void **state)
{
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;

	(void)state;
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	begin(&owner);
	assert_int_equal(ask(&owner, "SUBSCRIBE", "t:a", "t:b"), WP_OK);
	assert_int_equal(ask(&owner, "PSUBSCRIBE", "t:p*", NULL), WP_OK);
	run_until(&owner, &owner.answers, 3);

	wp_test_run(other, "PUBLISH", "t:b", "1", NULL);
	wp_test_run(other, "PUBLISH", "t:p2", "2", NULL);
	wp_test_run(other, "PUBLISH", "t:elsewhere", "3", NULL);
	assert_int_equal(ask(&owner, "UNSUBSCRIBE", "t:b", NULL), WP_OK);
	run_until(&owner, &owner.answers, 4);

	assert_string_equal(owner.log, "subscribe t:a;subscribe t:b;"
				       "psubscribe t:p*;"
				       "t:b 1;t:p* t:p2;t:p2 2;"
				       "unsubscribe t:b;");
	end(&owner);
	wp_redis_free(&other);
}

static void names_and_data_are_as_long_as_they_are(void **state)
{
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;

	(void)state;
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	begin(&owner);
	assert_int_equal(ask(&owner, "PSUBSCRIBE", "t:n*", NULL), WP_OK);
	run_until(&owner, &owner.answers, 1);

	wp_test_run(other, "EVAL",
		    "return redis.call('PUBLISH', 't:nul\\0x', '1')", "0",
		    NULL);
	run_until(&owner, &owner.messages, 1);

	assert_int_equal(owner.channel_len, sizeof("t:nul.x") - 1);
	end(&owner);
	wp_redis_free(&other);
}

static void leaving_channels_more_often_than_joining_is_survived(void **state)
{
	struct owner owner;
	int i;

	(void)state;
	begin(&owner);
	assert_int_equal(ask(&owner, "SUBSCRIBE", "t:a", NULL), WP_OK);
	for (i = 0; i < 3; i++)
		assert_int_equal(ask(&owner, "UNSUBSCRIBE", "t:a", NULL),
				 WP_OK);
	assert_int_equal(ask(&owner, "SUBSCRIBE", "t:a", NULL), WP_OK);

	run_until(&owner, &owner.answers, 5);

	assert_int_equal(owner.lost, 0);
	end(&owner);
}

static void on_ready_subscribe(void *ctx)
{
	struct owner *owner = ctx;

	on_ready(ctx);
	assert_int_equal(ask(owner, "SUBSCRIBE", "t:a", NULL), WP_OK);
}

static void a_killed_subscription_is_made_again(void **state)
{
	const struct wp_aredis_hooks hooks = { .on_ready = on_ready_subscribe,
					       .on_message = on_message };
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;

	(void)state;
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	begin_with(&owner, &hooks);
	run_until(&owner, &owner.answers, 1);

	wp_test_run(other, "CLIENT", "KILL", "TYPE", "pubsub", NULL);
	run_until(&owner, &owner.answers, 2);
	wp_test_run(other, "PUBLISH", "t:a", "again", NULL);
	assert_int_equal(ask(&owner, "SUBSCRIBE", "t:end", NULL), WP_OK);
	run_until(&owner, &owner.answers, 3);

	assert_int_equal(owner.lost, 1);
	assert_int_equal(owner.ready, 2);
	assert_int_equal(owner.failures, 0);
	assert_string_equal(owner.log, "subscribe t:a;subscribe t:a;"
				       "t:a again;subscribe t:end;");
	end(&owner);
	wp_redis_free(&other);
}

/* ---- floods ---- */

enum { FLOOD = 600 };

/*
 * The text of message i: of all sizes, over reads and buffers, and with bytes
 * that a line ends with.
 */
static const char flood[] =
	"local sizes = {0, 1, 7, 100, 16384, 3, 70000, 20}\n"
	"for i = 1, tonumber(ARGV[1]) do\n"
	"  local size = sizes[i % #sizes + 1]\n"
	"  redis.call('PUBLISH', 't:f', i .. ':' .. size .. ':' ..\n"
	"    string.rep('\\r\\n$', size / 3))\n"
	"end\n";

static void begin_flood(struct wp_redis *other)
{
	char count[16];

	snprintf(count, sizeof(count), "%d", FLOOD);
	wp_test_run(other, "EVAL", flood, "0", count, NULL);
}

static void check_text(const char *text, size_t len, int number)
{
	char head[48];
	long size = 0;
	int at;

	(void)sscanf(text, "%*d:%ld:", &size);
	at = snprintf(head, sizeof(head), "%d:%ld:", number, size);
	assert_memory_equal(text, head, (size_t)at);
	assert_int_equal(len, at + size / 3 * 3);
	for (size_t i = 0; i < (size_t)size / 3 * 3; i++)
		assert_int_equal(text[(size_t)at + i], "\r\n$"[i % 3]);
}

static void on_numbered(void *ctx, const struct wp_pushed *m)
{
	struct owner *owner = ctx;

	check_text(m->data, m->len, owner->messages + 1);
	on_message(ctx, m);
}

static void on_coming(void *ctx, const struct wp_pushed *messages, size_t n)
{
	struct owner *owner = ctx;

	assert_int_equal(owner->coming, 0);
	assert_in_range(n, 2, WP_AREDIS_COMING_MAX);
	for (size_t i = 0; i < n; i++)
		check_text(messages[i].data, messages[i].len,
			   owner->messages + 1 + (int)i);
	owner->coming = n;
	if (n > owner->most)
		owner->most = n;
}

/* A subscriber of the flood's channel. */
static void begin_hearing(struct owner *owner,
			  void (*on_flood)(struct owner *owner))
{
	const struct wp_aredis_hooks hooks = { .on_ready = on_ready,
					       .on_message = on_numbered,
					       .on_coming = on_coming };

	begin_with(owner, &hooks);
	owner->on_flood = on_flood;
	run_until(owner, &owner->ready, 1);
	assert_int_equal(ask(owner, "SUBSCRIBE", "t:f", NULL), WP_OK);
	run_until(owner, &owner->answers, 1);
}

/* Answers come between messages. */
static void ask_meanwhile(struct owner *owner)
{
	if (owner->messages % 5 == 0)
		assert_int_equal(ask(owner, "SUBSCRIBE", "t:g", "t:h"), WP_OK);
	if (owner->messages % 5 == 1)
		assert_int_equal(ask(owner, "UNSUBSCRIBE", "t:g", "t:h"),
				 WP_OK);
}

static void a_flood_is_heard_to_the_byte_and_in_order(void **state)
{
	const int answers = 1 + FLOOD / 5 * 2 * 2;
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;

	(void)state;
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	begin_hearing(&owner, ask_meanwhile);
	begin_flood(other);
	run_until(&owner, &owner.messages, FLOOD);
	run_until(&owner, &owner.answers, answers);

	begin_flood(other);
	owner.messages = 0;
	run_until(&owner, &owner.messages, FLOOD);
	run_until(&owner, &owner.answers, answers + FLOOD / 5 * 2 * 2);

	assert_int_equal(owner.lost + owner.failures, 0);
	assert_in_range(owner.most, 2, WP_AREDIS_COMING_MAX);
	assert_int_equal(owner.coming, 0);
	end(&owner);
	wp_redis_free(&other);
}

enum { ENOUGH = 100 };

static void reset_when_it_is_enough(struct owner *owner)
{
	assert_in_range(owner->messages, 1, ENOUGH);
	if (owner->messages == ENOUGH)
		wp_aredis_reset(owner->redis);
}

static void nothing_is_heard_of_a_connection_that_was_reset(void **state)
{
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;

	(void)state;
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	begin_hearing(&owner, reset_when_it_is_enough);
	begin_flood(other);

	run_until(&owner, &owner.ready, 2);

	assert_int_equal(owner.messages, ENOUGH);
	assert_int_equal(owner.lost, 1);
	end(&owner);
	wp_redis_free(&other);
}

static void free_when_it_is_enough(struct owner *owner)
{
	assert_in_range(owner->messages, 1, ENOUGH);
	if (owner->messages == ENOUGH)
		wp_aredis_free(&owner->redis);
}

static void free_among_messages_is_survived(void **state)
{
	struct wp_redis *other;
	struct wp_conf conf;
	struct owner owner;

	(void)state;
	wp_test_conf(&conf, NULL);
	other = wp_test_redis(&conf);
	begin_hearing(&owner, free_when_it_is_enough);
	begin_flood(other);

	run_until(&owner, &owner.messages, ENOUGH);

	assert_null(owner.redis);
	assert_int_equal(owner.lost, 0);
	ev_loop_destroy(owner.loop);
	wp_redis_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_channel_is_confirmed_and_heard),
		cmocka_unit_test(names_and_data_are_as_long_as_they_are),
		cmocka_unit_test(
			leaving_channels_more_often_than_joining_is_survived),
		cmocka_unit_test(a_killed_subscription_is_made_again),
		cmocka_unit_test(a_flood_is_heard_to_the_byte_and_in_order),
		cmocka_unit_test(
			nothing_is_heard_of_a_connection_that_was_reset),
		cmocka_unit_test(free_among_messages_is_survived),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("redis_subscriber", tests, NULL,
					   NULL);
}
