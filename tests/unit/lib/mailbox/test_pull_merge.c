/*
 * The merge of two tiers, held against a brute-force reference that knows the
 * whole truth: what lies in both tiers, also beyond where each was cut.
 *
 * The merge belongs to pull.c alone, and is tried here 200,000 times without
 * any tier behind it. So this file takes pull.c in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/pull.c"

enum { ROWS_MAX = 24, NO_LIMIT = 100, PLENTY = 1 << 20, CASES = 200000 };

static struct wp_pull_row row(uint64_t seq, size_t len)
{
	return (struct wp_pull_row){
		.entry = { .ms = 1000, .seq = seq },
		.json = "",
		.json_len = len,
	};
}

static struct wp_pull_lane lane_of(struct wp_pull_row *rows, size_t n,
				   bool more)
{
	return (struct wp_pull_lane){ .rows = rows, .n = n, .more = more };
}

/* Run a merge of an empty page with plenty of room; returns the row count. */
static size_t merge_all(const struct wp_pull_lane *hot,
			const struct wp_pull_lane *cold, size_t limit,
			struct wp_pull_row *out, bool *more)
{
	struct room room = {
		.rows = limit,
		.bytes = PLENTY,
		.is_whole = true,
	};
	struct wp_pull_lane merged = { .rows = out };

	merge_band(hot, cold, &room, &merged);
	assert_int_equal(room.rows, limit - merged.n);
	*more = merged.more;
	return merged.n;
}

static void nothing_in_two_tiers_is_nothing_and_no_more(void **state)
{
	struct wp_pull_lane none = lane_of(NULL, 0, false);
	struct wp_pull_row out[1];
	bool more = true;

	(void)state;

	assert_int_equal(merge_all(&none, &none, 1, out, &more), 0);
	assert_false(more);
}

static void a_message_in_both_tiers_is_given_once_and_in_order(void **state)
{
	struct wp_pull_row hot_rows[] = { row(2, 1), row(3, 1), row(5, 1) };
	struct wp_pull_row cold_rows[] = { row(1, 1), row(2, 1), row(4, 1) };
	struct wp_pull_lane hot = lane_of(hot_rows, 3, false);
	struct wp_pull_lane cold = lane_of(cold_rows, 3, false);
	struct wp_pull_row out[NO_LIMIT];
	bool more = true;

	(void)state;

	assert_int_equal(merge_all(&hot, &cold, NO_LIMIT, out, &more), 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(out[i].entry.seq, i + 1);
	assert_false(more);
}

static void nothing_is_given_beyond_where_a_tier_was_cut(void **state)
{
	struct wp_pull_row hot_rows[] = { row(1, 1), row(3, 1) };
	struct wp_pull_row cold_rows[] = { row(2, 1), row(9, 1) };
	struct wp_pull_lane hot = lane_of(hot_rows, 2, true);
	struct wp_pull_lane cold = lane_of(cold_rows, 2, false);
	struct wp_pull_row out[NO_LIMIT];
	bool more = false;

	(void)state;

	assert_int_equal(merge_all(&hot, &cold, NO_LIMIT, out, &more), 3);
	assert_int_equal(out[2].entry.seq, 3);
	assert_true(more);

	hot.more = false;
	cold.more = true;
	assert_int_equal(merge_all(&hot, &cold, NO_LIMIT, out, &more), 4);
	assert_true(more);
}

static void a_tier_cut_before_its_first_row_holds_everything_back(void **state)
{
	struct wp_pull_row cold_rows[] = { row(2, 1) };
	struct wp_pull_lane hot = lane_of(NULL, 0, true);
	struct wp_pull_lane cold = lane_of(cold_rows, 1, false);
	struct wp_pull_row out[NO_LIMIT];
	bool more = false;

	(void)state;

	assert_int_equal(merge_all(&hot, &cold, NO_LIMIT, out, &more), 0);
	assert_true(more);
}

static void a_limit_used_exactly_leaves_no_more(void **state)
{
	struct wp_pull_row hot_rows[] = { row(1, 1), row(2, 1) };
	struct wp_pull_row cold_rows[] = { row(2, 1) };
	struct wp_pull_lane hot = lane_of(hot_rows, 2, false);
	struct wp_pull_lane cold = lane_of(cold_rows, 1, false);
	struct wp_pull_row out[NO_LIMIT];
	bool more = true;

	(void)state;

	assert_int_equal(merge_all(&hot, &cold, 2, out, &more), 2);
	assert_false(more);
	assert_int_equal(merge_all(&hot, &cold, 1, out, &more), 1);
	assert_true(more);
	assert_int_equal(merge_all(&hot, &cold, 0, out, &more), 0);
	assert_true(more);
}

static void one_row_fits_an_empty_page_whatever_its_size(void **state)
{
	struct wp_pull_row rows[] = { row(1, 500), row(2, 1) };
	struct wp_pull_lane hot = lane_of(rows, 2, false);
	struct wp_pull_lane none = lane_of(NULL, 0, false);
	struct wp_pull_row rows_out[NO_LIMIT];
	struct wp_pull_lane out = { .rows = rows_out };
	struct room room = { NO_LIMIT, 100, true };

	(void)state;

	merge_band(&hot, &none, &room, &out);
	assert_int_equal(out.n, 1);
	assert_int_equal(room.bytes, 0);
	assert_false(room.is_whole);
	assert_true(out.more);

	room = (struct room){ NO_LIMIT, 100, false };
	merge_band(&hot, &none, &room, &out);
	assert_int_equal(out.n, 0);
	assert_int_equal(room.bytes, 100);
	assert_true(out.more);
}

static void bytes_are_used_up_to_the_last_one(void **state)
{
	struct wp_pull_row rows[] = { row(1, 60), row(2, 40), row(3, 1) };
	struct wp_pull_lane none = lane_of(NULL, 0, false);
	struct wp_pull_lane cold = lane_of(rows, 3, false);
	struct wp_pull_row rows_out[NO_LIMIT];
	struct wp_pull_lane out = { .rows = rows_out };
	struct room room = { NO_LIMIT, 100, false };

	(void)state;

	merge_band(&none, &cold, &room, &out);
	assert_int_equal(out.n, 2);
	assert_int_equal(room.bytes, 0);
	assert_true(out.more);
}

/* xorshift64*: the same cases on every machine. */
static uint32_t next_random(uint64_t *seed, uint32_t bound)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 2685821657736338717ULL) >> 33) % bound;
}

/* Everything that one band holds, and how far each tier was read. */
struct world {
	bool in_hot[ROWS_MAX], in_cold[ROWS_MAX];
	size_t len[ROWS_MAX];
	size_t hot_read, cold_read; /* rows that the tier told */
	size_t limit, bytes;
	bool page_is_empty;
};

static struct world make_world(uint64_t *seed)
{
	struct world w = {
		.hot_read = next_random(seed, 8),
		.cold_read = next_random(seed, 8),
		.limit = next_random(seed, 10),
		.bytes = next_random(seed, 60),
		.page_is_empty = next_random(seed, 2) == 0,
	};
	uint32_t density = 1 + next_random(seed, 6);

	for (size_t i = 0; i < ROWS_MAX; i++) {
		w.in_hot[i] = next_random(seed, density) == 0;
		w.in_cold[i] = next_random(seed, density) == 0;
		w.len[i] = 1 + next_random(seed, 20);
	}
	return w;
}

static struct wp_pull_lane tell(const struct world *w, const bool *in,
				size_t read, struct wp_pull_row *rows)
{
	struct wp_pull_lane told = { .rows = rows };

	for (size_t i = 0; i < ROWS_MAX; i++) {
		if (!in[i])
			continue;
		if (told.n == read) {
			told.more = true;
			break;
		}
		rows[told.n++] = row(i, w->len[i]);
	}
	return told;
}

/* Is row i among the first `read` of its tier? */
static bool is_told(const bool *in, size_t read, size_t i)
{
	size_t before = 0;

	for (size_t k = 0; k < i; k++)
		before += in[k];
	return in[i] && before < read;
}

/*
 * The truth, walked row by row: give the next row while it was told by a tier
 * and the other tier cannot hide one before it, which the walk in order shows
 * by itself: a row that exists but was told by neither ends the page.
 */
static size_t reference(const struct world *w, uint64_t *out, bool *more)
{
	size_t n = 0;
	size_t bytes = w->bytes;
	bool is_open = true;

	*more = false;
	for (size_t i = 0; i < ROWS_MAX; i++) {
		bool hot_knows = is_told(w->in_hot, w->hot_read, i);
		bool cold_knows = is_told(w->in_cold, w->cold_read, i);
		bool is_first = w->page_is_empty && n == 0;

		if (!w->in_hot[i] && !w->in_cold[i])
			continue;
		if (is_open && (hot_knows || cold_knows) && n < w->limit &&
		    (is_first || w->len[i] <= bytes)) {
			out[n++] = i;
			bytes -= w->len[i] < bytes ? w->len[i] : bytes;
		} else {
			is_open = false;
			*more = true;
		}
	}
	return n;
}

/* Could this tier, cut where it was, hide a row at or before i? */
static bool may_hide(const bool *in, size_t read, size_t i)
{
	size_t told = 0;
	bool is_cut = false;
	size_t last = 0;

	for (size_t k = 0; k < ROWS_MAX; k++) {
		if (!in[k])
			continue;
		if (told == read) {
			is_cut = true;
			break;
		}
		told++;
		last = k;
	}
	return is_cut && (told == 0 || i > last);
}

static void random_cases_agree_with_the_truth(void **state)
{
	uint64_t seed = 20261121;

	(void)state;

	for (size_t round = 0; round < CASES; round++) {
		struct world w = make_world(&seed);
		struct wp_pull_row hot_rows[ROWS_MAX];
		struct wp_pull_row cold_rows[ROWS_MAX];
		struct wp_pull_lane hot =
			tell(&w, w.in_hot, w.hot_read, hot_rows);
		struct wp_pull_lane cold =
			tell(&w, w.in_cold, w.cold_read, cold_rows);
		struct wp_pull_row rows_out[ROWS_MAX];
		struct wp_pull_lane out = { .rows = rows_out };
		struct room room = { w.limit, w.bytes, w.page_is_empty };
		uint64_t want[ROWS_MAX];
		size_t n_want;
		bool want_more;

		n_want = reference(&w, want, &want_more);
		/* A merge sees a horizon, not the rows behind it. */
		while (n_want > 0 &&
		       (may_hide(w.in_hot, w.hot_read, want[n_want - 1]) ||
			may_hide(w.in_cold, w.cold_read, want[n_want - 1]))) {
			n_want--;
			want_more = true;
		}
		merge_band(&hot, &cold, &room, &out);

		assert_int_equal(out.n, n_want);
		for (size_t i = 0; i < out.n; i++)
			assert_int_equal(out.rows[i].entry.seq, want[i]);
		assert_int_equal(out.more, want_more);
	}
}

/* Page by page, with tiers read anew each time, nothing is lost or repeated. */
static void pages_put_together_are_the_whole_band(void **state)
{
	uint64_t seed = 7;

	(void)state;

	for (size_t round = 0; round < CASES / 20; round++) {
		struct world w = make_world(&seed);
		size_t next = 0;
		bool more = true;

		w.limit += 1;
		w.hot_read += 1;
		w.cold_read += 1;
		while (more) {
			struct wp_pull_row hot_rows[ROWS_MAX];
			struct wp_pull_row cold_rows[ROWS_MAX];
			struct wp_pull_row rows_out[ROWS_MAX];
			struct wp_pull_lane out = { .rows = rows_out };
			struct room room = { w.limit, w.bytes, true };
			struct wp_pull_lane hot =
				tell(&w, w.in_hot, w.hot_read, hot_rows);
			struct wp_pull_lane cold =
				tell(&w, w.in_cold, w.cold_read, cold_rows);

			merge_band(&hot, &cold, &room, &out);
			more = out.more;
			for (size_t i = 0; i < out.n; i++) {
				while (!w.in_hot[next] && !w.in_cold[next])
					next++;
				assert_int_equal(out.rows[i].entry.seq, next);
				w.in_hot[next] = false;
				w.in_cold[next] = false;
			}
			assert_true(out.n > 0 || !more);
		}
		for (size_t i = 0; i < ROWS_MAX; i++)
			assert_false(w.in_hot[i] || w.in_cold[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_in_two_tiers_is_nothing_and_no_more),
		cmocka_unit_test(
			a_message_in_both_tiers_is_given_once_and_in_order),
		cmocka_unit_test(nothing_is_given_beyond_where_a_tier_was_cut),
		cmocka_unit_test(
			a_tier_cut_before_its_first_row_holds_everything_back),
		cmocka_unit_test(a_limit_used_exactly_leaves_no_more),
		cmocka_unit_test(one_row_fits_an_empty_page_whatever_its_size),
		cmocka_unit_test(bytes_are_used_up_to_the_last_one),
		cmocka_unit_test(random_cases_agree_with_the_truth),
		cmocka_unit_test(pages_put_together_are_the_whole_band),
	};

	return cmocka_run_group_tests_name("pull_merge", tests, NULL, NULL);
}
