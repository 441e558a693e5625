/*
 * store_contract.c - the promises of lib/store/store.h, one test each.
 *
 * Knows the interface only. Two stores are open on the same data in each test,
 * as two processes would have them.
 */
#include "tests/support/store_contract.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "tests/support/boxes.h"

enum { P = 3, Q = 4 };
#define LATER INT64_C(4000000000000)
#define MAX_MS ((UINT64_C(1) << 48) - 1)
#define MAX_SEQ ((UINT64_C(1) << 40) - 1)

struct bench {
	const struct wp_store_contract *contract;
	struct wp_store *store;
	struct wp_store *other;
	struct wp_box amy, bob; /* in P */
};

/* ---- helpers ---- */

struct wp_store_row wp_store_test_row(enum wp_band band, uint64_t ms,
				      uint64_t seq, const char *json)
{
	return (struct wp_store_row){
		.entry = { .ms = ms, .seq = seq },
		.band = band,
		.expires_ms = LATER,
		.json = json,
		.json_len = strlen(json),
	};
}

static struct wp_store_row high(uint64_t ms, uint64_t seq, const char *json)
{
	return wp_store_test_row(WP_BAND_HIGH, ms, seq, json);
}

static struct wp_store_row standard(uint64_t ms, uint64_t seq, const char *json)
{
	return wp_store_test_row(WP_BAND_STANDARD, ms, seq, json);
}

static bool write_down(void *ctx, const struct wp_store_row *row)
{
	wp_buf_add(ctx, row->json, row->json_len);
	wp_buf_add_char(ctx, ' ');
	return true;
}

static void show_band(struct wp_store *store, const struct wp_box *box,
		      enum wp_band band, int64_t now_ms, struct wp_buf *out)
{
	struct wp_store_read read = {
		.box = box,
		.from = { { .is_skipped = true }, { .is_skipped = true } },
		.now_ms = now_ms,
		.on_row = write_down,
		.ctx = out,
	};
	struct wp_error err = { 0 };

	read.from[band].is_skipped = false;
	if (wp_store_read(store, &read, &err) != WP_OK)
		fail_msg("read: %s", err.msg);
}

const char *wp_store_test_show(struct wp_store *store, const struct wp_box *box)
{
	static char text[4096];
	struct wp_buf out;

	wp_buf_init(&out, sizeof(text) - 1);
	show_band(store, box, WP_BAND_HIGH, 1, &out);
	wp_buf_add_char(&out, '|');
	show_band(store, box, WP_BAND_STANDARD, 1, &out);
	assert_false(out.failed);
	memcpy(text, out.data, out.len + 1);
	wp_buf_release(&out);
	return text;
}

static int64_t version(struct wp_store *store, const struct wp_box *box)
{
	struct wp_error err = { 0 };
	int64_t value = -1;

	if (wp_store_version(store, box, &value, &err) != WP_OK)
		fail_msg("version: %s", err.msg);
	return value;
}

static enum wp_err append(struct bench *b, const struct wp_box *box, int64_t at,
			  const struct wp_store_row *rows, size_t n)
{
	return wp_test_append(b->store, box, at, rows, n);
}

/* Append at the version that the mailbox has now. */
static void put_in(struct bench *b, const struct wp_box *box,
		   struct wp_store_row row)
{
	assert_int_equal(append(b, box, version(b->store, box), &row, 1),
			 WP_OK);
}

static void put(struct bench *b, struct wp_store_row row)
{
	put_in(b, &b->bob, row);
}

static struct wp_msgid id_of(struct wp_store_row row)
{
	return (struct wp_msgid){
		.entry = row.entry,
		.partition = P,
		.band = (uint8_t)row.band,
	};
}

/* Returns whether the mailbox is empty now. */
static bool ack(struct bench *b, const struct wp_box *box,
		const struct wp_msgid *ids, size_t n)
{
	return wp_test_ack(b->store, box, ids, n).is_empty;
}

/* Both bands from the start, by whoever reads. */
static void read_all(struct wp_store *store, const struct bench *b,
		     bool (*on_row)(void *ctx, const struct wp_store_row *row),
		     void *ctx)
{
	const struct wp_store_read read = {
		.box = &b->bob,
		.now_ms = 1,
		.on_row = on_row,
		.ctx = ctx,
	};

	assert_int_equal(wp_store_read(store, &read, NULL), WP_OK);
}

static struct wp_entry_id top(struct wp_store *store, uint32_t partition)
{
	struct wp_entry_id id = { .ms = 99, .seq = 99 };
	struct wp_error err = { 0 };

	if (wp_store_top(store, partition, &id, &err) != WP_OK)
		fail_msg("top: %s", err.msg);
	return id;
}

static void expect_top(struct wp_store *store, uint32_t partition, uint64_t ms,
		       uint64_t seq)
{
	struct wp_entry_id id = top(store, partition);

	assert_int_equal(id.ms, ms);
	assert_int_equal(id.seq, seq);
}

/* Both connections must see the same. */
static void expect(struct bench *b, const char *want)
{
	assert_string_equal(wp_store_test_show(b->store, &b->bob), want);
	assert_string_equal(wp_store_test_show(b->other, &b->bob), want);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->contract = *state;
	b->contract->wipe(b->contract->ctx);
	b->store = b->contract->open(b->contract->ctx);
	b->other = b->contract->open(b->contract->ctx);
	b->amy = wp_test_box(P, "amy");
	b->bob = wp_test_box(P, "bob");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	wp_store_close(&b->store);
	wp_store_close(&b->other);
	free(b);
	return 0;
}

/* ---- versions and appends ---- */

static void a_mailbox_nobody_wrote_to_is_empty_at_version_zero(void **state)
{
	struct bench *b = *state;

	assert_int_equal(version(b->store, &b->bob), 0);
	expect(b, "|");
	expect_top(b->store, P, 0, 0);
}

static void an_append_bumps_the_version_and_is_seen_by_others(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { standard(2, 0, "s2"), high(3, 0, "h3"),
				       standard(1, 7, "s1") };

	assert_int_equal(append(b, &b->bob, 0, rows, 3), WP_OK);

	assert_int_equal(version(b->other, &b->bob), 1);
	expect(b, "h3 |s1 s2 ");
	assert_int_equal(append(b, &b->bob, 1, NULL, 0), WP_OK);
	assert_int_equal(version(b->other, &b->bob), 2);
	expect(b, "h3 |s1 s2 ");
}

static void an_append_at_another_version_writes_nothing(void **state)
{
	struct bench *b = *state;
	struct wp_store_row row = standard(5, 0, "no");
	static const int64_t wrong[] = { 0, 1, 3, -1, INT64_MAX };

	assert_int_equal(append(b, &b->bob, 1, &row, 1), WP_ERR_STALE);
	assert_int_equal(version(b->store, &b->bob), 0);
	put(b, standard(1, 0, "a"));
	put(b, standard(2, 0, "b"));

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(append(b, &b->bob, wrong[i], &row, 1),
				 WP_ERR_STALE);

	assert_int_equal(version(b->store, &b->bob), 2);
	expect(b, "|a b ");
	expect_top(b->store, P, 2, 0);
}

static void of_two_appends_at_one_version_one_is_refused(void **state)
{
	struct bench *b = *state;
	struct wp_store_row row = standard(1, 0, "mine");
	struct wp_store_row late = standard(2, 0, "late");

	assert_int_equal(version(b->store, &b->bob), 0);
	assert_int_equal(version(b->other, &b->bob), 0);

	assert_int_equal(append(b, &b->bob, 0, &row, 1), WP_OK);
	assert_int_equal(wp_test_append(b->other, &b->bob, 0, &late, 1),
			 WP_ERR_STALE);

	expect(b, "|mine ");
}

static void mailboxes_do_not_touch_each_other(void **state)
{
	struct bench *b = *state;

	put(b, standard(1, 0, "bobs"));
	put_in(b, &b->amy, standard(1, 0, "amys"));

	assert_string_equal(wp_store_test_show(b->store, &b->amy), "|amys ");
	expect(b, "|bobs ");
	(void)ack(b, &b->amy, (struct wp_msgid[]){ id_of(standard(1, 0, "")) },
		  1);
	expect(b, "|bobs ");
	assert_int_equal(version(b->store, &b->bob), 1);
	assert_int_equal(version(b->store, &b->amy), 2);
}

static void a_row_that_is_there_already_is_left_alone(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { standard(1, 0, "a"),
				       standard(2, 0, "b") };

	put(b, rows[0]);

	assert_int_equal(append(b, &b->bob, 1, rows, 2), WP_OK);

	expect(b, "|a b ");
}

static void another_message_under_an_id_is_a_conflict_as_a_whole(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { standard(8, 0, "new"),
				       standard(1, 0, "changed") };

	put(b, standard(1, 0, "a"));

	assert_int_equal(append(b, &b->bob, 1, rows, 2), WP_ERR_CONFLICT);
	rows[1] = standard(1, 0, "a");
	rows[1].expires_ms++;
	assert_int_equal(append(b, &b->bob, 1, rows, 2), WP_ERR_CONFLICT);

	assert_int_equal(version(b->store, &b->bob), 1);
	expect(b, "|a ");
	expect_top(b->store, P, 1, 0);
	put(b, standard(2, 0, "usable after that"));
	expect(b, "|a usable after that ");
}

static void an_id_may_stand_in_both_bands(void **state)
{
	struct bench *b = *state;

	put(b, standard(1, 0, "s"));
	put(b, high(1, 0, "h"));

	expect(b, "h |s ");
	(void)ack(b, &b->bob, (struct wp_msgid[]){ id_of(high(1, 0, "")) }, 1);
	expect(b, "|s ");
}

static void appends_of_many_users_have_each_their_own_outcome(void **state)
{
	struct bench *b = *state;
	struct wp_box eve = wp_test_box(Q, "urn:sm:user:eve");
	struct wp_store_row rows[] = { standard(1, 0, "a"), high(9, 0, "h"),
				       standard(5, 0, "changed") };
	struct wp_store_append many[] = {
		{ .box = &eve, .rows = rows, .n = 2 },
		{ .box = &b->bob, .rows = rows, .n = 3 },
		{ .box = &b->amy, .rows = rows, .n = 1 },
	};

	put(b, standard(5, 0, "mine"));
	many[1].version = version(b->store, &b->bob);
	many[2].version = 7;
	assert_int_equal(wp_store_append(b->store, many, 3, NULL), WP_OK);
	assert_int_equal(many[0].err.code, WP_OK);
	assert_int_equal(many[0].size.n, 2);
	assert_int_equal(many[0].size.bytes, 2);
	assert_int_equal(many[1].err.code, WP_ERR_CONFLICT);
	assert_int_equal(many[2].err.code, WP_ERR_STALE);
	assert_string_equal(wp_store_test_show(b->other, &eve), "h |a ");
	assert_string_equal(wp_store_test_show(b->other, &b->amy), "|");
	/* Of bob's nothing, and no version: it can be tried again. */
	expect(b, "|mine ");
	assert_int_equal(version(b->store, &b->bob), many[1].version);
	expect_top(b->store, P, 5, 0);
	expect_top(b->store, Q, 9, 0);

	many[1].n = 2;
	many[2].version = 0;
	assert_int_equal(wp_store_append(b->store, many + 1, 2, NULL), WP_OK);
	assert_int_equal(many[1].err.code, WP_OK);
	assert_int_equal(many[2].err.code, WP_OK);
	expect(b, "h |a mine ");
	assert_string_equal(wp_store_test_show(b->other, &b->amy), "|a ");
}

/* A crowd of mailboxes, half of them in Q, one row each. */
static void make_crowd(struct wp_box *boxes, struct wp_store_append *many,
		       const struct wp_store_row *row)
{
	for (unsigned i = 0; i < WP_STORE_APPENDS_MAX; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "urn:sm:user:c%u", i);
		boxes[i] =
			wp_test_box(i < WP_STORE_APPENDS_MAX / 2 ? P : Q, name);
		many[i] = (struct wp_store_append){ .box = &boxes[i],
						    .rows = row,
						    .n = 1 };
	}
}

static void the_most_mailboxes_at_once_are_accepted(void **state)
{
	struct bench *b = *state;
	struct wp_box *boxes = calloc(WP_STORE_APPENDS_MAX, sizeof(*boxes));
	struct wp_store_append *many =
		calloc(WP_STORE_APPENDS_MAX, sizeof(*many));
	struct wp_store_row row = standard(4, 0, "m");
	struct wp_store_row other = standard(4, 0, "other");
	struct wp_store_row last = standard(9, 1, "last");
	const size_t n = WP_STORE_APPENDS_MAX;

	assert_non_null(boxes);
	assert_non_null(many);
	make_crowd(boxes, many, &row);
	put_in(b, &boxes[n - 2], other);
	many[n - 2].version = 1; /* a conflict, behind all but one */
	many[1].version = 3;     /* and one that is stale */
	many[n - 1].rows = &last;

	assert_int_equal(wp_store_append(b->store, many, n, NULL), WP_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(many[i].err.code, i == 1 ? WP_ERR_STALE
						   : i == n - 2
							   ? WP_ERR_CONFLICT
							   : WP_OK);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(wp_store_test_show(b->other, &boxes[i]),
				    i == 1       ? "|"
				    : i == n - 2 ? "|other "
				    : i == n - 1 ? "|last "
						 : "|m ");
	expect_top(b->other, P, 4, 0);
	expect_top(b->other, Q, 9, 1);
	free(boxes);
	free(many);
}

/* What a stale append is told, and that it is good for the next one. */
static void a_stale_append_is_told_the_version(void **state)
{
	struct bench *b = *state;
	struct wp_store_row row = standard(1, 0, "m");
	struct wp_store_append one = { .box = &b->bob,
				       .version = 5,
				       .rows = &row,
				       .n = 1,
				       .version_now = 9 };

	for (int i = 0; i < 3; i++) {
		assert_int_equal(wp_store_append(b->store, &one, 1, NULL),
				 WP_OK);
		assert_int_equal(one.err.code, WP_ERR_STALE);
		assert_int_equal(one.version_now, version(b->other, &b->bob));
		assert_int_equal(one.size.version, 0);
		one.version = one.version_now;
		assert_int_equal(wp_store_append(b->store, &one, 1, NULL),
				 WP_OK);
		assert_int_equal(one.err.code, WP_OK);
		/* The second time around a fence came between. */
		if (i == 1)
			assert_int_equal(wp_store_fence(b->other, "r2", NULL),
					 WP_OK);
	}
	expect(b, "|m ");
}

static void a_version_is_made_of_epoch_and_number(void **state)
{
	struct bench *b = *state;
	struct wp_store_size size = { .version = 9 };
	int64_t epoch = -1;
	int64_t before = -1;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(wp_store_epoch(b->other, &epoch, NULL), WP_OK);
		assert_int_equal(wp_store_size(b->other, &b->bob, &size, NULL),
				 WP_OK);
		assert_int_equal(version(b->store, &b->bob),
				 wp_store_version_of(epoch, size.version));
		assert_int_equal(wp_store_number_of(version(b->store, &b->bob)),
				 size.version);
		assert_true(epoch > before || i % 2 == 1);
		before = epoch;
		if (i % 2 == 0)
			put(b, standard(1 + (uint64_t)i, 0, "m"));
		else
			assert_int_equal(wp_store_fence(b->store, "r1", NULL),
					 WP_OK);
	}
	assert_int_equal(size.version, 2);
}

static void the_largest_append_is_accepted(void **state)
{
	struct bench *b = *state;
	struct wp_store_row *rows = calloc(WP_STORE_ROWS_MAX, sizeof(*rows));

	assert_non_null(rows);
	for (size_t i = 0; i < WP_STORE_ROWS_MAX; i++)
		rows[i] = standard(1, i, "x");

	assert_int_equal(append(b, &b->bob, 0, rows, WP_STORE_ROWS_MAX), WP_OK);

	assert_int_equal(strlen(wp_store_test_show(b->other, &b->bob)),
			 2 * WP_STORE_ROWS_MAX + 1);
	free(rows);
}

static void the_largest_ids_come_back(void **state)
{
	struct bench *b = *state;

	put(b, standard(MAX_MS, MAX_SEQ, "last"));
	put(b, standard(MAX_MS, MAX_SEQ - 1, "before"));
	put(b, standard(MAX_MS - 1, MAX_SEQ, "first"));

	expect(b, "|first before last ");
	expect_top(b->other, P, MAX_MS, MAX_SEQ);
}

struct one_row {
	const char *json;
	size_t len;
	unsigned int n;
};

static bool compare_row(void *ctx, const struct wp_store_row *row)
{
	struct one_row *want = ctx;

	want->n++;
	assert_int_equal(row->json_len, want->len);
	assert_memory_equal(row->json, want->json, want->len);
	return true;
}

static void content_is_bytes(void **state)
{
	struct bench *b = *state;
	size_t len = (size_t)4 * 1024 * 1024;
	struct one_row want = { .json = "", .len = 0 };
	char *large = malloc(len);
	struct wp_store_row row = standard(1, 0, "");

	assert_non_null(large);
	put(b, row);
	read_all(b->other, b, compare_row, &want);
	assert_int_equal(want.n, 1);

	(void)ack(b, &b->bob, (struct wp_msgid[]){ id_of(row) }, 1);
	for (size_t i = 0; i < len; i++)
		large[i] = (char)(i * 7);
	row.json = large;
	row.json_len = len;
	put(b, row);
	put(b, row); /* still the same */
	want = (struct one_row){ .json = large, .len = len };
	read_all(b->other, b, compare_row, &want);
	assert_int_equal(want.n, 1);
	free(large);
}

/* ---- acks ---- */

static void an_ack_deletes_exactly_its_ids(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { standard(1, 0, "a"), standard(1, 1, "b"),
				       high(2, 0, "c"), standard(3, 0, "d") };
	struct wp_msgid ids[4];

	assert_int_equal(append(b, &b->bob, 0, rows, 4), WP_OK);
	ids[0] = id_of(rows[1]);
	ids[1] = id_of(rows[2]);
	ids[2] = id_of(standard(77, 0, "")); /* unknown */
	ids[3] = id_of(rows[0]);
	ids[3].partition = Q; /* another message, not ours */

	assert_false(ack(b, &b->bob, ids, 4));

	expect(b, "|a d ");
	assert_false(ack(b, &b->bob, ids, 4));
	expect(b, "|a d ");
}

static void an_ack_tells_when_no_row_is_left(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { standard(1, 0, "a"), high(2, 0, "b") };
	struct wp_msgid ids[] = { id_of(rows[0]), id_of(rows[1]) };

	rows[1].expires_ms = 5; /* long ago, but still a row */
	assert_int_equal(append(b, &b->bob, 0, rows, 2), WP_OK);

	assert_false(ack(b, &b->bob, NULL, 0));
	assert_false(ack(b, &b->bob, ids, 1));
	assert_true(ack(b, &b->bob, ids, 2));
	assert_true(ack(b, &b->bob, NULL, 0));
}

static void an_ack_always_bumps_the_version(void **state)
{
	struct bench *b = *state;
	struct wp_msgid unknown = id_of(standard(9, 9, ""));

	assert_true(ack(b, &b->bob, &unknown, 1));
	assert_int_equal(version(b->other, &b->bob), 1);
	assert_true(ack(b, &b->bob, NULL, 0));
	assert_int_equal(version(b->other, &b->bob), 2);
}

/* The model's counterexamples 6: a late append must not bring a row back. */
static void an_append_planned_before_an_ack_is_refused(void **state)
{
	struct bench *b = *state;
	struct wp_store_row row = standard(1, 0, "acked");
	struct wp_msgid id = id_of(row);
	int64_t fresh = version(b->other, &b->bob);
	int64_t used;

	assert_true(ack(b, &b->bob, &id, 1));
	assert_int_equal(wp_test_append(b->other, &b->bob, fresh, &row, 1),
			 WP_ERR_STALE);

	put(b, row);
	used = version(b->other, &b->bob);
	assert_true(ack(b, &b->bob, &id, 1));
	assert_int_equal(wp_test_append(b->other, &b->bob, used, &row, 1),
			 WP_ERR_STALE);
	expect(b, "|");
	assert_true(version(b->store, &b->bob) > used);
}

/* ---- reads ---- */

static void a_read_goes_on_after_a_position(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { high(1, 0, "h1"), high(2, 0, "h2"),
				       standard(1, 0, "s1"),
				       standard(1, 5, "s2"),
				       standard(2, 0, "s3") };
	struct wp_buf out;
	struct wp_store_read read = {
		.box = &b->bob,
		.now_ms = 1,
		.on_row = write_down,
		.ctx = &out,
	};

	wp_buf_init(&out, 0);
	assert_int_equal(append(b, &b->bob, 0, rows, 5), WP_OK);

	assert_int_equal(wp_store_read(b->other, &read, NULL), WP_OK);
	assert_string_equal(out.data, "h1 h2 s1 s2 s3 ");

	wp_buf_clear(&out);
	read.from[WP_BAND_HIGH] = (struct wp_band_from){
		.has_after = true,
		.after = { .ms = 1 },
	};
	read.from[WP_BAND_STANDARD] = (struct wp_band_from){
		.has_after = true,
		.after = { .ms = 1, .seq = 3 }, /* no row has that id */
	};
	assert_int_equal(wp_store_read(b->other, &read, NULL), WP_OK);
	assert_string_equal(out.data, "h2 s2 s3 ");

	wp_buf_clear(&out);
	read.from[WP_BAND_HIGH].is_skipped = true;
	assert_int_equal(wp_store_read(b->other, &read, NULL), WP_OK);
	assert_string_equal(out.data, "s2 s3 ");
	wp_buf_release(&out);
}

static void a_read_skips_what_has_expired(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { standard(1, 0, "at100"),
				       standard(2, 0, "at101"),
				       standard(3, 0, "later") };
	struct wp_buf out;

	wp_buf_init(&out, 0);
	rows[0].expires_ms = 100;
	rows[1].expires_ms = 101;
	assert_int_equal(append(b, &b->bob, 0, rows, 3), WP_OK);

	show_band(b->store, &b->bob, WP_BAND_STANDARD, 100, &out);

	assert_string_equal(out.data, "at101 later ");
	wp_buf_release(&out);
}

static bool one_of_each(void *ctx, const struct wp_store_row *row)
{
	(void)write_down(ctx, row);
	assert_int_equal(row->expires_ms, LATER);
	assert_int_equal(row->entry.ms, row->band == WP_BAND_HIGH ? 1 : 3);
	return false;
}

static void ending_a_band_does_not_end_the_walk(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { high(1, 0, "h1"), high(2, 0, "h2"),
				       standard(3, 0, "s1"),
				       standard(4, 0, "s2") };
	struct wp_buf out;

	wp_buf_init(&out, 0);
	assert_int_equal(append(b, &b->bob, 0, rows, 4), WP_OK);

	read_all(b->store, b, one_of_each, &out);

	assert_string_equal(out.data, "h1 s1 ");
	wp_buf_release(&out);
	put(b, standard(9, 0, "usable after that"));
}

struct meddler {
	struct bench *b;
	struct wp_buf out;
};

/* While the high band is read, somebody else writes to the standard one. */
static bool meddle(void *ctx, const struct wp_store_row *row)
{
	struct meddler *meddler = ctx;
	struct bench *b = meddler->b;
	struct wp_store_row late = standard(9, 0, "late");

	if (row->band == WP_BAND_HIGH)
		assert_int_equal(wp_test_append(b->other, &b->bob, 1, &late, 1),
				 WP_OK);
	return write_down(&meddler->out, row);
}

static void both_bands_are_read_at_one_instant(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { high(1, 0, "h"), standard(1, 0, "s") };
	struct meddler meddler = { .b = b };

	wp_buf_init(&meddler.out, 0);
	assert_int_equal(append(b, &b->bob, 0, rows, 2), WP_OK);

	read_all(b->store, b, meddle, &meddler);

	assert_string_equal(meddler.out.data, "h s ");
	wp_buf_release(&meddler.out);
	expect(b, "h |s late ");
}

/* ---- what reconciling a partition needs ---- */

static void the_top_of_a_partition_only_rises(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { standard(7, 3, "a"), high(7, 4, "b"),
				       standard(6, 9, "c") };
	struct wp_box elsewhere = wp_test_box(Q, "amy");

	assert_int_equal(append(b, &b->bob, 0, rows, 3), WP_OK);
	expect_top(b->other, P, 7, 4);
	expect_top(b->other, Q, 0, 0);

	put_in(b, &b->amy, standard(5, 0, "older"));
	put_in(b, &elsewhere, standard(1, 0, "elsewhere"));
	(void)ack(b, &b->bob, (struct wp_msgid[]){ id_of(rows[1]) }, 1);

	expect_top(b->other, P, 7, 4);
	expect_top(b->other, Q, 1, 0);
}

struct users {
	struct wp_buf text;
	unsigned int left;
};

static bool note_user(void *ctx, const struct wp_box *box)
{
	struct users *users = ctx;

	wp_buf_add_str(&users->text, box->text + strlen("urn:sm:user:"));
	wp_buf_add_char(&users->text, ' ');
	return --users->left > 0;
}

static void expect_users(struct bench *b, const char *want, uint32_t partition,
			 const struct wp_box *after, unsigned int limit)
{
	struct users users = { .left = limit };
	struct wp_store_place place = { .has_after = after != NULL };
	const struct wp_store_walk walk = {
		.place = &place,
		.max_looked = 1000,
		.on_box = note_user,
		.ctx = &users,
	};

	if (after != NULL)
		place.after = *after;
	wp_buf_init(&users.text, 0);
	wp_buf_add_char(&users.text, ' ');
	assert_int_equal(wp_store_users(b->other, partition, &walk, NULL),
			 WP_OK);
	assert_string_equal(users.text.data + 1, want);
	wp_buf_release(&users.text);
}

static void users_with_rows_are_listed_in_order(void **state)
{
	struct bench *b = *state;
	static const char *const names[] = { "zoe", "Zoe", "ann", "max" };
	struct wp_box max = wp_test_box(P, "max");
	struct wp_box elsewhere = wp_test_box(Q, "amy");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct wp_box box = wp_test_box(P, names[i]);

		put_in(b, &box, standard(1, i, "x"));
	}
	put_in(b, &elsewhere, standard(1, 0, "elsewhere"));
	(void)ack(b, &b->bob, NULL, 0); /* a box without rows */

	expect_users(b, "Zoe ann max zoe ", P, NULL, 99);
	expect_users(b, "Zoe ann ", P, NULL, 2);
	expect_users(b, "zoe ", P, &max, 99);
	expect_users(b, "amy ", Q, NULL, 99);
	expect_users(b, "", 5, NULL, 99);
}

/* ---- at the same time ---- */

enum { WRITERS = 4, ROUNDS = 20 };

struct writer {
	struct bench *b;
	struct wp_store *store;
	uint64_t ms;
	unsigned int refused;
	unsigned int failed;
};

/* Append ROUNDS rows of one's own, reading the version again when refused. */
static void *write_rows(void *ctx)
{
	struct writer *writer = ctx;
	uint64_t seq = 0;

	while (seq < ROUNDS && writer->failed == 0) {
		struct wp_store_row row = standard(writer->ms, seq, "x");
		int64_t at = 0;
		enum wp_err rc;

		rc = wp_store_version(writer->store, &writer->b->bob, &at,
				      NULL);
		if (rc == WP_OK)
			rc = wp_test_append(writer->store, &writer->b->bob, at,
					    &row, 1);
		if (rc == WP_OK)
			seq++;
		else if (rc == WP_ERR_STALE)
			writer->refused++;
		else
			writer->failed++;
	}
	return NULL;
}

static void writers_at_the_same_time_lose_nothing(void **state)
{
	struct bench *b = *state;
	struct writer writers[WRITERS] = { 0 };
	pthread_t threads[WRITERS];

	for (unsigned int i = 0; i < WRITERS; i++) {
		writers[i].b = b;
		writers[i].ms = i + 1;
		writers[i].store = b->contract->open(b->contract->ctx);
	}
	for (unsigned int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_rows,
						&writers[i]),
				 0);
	for (unsigned int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	for (unsigned int i = 0; i < WRITERS; i++) {
		assert_int_equal(writers[i].failed, 0);
		wp_store_close(&writers[i].store);
	}
	assert_int_equal(version(b->store, &b->bob), WRITERS * ROUNDS);
	assert_int_equal(strlen(wp_store_test_show(b->store, &b->bob)),
			 2 * WRITERS * ROUNDS + 1);
	expect_top(b->store, P, WRITERS, ROUNDS - 1);
}

/* ---- expiry and sizes ---- */

static struct wp_store_row expiring(uint64_t ms, int64_t expires_ms)
{
	struct wp_store_row row = standard(ms, 0, "gone");

	row.expires_ms = expires_ms;
	return row;
}

/* Returns how many rows went. */
static int64_t expire(struct bench *b, const struct wp_box *box, int64_t now_ms,
		      bool *empty_out)
{
	struct wp_store_expire expire = {
		.box = box,
		.now_ms = now_ms,
		.deleted = -1,
	};
	struct wp_error err = { 0 };

	if (wp_store_expire(b->store, &expire, &err) != WP_OK)
		fail_msg("expire: %s", err.msg);
	*empty_out = expire.rest.is_empty;
	return expire.deleted;
}

static void expiry_deletes_what_is_over_and_nothing_else(void **state)
{
	struct bench *b = *state;
	bool is_empty = true;

	put(b, expiring(1, 100));
	put(b, standard(2, 0, "s"));
	put(b, expiring(3, 101));
	put(b, high(4, 0, "h"));
	put_in(b, &b->amy, expiring(1, 100));

	assert_int_equal(expire(b, &b->bob, 99, &is_empty), 0);
	assert_int_equal(expire(b, &b->bob, 100, &is_empty), 1);
	assert_false(is_empty);
	expect(b, "h |s gone ");
	assert_int_equal(expire(b, &b->bob, 101, &is_empty), 1);
	expect(b, "h |s ");
	assert_string_equal(wp_store_test_show(b->store, &b->amy), "|gone ");
	assert_int_equal(expire(b, &b->amy, 101, &is_empty), 1);
	assert_true(is_empty);
	expect_top(b->other, P, 4, 0);
}

static void expiry_always_bumps_the_version_and_fences_appends(void **state)
{
	struct bench *b = *state;
	struct wp_store_row row = standard(1, 0, "late");
	bool is_empty = false;
	int64_t at;

	assert_int_equal(expire(b, &b->bob, 5, &is_empty), 0);
	assert_true(is_empty);
	assert_int_equal(version(b->other, &b->bob), 1);
	put(b, expiring(1, 5));
	at = version(b->other, &b->bob);

	assert_int_equal(expire(b, &b->bob, 5, &is_empty), 1);

	assert_int_equal(version(b->other, &b->bob), at + 1);
	assert_int_equal(append(b, &b->bob, at, &row, 1), WP_ERR_STALE);
}

/*
 * Also for a mailbox that nobody has written to: it has no version of its own.
 */
static void a_new_life_of_redis_fences_every_version_read_before(void **state)
{
	struct bench *b = *state;
	struct wp_store_row row = standard(2, 0, "late");
	int64_t bob, amy;

	put(b, standard(1, 0, "one"));
	bob = version(b->store, &b->bob);
	amy = version(b->store, &b->amy);

	assert_int_equal(wp_store_fence(b->other, "life-1", NULL), WP_OK);

	assert_int_equal(append(b, &b->bob, bob, &row, 1), WP_ERR_STALE);
	assert_int_equal(append(b, &b->amy, amy, &row, 1), WP_ERR_STALE);
	put(b, row);
	put_in(b, &b->amy, row);
	assert_string_equal(wp_store_test_show(b->other, &b->bob),
			    "|one late ");
}

/* ---- notes ---- */

static void expect_note(struct wp_store *store, const char *name,
			const char *want)
{
	char value[WP_STORE_NOTE_MAX + 1] = "?";

	assert_int_equal(wp_store_note(store, name, value, NULL), WP_OK);
	assert_string_equal(value, want);
}

static void a_store_says_that_it_was_made_empty(void **state)
{
	struct bench *b = *state;

	expect_note(b->other, WP_STORE_NOTE_MADE, "empty");
	expect_note(b->store, "something-else", "");
}

static void a_note_changes_only_from_what_was_read(void **state)
{
	struct bench *b = *state;

	assert_int_equal(wp_store_note_swap(b->store, "n", "x", "1", NULL),
			 WP_ERR_STALE);
	expect_note(b->other, "n", "");
	assert_int_equal(wp_store_note_swap(b->store, "n", "", "1", NULL),
			 WP_OK);
	expect_note(b->other, "n", "1");
	assert_int_equal(wp_store_note_swap(b->other, "n", "", "2", NULL),
			 WP_ERR_STALE);
	assert_int_equal(wp_store_note_swap(b->other, "n", "1", "2", NULL),
			 WP_OK);
	expect_note(b->store, "n", "2");
	expect_note(b->store, "m", "");
}

static bool is_past(struct bench *b, const char *life)
{
	bool answer = false;

	assert_int_equal(wp_store_is_past(b->store, life, &answer, NULL),
			 WP_OK);
	return answer;
}

static void who_returns_to_a_past_life_fences_as_well(void **state)
{
	struct bench *b = *state;
	struct wp_store_row row = standard(1, 0, "a");
	int64_t at;

	assert_int_equal(wp_store_fence(b->store, "life-1", NULL), WP_OK);
	assert_false(is_past(b, "life-1"));
	assert_false(is_past(b, "life-2")); /* it is new */
	assert_int_equal(wp_store_fence(b->store, "life-2", NULL), WP_OK);
	assert_true(is_past(b, "life-1"));
	assert_false(is_past(b, "life-2"));

	at = version(b->store, &b->bob);
	assert_int_equal(wp_store_return(b->other, "life-1", NULL), WP_OK);
	assert_int_equal(append(b, &b->bob, at, &row, 1), WP_ERR_STALE);
	assert_false(is_past(b, "life-1"));
	assert_true(is_past(b, "life-2"));
	/* The present one, or one that is new, changes nothing. */
	at = version(b->store, &b->bob);
	assert_int_equal(wp_store_return(b->store, "life-1", NULL), WP_OK);
	assert_int_equal(wp_store_return(b->store, "life-3", NULL), WP_OK);
	assert_int_equal(append(b, &b->bob, at, &row, 1), WP_OK);
}

static void a_life_that_is_known_fences_nothing(void **state)
{
	struct bench *b = *state;
	struct wp_store_row row = standard(1, 0, "one");
	int64_t at;

	assert_int_equal(wp_store_fence(b->store, "life-1", NULL), WP_OK);
	assert_int_equal(wp_store_fence(b->store, "life-2", NULL), WP_OK);
	at = version(b->store, &b->bob);

	assert_int_equal(wp_store_fence(b->other, "life-2", NULL), WP_OK);
	assert_int_equal(wp_store_fence(b->other, "life-1", NULL), WP_OK);

	assert_int_equal(append(b, &b->bob, at, &row, 1), WP_OK);
}

static void expiry_takes_a_bounded_number_of_rows_at_a_time(void **state)
{
	struct bench *b = *state;
	struct wp_store_row *rows = calloc(WP_EXPIRE_MAX_ROWS, sizeof(*rows));
	bool is_empty = true;

	assert_non_null(rows);
	for (size_t i = 0; i < WP_EXPIRE_MAX_ROWS; i++)
		rows[i] = expiring(i + 1, 7);
	assert_int_equal(append(b, &b->bob, 0, rows, WP_EXPIRE_MAX_ROWS),
			 WP_OK);
	put(b, expiring(WP_EXPIRE_MAX_ROWS + 1, 7));

	assert_int_equal(expire(b, &b->bob, 7, &is_empty), WP_EXPIRE_MAX_ROWS);
	assert_false(is_empty);
	assert_int_equal(expire(b, &b->bob, 7, &is_empty), 1);
	assert_true(is_empty);
	free(rows);
}

static bool note_expired(void *ctx, const struct wp_box *box)
{
	struct wp_buf *text = ctx;

	wp_buf_add_char(text, (char)('0' + box->partition));
	wp_buf_add_str(text, box->text + strlen("urn:sm:user:"));
	wp_buf_add_char(text, ' ');
	return true;
}

/* All that is found, rows at a time. */
static void expect_expired(struct bench *b, int64_t now_ms, size_t rows,
			   const char *want)
{
	struct wp_store_place place = { 0 };
	struct wp_buf text;
	const struct wp_store_walk walk = {
		.place = &place,
		.max_looked = rows,
		.on_box = note_expired,
		.ctx = &text,
	};

	wp_buf_init(&text, 0);
	wp_buf_add_char(&text, ' ');
	do {
		assert_int_equal(
			wp_store_expired_users(b->other, now_ms, &walk, NULL),
			WP_OK);
		assert_true(place.looked <= rows);
	} while (!place.is_end);
	assert_string_equal(text.data + 1, want);
	wp_buf_release(&text);
}

static void users_with_expired_rows_are_found_the_earliest_first(void **state)
{
	struct bench *b = *state;
	struct wp_box eve = wp_test_box(Q, "eve");

	put(b, expiring(1, 50));
	put(b, expiring(2, 51));
	put_in(b, &b->amy, expiring(1, 60));
	put_in(b, &b->amy, expiring(2, 60));
	put_in(b, &eve, expiring(1, 60));
	put_in(b, &eve, expiring(2, 40));

	expect_expired(b, 39, 9, "");
	expect_expired(b, 50, 9, "4eve 3bob ");
	/* Of several rows of one time one is enough, at a seam at least. */
	expect_expired(b, 60, 1, "4eve 3bob 3bob 3amy 4eve ");
	expect_expired(b, 60, 9, "4eve 3bob 3bob 3amy 3amy 4eve ");
}

static void an_empty_mailbox_is_looked_at_and_not_listed(void **state)
{
	struct bench *b = *state;
	struct users users = { .left = 9 };
	struct wp_store_place place = { 0 };
	struct wp_store_walk walk = {
		.place = &place,
		.max_looked = 1,
		.on_box = note_user,
		.ctx = &users,
	};
	struct wp_box zoe = wp_test_box(P, "zoe");

	put(b, standard(1, 0, "x"));
	(void)ack(b, &b->bob, (struct wp_msgid[]){ id_of(standard(1, 0, "")) },
		  1);
	put_in(b, &zoe, standard(1, 0, "x"));
	wp_buf_init(&users.text, 0);
	wp_buf_add_char(&users.text, ' ');
	assert_int_equal(wp_store_users(b->store, P, &walk, NULL), WP_OK);
	assert_string_equal(users.text.data, " ");
	assert_int_equal(place.looked, 1);
	assert_false(place.is_end);
	walk.max_looked = 2;
	assert_int_equal(wp_store_users(b->store, P, &walk, NULL), WP_OK);
	assert_string_equal(users.text.data, " zoe ");
	assert_true(place.is_end);
	wp_buf_release(&users.text);
}

static void expect_size(const struct wp_store_size *size, int64_t at, int64_t n,
			int64_t bytes)
{
	assert_int_equal(size->version, at);
	assert_int_equal(size->n, n);
	assert_int_equal(size->bytes, bytes);
}

static void every_write_tells_what_the_mailbox_holds_now(void **state)
{
	struct bench *b = *state;
	struct wp_store_row rows[] = { standard(1, 0, "four"),
				       high(2, 0, "sixsix"),
				       standard(3, 0, "") };
	struct wp_store_row again[] = { rows[0], expiring(9, 70) };
	struct wp_msgid id = id_of(rows[0]);
	struct wp_store_size size = { .n = 99 };
	struct wp_store_append one = { .box = &b->bob, .rows = rows, .n = 3 };
	struct wp_store_expire expire = { .box = &b->bob, .now_ms = 70 };
	struct wp_store_rest rest;

	assert_int_equal(wp_store_size(b->other, &b->bob, &size, NULL), WP_OK);
	expect_size(&size, 0, 0, 0);
	assert_int_equal(wp_store_append(b->store, &one, 1, NULL), WP_OK);
	expect_size(&one.size, 1, 3, 10);
	one = (struct wp_store_append){
		.box = &b->bob,
		.version = 1,
		.rows = again,
		.n = 2,
	};
	assert_int_equal(wp_store_append(b->store, &one, 1, NULL), WP_OK);
	expect_size(&one.size, 2, 4, 14);
	rest = wp_test_ack(b->store, &b->bob, &id, 1);
	expect_size(&rest.size, 3, 3, 10);
	rest = wp_test_ack(b->store, &b->bob, &id, 1);
	expect_size(&rest.size, 4, 3, 10);
	assert_int_equal(wp_store_expire(b->store, &expire, NULL), WP_OK);
	expect_size(&expire.rest.size, 5, 2, 6);
	assert_int_equal(wp_store_size(b->other, &b->bob, &size, NULL), WP_OK);
	expect_size(&size, 5, 2, 6);
}

static void everything_is_there_after_closing_and_opening(void **state)
{
	struct bench *b = *state;

	put(b, standard(1, 0, "kept"));
	wp_store_close(&b->store);
	wp_store_close(&b->other);
	assert_null(b->store);

	b->store = b->contract->open(b->contract->ctx);
	b->other = b->contract->open(b->contract->ctx);

	expect(b, "|kept ");
	assert_int_equal(version(b->store, &b->bob), 1);
}

#define CONTRACT(test)                             \
	{                                          \
#test, test, setup, teardown, NULL \
	}

int wp_store_contract_run(const struct wp_store_contract *contract)
{
	struct CMUnitTest tests[] = {
		CONTRACT(a_mailbox_nobody_wrote_to_is_empty_at_version_zero),
		CONTRACT(an_append_bumps_the_version_and_is_seen_by_others),
		CONTRACT(an_append_at_another_version_writes_nothing),
		CONTRACT(of_two_appends_at_one_version_one_is_refused),
		CONTRACT(mailboxes_do_not_touch_each_other),
		CONTRACT(a_row_that_is_there_already_is_left_alone),
		CONTRACT(another_message_under_an_id_is_a_conflict_as_a_whole),
		CONTRACT(an_id_may_stand_in_both_bands),
		CONTRACT(appends_of_many_users_have_each_their_own_outcome),
		CONTRACT(the_most_mailboxes_at_once_are_accepted),
		CONTRACT(a_stale_append_is_told_the_version),
		CONTRACT(a_version_is_made_of_epoch_and_number),
		CONTRACT(the_largest_append_is_accepted),
		CONTRACT(the_largest_ids_come_back),
		CONTRACT(content_is_bytes),
		CONTRACT(an_ack_deletes_exactly_its_ids),
		CONTRACT(an_ack_tells_when_no_row_is_left),
		CONTRACT(an_ack_always_bumps_the_version),
		CONTRACT(an_append_planned_before_an_ack_is_refused),
		CONTRACT(a_read_goes_on_after_a_position),
		CONTRACT(a_read_skips_what_has_expired),
		CONTRACT(ending_a_band_does_not_end_the_walk),
		CONTRACT(both_bands_are_read_at_one_instant),
		CONTRACT(the_top_of_a_partition_only_rises),
		CONTRACT(users_with_rows_are_listed_in_order),
		CONTRACT(writers_at_the_same_time_lose_nothing),
		CONTRACT(expiry_deletes_what_is_over_and_nothing_else),
		CONTRACT(expiry_always_bumps_the_version_and_fences_appends),
		CONTRACT(a_new_life_of_redis_fences_every_version_read_before),
		CONTRACT(a_life_that_is_known_fences_nothing),
		CONTRACT(who_returns_to_a_past_life_fences_as_well),
		CONTRACT(a_store_says_that_it_was_made_empty),
		CONTRACT(a_note_changes_only_from_what_was_read),
		CONTRACT(expiry_takes_a_bounded_number_of_rows_at_a_time),
		CONTRACT(users_with_expired_rows_are_found_the_earliest_first),
		CONTRACT(an_empty_mailbox_is_looked_at_and_not_listed),
		CONTRACT(every_write_tells_what_the_mailbox_holds_now),
		CONTRACT(everything_is_there_after_closing_and_opening),
	};
	/* cmocka hands it through; setup() only reads it. */
	void *initial = (void *)(uintptr_t)contract;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i].initial_state = initial;
	return cmocka_run_group_tests_name(contract->name, tests, NULL, NULL);
}
