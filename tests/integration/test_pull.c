/*
 * Pages out of two real tiers: positions, budgets, expiry, and a hasMore that
 * is exact wherever the messages happen to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/entry.h"
#include "tests/support/boxes.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum {
	MIB = 1024 * 1024,
	ROWS = 12, /* of a band in the random cases */
	ROUNDS = 60,
	NAME_SIZE = 24,
};
static const uint64_t base_ms = 1000000;
static const int64_t never_ms = 99999999999999;
static const int64_t long_ago_ms = 1000;

static struct wp_msgid id_of(uint64_t seq, enum wp_band band)
{
	return (struct wp_msgid){
		.entry = { .ms = base_ms, .seq = seq },
		.partition = WP_WORLD_PARTITION,
		.band = (uint8_t)band,
	};
}

static void put_hot(struct wp_world *w, const struct wp_box *box,
		    const struct wp_store_row *row)
{
	const char *lane = row->band == WP_BAND_HIGH ? "hot!:" : "hot:";
	char key[sizeof(WP_P) + WP_URN_MAX + sizeof("hot!:")];
	char id[WP_ENTRY_ID_MAX];
	char head[WP_ENTRY_HEAD_MAX];
	struct wp_reply *reply;

	(void)snprintf(key, sizeof(key), WP_P "%s%s", lane, box->text);
	wp_entry_id_format(&row->entry, id);
	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "XADD");
	wp_cmd_str(&w->cmd, key);
	wp_cmd_str(&w->cmd, id);
	wp_cmd_str(&w->cmd, "x");
	wp_cmd_int(&w->cmd, row->expires_ms);
	wp_cmd_str(&w->cmd, "m");
	wp_cmd_join(&w->cmd, head, wp_entry_head(head, box, row->band, false),
		    row->json, row->json_len);
	reply = wp_world_do(w);
	assert_int_equal(wp_reply_type(reply), WP_REPLY_STR);
	wp_reply_free(&reply);
}

static void put_cold(struct wp_world *w, const struct wp_box *box,
		     const struct wp_store_row *rows, size_t n)
{
	int64_t version = 0;

	assert_int_equal(wp_store_version(w->spy.real, box, &version, NULL),
			 WP_OK);
	assert_int_equal(wp_test_append(w->spy.real, box, version, rows, n),
			 WP_OK);
	wp_world_run(w, WP_WORLD_HINT("%s", "token_-_-_0_0"), box->text);
}

static struct wp_store_row row(uint64_t seq, const char *json)
{
	return (struct wp_store_row){
		.entry = { .ms = base_ms, .seq = seq },
		.band = WP_BAND_STANDARD,
		.expires_ms = never_ms,
		.json = json,
		.json_len = strlen(json),
	};
}

static void a_position_is_a_place_not_a_message(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row high = row(5, "h5");
	struct wp_store_row cold[2] = { row(2, "m2"), row(4, "m4") };
	struct wp_store_row hot = row(6, "m6");
	struct wp_msgid after;

	high.band = WP_BAND_HIGH;
	put_cold(w, &w->box, cold, 2);
	put_hot(w, &w->box, &hot);
	put_hot(w, &w->box, &high);

	wp_world_expect_page(w, "h5 m2 m4 m6", 10, NULL);
	after = id_of(3, WP_BAND_HIGH);
	wp_world_expect_page(w, "h5 m2+", 2, &after);
	after = id_of(9, WP_BAND_HIGH);
	wp_world_expect_page(w, "m2 m4 m6", 3, &after);
	after = id_of(3, WP_BAND_STANDARD);
	wp_world_expect_page(w, "m4+", 1, &after);
	after = id_of(4, WP_BAND_STANDARD);
	wp_world_expect_page(w, "m6", 1, &after);
	after = id_of(6, WP_BAND_STANDARD);
	wp_world_expect_page(w, "", 1, &after);
}

static void a_page_that_ends_with_the_high_band_knows_of_standard(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row high = row(1, "h1");
	struct wp_store_row cold = row(2, "m2");

	high.band = WP_BAND_HIGH;
	put_hot(w, &w->box, &high);
	wp_world_expect_page(w, "h1", 1, NULL);
	put_cold(w, &w->box, &cold, 1);
	wp_world_expect_page(w, "h1+", 1, NULL);
}

static void the_expired_are_neither_given_nor_counted(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row cold[2] = { row(1, "m1"), row(2, "m2") };
	struct wp_store_row hot[2] = { row(3, "m3"), row(4, "m4") };

	cold[0].expires_ms = long_ago_ms;
	hot[1].expires_ms = long_ago_ms;
	put_cold(w, &w->box, cold, 2);
	put_hot(w, &w->box, &hot[0]);
	put_hot(w, &w->box, &hot[1]);

	wp_world_expect_page(w, "m2+", 1, NULL);
	wp_world_expect_page(w, "m2 m3", 2, NULL);
}

static void a_failing_cold_store_is_not_passed_over(void **state)
{
	struct wp_world *w = *state;
	struct wp_store_row cold = row(1, "m1");
	struct wp_store_row hot = row(2, "m2");
	const struct wp_pull_request req = {
		.box = &w->box,
		.limit = 10,
	};
	struct wp_pull_page *page = NULL;

	put_cold(w, &w->box, &cold, 1);
	put_hot(w, &w->box, &hot);
	w->spy.refuse = "read";
	assert_int_equal(wp_pull(&page, w->redis, w->store, &req, NULL),
			 WP_ERR_UNAVAIL);
	assert_null(page);

	w->spy.refuse = NULL;
	wp_world_expect_page(w, "m1 m2", 10, NULL);
	wp_pull_page_free(&page);
}

static void without_a_hint_the_cold_store_is_left_alone(void **state)
{
	struct wp_world *w = *state;

	(void)wp_world_deliver(w, "m1");
	w->spy.calls = 0;
	wp_world_expect_pull(w, "m1");
	assert_int_equal(w->spy.calls, 0);
}

static void a_broken_hot_queue_is_an_error_not_an_empty_page(void **state)
{
	struct wp_world *w = *state;
	const struct wp_pull_request req = {
		.box = &w->box,
		.limit = 10,
	};
	struct wp_pull_page *page = NULL;

	wp_world_run(w, "SET " WP_P "hot:" WP_BOB " not-a-stream");
	assert_int_equal(wp_pull(&page, w->redis, w->store, &req, NULL),
			 WP_ERR_UNAVAIL);
}

/* Rows on pages of bob's, put together; each page is within its budget. */
static size_t count_rows(struct wp_world *w, size_t limit, size_t *pages_out)
{
	struct wp_pull_request req = {
		.box = &w->box,
		.limit = limit,
	};
	bool more = true;
	size_t rows = 0;

	for (*pages_out = 0; more; ++*pages_out) {
		struct wp_pull_page *page = NULL;
		size_t bytes = 0;

		assert_int_equal(wp_pull(&page, w->redis, w->store, &req, NULL),
				 WP_OK);
		for (size_t i = 0; i < wp_pull_page_count(page); i++) {
			struct wp_msgid after;
			enum wp_band band;
			const struct wp_pull_row *got =
				wp_pull_page_row(page, i, &band);

			bytes += got->json_len;
			rows++;
			after = id_of(got->entry.seq, band);
			wp_msgid_behind(&after, req.from);
		}
		assert_true(bytes <= WP_PULL_MAX_BYTES);
		assert_true(bytes > 0);
		more = wp_pull_page_has_more(page);
		wp_pull_page_free(&page);
	}
	return rows;
}

static void a_page_ends_before_its_bytes_run_out(void **state)
{
	struct wp_world *w = *state;
	char *big = calloc(1, MIB + 1);
	struct wp_store_row rows[10];
	size_t pages = 0;

	assert_non_null(big);
	memset(big, 'x', MIB);
	for (size_t i = 0; i < 10; i++) {
		rows[i] = row(i + 1, big);
		rows[i].band = i % 5 == 0 ? WP_BAND_HIGH : WP_BAND_STANDARD;
	}
	put_cold(w, &w->box, rows, 4);
	for (size_t i = 2; i < 10; i++)
		put_hot(w, &w->box, &rows[i]);

	assert_int_equal(count_rows(w, 500, &pages), 10);
	assert_int_equal(pages, 3);
	assert_int_equal(count_rows(w, 1, &pages), 10);
	assert_int_equal(pages, 10);
	free(big);
}

/* xorshift64*: the same cases on every machine. */
static uint32_t next_random(uint64_t *seed, uint32_t bound)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 2685821657736338717ULL) >> 33) % bound;
}

/* A user with random rows; names of the living ones in the order of a page. */
struct scene {
	struct wp_box box;
	char names[2 * ROWS][NAME_SIZE];
	struct wp_msgid ids[2 * ROWS];
	size_t n;
};

static void make_band(struct wp_world *w, struct scene *scene,
		      enum wp_band band, uint64_t *seed)
{
	struct wp_store_row cold[ROWS];
	char names[ROWS][NAME_SIZE];
	size_t n_cold = 0;

	for (uint64_t i = 0; i < ROWS; i++) {
		struct wp_store_row one;
		uint32_t where = next_random(seed, 5);
		bool is_alive = next_random(seed, 4) > 0;

		(void)snprintf(names[i], NAME_SIZE, "%c%u",
			       band == WP_BAND_HIGH ? 'h' : 'm', (unsigned)i);
		one = row(i + 1, names[i]);
		one.band = band;
		one.expires_ms = is_alive ? never_ms : long_ago_ms;
		if (where < 3) /* 0 hot, 1 cold, 2 both, 3 and 4 nowhere */
			memcpy(scene->names[scene->n], names[i], NAME_SIZE);
		if (where == 0 || where == 2)
			put_hot(w, &scene->box, &one);
		if (where == 1 || where == 2)
			cold[n_cold++] = one;
		if (where < 3 && is_alive)
			scene->ids[scene->n++] = id_of(i + 1, band);
	}
	put_cold(w, &scene->box, cold, n_cold);
}

static void walk_pages(struct wp_world *w, const struct scene *scene,
		       uint64_t *seed)
{
	struct wp_pull_request req = {
		.box = &scene->box,
	};
	bool more = true;
	size_t at = 0;

	while (more) {
		struct wp_pull_page *page = NULL;
		size_t n;

		req.limit = 1 + next_random(seed, 7);
		assert_int_equal(wp_pull(&page, w->redis, w->store, &req, NULL),
				 WP_OK);
		n = wp_pull_page_count(page);
		assert_true(n <= req.limit && at + n <= scene->n);
		for (size_t i = 0; i < n; i++, at++) {
			enum wp_band band;
			const struct wp_pull_row *got =
				wp_pull_page_row(page, i, &band);

			assert_int_equal(got->json_len,
					 strlen(scene->names[at]));
			assert_memory_equal(got->json, scene->names[at],
					    got->json_len);
			assert_int_equal(band, scene->ids[at].band);
			wp_msgid_behind(&scene->ids[at], req.from);
		}
		more = wp_pull_page_has_more(page);
		assert_int_equal(more, at < scene->n);
		wp_pull_page_free(&page);
	}
	assert_int_equal(at, scene->n);
}

static void pages_add_up_and_has_more_is_exact_wherever_rows_are(void **state)
{
	struct wp_world *w = *state;
	uint64_t seed = 20261121;

	for (int round = 0; round < ROUNDS; round++) {
		struct scene scene = { 0 };
		char urn[WP_URN_MAX + 1];

		(void)snprintf(urn, sizeof(urn), "urn:sm:user:u%d", round);
		scene.box = wp_test_box(WP_WORLD_PARTITION, urn);
		make_band(w, &scene, WP_BAND_HIGH, &seed);
		make_band(w, &scene, WP_BAND_STANDARD, &seed);
		walk_pages(w, &scene, &seed);
	}
}

/*
 * A call of the script passes over a bounded number of expired entries, and
 * the next one goes on; nobody who pages can tell.
 */
static void pages_add_up_over_whatever_has_expired(void **state)
{
	enum { LONG = 1700 };
	static const uint64_t alive[] = { 1, 700, 701, 1600 };
	enum { ALIVE = sizeof(alive) / sizeof(alive[0]) };
	struct wp_world *w = *state;
	struct scene scene = { .box = w->box };
	struct wp_store_row cold = row(900, "c900");
	uint64_t seed = 20261129;

	for (int band = WP_BAND_HIGH; band >= WP_BAND_STANDARD; band--) {
		size_t k = 0;

		for (uint64_t seq = 1; seq <= LONG; seq++) {
			bool is_alive = k < ALIVE && alive[k] == seq;
			struct wp_store_row one;
			char *name = scene.names[scene.n];

			(void)snprintf(name, NAME_SIZE, "%d.%u", band,
				       (unsigned)seq);
			one = row(seq, name);
			one.band = (enum wp_band)band;
			one.expires_ms = is_alive ? never_ms : long_ago_ms;
			put_hot(w, &w->box, &one);
			if (is_alive)
				scene.ids[scene.n++] =
					id_of(seq, (enum wp_band)band);
			k += is_alive;
		}
	}
	walk_pages(w, &scene, &seed);
	/* A row on disk between them. */
	put_cold(w, &w->box, &cold, 1);
	memmove(&scene.names[ALIVE + 4], &scene.names[ALIVE + 3], NAME_SIZE);
	memcpy(scene.names[ALIVE + 3], "c900", sizeof("c900"));
	scene.ids[ALIVE + 4] = scene.ids[ALIVE + 3];
	scene.ids[ALIVE + 3] = id_of(900, WP_BAND_STANDARD);
	scene.n++;
	walk_pages(w, &scene, &seed);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_position_is_a_place_not_a_message),
		WORLD_TEST(
			a_page_that_ends_with_the_high_band_knows_of_standard),
		WORLD_TEST(the_expired_are_neither_given_nor_counted),
		WORLD_TEST(a_failing_cold_store_is_not_passed_over),
		WORLD_TEST(without_a_hint_the_cold_store_is_left_alone),
		WORLD_TEST(a_broken_hot_queue_is_an_error_not_an_empty_page),
		WORLD_TEST(a_page_ends_before_its_bytes_run_out),
		WORLD_TEST(
			pages_add_up_and_has_more_is_exact_wherever_rows_are),
		WORLD_TEST(pages_add_up_over_whatever_has_expired),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("pull", tests, NULL, NULL);
}
