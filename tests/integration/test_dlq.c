/*
 * Dead letters on a real Redis: what an operator is told of them, and that a
 * requeued one is delivered once, under its old id, whatever has happened to
 * the mailbox since.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/dlq.h"
#include "lib/mailbox/scripts.h"
#include "tests/support/boxes.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })
#define HOT_BOB WP_P "hot:" WP_BOB
#define INBOX_DLQ "wp:inbox:dlq"

enum { WAIT_MS = 20000 };

static const struct wp_dlq_queue here = { .partition = WP_WORLD_PARTITION };
static const struct wp_dlq_queue inbox = { .is_inbox = true };

/*
 * A message to bob that was accepted and could not be routed. His standard
 * queue must be empty: it is what routing fails at.
 */
static struct wp_msgid post_and_bury(struct wp_world *w,
				     struct wp_world_mail mail)
{
	struct wp_msgid id;
	int64_t dead = 0;

	wp_world_run(w, "SET " HOT_BOB " not-a-stream");
	id = wp_world_post(w, mail);
	while (dead == 0)
		dead = wp_world_route(w).dead;
	wp_world_run(w, "DEL " HOT_BOB);
	return id;
}

/* Letter i of a queue; fails the test if there is none. */
static struct wp_dlq_letter
letter_at(struct wp_world *w, const struct wp_dlq_queue *queue, size_t i)
{
	struct wp_dlq_letter letters[WP_DLQ_PAGE_MAX];
	struct wp_dlq_page page = {
		.queue = queue,
		.letters = letters,
		.max = WP_DLQ_PAGE_MAX,
	};

	assert_int_equal(wp_dlq_list(w->redis, &page, NULL), WP_OK);
	assert_true(i < page.n);
	return letters[i];
}

/* why must begin with the text given, if any. */
static enum wp_dlq_outcome requeue_because(struct wp_world *w,
					   const struct wp_dlq_id *id,
					   const char *why_want)
{
	enum wp_dlq_outcome result = WP_DLQ_OUTCOMES;
	char why[WP_DLQ_WHY_MAX + 1];

	assert_int_equal(wp_dlq_requeue(w->redis, id, &result, why, NULL),
			 WP_OK);
	if (why_want != NULL && strncmp(why, why_want, strlen(why_want)) != 0)
		fail_msg("'%s' is not '%s'", why, why_want);
	return result;
}

static enum wp_dlq_outcome requeue(struct wp_world *w,
				   const struct wp_dlq_id *id)
{
	return requeue_because(w, id, NULL);
}

static enum wp_dlq_outcome requeue_oldest(struct wp_world *w)
{
	struct wp_dlq_letter letter = letter_at(w, &here, 0);

	return requeue(w, &letter.id);
}

static void names_are_read_as_they_are_written(void **state)
{
	static const char *const good[] = { "0/0-0", "65535/1700000000000-42",
					    "inbox/281474976710655-3" };
	static const char *const bad[] = { "",       "7",         "7/",
					   "/1-1",   "65536/1-1", "x/1-1",
					   "-1/1-1", "7/1",       "7/1-1-1",
					   "inbox",  "inbox/",    "000007/1-1",
					   "7/1-1 ", "7//1-1" };
	char text[WP_DLQ_ID_MAX];
	struct wp_dlq_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(wp_dlq_id_parse(&id, good[i], strlen(good[i])));
		wp_dlq_id_format(&id, text);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wp_dlq_id_parse(&id, bad[i], strlen(bad[i])))
			fail_msg("'%s' is no name", bad[i]);
}

static void a_letter_tells_its_story_but_not_its_content(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = post_and_bury(w, MAIL(.json = "sealed"));
	struct wp_dlq_letter letter = letter_at(w, &here, 0);
	struct wp_dlq_letter found;
	char entry[WP_ENTRY_ID_MAX];
	struct wp_buf envelope;
	struct wp_reply *reply;
	char *text;

	assert_true(letter.has_msgid);
	assert_memory_equal(&letter.msgid.entry, &id.entry, sizeof(id.entry));
	assert_int_equal(letter.msgid.partition, WP_WORLD_PARTITION);
	assert_int_equal(letter.msgid.band, WP_BAND_STANDARD);
	assert_non_null(strstr(letter.reason, "WRONGTYPE"));
	assert_int_equal(letter.tries, w->conf.mailbox.max_tries);
	assert_true(letter.died_ms > 0);
	assert_string_equal(letter.recipient, WP_BOB);
	assert_false(letter.is_ephemeral);
	assert_true(letter.expires_ms > letter.died_ms);
	assert_int_equal(letter.envelope_bytes, strlen("sealed"));

	assert_int_equal(wp_dlq_find(w->redis, &letter.id, &found, NULL),
			 WP_OK);
	assert_string_equal(found.reason, letter.reason);
	assert_int_equal(found.died_ms, letter.died_ms);
	wp_entry_id_format(&letter.id.entry, entry);
	wp_cmd_script_key(&w->cmd, WP_SCRIPT_DLQ_LIST, WP_P "dlq");
	wp_cmd_str(&w->cmd, entry);
	wp_cmd_str(&w->cmd, entry);
	wp_cmd_int(&w->cmd, 1);
	reply = wp_world_do(w);
	assert_int_equal(wp_reply_count(reply), 1);
	text = wp_world_show(reply);
	assert_null(strstr(text, "sealed"));
	free(text);
	wp_reply_free(&reply);

	/* Only who asks for it whole is shown that. */
	wp_buf_init(&envelope, 0);
	assert_int_equal(wp_dlq_read(w->redis, &letter.id, &envelope, NULL),
			 WP_OK);
	assert_string_equal(envelope.data, "sealed");
	wp_buf_release(&envelope);
}

static void letters_are_listed_from_one_to_another(void **state)
{
	struct wp_world *w = *state;
	struct wp_entry_id after = { 5, 1 };
	struct wp_entry_id up_to = { 7, 0 };
	struct wp_dlq_letter letters[WP_DLQ_PAGE_MAX];
	struct wp_dlq_page page = {
		.queue = &here,
		.after = &after,
		.up_to = &up_to,
		.letters = letters,
		.max = WP_DLQ_PAGE_MAX,
	};
	struct wp_entry_id last;

	for (int i = 1; i <= 30; i++)
		wp_world_run(w, "XADD " WP_P "dlq 5-%d id 1-%d", i, i);
	wp_world_run(w, "XADD " WP_P "dlq 8-0 id 8-0");

	assert_int_equal(wp_dlq_list(w->redis, &page, NULL), WP_OK);
	assert_int_equal(page.n, 29);
	assert_int_equal(letters[0].id.entry.seq, 2);
	/* The band is missing, so nobody knows the public id. */
	assert_false(letters[0].has_msgid);

	page.after = page.up_to = NULL;
	page.max = 17;
	assert_int_equal(wp_dlq_list(w->redis, &page, NULL), WP_OK);
	assert_int_equal(page.n, 17);
	assert_int_equal(wp_dlq_last(w->redis, &here, &last, NULL), WP_OK);
	assert_int_equal(last.ms, 8);
}

static void only_queues_that_hold_letters_are_kept(void **state)
{
	struct wp_world *w = *state;
	struct wp_dlq_queue queues[600] = { 0 };
	size_t n = 600;
	struct wp_entry_id last;
	struct wp_error err;

	/* More than are counted at once. */
	for (size_t i = 0; i < n; i++)
		queues[i].partition = (uint32_t)i;
	queues[599] = inbox;
	wp_world_run(w, "XADD wp:{3}:dlq 1-1 id 1-1");
	wp_world_run(w, "XADD wp:{500}:dlq 1-1 id 1-1");
	wp_world_run(w, "XADD " INBOX_DLQ " 1-1 id 1-1");
	assert_int_equal(wp_dlq_keep_full(w->redis, queues, &n, NULL), WP_OK);
	assert_int_equal(n, 3);
	assert_int_equal(queues[0].partition, 3);
	assert_int_equal(queues[1].partition, 500);
	assert_true(queues[2].is_inbox);

	assert_int_equal(wp_dlq_last(w->redis, &here, &last, &err),
			 WP_ERR_NOTFOUND);
	/* A key that is something else is told in Redis' own words. */
	wp_world_run(w, "SET wp:{3}:dlq not-a-stream");
	assert_int_equal(wp_dlq_keep_full(w->redis, queues, &n, &err),
			 WP_ERR_UNAVAIL);
	assert_non_null(strstr(err.msg, "Redis refuses: WRONGTYPE"));
}

static void hostile_bytes_in_a_letter_become_question_marks(void **state)
{
	struct wp_world *w = *state;
	struct wp_dlq_letter letter;

	wp_world_run(w, "XADD " INBOX_DLQ " * reason \033[2Jgone\n u \x80\x07"
			" envelope {} key k");
	letter = letter_at(w, &inbox, 0);
	assert_string_equal(letter.reason, "?[2Jgone?");
	assert_string_equal(letter.recipient, "??");
	assert_true(letter.has_key);
	assert_false(letter.has_msgid);
	assert_int_equal(letter.envelope_bytes, 2);
	assert_int_equal(letter.died_ms, letter.id.entry.ms);
}

static void a_requeued_letter_is_delivered_under_its_old_id(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = post_and_bury(w, MAIL(.json = "m1"));

	wp_world_expect_pull(w, "");
	wp_world_run(w, "SET " WP_P "waits not-a-hash");
	assert_int_equal(requeue_oldest(w), WP_DLQ_REQUEUED);

	wp_world_expect_pull(w, "m1");
	wp_world_expect(w, "0", "XLEN " WP_P "dlq");
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	wp_world_ack_one(w, id);
	wp_world_expect_pull(w, "");
}

static void the_high_band_is_kept(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;
	int64_t dead = 0;

	wp_world_run(w, "SET " WP_P "hot!:" WP_BOB " not-a-stream");
	id = wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	while (dead == 0)
		dead = wp_world_route(w).dead;
	wp_world_run(w, "DEL " WP_P "hot!:" WP_BOB);
	(void)wp_world_deliver(w, "m1");
	assert_int_equal(letter_at(w, &here, 0).msgid.band, WP_BAND_HIGH);

	assert_int_equal(requeue_oldest(w), WP_DLQ_REQUEUED);
	wp_world_expect_pull(w, "h1 m1");
	wp_world_ack_one(w, id);
	wp_world_expect_pull(w, "m1");
}

static void a_letter_goes_between_what_came_before_and_after(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m2, m5;
	struct wp_dlq_letter newest;
	char text[WP_ENTRY_ID_MAX];
	struct wp_reply *reply;

	(void)post_and_bury(w, MAIL(.json = "m1"));
	m2 = post_and_bury(w, MAIL(.json = "m2"));
	(void)post_and_bury(w, MAIL(.json = "m3"));
	/* More than one slice of the rebuild. */
	(void)wp_world_deliver(w, "m4");
	for (int i = 0; i < 20; i++)
		(void)wp_world_deliver(w, "x");
	m5 = wp_world_deliver(w, "m5");
	wp_world_ack_one(w, m5);

	/* The newest, the oldest, then the one between them. */
	newest = letter_at(w, &here, 2);
	assert_int_equal(requeue(w, &newest.id), WP_DLQ_REQUEUED);
	assert_int_equal(requeue_oldest(w), WP_DLQ_REQUEUED);
	assert_int_equal(requeue_oldest(w), WP_DLQ_REQUEUED);

	wp_world_expect_page(w, "m1 m2 m3 m4+", 4, NULL);
	wp_world_expect_page(w, "m3 m4+", 2, &m2);
	wp_world_expect(w, "24", "XLEN " HOT_BOB);
	wp_world_expect(w, "0", "EXISTS " WP_P "rebuild");

	/* What was routed and acked before stays covered. */
	wp_entry_id_format(&m5.entry, text);
	reply = wp_world_cmd(w, "XADD " HOT_BOB " %s e m5", text);
	assert_int_equal(wp_reply_type(reply), WP_REPLY_ERROR);
	wp_reply_free(&reply);
}

static void a_letter_older_than_the_cold_rows_is_read_before_them(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid m1 = post_and_bury(w, MAIL(.json = "m1"));

	(void)wp_world_deliver(w, "m2");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_cold(w, "m2");
	(void)wp_world_deliver(w, "m3");

	assert_int_equal(requeue_oldest(w), WP_DLQ_REQUEUED);
	wp_world_expect_pull(w, "m1 m2 m3");
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	wp_world_expect_cold(w, "m1 m2 m3");
	wp_world_ack_one(w, m1);
	wp_world_expect_pull(w, "m2 m3");
}

static void requeue_on_trim(void *ctx, const char *step)
{
	struct wp_world *w = ctx;

	if (strcmp(step, "M4") == 0 && wp_world_int(w, "XLEN " WP_P "dlq") > 0)
		assert_int_equal(requeue_oldest(w), WP_DLQ_REQUEUED);
}

static void a_rebuild_in_the_middle_of_a_migration_loses_nothing(void **state)
{
	struct wp_world *w = *state;
	struct wp_migrate_ctx ctx = wp_world_migration(w);
	int64_t moved = 0;

	(void)post_and_bury(w, MAIL(.json = "m1"));
	(void)wp_world_deliver(w, "m2");
	(void)wp_world_deliver(w, "m3");
	ctx.on_step = requeue_on_trim;
	ctx.on_step_ctx = w;

	assert_int_equal(wp_world_move(&ctx, w->owner, &w->box, &moved), WP_OK);
	assert_int_equal(moved, 3);
	wp_world_expect_cold(w, "m1 m2 m3");
	wp_world_expect(w, "0", "EXISTS " HOT_BOB);
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate");
}

static void a_present_recipient_is_poked(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *ear = wp_test_redis(&w->conf);
	struct wp_reply *reply =
		wp_test_cmd(ear, "SUBSCRIBE", "wp:poke:i1", NULL);

	wp_reply_free(&reply);
	(void)post_and_bury(w, MAIL(.json = "m1"));
	wp_world_run(w, "DEL " WP_P "migrate");
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i1.2");

	assert_int_equal(requeue_oldest(w), WP_DLQ_REQUEUED);
	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS " WP_P "due:i1");
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate");
	assert_int_equal(wp_redis_wait(ear, WAIT_MS, &reply, NULL), WP_OK);
	assert_string_equal(wp_reply_str(wp_reply_at(reply, 2)), "p " WP_BOB);
	wp_reply_free(&reply);
	assert_int_equal(wp_redis_wait(ear, 0, &reply, NULL), WP_ERR_NOTFOUND);
	wp_redis_free(&ear);
}

static void a_letter_that_is_in_the_queue_already_is_not_doubled(void **state)
{
	struct wp_world *w = *state;
	struct wp_dlq_letter letter;
	char text[WP_ENTRY_ID_MAX];

	/* As after a route call that died behind its XADD. */
	(void)post_and_bury(w, MAIL(.json = "m1"));
	letter = letter_at(w, &here, 0);
	wp_entry_id_format(&letter.msgid.entry, text);
	wp_world_run(w, WP_PUT_HOT(HOT_BOB, "%s", WP_ALIVE, "0", "m1"), text);

	assert_int_equal(requeue(w, &letter.id), WP_DLQ_REQUEUED);
	wp_world_expect_pull(w, "m1");
	wp_world_expect(w, "1", "XLEN " HOT_BOB);
	assert_int_equal(requeue(w, &letter.id), WP_DLQ_GONE);
}

/* Requeue the only letter, which must be refused and stay. */
static void expect_refusal(struct wp_world *w, enum wp_dlq_outcome want,
			   const char *why)
{
	struct wp_dlq_letter letter = letter_at(w, &here, 0);

	assert_int_equal(requeue_because(w, &letter.id, why), want);
	wp_world_expect(w, "1", "XLEN " WP_P "dlq");
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate " WP_P "rebuild");
	wp_world_run(w, "DEL " WP_P "dlq");
}

static void what_cannot_be_delivered_is_refused_and_stays(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "XADD " WP_P "dlq * id 1-1 u " WP_BOB
			" b 0 f  x 1000 e m1");
	expect_refusal(w, WP_DLQ_EXPIRED, NULL);
	wp_world_run(w, "XADD " WP_P "dlq * id 1-1 u " WP_BOB
			" b 0 f e x 99999999999999 e m1");
	expect_refusal(w, WP_DLQ_ABSENT, NULL);
	wp_world_run(w, "XADD " WP_P "dlq * id 1-1 u  b 0 f  x 9 e m1");
	expect_refusal(w, WP_DLQ_BROKEN, "it has no field u");
	wp_world_run(w, "XADD " WP_P "dlq * id 1-1 u " WP_BOB
			" b 0 f  x soon e m1");
	expect_refusal(w, WP_DLQ_BROKEN, "its expiry");
	wp_world_run(w, "XADD " WP_P "dlq * something else");
	expect_refusal(w, WP_DLQ_BROKEN, "it has no field id");
	wp_world_run(w, "SET " HOT_BOB " not-a-stream");
	wp_world_run(w, "XADD " WP_P "dlq * id 1-1 u " WP_BOB
			" b 0 f  x 99999999999999 e m1");
	expect_refusal(w, WP_DLQ_BROKEN, "the queue of its recipient");
}

static void a_queue_over_the_bounds_is_not_rebuilt(void **state)
{
	static const char *const bounds[][2] = { { "3", "1000" },
						 { "100", "7" } };
	struct wp_world *w = *state;
	struct wp_dlq_letter letter;
	char text[WP_ENTRY_ID_MAX];
	struct wp_reply *reply;

	(void)post_and_bury(w, MAIL(.json = "m1"));
	for (int i = 2; i < 5; i++)
		(void)wp_world_deliver(w, "mx");
	letter = letter_at(w, &here, 0);
	wp_entry_id_format(&letter.id.entry, text);
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		wp_cmd_script(&w->cmd, WP_SCRIPT_DLQ_REQUEUE,
			      WP_WORLD_PARTITION);
		wp_cmd_str(&w->cmd, text);
		wp_cmd_str(&w->cmd, bounds[i][0]);
		wp_cmd_str(&w->cmd, bounds[i][1]);
		reply = wp_world_do(w);
		assert_true(wp_reply_is(wp_reply_at(reply, 0), "long"));
		wp_reply_free(&reply);
	}
	wp_world_expect_pull(w, "mx mx mx");
	wp_world_expect(w, "0", "EXISTS " WP_P "rebuild");
	assert_int_equal(requeue(w, &letter.id), WP_DLQ_REQUEUED);
	wp_world_expect_pull(w, "m1 mx mx mx");
}

static void a_full_redis_takes_no_letter_back_but_lets_go_of_them(void **state)
{
	struct wp_world *w = *state;
	char why[WP_DLQ_WHY_MAX + 1];
	enum wp_dlq_outcome ignored;
	struct wp_dlq_letter letter;
	int64_t dropped = 0;
	struct wp_error err;

	(void)post_and_bury(w, MAIL(.json = "m1"));
	letter = letter_at(w, &here, 0);
	wp_world_run(w, "CONFIG SET maxmemory 1");
	assert_int_equal(
		wp_dlq_requeue(w->redis, &letter.id, &ignored, why, &err),
		WP_ERR_UNAVAIL);
	(void)letter_at(w, &here, 0);

	assert_int_equal(wp_dlq_drop(w->redis, &letter, 1, &dropped, &err),
			 WP_OK);
	assert_int_equal(dropped, 1);
	wp_world_run(w, "CONFIG SET maxmemory 0");
	wp_world_expect(w, "0", "XLEN " WP_P "dlq");
}

/* The letter is there twice, as after a stop before it was dropped. */
static void hand_in_twice(struct wp_world *w, const char *letter)
{
	const struct wp_dlq_id id = { .queue = inbox, .entry = { 5, 1 } };

	for (int i = 0; i < 2; i++) {
		wp_world_run(w, "DEL " INBOX_DLQ);
		wp_world_run(w, "XADD " INBOX_DLQ " 5-1 %s", letter);
		assert_int_equal(requeue(w, &id), WP_DLQ_REQUEUED);
		wp_world_expect(w, "0", "XLEN " INBOX_DLQ);
	}
	assert_int_equal(requeue(w, &id), WP_DLQ_GONE);
}

static void a_letter_of_the_inbox_keeps_its_key(void **state)
{
	const struct wp_dlq_id id = { .queue = inbox, .entry = { 5, 1 } };
	struct wp_world *w = *state;
	struct wp_dlq_letter found;
	struct wp_buf envelope;

	hand_in_twice(w, "reason r envelope {} key k7");
	wp_world_expect(w, "[envelope {} key k7]",
			"EVAL return\tredis.call('XRANGE',KEYS[1],'-','+')[1]"
			"[2] 1 wp:inbox");

	wp_buf_init(&envelope, 0);
	assert_int_equal(wp_dlq_read(w->redis, &id, &envelope, NULL),
			 WP_ERR_NOTFOUND);
	assert_int_equal(wp_dlq_find(w->redis, &id, &found, NULL),
			 WP_ERR_NOTFOUND);
	/* Without an envelope there is nothing to hand in. */
	wp_world_run(w, "DEL " INBOX_DLQ);
	wp_world_run(w, "XADD " INBOX_DLQ " 5-1 reason r");
	assert_int_equal(requeue(w, &id), WP_DLQ_BROKEN);
	wp_world_expect(w, "1", "XLEN " INBOX_DLQ);
	wp_buf_release(&envelope);
}

static void a_letter_without_a_key_gets_the_one_of_its_entry(void **state)
{
	struct wp_world *w = *state;

	hand_in_twice(w, "id 4-2 reason r envelope {}");
	hand_in_twice(w, "id \n reason r envelope {}");
	for (int i = 1; i <= 4; i++)
		wp_world_expect(w,
				i <= 2 ? "[envelope {} key inbox:4-2]"
				       : "[envelope {} key inbox:dlq:5-1]",
				"EVAL return\tredis.call('XRANGE',KEYS[1],'-',"
				"'+')[%d][2] 1 wp:inbox",
				i);
}

static void dropping_takes_exactly_the_named_letters(void **state)
{
	static const struct wp_dlq_letter letters[] = {
		{ .id = { { .partition = WP_WORLD_PARTITION }, { 1, 0 } } },
		{ .id = { { .partition = WP_WORLD_PARTITION }, { 3, 0 } } },
		{ .id = { { .partition = WP_WORLD_PARTITION }, { 9, 0 } } },
	};
	struct wp_world *w = *state;
	int64_t dropped = 40;

	for (int i = 1; i <= 3; i++)
		wp_world_run(w, "XADD " WP_P "dlq %d-0 id 1-1", i);
	assert_int_equal(wp_dlq_drop(w->redis, letters, 3, &dropped, NULL),
			 WP_OK);
	assert_int_equal(dropped, 42);
	assert_int_equal(letter_at(w, &here, 0).id.entry.ms, 2);
	wp_world_expect(w, "1", "XLEN " WP_P "dlq");
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_as_they_are_written),
		WORLD_TEST(a_letter_tells_its_story_but_not_its_content),
		WORLD_TEST(letters_are_listed_from_one_to_another),
		WORLD_TEST(only_queues_that_hold_letters_are_kept),
		WORLD_TEST(hostile_bytes_in_a_letter_become_question_marks),
		WORLD_TEST(a_requeued_letter_is_delivered_under_its_old_id),
		WORLD_TEST(the_high_band_is_kept),
		WORLD_TEST(a_letter_goes_between_what_came_before_and_after),
		WORLD_TEST(
			a_letter_older_than_the_cold_rows_is_read_before_them),
		WORLD_TEST(
			a_rebuild_in_the_middle_of_a_migration_loses_nothing),
		WORLD_TEST(a_present_recipient_is_poked),
		WORLD_TEST(
			a_letter_that_is_in_the_queue_already_is_not_doubled),
		WORLD_TEST(what_cannot_be_delivered_is_refused_and_stays),
		WORLD_TEST(a_queue_over_the_bounds_is_not_rebuilt),
		WORLD_TEST(
			a_full_redis_takes_no_letter_back_but_lets_go_of_them),
		WORLD_TEST(a_letter_of_the_inbox_keeps_its_key),
		WORLD_TEST(a_letter_without_a_key_gets_the_one_of_its_entry),
		WORLD_TEST(dropping_takes_exactly_the_named_letters),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("dlq", tests, NULL, NULL);
}
