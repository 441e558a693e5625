/*
 * pull.c - one page of a mailbox: the hot queue first, then the cold store,
 * then the merge.
 *
 * Never cold before hot: every move is hot to cold, so what leaves the hot
 * queue after its place was looked at is in the page already. For the same
 * reason each look reads hint and gate behind the entries, for others may be
 * served in between (lib/mailbox/hot_walk.h). Writes nothing, anywhere.
 */
#include "lib/mailbox/pull.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/mailbox/hot_walk.h"

/* What a page still has room for. */
struct room {
	size_t rows;
	size_t bytes;
	bool is_whole; /* nothing is on it yet: one row fits, however long */
};

/* Rows copied out of the cold store as they pass by. */
struct cold_reader {
	struct wp_arena *arena;
	struct wp_pull_lane lanes[WP_BANDS];
	size_t bytes[WP_BANDS];
	size_t limit;
	size_t max_bytes;
	int64_t now_ms;
	bool no_memory;
};

struct wp_pull_page {
	struct wp_pull_request req;
	enum wp_pull_step step;
	struct wp_hot_walk hot;
	struct cold_reader cold;
	struct wp_arena arena; /* texts of rows, and all arrays */
	struct wp_pull_row *rows;
	size_t n;
	size_t n_high; /* the first of rows */
	bool has_more;
};

static enum wp_err out_of_memory(struct wp_error *err)
{
	(void)wp_error_set(err, WP_ERR_UNAVAIL, "out of memory for a page");
	return WP_ERR_UNAVAIL;
}

static bool cold_on_row(void *ctx, const struct wp_store_row *row)
{
	struct cold_reader *cold = ctx;
	struct wp_pull_lane *lane = &cold->lanes[row->band];
	struct wp_pull_row *copy = &lane->rows[lane->n];

	/* The same rule as in the hot queue, or hasMore would not be exact. */
	if (row->expires_ms <= cold->now_ms)
		return true;
	if (lane->n == cold->limit ||
	    (lane->n > 0 &&
	     cold->bytes[row->band] + row->json_len > cold->max_bytes)) {
		lane->more = true;
		return false;
	}
	copy->entry = row->entry;
	copy->json = wp_arena_copy(cold->arena, row->json, row->json_len);
	copy->json_len = row->json_len;
	if (copy->json == NULL) {
		cold->no_memory = true;
		return false;
	}
	cold->bytes[row->band] += row->json_len;
	lane->n++;
	return true;
}

static bool make_lanes(struct wp_pull_page *page, struct wp_pull_lane *lanes)
{
	for (size_t band = 0; band < WP_BANDS; band++) {
		lanes[band].rows = wp_arena_alloc(
			&page->arena,
			page->req.limit * sizeof(struct wp_pull_row));
		if (lanes[band].rows == NULL)
			return false;
	}
	return true;
}

static enum wp_err read_cold(struct wp_pull_page *page, struct wp_store *store,
			     struct wp_error *err)
{
	const struct wp_pull_request *req = &page->req;
	struct cold_reader *cold = &page->cold;
	struct wp_store_read read = {
		.box = req->box,
		.now_ms = page->hot.now_ms,
		.on_row = cold_on_row,
		.ctx = cold,
	};
	enum wp_err rc;

	*cold = (struct cold_reader){
		.arena = &page->arena,
		.limit = req->limit,
		.max_bytes = req->max_bytes,
		.now_ms = page->hot.now_ms,
	};
	if (!make_lanes(page, cold->lanes))
		return out_of_memory(err);
	memcpy(read.from, req->from, sizeof(read.from));
	rc = wp_store_read(store, &read, err);
	return cold->no_memory ? out_of_memory(err) : rc;
}

/*
 * ---- the merge ----  Both tiers may hold the same message (a migration copies
 * before it deletes), and either may have been read only up to a bound. What
 * lies behind that bound is unknown, so nothing above it may be given out yet.
 */

static const struct wp_pull_row *lane_peek(const struct wp_pull_lane *lane,
					   size_t at)
{
	return at < lane->n ? &lane->rows[at] : NULL;
}

/* <0: a comes first; 0: both are one message; >0: b. Not both are NULL. */
static int compare(const struct wp_pull_row *a, const struct wp_pull_row *b)
{
	if (a == NULL)
		return 1;
	if (b == NULL)
		return -1;
	return wp_entry_id_cmp(&a->entry, &b->entry);
}

/*
 * Merge one band of both tiers: by id, duplicates once. Stops before the first
 * id that a tier which was cut short (more) might still precede, and where
 * there is no more room.
 *
 * room:  what was written is taken off
 * out:   its rows have room for as many; n and more are set: live entries
 *        follow what was written
 */
static void merge_band(const struct wp_pull_lane *hot,
		       const struct wp_pull_lane *cold, struct room *room,
		       struct wp_pull_lane *out)
{
	size_t at_hot = 0;
	size_t at_cold = 0;

	out->n = 0;
	for (;;) {
		const struct wp_pull_row *a = lane_peek(hot, at_hot);
		const struct wp_pull_row *b = lane_peek(cold, at_cold);
		const struct wp_pull_row *row;
		int order;

		/* The unread part of a tier may precede the other's next. */
		out->more =
			(a == NULL && hot->more) || (b == NULL && cold->more);
		if (out->more || (a == NULL && b == NULL))
			break;
		order = compare(a, b);
		row = order <= 0 ? a : b;
		assert(row != NULL);
		out->more = room->rows == 0 ||
			    (!room->is_whole && row->json_len > room->bytes);
		if (out->more)
			break;

		out->rows[out->n++] = *row;
		room->rows--;
		room->bytes -= row->json_len < room->bytes ? row->json_len
							   : room->bytes;
		room->is_whole = false;
		at_hot += order <= 0;
		at_cold += order >= 0;
	}
}

static enum wp_err merge(struct wp_pull_page *page, struct wp_error *err)
{
	const struct wp_pull_lane *hot = page->hot.lanes;
	const struct wp_pull_lane *cold = page->cold.lanes;
	size_t limit = page->req.limit, most = 0;
	struct room room = {
		.rows = limit,
		.bytes = page->req.max_bytes,
		.is_whole = true,
	};
	struct wp_pull_lane out = { 0 };

	for (size_t band = 0; band < WP_BANDS; band++)
		most += hot[band].n + cold[band].n;
	if (most > limit)
		most = limit;
	if (most > 0)
		page->rows = wp_arena_alloc(&page->arena,
					    most * sizeof(*page->rows));
	if (most > 0 && page->rows == NULL)
		return out_of_memory(err);
	out.rows = page->rows;
	merge_band(&hot[WP_BAND_HIGH], &cold[WP_BAND_HIGH], &room, &out);
	page->n_high = out.n;
	/* Standard comes after all of high, on whichever page that ends. */
	if (!out.more) {
		if (out.n > 0)
			out.rows += out.n;
		merge_band(&hot[WP_BAND_STANDARD], &cold[WP_BAND_STANDARD],
			   &room, &out);
		page->n = page->n_high + out.n;
	} else {
		page->n = page->n_high;
	}
	page->has_more = out.more;
	page->step = WP_PULL_DONE;
	return WP_OK;
}

/* ---- the steps ---- */

enum wp_err wp_pull_begin(struct wp_pull_page **out,
			  const struct wp_pull_request *req,
			  struct wp_error *err)
{
	struct wp_pull_page *page = calloc(1, sizeof(*page));

	*out = NULL;
	if (page == NULL)
		return out_of_memory(err);
	page->req = *req;
	if (req->max_bytes == 0 || req->max_bytes > WP_PULL_MAX_BYTES)
		page->req.max_bytes = WP_PULL_MAX_BYTES;
	/* Lanes are bounded one by one; the arena only has to free them. */
	wp_arena_init(&page->arena, SIZE_MAX);
	wp_hot_walk_begin(&page->hot,
			  &(struct wp_hot_bounds){
				  .max_envelope = req->max_envelope,
				  .rows = req->limit,
				  .bytes = page->req.max_bytes,
			  },
			  req->box, req->from, &page->arena);
	*out = page;
	return WP_OK;
}

enum wp_pull_step wp_pull_step(const struct wp_pull_page *page)
{
	return page->step;
}

void wp_pull_ask(struct wp_pull_page *page, const char *run_id,
		 struct wp_cmd *cmd)
{
	wp_hot_walk_ask(&page->hot, run_id, cmd);
}

enum wp_err wp_pull_told(struct wp_pull_page *page,
			 const struct wp_reply *reply, bool is_other,
			 struct wp_error *err)
{
	enum wp_err rc = wp_hot_walk_told(&page->hot, reply, err);

	page->hot.ask_cold |= is_other;
	if (rc != WP_OK || !wp_hot_walk_is_done(&page->hot))
		return rc;
	if (!page->hot.ask_cold)
		return merge(page, err);
	page->step = WP_PULL_COLD;
	return WP_OK;
}

enum wp_err wp_pull_read_cold(struct wp_pull_page *page, struct wp_store *store,
			      struct wp_error *err)
{
	return read_cold(page, store, err) == WP_OK ? merge(page, err)
						    : WP_ERR_UNAVAIL;
}

/* ---- with clients that wait ---- */

static enum wp_err look(struct wp_pull_page *page, struct wp_redis *redis,
			struct wp_cmd *cmd, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	uint64_t epoch;
	enum wp_err rc = wp_redis_connect(redis, err);

	if (rc != WP_OK)
		return rc;
	epoch = wp_redis_epoch(redis);
	wp_pull_ask(page, wp_redis_run_id(redis), cmd);
	rc = wp_redis_do(redis, cmd, &reply, err);
	if (rc == WP_OK)
		rc = wp_pull_told(page, reply, epoch != wp_redis_epoch(redis),
				  err);
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_pull(struct wp_pull_page **out, struct wp_redis *redis,
		    struct wp_store *store, const struct wp_pull_request *req,
		    struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc = wp_pull_begin(out, req, err);

	if (rc != WP_OK)
		return rc;
	wp_cmd_init(&cmd);
	while (rc == WP_OK && wp_pull_step(*out) == WP_PULL_HOT)
		rc = look(*out, redis, &cmd, err);
	if (rc == WP_OK && wp_pull_step(*out) == WP_PULL_COLD)
		rc = wp_pull_read_cold(*out, store, err);
	wp_cmd_release(&cmd);
	if (rc == WP_OK)
		return WP_OK;
	wp_pull_page_free(out);
	return WP_ERR_UNAVAIL;
}

size_t wp_pull_page_count(const struct wp_pull_page *page)
{
	return page->n;
}

const struct wp_pull_row *wp_pull_page_row(const struct wp_pull_page *page,
					   size_t i, enum wp_band *band_out)
{
	*band_out = i < page->n_high ? WP_BAND_HIGH : WP_BAND_STANDARD;
	return &page->rows[i];
}

bool wp_pull_page_has_more(const struct wp_pull_page *page)
{
	return page->has_more;
}

void wp_pull_page_free(struct wp_pull_page **page)
{
	if (*page == NULL)
		return;
	wp_arena_release(&(*page)->arena);
	free(*page);
	*page = NULL;
}
