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
	/* What comes while something is under way goes together. Each look
	 * walks over what is, so the slower the disk, the fewer they are. */
	HOLD_MS = 5,
	HOLDS_MAX = 3, /* doubled so often */
	/* …but not for so long where somebody who is online is written to as
	 * well: no bell rings while ingress is not empty. */
	MIXED_HOLD_MS = 2,
	MIXED_MS = 1000,
	/* Whoever comes back does not wait for the disk longer than that,
	 * when nothing lands meanwhile, and in any case no longer than so
	 * many times that. */
	LATE_MS = 100,
	LATE_TIMES = 3,
	FULL_MS = 100,
	FAULTY_MS = 5000,
	/* So often it is asked of all that waits, be it behind what is under
	 * way. */
	WHOLE_MS = 20,
	/* Of a partition, one after the other: nobody knows what became of a
	 * batch. Then Redis is there for the hot thread only. */
	DROPPED_MAX = 1,
	/* More than that of a partition would be walked over by each call. */
	LEFT_MAX = 512,
	NAMES_MAX = 64,
	LOG_INTERVAL_MS = 5000,
};

/* What the store has said of stale mailboxes, for the next call. */
struct names {
	size_t n;
	struct wp_box boxes[NAMES_MAX];
	struct wp_route_name list[NAMES_MAX];
};

struct part {
	struct wp_batch *under_way; /* the newest first */
	struct names *names;        /* owned; NULL: none */
	char skip_to[WP_ENTRY_ID_MAX];
	uint64_t hold_ms;
	unsigned n_holds; /* since nothing was under way, up to HOLDS_MAX */
	uint64_t mixed_until_ms;
	uint64_t paused_until_ms; /* it takes the long way */
	uint64_t whole_ms;        /* when all of it is to be asked of */
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
	bool is_slow;      /* the store: nothing has landed since */
	uint64_t heard_ms; /* when something had */
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

/* Something that is waited for. */
static const struct wp_batch *awaited(const struct part *part)
{
	const struct wp_batch *batch = part->under_way;

	return batch != NULL && !batch->is_given_up ? batch : NULL;
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

static void unlink_batch(struct wp_direct *d, const struct wp_batch *batch)
{
	struct wp_batch **at = &d->parts[batch->partition].under_way;

	while (*at != batch)
		at = &(*at)->older;
	*at = batch->older;
	d->n_batches--;
	wp_table_set_busy(d->w->table, batch->partition, false);
}

/* Late ones come first again when something has landed. */
static void look_up_again(struct wp_direct *d)
{
	if (d->n_batches == 0) {
		d->is_slow = false;
		d->check_ms = UINT64_MAX;
	}
}

static void drop_names(struct part *part)
{
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
	look_up_again(direct);
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

	return awaited(part) != NULL ? part->hold_ms : 0;
}

uint64_t wp_direct_next_ms(const struct wp_direct *direct)
{
	return direct->check_ms;
}

/* ---- a call ---- */

/* In ingress: what was left by the last call, and what is under way. */
static int64_t length_of(const struct part *part)
{
	int64_t n = part->left;

	for (const struct wp_batch *b = part->under_way; b != NULL;
	     b = b->older)
		n += (int64_t)b->n_rows;
	return n;
}

static bool may_go(struct wp_direct *d, const struct wp_owned *owned,
		   uint64_t now_ms)
{
	struct part *part = &d->parts[owned->partition];
	char owner[WP_OWNER_MAX + 1];

	return wp_handover_may(d->w->handover, &part->epoch) && !d->is_slow &&
	       now_ms >= part->paused_until_ms && length_of(part) <= LEFT_MAX &&
	       wp_table_owner(d->w->table, owned->partition, WP_TABLE_MIGRATE,
			      now_ms, owner) &&
	       strcmp(owner, owned->owner) == 0;
}

/*
 * The highest id of what is waited for; "" for none. What is older and is not
 * under way, for it came behind something or came back, would be passed over as
 * long as anything newer is: from time to time, and when something is known of
 * what came back, nothing is skipped.
 */
static void write_skip_to(struct part *part, uint64_t now_ms)
{
	const struct wp_batch *batch = part->under_way;
	struct wp_entry_id last = { 0 };

	part->skip_to[0] = '\0';
	if (batch == NULL || part->names != NULL || now_ms >= part->whole_ms) {
		part->whole_ms = now_ms + WHOLE_MS;
		return;
	}
	for (; batch != NULL; batch = batch->older)
		if (!batch->is_given_up &&
		    wp_entry_id_cmp(&batch->last, &last) > 0)
			last = batch->last;
	if (last.ms > 0)
		wp_entry_id_format(&last, part->skip_to);
}

void wp_direct_ask(struct wp_direct *direct, const struct wp_owned *owned,
		   struct wp_route_ask *ask, uint64_t now_ms)
{
	struct part *part = &direct->parts[owned->partition];

	part->is_more = false;
	part->is_direct = !ask->is_careful && may_go(direct, owned, now_ms);
	ask->is_direct = part->is_direct;
	ask->skip_to = "";
	ask->n_names = 0;
	if (!part->is_direct)
		return;
	write_skip_to(part, now_ms);
	ask->skip_to = part->skip_to;
	if (part->names != NULL) {
		ask->names = part->names->list;
		ask->n_names = part->names->n;
	}
}

/* Was this number told by a store that had refused another one? Then it is
 * refused for the second time, and somebody else knows better. */
static bool was_named(const struct names *names, const struct wp_box *box)
{
	if (names == NULL)
		return false;
	for (size_t i = 0; i < names->n; i++)
		if (names->boxes[i].len == box->len &&
		    memcmp(names->boxes[i].text, box->text, box->len) == 0)
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
	part->is_more |= batch == NULL || batch->n_rows < result->rows;
	if (batch == NULL)
		return true;
	for (size_t i = 0; i < batch->n_users; i++)
		batch->users[i].is_named =
			was_named(part->names, &batch->users[i].box);
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

static void hold(struct part *part, uint64_t now_ms)
{
	if (awaited(part) == NULL) {
		part->n_holds = 0;
		return;
	}
	if (now_ms < part->mixed_until_ms)
		part->hold_ms = now_ms + MIXED_HOLD_MS;
	else
		part->hold_ms = now_ms + ((uint64_t)HOLD_MS << part->n_holds);
	part->n_holds += part->n_holds < HOLDS_MAX;
}

bool wp_direct_tell(struct wp_direct *direct, const struct wp_owned *owned,
		    const struct wp_route_result *result, uint64_t now_ms)
{
	struct part *part = &direct->parts[owned->partition];
	bool is_refused = false;

	if (result->status == WP_ROUTE_OK) {
		part->left = result->left;
		part->is_more = result->left > result->held;
		if (result->routed > result->marked)
			part->mixed_until_ms = now_ms + MIXED_MS;
		if (part->is_direct && result->rows > 0)
			is_refused = !hand_over(direct, owned, result, now_ms);
		part->is_more |= is_refused;
	}
	drop_names(part);
	part->is_direct = false;
	hold(part, now_ms);
	return is_refused || awaited(part) != NULL;
}

void wp_direct_tell_none(struct wp_direct *direct, uint32_t partition)
{
	struct part *part = &direct->parts[partition];

	drop_names(part);
	part->is_direct = false;
	part->is_more = true;
}

/* ---- what became of it ---- */

static void add_name(struct part *part, const struct wp_batch_user *user)
{
	struct names *names = part->names;
	struct wp_route_name *name;

	if (names == NULL)
		names = part->names = calloc(1, sizeof(*names));
	/* Without, it is stale once more. */
	if (names == NULL || names->n == NAMES_MAX)
		return;
	names->boxes[names->n] = user->box;
	name = &names->list[names->n];
	name->urn = names->boxes[names->n].text;
	name->len = user->box.len;
	name->version = user->is_named || user->number_now < 0
				? WP_ROUTE_VERSION_HOT
				: user->number_now;
	names->n++;
}

/* Returns how many of its users were refused. */
static size_t add_names(struct part *part, const struct wp_batch *batch)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->n_users; i++) {
		if (!batch->users[i].is_stale)
			continue;
		add_name(part, &batch->users[i]);
		n++;
	}
	return n;
}

/* True when its partition has to be routed again. */
static bool settle(struct wp_direct *d, const struct wp_batch *batch,
		   uint64_t now_ms)
{
	struct part *part = &d->parts[batch->partition];
	size_t n_stale = add_names(part, batch);

	part->n_dropped += batch->outcome == WP_BATCH_DROPPED;
	if (batch->outcome == WP_BATCH_LANDED && n_stale < batch->n_users) {
		d->is_slow = false;
		d->heard_ms = now_ms;
		part->n_dropped = 0;
	}
	if (batch->outcome == WP_BATCH_FAULTY || part->n_dropped > DROPPED_MAX)
		part->paused_until_ms = now_ms + FAULTY_MS;
	return batch->outcome != WP_BATCH_LANDED || batch->left > 0 ||
	       n_stale > 0 || batch->is_given_up || part->is_more;
}

/* When it is late. */
static uint64_t deadline(const struct wp_direct *d, const struct wp_batch *b)
{
	uint64_t most_ms = b->since_ms + LATE_TIMES * d->late_ms;
	uint64_t from_ms = b->since_ms;

	if (d->heard_ms > from_ms)
		from_ms = d->heard_ms;
	return from_ms + d->late_ms < most_ms ? from_ms + d->late_ms : most_ms;
}

/* Everything of a partition with something late takes the long way. */
static bool give_up(struct wp_direct *d, uint32_t partition, uint64_t now_ms)
{
	struct part *part = &d->parts[partition];
	struct wp_batch *b;
	bool is_late = false;

	for (b = part->under_way; b != NULL; b = b->older)
		is_late |= !b->is_given_up && now_ms >= deadline(d, b);
	if (!is_late)
		return false;
	for (b = part->under_way; b != NULL; b = b->older)
		b->is_given_up = true;
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
	for (uint32_t p = 0; p < n; p++) {
		const struct wp_batch *b;

		if (give_up(d, p, now_ms)) {
			d->is_slow = true;
			on_news(ctx, p, false);
		}
		for (b = d->parts[p].under_way; b != NULL; b = b->older)
			if (!b->is_given_up && deadline(d, b) < d->check_ms)
				d->check_ms = deadline(d, b);
	}
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
		bool is_again;

		unlink_batch(direct, batch);
		if (awaited(&direct->parts[partition]) == NULL)
			direct->parts[partition].n_holds = 0;
		is_again = settle(direct, batch, now_ms);
		free(batch);
		if (is_again || awaited(&direct->parts[partition]) == NULL)
			on_news(ctx, partition, !is_again);
	}
	look_up_again(direct);
	if (now_ms >= direct->check_ms)
		find_late(direct, now_ms, on_news, ctx);
}
