/*
 * revoked.c - reading what was revoked, and who waits for it.
 */
#include "handlers/request/revoked.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/auth/revoked.h"
#include "lib/base/clock.h"
#include "lib/mailbox/revoke.h"

#include "handlers/request/metrics.h"

enum { US_PER_MS = 1000, MS_PER_S = 1000 };

struct wp_revocations {
	struct wp_revocations_setup setup;
	struct wp_revoked *table; /* owned */
	uint64_t n_evicted;       /* of it, that were counted */
	struct wp_revoke_reader reader;
	struct wp_cmd cmd;
	struct wp_backend_guest guest; /* while it waits to be read */
	bool is_asking;                /* guest waits, or a read is under way */
	struct wp_judged *first;       /* who wait, in the order they came */
	struct wp_judged **last;
};

static int64_t now_s(void)
{
	return wp_wall_ms() / MS_PER_S;
}

/* Was it read so long before he came, at most? */
static bool is_fresh(const struct wp_revocations *revocations,
		     const struct wp_judged *judged, uint64_t max_age_ms)
{
	return wp_revoke_is_fresh(&revocations->reader,
				  judged->came_us / US_PER_MS, max_age_ms);
}

static enum wp_judgement look_up(const struct wp_revocations *revocations,
				 const struct wp_judged *judged)
{
	return wp_revoked_has(revocations->table, judged->who, now_s())
		       ? WP_TOKEN_REVOKED
		       : WP_TOKEN_GOOD;
}

/* ---- who waits ---- */

static void park(struct wp_revocations *revocations, struct wp_judged *judged)
{
	judged->next = NULL;
	*revocations->last = judged;
	revocations->last = &judged->next;
}

static void read_on(struct wp_revocations *revocations);

/* Those who came too late for what was read wait for more. */
static void admit(struct wp_revocations *revocations, bool is_read)
{
	struct wp_judged *judged = revocations->first;
	struct wp_judged *next;

	revocations->first = NULL;
	revocations->last = &revocations->first;
	for (; judged != NULL; judged = next) {
		next = judged->next;
		if (!is_read)
			judged->go(judged, WP_TOKEN_UNKNOWN);
		else if (is_fresh(revocations, judged, WP_REVOKED_AGE_MAX_MS))
			judged->go(judged, look_up(revocations, judged));
		else
			park(revocations, judged);
	}
	if (revocations->first != NULL)
		read_on(revocations);
}

/* ---- reading ---- */

static void fail(const struct wp_revocations *revocations, const char *why)
{
	revocations->setup.on_failure(revocations->setup.ctx, why);
}

/* Processes count together, each what its own table has let go. */
static void count_evicted(struct wp_revocations *revocations)
{
	uint64_t n = wp_revoked_evicted(revocations->table);

	wp_metric_add(revocations->setup.metrics, WP_H_REVOKED_EVICTED,
		      (int64_t)(n - revocations->n_evicted));
	revocations->n_evicted = n;
}

static void end_read(struct wp_revocations *revocations, bool is_read)
{
	revocations->is_asking = false;
	count_evicted(revocations);
	wp_metric_set(revocations->setup.metrics, WP_H_REVOKED_ENTRIES,
		      (int64_t)wp_revoked_alive(revocations->table, now_s()));
	admit(revocations, is_read);
}

static void on_read(void *ctx, const struct wp_reply *reply);

static bool ask(struct wp_revocations *revocations)
{
	wp_revoke_read_build(&revocations->reader, &revocations->cmd);
	if (wp_backend_do(revocations->setup.backend, WP_LINE_SHORT,
			  &revocations->cmd, on_read, revocations) == WP_OK)
		return true;
	(void)wp_revoke_read_told(&revocations->reader, NULL, 0);
	return false;
}

static void on_read(void *ctx, const struct wp_reply *reply)
{
	struct wp_revocations *revocations = ctx;
	enum wp_revoke_step step =
		wp_revoke_read_told(&revocations->reader, reply, now_s());

	if (step == WP_REVOKE_AGAIN && ask(revocations))
		return;
	if (reply == NULL)
		fail(revocations, "the connection to Redis was lost");
	else if (step != WP_REVOKE_DONE)
		fail(revocations, "wp:revoked cannot be read");
	end_read(revocations, step == WP_REVOKE_DONE);
}

static void begin(struct wp_revocations *revocations, bool is_up)
{
	struct wp_backend *backend = revocations->setup.backend;

	if (!is_up) {
		fail(revocations, wp_backend_why(backend, WP_LINE_SHORT));
		end_read(revocations, false);
		return;
	}
	wp_revoke_read_begin(&revocations->reader,
			     wp_backend_run_id(backend, WP_LINE_SHORT),
			     wp_mono_ms());
	if (!ask(revocations))
		end_read(revocations, false);
}

static void on_go(struct wp_backend_guest *guest, bool is_up)
{
	begin((struct wp_revocations *)((char *)guest -
					offsetof(struct wp_revocations, guest)),
	      is_up);
}

static void read_on(struct wp_revocations *revocations)
{
	if (revocations->is_asking)
		return;
	revocations->is_asking = true;
	switch (wp_backend_enter(revocations->setup.backend, WP_LINE_SHORT,
				 &revocations->guest)) {
	case WP_BACKEND_UP:
		begin(revocations, true);
		break;
	case WP_BACKEND_WAIT:
		break;
	default:
		begin(revocations, false);
		break;
	}
}

/* ---- for its users ---- */

enum wp_judgement wp_revocations_look(struct wp_revocations *revocations,
				      const struct wp_identity *who,
				      uint64_t came_us)
{
	const struct wp_judged judged = { .who = who, .came_us = came_us };

	if (!is_fresh(revocations, &judged, WP_REVOKED_READ_MS))
		read_on(revocations);
	/* What was revoked once stays so, however long ago that was read. */
	if (look_up(revocations, &judged) == WP_TOKEN_REVOKED)
		return WP_TOKEN_REVOKED;
	return is_fresh(revocations, &judged, WP_REVOKED_AGE_MAX_MS)
		       ? WP_TOKEN_GOOD
		       : WP_TOKEN_UNKNOWN;
}

enum wp_judgement wp_revocations_judge(struct wp_revocations *revocations,
				       struct wp_judged *judged)
{
	enum wp_judgement judgement =
		wp_revocations_look(revocations, judged->who, judged->came_us);

	/* Without a read under way Redis is down, and that is known. */
	if (judgement != WP_TOKEN_UNKNOWN || !revocations->is_asking)
		return judgement;
	park(revocations, judged);
	return WP_TOKEN_LATER;
}

void wp_revocations_trust(struct wp_revocations *revocations, uint64_t at_ms)
{
	wp_revoke_read_trust(&revocations->reader, at_ms);
}

enum wp_err wp_revocations_new(struct wp_revocations **out,
			       const struct wp_revocations_setup *setup,
			       struct wp_error *err)
{
	struct wp_revocations *revocations = calloc(1, sizeof(*revocations));

	if (revocations == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	if (wp_revoked_new(&revocations->table, err) != WP_OK) {
		free(revocations);
		return WP_ERR_NOMEM;
	}
	wp_cmd_init(&revocations->cmd);
	revocations->setup = *setup;
	revocations->reader.table = revocations->table;
	revocations->guest.go = on_go;
	revocations->last = &revocations->first;
	*out = revocations;
	return WP_OK;
}

void wp_revocations_free(struct wp_revocations **revocations)
{
	if (*revocations == NULL)
		return;
	wp_revoked_free(&(*revocations)->table);
	wp_cmd_release(&(*revocations)->cmd);
	free(*revocations);
	*revocations = NULL;
}
