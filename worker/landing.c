/*
 * landing.c - N3 and N4, a load at a time: append, hear what became of the load
 * before, ask for this one.
 *
 * Whatever fails here is found again: the entries are in ingress until Redis
 * has taken them out.
 */
#include "worker/landing.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/landed.h"
#include "lib/mailbox/scripts.h"
#include "worker/metrics.h"

enum {
	LOG_INTERVAL_MS = 5000,
	/* While there is always more, other work has its turn as well. */
	LOADS_AT_ONCE = 8,
	US_PER_MS = 1000,
};

enum wp_err wp_landing_init(struct wp_landing *landing, struct wp_worker *w,
			    struct wp_error *err)
{
	*landing = (struct wp_landing){
		.w = w,
		.log.component = "landing",
	};
	landing->asked = &landing->loads[0];
	landing->next = &landing->loads[1];
	for (size_t i = 0; i < 2; i++) {
		struct wp_landing_load *load = &landing->loads[i];

		load->appends =
			calloc(WP_STORE_APPENDS_MAX, sizeof(*load->appends));
		if (load->appends == NULL)
			return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	return wp_redis_new(&landing->redis, w->conf, &wp_scripts, err);
}

static void give_back(struct wp_landing *l, struct wp_batch *batch,
		      enum wp_batch_outcome outcome)
{
	batch->outcome = outcome;
	wp_handover_give_back(l->w->handover, batch);
}

static void give_back_all(struct wp_landing *l, struct wp_landing_load *load,
			  enum wp_batch_outcome outcome)
{
	for (size_t i = 0; i < load->n; i++)
		give_back(l, load->batches[i], outcome);
	load->n = 0;
}

void wp_landing_release(struct wp_landing *landing)
{
	for (size_t i = 0; i < 2; i++) {
		struct wp_landing_load *load = &landing->loads[i];

		give_back_all(landing, load, WP_BATCH_DROPPED);
		free(load->appends);
		load->appends = NULL;
	}
	wp_redis_free(&landing->redis);
}

static void announce(struct wp_landing *l, const char *step)
{
	if (l->on_step != NULL)
		l->on_step(l->on_step_ctx, step);
}

static void warn(struct wp_landing *l, struct wp_log_limit *limit,
		 const char *event, const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(limit, wp_mono_ms(), LOG_INTERVAL_MS, &suppressed))
		wp_log(&l->log, WP_LOG_WARN, event, wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

/* ---- N3 ---- */

/* May it be written still? Nothing is lost by leaving it. */
static bool is_ours(const struct wp_landing *l, const struct wp_batch *batch)
{
	char owner[WP_OWNER_MAX + 1];

	return wp_table_owner(l->w->table, batch->partition, WP_TABLE_MIGRATE,
			      wp_mono_ms(), owner) &&
	       strcmp(owner, batch->owner) == 0;
}

static void take(struct wp_landing *l)
{
	struct wp_landing_load *load = l->next;
	size_t n =
		wp_handover_take(l->w->handover, load->batches, WP_LANDING_MAX);

	load->n = 0;
	for (size_t i = 0; i < n; i++) {
		struct wp_batch *batch = load->batches[i];

		if (is_ours(l, batch))
			load->batches[load->n++] = batch;
		else
			give_back(l, batch, WP_BATCH_DROPPED);
	}
}

static void list_appends(struct wp_landing_load *load)
{
	size_t n = 0;

	for (size_t i = 0; i < load->n; i++) {
		const struct wp_batch *batch = load->batches[i];

		for (size_t k = 0; k < batch->n_users; k++) {
			const struct wp_batch_user *user = &batch->users[k];

			load->appends[n++] = (struct wp_store_append){
				.box = &user->box,
				.version = wp_store_version_of(batch->epoch,
							       user->number),
				.rows = user->rows,
				.n = user->n,
			};
		}
	}
	load->n_appends = n;
}

static void on_conflict(struct wp_landing *l, const struct wp_batch *batch,
			const struct wp_error *err)
{
	wp_metric_add(l->w->metrics, WP_WM_MIGRATION_CONFLICTS, 1);
	wp_table_stop_migration(l->w->table, batch->partition, batch->owner);
	wp_log(&l->log, WP_LOG_ERROR,
	       "nothing of a partition is moved to disk any more: the cold "
	       "store has another message under an id",
	       wp_int("partition", batch->partition),
	       wp_str("error", err->msg));
}

/* What the store says of a version is good for the next try; in another life
 * of Redis, or of a store that knows less than it did, it is not. */
static int64_t number_now(const struct wp_batch *batch,
			  const struct wp_batch_user *user, int64_t version_now)
{
	int64_t number = wp_store_number_of(version_now);

	if (version_now != wp_store_version_of(batch->epoch, number) ||
	    number < user->number)
		return -1;
	return number;
}

/*
 * Note what became of each append; those that were written move to the front.
 * *is_outdated_out: the store is in another epoch by now.
 */
static void sort_out(struct wp_landing *l, bool *is_outdated_out)
{
	struct wp_landing_load *load = l->next;
	struct wp_store_append *appends = load->appends;
	size_t at = 0, n = 0;
	int64_t rows = 0, stale = 0;

	for (size_t i = 0; i < load->n; i++) {
		struct wp_batch *batch = load->batches[i];

		for (size_t k = 0; k < batch->n_users; k++) {
			struct wp_batch_user *user = &batch->users[k];
			const struct wp_store_append *a = &appends[at++];

			if (a->err.code == WP_OK) {
				rows += (int64_t)a->n;
				appends[n++] = *a;
				continue;
			}
			user->is_stale = true;
			user->number_now = -1;
			if (a->err.code == WP_ERR_CONFLICT) {
				on_conflict(l, batch, &a->err);
				continue;
			}
			stale++;
			user->number_now =
				number_now(batch, user, a->version_now);
			*is_outdated_out |= user->number_now < 0;
		}
	}
	wp_metric_add(l->w->metrics, WP_WM_DIRECT_ROWS, rows);
	wp_metric_add(l->w->metrics, WP_WM_DIRECT_STALE, stale);
	load->n_appends = n;
}

/* ---- N4 ---- */

/* Whose lease it is does not matter; which Redis it is does. */
static enum wp_err be_there(struct wp_landing *l, struct wp_error *err)
{
	enum wp_err rc = wp_redis_connect(l->redis, err);
	const char *run_id = wp_redis_run_id(l->redis);
	struct wp_landing_load *load = l->next;

	for (size_t i = 0; i < load->n && rc == WP_OK; i++)
		if (strcmp(load->batches[i]->run_id, run_id) != 0)
			rc = wp_error_set(err, WP_ERR_UNAVAIL,
					  "this is another Redis than the one "
					  "that it came from");
	return rc;
}

static enum wp_err ask(struct wp_landing *l, struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc = be_there(l, err);

	if (rc != WP_OK)
		return rc;
	announce(l, "N4");
	wp_cmd_init(&cmd);
	wp_landed_build(&cmd, l->w->conf, l->next->appends, l->next->n_appends);
	rc = wp_redis_append(l->redis, &cmd, err);
	if (rc == WP_OK)
		rc = wp_redis_flush(l->redis, err);
	wp_cmd_release(&cmd);
	return rc;
}

/* What Redis has answered of a partition holds for all of its batches. */
static void settle(struct wp_landing_load *load, uint32_t partition,
		   const struct wp_landed *landed, enum wp_err rc)
{
	for (size_t i = 0; i < load->n; i++) {
		struct wp_batch *batch = load->batches[i];

		if (batch->partition != partition)
			continue;
		batch->left = landed->left;
		if (rc != WP_OK)
			batch->outcome = WP_BATCH_FAULTY;
	}
}

/* Of a part all of which was in ingress until now. */
static void count_delays(struct wp_metrics *metrics,
			 const struct wp_store_append *appends, size_t n,
			 const struct wp_landed *landed)
{
	int64_t rows = 0;

	for (size_t i = 0; i < n; i++)
		rows += (int64_t)appends[i].n;
	if (rows != landed->gone)
		return;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < appends[i].n; k++) {
			int64_t ms = landed->now_ms -
				     (int64_t)appends[i].rows[k].entry.ms;

			wp_metric_observe_us(metrics, WP_WM_ROUTE_DELAY,
					     ms > 0 ? (uint64_t)ms * US_PER_MS
						    : 0);
		}
}

static void hear_parts(struct wp_landing *l, const struct wp_reply *reply)
{
	const struct wp_store_append *appends = l->asked->appends;
	size_t n = l->asked->n_appends;
	size_t part = 0;

	for (size_t i = 0; i < n; i = wp_landed_part_end(appends, n, i)) {
		struct wp_error err = { 0 };
		struct wp_landed landed;
		enum wp_err rc = wp_landed_parse(reply, part++, &landed, &err);

		if (rc != WP_OK)
			warn(l, &l->redis_limit,
			     "what is on disk stays in ingress as well", &err);
		wp_metric_add(l->w->metrics, WP_WM_STORED, landed.gone);
		settle(l->asked, appends[i].box->partition, &landed, rc);
		count_delays(l->w->metrics, &appends[i],
			     wp_landed_part_end(appends, n, i) - i, &landed);
	}
}

/* There is no telling what Redis did. */
static void lose(struct wp_landing *l, struct wp_landing_load *load,
		 const struct wp_error *err)
{
	warn(l, &l->redis_limit, "redis was lost while it landed", err);
	wp_redis_disconnect(l->redis);
	give_back_all(l, load, WP_BATCH_DROPPED);
}

static void hear_asked(struct wp_landing *l)
{
	struct wp_landing_load *load = l->asked;
	struct wp_reply *reply = NULL;
	struct wp_error err = { 0 };

	if (load->n == 0)
		return;
	if (wp_redis_take(l->redis, &reply, &err) != WP_OK) {
		lose(l, load, &err);
		return;
	}
	for (size_t i = 0; i < load->n; i++)
		load->batches[i]->outcome = WP_BATCH_LANDED;
	hear_parts(l, reply);
	wp_reply_free(&reply);
	for (size_t i = 0; i < load->n; i++)
		wp_handover_give_back(l->w->handover, load->batches[i]);
	load->n = 0;
}

/* ---- loads ---- */

static enum wp_err read_epoch(struct wp_landing *l, struct wp_error *err)
{
	int64_t epoch = 0;
	enum wp_err rc = wp_store_epoch(l->w->store, &epoch, err);

	if (rc == WP_OK)
		wp_handover_set_epoch(l->w->handover, epoch);
	return rc;
}

/* The next load is written; its appends are those that were. */
static enum wp_err append(struct wp_landing *l, struct wp_error *err)
{
	struct wp_landing_load *load = l->next;
	bool is_outdated = false;
	uint64_t start_us;
	enum wp_err rc = WP_OK;

	if (l->w->store == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "the cold store is not open");
	if (l->is_watch_due != NULL && l->is_watch_due(l->watch_ctx)) {
		hear_asked(l);
		rc = l->watch(l->watch_ctx, err);
	}
	if (rc != WP_OK)
		return rc;
	announce(l, "N3");
	list_appends(load);
	start_us = wp_mono_us();
	rc = wp_store_append(l->w->store, load->appends, load->n_appends, err);
	if (rc != WP_OK)
		return rc;
	wp_metric_observe_us(l->w->metrics, WP_WM_STORE_WRITES,
			     wp_mono_us() - start_us);
	sort_out(l, &is_outdated);
	return is_outdated ? read_epoch(l, err) : WP_OK;
}

/* False when there is nothing to ask Redis for. */
static bool write_next(struct wp_landing *l)
{
	struct wp_landing_load *load = l->next;
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (load->n == 0)
		return false;
	rc = append(l, &err);
	wp_handover_set_good(l->w->handover, rc == WP_OK);
	if (rc == WP_OK && load->n_appends > 0)
		return true;
	if (rc != WP_OK) {
		wp_metric_add(l->w->metrics, WP_WM_DIRECT_FAILURES, 1);
		warn(l, &l->store_limit, "writing straight to disk failed",
		     &err);
	}
	give_back_all(l, load, rc == WP_OK ? WP_BATCH_LANDED : WP_BATCH_FAILED);
	return false;
}

static void ask_next(struct wp_landing *l)
{
	struct wp_landing_load *load = l->next;
	struct wp_error err = { 0 };

	if (ask(l, &err) != WP_OK) {
		lose(l, load, &err);
		return;
	}
	l->next = l->asked;
	l->asked = load;
}

void wp_landing_run(struct wp_landing *landing)
{
	struct wp_landing *l = landing;

	for (int n = 0; n == 0 || l->asked->n > 0; n++) {
		bool is_written = false;

		if (n < LOADS_AT_ONCE) {
			take(l);
			is_written = write_next(l);
		}
		/* Redis has worked on it while the disk was waited for. */
		hear_asked(l);
		if (is_written)
			ask_next(l);
	}
}
