/*
 * What landed.lua owes whoever it is about, at the moment in which a message
 * that is on disk leaves ingress: one test for each of its rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/landed.h"
#include "tests/support/boxes.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })
#define OTHER_P "wp:{3}:"
enum { OTHER = 3, CROWD = 450 };
#define LATER INT64_C(99999999999999)

static struct wp_store_row row_of(struct wp_msgid id, const char *json)
{
	return (struct wp_store_row){
		.entry = id.entry,
		.band = (enum wp_band)id.band,
		.expires_ms = LATER,
		.json = json,
		.json_len = strlen(json),
	};
}

/* What the store would say after these rows are in it. */
static struct wp_store_append stored(const struct wp_box *box,
				     const struct wp_store_row *rows, size_t n)
{
	return (struct wp_store_append){
		.box = box,
		.rows = rows,
		.n = n,
		.size = { .version = 1, .n = (int64_t)n, .bytes = 9 },
	};
}

static struct wp_reply *call(struct wp_world *w,
			     const struct wp_store_append *appends, size_t n)
{
	wp_landed_build(&w->cmd, &w->conf, appends, n);
	return wp_world_do(w);
}

/* One user's; returns how many entries were in ingress until then. */
static int64_t land(struct wp_world *w, const struct wp_box *box,
		    const struct wp_store_row *rows, size_t n)
{
	struct wp_store_append append = stored(box, rows, n);
	struct wp_reply *reply = call(w, &append, 1);
	struct wp_error err = { 0 };
	struct wp_landed landed;

	if (wp_landed_parse(reply, 0, &landed, &err) != WP_OK)
		fail_msg("landed: %s", err.msg);
	wp_reply_free(&reply);
	assert_int_equal(landed.left, wp_world_int(w, "XLEN " WP_P "ingress"));
	return landed.gone;
}

static void set_hint(struct wp_world *w, const char *version)
{
	wp_world_run(
		w,
		"EVAL redis.call('HSET',KEYS[1],KEYS[2],'t\\0327000\\032'.."
		"ARGV[1]..'\\0323\\03230') 2 " WP_P "cold " WP_BOB " %s",
		version);
}

static void what_came_since_stays_in_ingress(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row m1 =
		row_of(wp_world_post(w, MAIL(.json = "m1")), "m1");
	struct wp_store_row h1 = row_of(
		wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH)),
		"h1");

	wp_world_expect(w, "2 4", "HGET " WP_P "waits " WP_BOB);
	assert_int_equal(land(w, &w->box, &m1, 1), 1);
	wp_world_expect(w, "1", "XLEN " WP_P "ingress");
	wp_world_expect(w, "1 2", "HGET " WP_P "waits " WP_BOB);
	assert_int_equal(land(w, &w->box, &m1, 1), 0);
	wp_world_expect(w, "1 2", "HGET " WP_P "waits " WP_BOB);
	assert_int_equal(land(w, &w->box, &h1, 1), 1);
	wp_world_expect(w, "0", "XLEN " WP_P "ingress");
	wp_world_expect(w, "0",
			"EXISTS " WP_P "waits " WP_P "migrate " WP_P "cold");
}

static void who_came_meanwhile_is_poked(void **state)
{
	struct wp_world *w = *state;
	struct wp_redis *daemon = wp_test_redis(&w->conf);
	struct wp_store_row m1 =
		row_of(wp_world_post(w, MAIL(.json = "m1")), "m1");
	struct wp_reply *reply = NULL;

	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	wp_world_run(w, "DEL " WP_P "due:i1");
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "SUBSCRIBE");
	wp_cmd_str(&w->cmd, "wp:poke:i1");
	assert_int_equal(wp_redis_do(daemon, &w->cmd, &reply, NULL), WP_OK);
	wp_reply_free(&reply);

	assert_int_equal(land(w, &w->box, &m1, 1), 1);
	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS " WP_P "due:i1");
	assert_int_equal(wp_redis_wait(daemon, 10000, &reply, NULL), WP_OK);
	assert_true(wp_reply_is(wp_reply_at(reply, 2), "p " WP_BOB));
	wp_reply_free(&reply);
	wp_redis_free(&daemon);
}

/* A route call was cut off behind its append to hot, and set no mark. */
static void who_has_something_in_hot_is_marked(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row m1 =
		row_of(wp_world_post(w, MAIL(.json = "m1")), "m1");

	(void)wp_world_route(w);
	wp_world_run(w, "DEL " WP_P "migrate");
	assert_int_equal(land(w, &w->box, &m1, 1), 0);
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	/* It waits in hot now, and counts. */
	wp_world_expect(w, "1 2", "HGET " WP_P "waits " WP_BOB);
	/* A mark that is there keeps its time. */
	wp_world_run(w, "ZADD " WP_P "migrate 5 " WP_BOB);
	(void)land(w, &w->box, &m1, 1);
	wp_world_expect(w, "5", "ZSCORE " WP_P "migrate " WP_BOB);
	/* Who is online has a poke to come, and is not to be migrated. */
	wp_world_run(w, "DEL " WP_P "migrate");
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)land(w, &w->box, &m1, 1);
	wp_world_expect(w, "0", "EXISTS " WP_P "migrate");
}

/* A route call counted it, and has been cut off since. */
static void a_try_goes_with_its_entry(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id = wp_world_post(w, MAIL(.json = "m1"));
	struct wp_store_row m1 = row_of(id, "m1");
	char text[WP_ENTRY_ID_MAX];

	wp_entry_id_format(&id.entry, text);
	wp_world_run(w, "HSET " WP_P "tries %s 1 1-1 2", text);
	assert_int_equal(land(w, &w->box, &m1, 1), 1);
	wp_world_expect(w, "[1-1 2]", "HGETALL " WP_P "tries");
}

static void the_size_is_noted_beside_a_hint(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row m1 =
		row_of(wp_world_post(w, MAIL(.json = "m1")), "m1");

	(void)land(w, &w->box, &m1, 1);
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
	set_hint(w, "-");
	(void)land(w, &w->box, &m1, 1);
	wp_world_expect(w, "t 7000 1 1 9", "HGET " WP_P "cold " WP_BOB);
	set_hint(w, "0");
	(void)land(w, &w->box, &m1, 1);
	wp_world_expect(w, "t 7000 1 1 9", "HGET " WP_P "cold " WP_BOB);
	set_hint(w, "2");
	(void)land(w, &w->box, &m1, 1);
	wp_world_expect(w, "t 7000 2 3 30", "HGET " WP_P "cold " WP_BOB);
}

/* What somebody else took out of ingress is not counted as gone again. */
static void what_was_acked_before_is_not_counted_twice(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[2] = { wp_world_post(w, MAIL(.json = "m1")),
				   wp_world_post(w, MAIL(.json = "m2")) };
	struct wp_store_row rows[2] = { row_of(ids[0], "m1"),
					row_of(ids[1], "m2") };

	(void)wp_world_post(w, MAIL(.json = "m3"));
	wp_world_ack_one(w, ids[0]);
	wp_world_expect(w, "2 4", "HGET " WP_P "waits " WP_BOB);
	assert_int_equal(land(w, &w->box, rows, 2), 1);
	/* Too much rather than too little, while ingress is not empty. */
	wp_world_expect(w, "2 4", "HGET " WP_P "waits " WP_BOB);
}

/* …and once it is empty, whoever lowers puts it right. */
static void what_is_too_much_goes_when_ingress_is_empty(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row m1 =
		row_of(wp_world_post(w, MAIL(.json = "m1")), "m1");

	wp_world_run(
		w, "EVAL redis.call('HSET',KEYS[1],KEYS[2],'7\\03299') 2 " WP_P
		   "waits " WP_BOB);
	(void)land(w, &w->box, &m1, 1);
	wp_world_expect(w, "0", "EXISTS " WP_P "waits");
}

/* An older one came back from the dead letters meanwhile. */
static void what_is_in_hot_besides_goes_on_counting(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row m2;

	(void)wp_world_deliver(w, "m1");
	m2 = row_of(wp_world_post(w, MAIL(.json = "m2two")), "m2two");
	(void)wp_world_post(w, MAIL(.json = "m3", .to = WP_AMY));
	wp_world_expect(w, "2 7", "HGET " WP_P "waits " WP_BOB);
	assert_int_equal(land(w, &w->box, &m2, 1), 1);
	wp_world_expect(w, "1 2", "HGET " WP_P "waits " WP_BOB);
}

/* When bob is to be looked at for a push, from now. */
static int64_t due_in_ms(struct wp_world *w)
{
	return wp_world_int(
		w, "EVAL local\tt=redis.call('TIME')return\tredis.call("
		   "'ZSCORE',KEYS[1],KEYS[2])-math.floor(t[1]*1000+t[2]/1000) "
		   "2 " WP_P "pushdue " WP_BOB);
}

static void a_notification_is_asked_for_when_it_can_be_pulled(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid ids[2] = {
		wp_world_post(w, MAIL(.json = "m1")),
		wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH))
	};
	struct wp_store_row rows[2] = { row_of(ids[1], "h1"),
					row_of(ids[0], "m1") };
	char highest[WP_ENTRY_ID_MAX];

	wp_entry_id_format(&ids[1].entry, highest);
	rows[0].expires_ms = rows[1].expires_ms = 7; /* has expired */
	(void)land(w, &w->box, rows, 2);
	wp_world_expect(w, "0", "EXISTS " WP_P "pushdue");
	rows[1].expires_ms = LATER;
	w->conf.push.enabled = false;
	(void)land(w, &w->box, rows, 2);
	wp_world_expect(w, "0", "EXISTS " WP_P "pushdue");
	w->conf.push.enabled = true;
	(void)land(w, &w->box, rows, 2);
	(void)land(w, &w->box, rows, 2);
	wp_world_expect(w, "1", "ZCARD " WP_P "pushdue");
	wp_world_expect(w, highest, "GET " WP_P "notified:" WP_BOB);
	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS " WP_P "pushhigh");
	assert_true(due_in_ms(w) <= 0); /* the high band */
	/* Nobody who is online is notified of what went another way. */
	wp_world_run(w, "DEL " WP_P "notified:" WP_BOB);
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)land(w, &w->box, rows, 2);
	wp_world_expect(w, "1", "ZCARD " WP_P "pushdue");
}

/* It was sent to somebody who was away, and nothing in hot tells of it. */
static void who_comes_and_leaves_meanwhile_is_notified(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row m1;

	w->conf.push.enabled = true;
	wp_world_join(w, "i1");
	m1 = row_of(wp_world_post(w, MAIL(.json = "m1")), "m1");
	(void)wp_world_connect(w, "i1.1");
	assert_int_equal(land(w, &w->box, &m1, 1), 1);
	wp_world_expect(w, "0", "EXISTS " WP_P "pushhigh");
	assert_in_range(due_in_ms(w), w->conf.push.grace_ms + 1,
			w->conf.push.inactive_ms);
	wp_world_disconnect(w, "i1.1");
	assert_true(due_in_ms(w) <= w->conf.push.grace_ms);
	wp_world_expect(w, "1", "ZCARD " WP_P "pushdue");
	assert_int_equal(land(w, &w->box, &m1, 1), 0);
	wp_world_expect(w, "1", "ZCARD " WP_P "pushdue");
}

static void trouble_of_one_partition_is_not_anothers(void **state)
{
	struct wp_world *w = *state;
	struct wp_box amy = wp_test_box(OTHER, WP_AMY);
	struct wp_store_row m1 =
		row_of(wp_world_post(w, MAIL(.json = "m1")), "m1");
	struct wp_store_append both[2] = { stored(&amy, &m1, 1),
					   stored(&w->box, &m1, 1) };
	struct wp_error err = { 0 };
	struct wp_reply *reply;
	struct wp_landed landed = { .gone = -1 };

	wp_world_run(w, "SET " OTHER_P "cold foreign");
	reply = call(w, both, 2);
	assert_int_equal(wp_landed_parse(reply, 0, &landed, &err),
			 WP_ERR_PROTO);
	assert_int_equal(landed.gone, 0);
	assert_non_null(strstr(err.msg, "WRONGTYPE"));
	assert_int_equal(wp_landed_parse(reply, 1, &landed, NULL), WP_OK);
	assert_int_equal(landed.gone, 1);
	/* No answer at all is none for anybody. */
	assert_int_equal(wp_landed_parse(reply, 2, &landed, NULL),
			 WP_ERR_PROTO);
	wp_reply_free(&reply);
	reply = wp_world_cmd(w, "EVAL return\tredis.error_reply('ERR') 0");
	assert_int_equal(wp_landed_parse(reply, 0, &landed, NULL),
			 WP_ERR_PROTO);
	wp_reply_free(&reply);
}

static void a_crowd_goes_in_parts(void **state)
{
	struct wp_world *w = *state;
	struct wp_box *boxes = calloc(CROWD, sizeof(*boxes));
	struct wp_store_row *rows = calloc(CROWD, sizeof(*rows));
	struct wp_store_append *all = calloc(CROWD, sizeof(*all));
	struct wp_reply *reply;
	struct wp_landed landed;
	int64_t total = 0;
	size_t parts = 0;

	assert_true(boxes != NULL && rows != NULL && all != NULL);
	for (unsigned i = 0; i < CROWD; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "urn:sm:user:c%u", i);
		boxes[i] = wp_test_box(WP_WORLD_PARTITION, name);
		rows[i] = row_of(
			wp_world_post(w, MAIL(.json = "m", .to = name)), "m");
		all[i] = stored(&boxes[i], &rows[i], 1);
	}
	reply = call(w, all, CROWD);
	for (size_t i = 0; i < CROWD; i = wp_landed_part_end(all, CROWD, i)) {
		assert_int_equal(wp_landed_parse(reply, parts++, &landed, NULL),
				 WP_OK);
		total += landed.gone;
	}
	assert_int_equal(wp_reply_count(reply), parts);
	assert_in_range(parts, 3, 4);
	assert_int_equal(total, CROWD);
	wp_world_expect(w, "0", "EXISTS " WP_P "waits");
	wp_reply_free(&reply);
	free(boxes);
	free(rows);
	free(all);
}

/* A part ends with its partition, and before it has too many ids. */
static void a_part_is_bounded(void **state)
{
	struct wp_box boxes[3] = { wp_test_box(3, WP_BOB),
				   wp_test_box(3, WP_AMY),
				   wp_test_box(4, WP_AMY) };
	struct wp_store_append all[3] = {
		{ .box = &boxes[0], .n = WP_LANDED_IDS_MAX - 1 },
		{ .box = &boxes[1], .n = 1 },
		{ .box = &boxes[2], .n = 1 },
	};

	(void)state;
	assert_int_equal(wp_landed_part_end(all, 3, 0), 2);
	assert_int_equal(wp_landed_part_end(all, 3, 2), 3);
	assert_int_equal(wp_landed_part_end(all, 1, 0), 1);
	all[1].n = 2;
	assert_int_equal(wp_landed_part_end(all, 3, 0), 1);
	assert_int_equal(wp_landed_part_end(all, 3, 1), 2);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(what_came_since_stays_in_ingress),
		WORLD_TEST(who_came_meanwhile_is_poked),
		WORLD_TEST(who_has_something_in_hot_is_marked),
		WORLD_TEST(a_try_goes_with_its_entry),
		WORLD_TEST(the_size_is_noted_beside_a_hint),
		WORLD_TEST(what_was_acked_before_is_not_counted_twice),
		WORLD_TEST(what_is_too_much_goes_when_ingress_is_empty),
		WORLD_TEST(what_is_in_hot_besides_goes_on_counting),
		WORLD_TEST(a_notification_is_asked_for_when_it_can_be_pulled),
		WORLD_TEST(who_comes_and_leaves_meanwhile_is_notified),
		WORLD_TEST(trouble_of_one_partition_is_not_anothers),
		WORLD_TEST(a_crowd_goes_in_parts),
		cmocka_unit_test(a_part_is_bounded),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("landed", tests, NULL, NULL);
}
