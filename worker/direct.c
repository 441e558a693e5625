/*
 * direct.c - what is under way of each partition, and when the long way is
 * taken: by hot queues, as everything went before.
 */
#include "worker/direct.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/scripts.h"
#include "worker/metrics.h"

enum {
	/* What comes while something is under way goes together. */
	HOLD_MS = 20,
	/* …but not for so long where somebody who is online is written to as
	 * well: no bell rings while ingress is not empty. */
	MIXED_HOLD_MS = 2,
	MIXED_MS = 1000,
	/* Whoever comes back does not wait for the disk: what is under way for
	 * longer than that is looked at again, so often. */
	WHOLE_MS = 40,
	/* Then all of the partition takes the long way. */
	LATE_MS = 300,
	FULL_MS = 100,
	FAULTY_MS = 5000,
	/* Of a partition, one after the other: nobody knows what became of a
	 * batch. Then Redis is there for the hot thread only. */
	DROPPED_MAX = 1,
	/* More than that of a partition would be walked over too often. */
	LEFT_MAX = 512,
	/* What the store has said of stale mailboxes is told of so many. */
	TOLD_MAX = 128,
	/* And all are named who are under way: they have no more than that. Of
	 * whom is not, a call would answer the same rows again and again, and
	 * might come no further. */
	NAMES_MAX = TOLD_MAX + LEFT_MAX,
	LOG_INTERVAL_MS = 5000,
};

/* Of a call: what the store has said of stale mailboxes, and who is under way.
 * Texts are the batches'. */
struct names {
	size_t n;
	struct wp_route_name list[NAMES_MAX];
};

struct part {
	struct wp_batch *under_way; /* the newest first */
	struct wp_batch *told;      /* heard, of which the next call is told */
	struct names *names;        /* owned, of a call; NULL: none */
	/*
	 * Where the next walk begins: up to this id all that is in ingress is
	 * of users who are under way; "": nobody knows. Some of it may have
	 * come behind what is on its way. Then it has passed, and nobody knows
	 * any more when something has landed.
	 */
	char from[WP_ENTRY_ID_MAX];
	bool has_passed;
	uint64_t whole_ms; /* when all of it is to be looked at */
	bool is_late;      /* what is under way: nothing of it is waited for */
	uint64_t hold_ms;
	uint64_t mixed_until_ms;
	uint64_t paused_until_ms; /* it takes the long way */
	int64_t left;             /* in ingress, after the last call */
	/* Something of which the last call has left nothing under way may be in
	 * ingress, and no bell rings for it. */
	bool is_more;
	int n_dropped; /* since something has landed */
	/* Of the call that is under way. */
	bool is_direct;
	int64_t epoch;
};

struct wp_direct {
	struct wp_worker *w;
	struct part *parts; /* owned, one per partition */
	size_t n_batches;
	uint64_t late_ms;
	uint64_t check_ms; /* the earliest that something is late */
	struct wp_log log;
	struct wp_log_limit limit;
};

enum wp_err wp_direct_new(struct wp_direct **out, struct wp_worker *w,
			  struct wp_error *err)
{
	struct wp_direct *d = calloc(1, sizeof(*d));

	*out = d;
	if (d != NULL) {
		d->w = w;
		d->late_ms = w->late_ms > 0 ? w->late_ms : LATE_MS;
		d->check_ms = UINT64_MAX;
		d->log.component = "direct";
		d->parts = calloc((size_t)w->conf->mailbox.partitions,
				  sizeof(*d->parts));
	}
	if (d == NULL || d->parts == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

void wp_direct_free(struct wp_direct **direct)
{
	struct wp_direct *d = *direct;

	if (d != NULL && d->parts != NULL)
		wp_direct_forget_all(d);
	if (d != NULL)
		free(d->parts);
	free(d);
	*direct = NULL;
}

/* ---- what is under way ---- */

static bool is_awaited(const struct part *part)
{
	return part->under_way != NULL && !part->is_late;
}

static bool is_under_way(void *ctx, const char *urn, size_t len)
{
	const struct part *part = ctx;

	for (const struct wp_batch *b = part->under_way; b != NULL;
	     b = b->older)
		if (wp_batch_has(b, urn, len))
			return true;
	return false;
}

/* The oldest, which is late first. */
static const struct wp_batch *oldest(const struct part *part)
{
	const struct wp_batch *batch = part->under_way;

	while (batch->older != NULL)
		batch = batch->older;
	return batch;
}

/* The next walk begins with the oldest entry. */
static void walk_all(struct part *part)
{
	part->from[0] = '\0';
}

static void unlink_batch(struct wp_direct *d, const struct wp_batch *batch)
{
	struct part *part = &d->parts[batch->partition];
	struct wp_batch **at = &part->under_way;

	while (*at != batch)
		at = &(*at)->older;
	*at = batch->older;
	d->n_batches--;
	if (d->n_batches == 0)
		d->check_ms = UINT64_MAX;
	if (part->under_way == NULL) {
		part->is_late = false;
		walk_all(part);
	}
	wp_table_set_busy(d->w->table, batch->partition, false);
}

/* The call is over, for which they were there. */
static void drop_names(struct part *part)
{
	struct wp_batch *batch;

	while ((batch = part->told) != NULL) {
		part->told = batch->older;
		free(batch);
	}
	free(part->names);
	part->names = NULL;
}

void wp_direct_forget(struct wp_direct *direct, uint32_t partition)
{
	struct part *part = &direct->parts[partition];

	while (part->under_way != NULL) {
		struct wp_batch *batch = part->under_way;

		unlink_batch(direct, batch);
		wp_handover_forget(direct->w->handover, batch);
	}
	drop_names(part);
	*part = (struct part){ .mixed_until_ms = part->mixed_until_ms };
}

void wp_direct_forget_all(struct wp_direct *direct)
{
	uint32_t n = (uint32_t)direct->w->conf->mailbox.partitions;

	for (uint32_t p = 0; p < n; p++)
		wp_direct_forget(direct, p);
}

uint64_t wp_direct_hold_ms(const struct wp_direct *direct, uint32_t partition)
{
	const struct part *part = &direct->parts[partition];

	return is_awaited(part) ? part->hold_ms : 0;
}

uint64_t wp_direct_next_ms(const struct wp_direct *direct)
{
	return direct->check_ms;
}

/* ---- a call ---- */

static int64_t rows_of(const struct part *part)
{
	int64_t n = 0;

	for (const struct wp_batch *b = part->under_way; b != NULL;
	     b = b->older)
		n += (int64_t)b->n_rows;
	return n;
}

/* In ingress: what was left by the last call, and what is under way. */
static int64_t length_of(const struct part *part)
{
	return part->left + rows_of(part);
}

static bool may_go(struct wp_direct *d, const struct wp_owned *owned,
		   uint64_t now_ms)
{
	struct part *part = &d->parts[owned->partition];
	char owner[WP_OWNER_MAX + 1];

	return wp_handover_may(d->w->handover, &part->epoch) &&
	       !part->is_late && now_ms >= part->paused_until_ms &&
	       length_of(part) <= LEFT_MAX &&
	       wp_table_owner(d->w->table, owned->partition, WP_TABLE_MIGRATE,
			      now_ms, owner) &&
	       strcmp(owner, owned->owner) == 0;
}

static void add_name(struct names *names, const struct wp_box *box,
		     int64_t version)
{
	assert(names->n < NAMES_MAX);
	names->list[names->n++] = (struct wp_route_name){
		.urn = box->text,
		.len = box->len,
		.version = version,
	};
}

/* What the store has told of stale ones. Without, they are stale again. */
static void name_told(struct names *names, const struct wp_batch *batch)
{
	for (size_t i = 0; i < batch->n_users && names->n < TOLD_MAX; i++) {
		const struct wp_batch_user *user = &batch->users[i];
		bool is_of_use = !user->is_named && user->number_now >= 0;

		if (user->is_stale)
			add_name(names, &user->box,
				 is_of_use ? user->number_now
					   : WP_ROUTE_VERSION_HOT);
	}
}

/* False when nobody is named. */
static bool name_all(struct part *part)
{
	if (part->told == NULL && part->under_way == NULL)
		return true;
	part->names = malloc(sizeof(*part->names));
	if (part->names == NULL)
		return false;
	part->names->n = 0;
	for (const struct wp_batch *b = part->told; b != NULL; b = b->older)
		name_told(part->names, b);
	for (const struct wp_batch *b = part->under_way; b != NULL;
	     b = b->older)
		for (size_t i = 0; i < b->n_users; i++)
			add_name(part->names, &b->users[i].box,
				 WP_ROUTE_VERSION_WAY);
	return true;
}

/* What takes long is looked at again: somebody may have come back. */
static bool is_whole_due(const struct part *part, uint64_t now_ms)
{
	return part->under_way != NULL && now_ms >= part->whole_ms &&
	       now_ms >= oldest(part)->since_ms + WHOLE_MS;
}

void wp_direct_ask(struct wp_direct *direct, const struct wp_owned *owned,
		   struct wp_route_ask *ask, uint64_t now_ms)
{
	struct part *part = &direct->parts[owned->partition];

	free(part->names);
	part->names = NULL;
	part->is_more = false;
	part->is_direct = !ask->is_careful && may_go(direct, owned, now_ms);
	if (!part->is_direct || !name_all(part) || is_whole_due(part, now_ms))
		walk_all(part);
	if (part->from[0] == '\0') {
		part->has_passed = false;
		part->whole_ms = now_ms + WHOLE_MS;
	}
	ask->is_direct = part->is_direct;
	ask->from = part->from;
	ask->n_names = 0;
	if (part->names != NULL) {
		ask->names = part->names->list;
		ask->n_names = part->names->n;
	}
}

/* Was this number told by a store that had refused another one? Then it is
 * refused for the second time, and somebody else knows better. */
static bool was_told(const struct part *part, const struct wp_box *box)
{
	for (const struct wp_batch *b = part->told; b != NULL; b = b->older)
		for (size_t i = 0; i < b->n_users; i++)
			if (b->users[i].is_stale &&
			    b->users[i].box.len == box->len &&
			    memcmp(b->users[i].box.text, box->text, box->len) ==
				    0)
				return true;
	return false;
}

static void warn(struct wp_direct *d, uint32_t partition, const char *event,
		 const char *why)
{
	uint32_t suppressed;

	if (wp_log_allow(&d->limit, wp_mono_ms(), LOG_INTERVAL_MS, &suppressed))
		wp_log(&d->log, WP_LOG_WARN, event,
		       wp_int("partition", partition), wp_str("error", why),
		       wp_int("suppressed", suppressed));
}

/* Hand the rows of an answer over; false when they should go the long way. */
static bool hand_over(struct wp_direct *d, const struct wp_owned *owned,
		      const struct wp_route_result *result, uint64_t now_ms)
{
	struct part *part = &d->parts[owned->partition];
	const struct wp_batch_source source = {
		.owned = owned,
		.run_id = wp_redis_run_id(d->w->redis),
		.epoch = part->epoch,
		.now_ms = now_ms,
		.result = result,
		.is_left_out = is_under_way,
		.ctx = part,
	};
	struct wp_batch *batch = NULL;
	struct wp_error err = { 0 };

	if (wp_batch_make(&batch, &source, &err) != WP_OK) {
		part->paused_until_ms = now_ms + FAULTY_MS;
		warn(d, owned->partition, "messages cannot go straight to disk",
		     err.msg);
		return false;
	}
	if (batch == NULL || batch->n_rows < result->rows) {
		part->is_more = true;
		walk_all(part);
	}
	if (batch == NULL)
		return true;
	for (size_t i = 0; i < batch->n_users; i++)
		batch->users[i].is_named = was_told(part, &batch->users[i].box);
	batch->older = part->under_way;
	if (!wp_handover_put(d->w->handover, batch)) {
		part->paused_until_ms = now_ms + FULL_MS;
		free(batch);
		return false;
	}
	part->under_way = batch;
	d->n_batches++;
	if (now_ms + d->late_ms < d->check_ms)
		d->check_ms = now_ms + d->late_ms;
	wp_table_set_busy(d->w->table, owned->partition, true);
	return true;
}

/* What is under way is counted for itself, but where a walk that began behind
 * it has not come to the end. */
static void note_left(struct part *part, const struct wp_route_result *result)
{
	part->is_more = result->left > result->held;
	part->left = result->left;
	if (part->is_more && part->from[0] != '\0')
		part->left -= rows_of(part);
	if (part->left < 0)
		part->left = 0;
}

/* Where the walk has ended the next one begins. */
static void note_walk(struct part *part, const struct wp_route_result *result)
{
	size_t len = strlen(result->walked);

	walk_all(part);
	if (part->is_direct && len < sizeof(part->from))
		memcpy(part->from, result->walked, len + 1);
	part->has_passed |= result->passed > 0;
}

bool wp_direct_tell(struct wp_direct *direct, const struct wp_owned *owned,
		    const struct wp_route_result *result, uint64_t now_ms)
{
	struct part *part = &direct->parts[owned->partition];
	bool is_refused = false;

	if (result->status == WP_ROUTE_OK) {
		note_left(part, result);
		if (result->routed > result->marked)
			part->mixed_until_ms = now_ms + MIXED_MS;
		note_walk(part, result);
		if (part->is_direct && result->rows > 0)
			is_refused = !hand_over(direct, owned, result, now_ms);
		part->is_more |= is_refused;
	}
	if (is_refused || part->under_way == NULL)
		walk_all(part);
	drop_names(part);
	part->is_direct = false;
	part->hold_ms = now_ms + (now_ms < part->mixed_until_ms ? MIXED_HOLD_MS
								: HOLD_MS);
	return is_refused || is_awaited(part);
}

void wp_direct_tell_none(struct wp_direct *direct, uint32_t partition)
{
	struct part *part = &direct->parts[partition];

	walk_all(part);
	drop_names(part);
	part->is_direct = false;
	part->is_more = true;
}

/* ---- what became of it ---- */

static size_t count_stale(const struct wp_batch *batch)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->n_users; i++)
		n += batch->users[i].is_stale;
	return n;
}

/* True when its partition has to be routed again. The batch is let go of. */
static bool settle(struct wp_direct *d, struct wp_batch *batch, bool was_late,
		   uint64_t now_ms)
{
	struct part *part = &d->parts[batch->partition];
	size_t n_stale = count_stale(batch);
	bool is_landed = batch->outcome == WP_BATCH_LANDED;
	bool is_again = !is_landed || batch->left > 0 || n_stale > 0 ||
			was_late || part->is_more || part->has_passed;

	part->n_dropped += batch->outcome == WP_BATCH_DROPPED;
	if (is_landed && n_stale < batch->n_users)
		part->n_dropped = 0;
	if (batch->outcome == WP_BATCH_FAULTY || part->n_dropped > DROPPED_MAX)
		part->paused_until_ms = now_ms + FAULTY_MS;
	if (!is_landed || n_stale > 0 || part->has_passed)
		walk_all(part);
	if (n_stale > 0) {
		batch->older = part->told;
		part->told = batch;
	} else {
		free(batch);
	}
	return is_again;
}

/* Everything of a partition with something late takes the long way. */
static bool give_up(struct wp_direct *d, uint32_t partition, uint64_t now_ms)
{
	struct part *part = &d->parts[partition];

	if (!is_awaited(part))
		return false;
	if (now_ms < oldest(part)->since_ms + d->late_ms) {
		if (oldest(part)->since_ms + d->late_ms < d->check_ms)
			d->check_ms = oldest(part)->since_ms + d->late_ms;
		return false;
	}
	part->is_late = true;
	wp_metric_add(d->w->metrics, WP_WM_DIRECT_LATE, 1);
	return true;
}

static void find_late(struct wp_direct *d, uint64_t now_ms,
		      void (*on_news)(void *ctx, uint32_t partition,
				      bool is_empty),
		      void *ctx)
{
	uint32_t n = (uint32_t)d->w->conf->mailbox.partitions;

	d->check_ms = UINT64_MAX;
	for (uint32_t p = 0; p < n; p++)
		if (give_up(d, p, now_ms))
			on_news(ctx, p, false);
}

void wp_direct_hear(struct wp_direct *direct, uint64_t now_ms,
		    void (*on_news)(void *ctx, uint32_t partition,
				    bool is_empty),
		    void *ctx)
{
	struct wp_batch *batch;

	while (direct->n_batches > 0 &&
	       (batch = wp_handover_hear(direct->w->handover)) != NULL) {
		uint32_t partition = batch->partition;
		bool was_late = direct->parts[partition].is_late;
		bool is_again;

		unlink_batch(direct, batch);
		is_again = settle(direct, batch, was_late, now_ms);
		if (is_again || !is_awaited(&direct->parts[partition]))
			on_news(ctx, partition, !is_again);
	}
	if (now_ms >= direct->check_ms)
		find_late(direct, now_ms, on_news, ctx);
}
