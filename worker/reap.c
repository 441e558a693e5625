/*
 * reap.c - sample heartbeat counters, and reap who has been still for too long.
 *
 * The watch of a partition belongs to one lease and one connection of ours;
 * with another of either it begins anew. The script judges again by comparing
 * the counter, so a daemon that moves meanwhile is left alone.
 */
#include "worker/reap.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/presence.h"
#include "lib/mailbox/scripts.h"
#include "worker/metrics.h"
#include "worker/reap_watch.h"

enum {
	SAMPLE_MS = 1000,
	MAX_GAP_MS = 2 * SAMPLE_MS, /* beyond it nobody was looking */
	QUEUE = 64,
};

struct place {
	char owner[WP_OWNER_MAX + 1]; /* of the lease that the watch is for */
	struct wp_reap_watch watch;
};

/* A daemon that is dead in one partition. */
struct job {
	uint32_t partition;
	char incarnation[WP_INCARNATION_MAX + 1];
	char counter[32];
};

struct wp_reaper {
	struct wp_worker *w;
	struct place *places; /* owned, one per partition */
	uint64_t next_sample_ms;
	uint64_t sample_ms; /* time of the one under way */
	struct job jobs[QUEUE];
	size_t n_jobs;
	int64_t connections; /* removed and not yet told about */
	int64_t incarnations;
};

enum wp_err wp_reaper_new(struct wp_reaper **out, struct wp_worker *w,
			  struct wp_error *err)
{
	struct wp_reaper *reaper = calloc(1, sizeof(*reaper));

	*out = reaper;
	if (reaper != NULL) {
		reaper->w = w;
		reaper->places = calloc((size_t)w->conf->mailbox.partitions,
					sizeof(*reaper->places));
	}
	if (reaper == NULL || reaper->places == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

void wp_reaper_reset(struct wp_reaper *reaper)
{
	int64_t partitions = reaper->w->conf->mailbox.partitions;

	for (int64_t p = 0; p < partitions; p++)
		wp_reap_watch_reset(&reaper->places[p].watch);
	reaper->n_jobs = 0;
}

void wp_reaper_free(struct wp_reaper **reaper)
{
	if (*reaper != NULL && (*reaper)->places != NULL) {
		wp_reaper_reset(*reaper);
		free((*reaper)->places);
	}
	free(*reaper);
	*reaper = NULL;
}

uint64_t wp_reaper_next_ms(const struct wp_reaper *reaper)
{
	return reaper->n_jobs > 0 ? 0 : reaper->next_sample_ms;
}

/* ---- sampling ---- */

static void ask_live(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct wp_reaper *reaper = ctx;

	wp_cmd_key(cmd, "HGETALL", reaper->w->list[i].partition, "live");
}

static void add_job(struct wp_reaper *reaper, uint32_t partition,
		    const char *incarnation, const char *counter)
{
	struct job *job = &reaper->jobs[reaper->n_jobs];

	for (size_t i = 0; i < reaper->n_jobs; i++)
		if (reaper->jobs[i].partition == partition &&
		    strcmp(reaper->jobs[i].incarnation, incarnation) == 0)
			return;
	if (reaper->n_jobs == QUEUE)
		return; /* the next sample finds it again */
	/* The watch has checked the lengths. */
	job->partition = partition;
	memcpy(job->incarnation, incarnation, strlen(incarnation) + 1);
	memcpy(job->counter, counter, strlen(counter) + 1);
	reaper->n_jobs++;
}

static struct wp_reap_watch *watch_of(struct wp_reaper *reaper,
				      const struct wp_owned *owned)
{
	struct place *place = &reaper->places[owned->partition];

	if (strcmp(place->owner, owned->owner) != 0) {
		wp_reap_watch_reset(&place->watch);
		memcpy(place->owner, owned->owner, sizeof(place->owner));
	}
	return &place->watch;
}

static void hear_live(void *ctx, size_t i, const struct wp_reply *reply)
{
	struct wp_reaper *reaper = ctx;
	const struct wp_owned *owned = &reaper->w->list[i];
	uint64_t limit_ms = (uint64_t)reaper->w->conf->worker.reap_after_ms;
	struct wp_reap_watch *watch = watch_of(reaper, owned);

	if (wp_reply_type(reply) != WP_REPLY_ARRAY)
		return;
	wp_reap_watch_begin(watch, reaper->sample_ms, MAX_GAP_MS);
	for (size_t at = 0; at + 1 < wp_reply_count(reply); at += 2) {
		const char *name = wp_reply_str(wp_reply_at(reply, at));
		const char *counter = wp_reply_str(wp_reply_at(reply, at + 1));

		if (wp_reap_watch_see(watch, name, counter) >= limit_ms)
			add_job(reaper, owned->partition, name, counter);
	}
	wp_reap_watch_end(watch);
}

static const struct wp_pipe sampling = { ask_live, hear_live };

static enum wp_err sample(struct wp_reaper *reaper, struct wp_error *err)
{
	struct wp_worker *w = reaper->w;
	size_t n;

	reaper->sample_ms = wp_mono_ms();
	reaper->next_sample_ms = reaper->sample_ms + SAMPLE_MS;
	n = wp_table_list(w->table, WP_TABLE_ALL, reaper->sample_ms, w->list);
	return wp_pipe(w->redis, &sampling, n, reaper, err);
}

/* ---- reaping ---- */

static void tell(struct wp_reaper *reaper)
{
	if (reaper->incarnations + reaper->connections == 0)
		return;
	wp_log(&reaper->w->log, WP_LOG_INFO, "dead daemons reaped",
	       wp_int("connections", reaper->connections),
	       wp_int("incarnations", reaper->incarnations));
	reaper->connections = 0;
	reaper->incarnations = 0;
}

static void end_job(struct wp_reaper *reaper)
{
	reaper->n_jobs--;
	if (reaper->n_jobs == 0)
		tell(reaper);
}

static void on_reaped(struct wp_reaper *reaper, const struct job *job,
		      const char *owner, enum wp_reap_status status,
		      int64_t removed)
{
	struct wp_worker *w = reaper->w;

	reaper->connections += removed;
	wp_metric_add(w->metrics, WP_WM_REAPED_CONNECTIONS, removed);
	wp_table_tell_due(w->table, job->partition);
	switch (status) {
	case WP_REAP_MORE:
		return; /* the job stays */
	case WP_REAP_DONE:
		reaper->incarnations++;
		wp_metric_add(w->metrics, WP_WM_REAPED_REGISTRATIONS, 1);
		break;
	case WP_REAP_LOST:
		wp_worker_lost(w, job->partition, owner);
		break;
	case WP_REAP_ALIVE:
	case WP_REAP_REFUSED: /* the next sample tries */
		break;
	}
	end_job(reaper);
}

static enum wp_err reap_some(struct wp_reaper *reaper, struct wp_error *err)
{
	const struct job *job = &reaper->jobs[reaper->n_jobs - 1];
	struct wp_worker *w = reaper->w;
	struct wp_owned owned = { .partition = job->partition };
	struct wp_lease lease;
	struct wp_reply *reply = NULL;
	enum wp_reap_status status;
	int64_t removed;
	enum wp_err rc;

	if (!wp_table_owner(w->table, job->partition, WP_TABLE_ALL,
			    wp_mono_ms(), owned.owner)) {
		end_job(reaper);
		return WP_OK;
	}
	lease = wp_worker_lease(w, &owned);
	wp_reap_build(&w->cmd, w->conf, &lease, job->incarnation, job->counter);
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	if (rc == WP_OK) {
		status = wp_reap_parse(reply, &removed);
		on_reaped(reaper, job, owned.owner, status, removed);
	}
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_reaper_run(struct wp_reaper *reaper, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (wp_mono_ms() >= reaper->next_sample_ms)
		rc = sample(reaper, err);
	if (rc == WP_OK && reaper->n_jobs > 0)
		rc = reap_some(reaper, err);
	return rc;
}
