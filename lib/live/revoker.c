/*
 * revoker.c - reading what was revoked, and a walk over those who are here.
 *
 * A walk looks each connection up in the whole table, not in what is new: so
 * one walk does, whatever has come while it was under way, if it goes round
 * once from there.
 */
#include "lib/live/revoker.h"

#include <stdlib.h>

#include <ev.h>

#include "lib/auth/revoked.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/live/registrar.h"
#include "lib/mailbox/revoke.h"
#include "lib/redis/async.h"

enum { LOG_INTERVAL_MS = 10000 };

struct wp_revoker {
	struct wp_revoker_setup setup;
	struct wp_log log;
	struct wp_log_limit log_limit;
	const struct wp_registrar *registrar; /* NULL before the start */
	struct wp_revoked *table;             /* owned */
	struct wp_revoke_reader reader;
	struct wp_cmd cmd;
	bool is_owed; /* something may have come behind what is being read */
	bool is_stopped;
	ev_timer read_timer;   /* the guarantee */
	ev_timer gather_timer; /* runs when something is to be read soon */
	ev_timer walk_timer;   /* runs during a walk */
	size_t at;             /* the next slot */
	size_t left;           /* slots to look at */
};

static int64_t now_s(void)
{
	return wp_wall_ms() / 1000;
}

/* ---- the walk ---- */

/* Nobody is in an empty slot, and nobody knows yet who has not been let in. */
static bool is_good(const struct wp_revoker *revoker,
		    const struct wp_member *member, int64_t now)
{
	return member == NULL || member->user == NULL ||
	       !wp_revoked_has_marks(revoker->table, &member->marks, now);
}

static void on_slice(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_revoker *revoker = timer->data;
	const struct wp_revoker_setup *setup = &revoker->setup;
	size_t n = WP_REVOKER_SLICE;
	size_t n_ends = WP_REVOKER_SLICE_ENDS;
	int64_t now = now_s();

	(void)events;
	while (n > 0 && n_ends > 0 && revoker->left > 0) {
		struct wp_member *member;

		if (revoker->at >= wp_hub_slots(setup->hub))
			revoker->at = 0;
		member = wp_hub_at(setup->hub, revoker->at);
		revoker->at++;
		revoker->left--;
		n--;
		if (is_good(revoker, member, now))
			continue;
		n_ends--;
		setup->on_revoked(setup->ctx, member);
	}
	if (revoker->left == 0)
		ev_timer_stop(loop, timer);
}

/* Look at everybody from here, all around. */
static void walk(struct wp_revoker *revoker)
{
	revoker->left = wp_hub_slots(revoker->setup.hub);
	if (revoker->left > 0 && !ev_is_active(&revoker->walk_timer))
		ev_timer_again(revoker->setup.loop, &revoker->walk_timer);
}

/* ---- reading ---- */

static void read_on(struct wp_revoker *revoker);

static struct wp_aredis *redis_of(const struct wp_revoker *revoker)
{
	struct wp_aredis *redis =
		revoker->registrar == NULL
			? NULL
			: wp_registrar_redis(revoker->registrar);

	return redis != NULL && wp_aredis_is_ready(redis) ? redis : NULL;
}

static void on_read(void *ctx, const struct wp_reply *reply);

static void ask(struct wp_revoker *revoker)
{
	struct wp_aredis *redis = redis_of(revoker);

	wp_revoke_read_build(&revoker->reader, &revoker->cmd);
	if (redis == NULL ||
	    wp_aredis_do(redis, &revoker->cmd, on_read, revoker) != WP_OK)
		(void)wp_revoke_read_told(&revoker->reader, NULL, 0);
}

/* Nobody else says so: whoever is here stays, though his token were revoked. */
static void complain(struct wp_revoker *revoker, const struct wp_reply *reply)
{
	uint32_t suppressed;

	if (wp_log_allow(&revoker->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&revoker->log, WP_LOG_ERROR, "wp:revoked cannot be read",
		       wp_str("error", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

static void on_read(void *ctx, const struct wp_reply *reply)
{
	struct wp_revoker *revoker = ctx;
	uint64_t heard = revoker->reader.n_heard;
	enum wp_revoke_step step =
		wp_revoke_read_told(&revoker->reader, reply, now_s());

	if (revoker->is_stopped)
		return;
	if (revoker->reader.n_heard != heard)
		walk(revoker);
	if (step == WP_REVOKE_AGAIN)
		ask(revoker);
	else if (step == WP_REVOKE_DONE && revoker->is_owed)
		read_on(revoker);
	else if (step == WP_REVOKE_FAILED && reply != NULL)
		complain(revoker, reply);
}

static void read_on(struct wp_revoker *revoker)
{
	const struct wp_aredis *redis = redis_of(revoker);

	/* What is being read may not have all: once more, behind it. */
	revoker->is_owed = revoker->reader.is_reading;
	if (redis == NULL || revoker->reader.is_reading)
		return;
	wp_revoke_read_begin(&revoker->reader, wp_aredis_run_id(redis),
			     wp_mono_ms());
	ask(revoker);
}

static void on_time_to_read(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	read_on(timer->data);
}

void wp_revoker_hear(void *ctx, bool is_new)
{
	struct wp_revoker *revoker = ctx;

	if (revoker->is_stopped)
		return;
	if (is_new) {
		read_on(revoker);
	} else if (!ev_is_active(&revoker->gather_timer)) {
		ev_timer_set(&revoker->gather_timer, WP_REVOKER_GATHER_MS / 1e3,
			     0.);
		ev_timer_start(revoker->setup.loop, &revoker->gather_timer);
	}
}

/* ---- for its users ---- */

bool wp_revoker_knows(const struct wp_revoker *revoker,
		      const struct wp_identity *who)
{
	return wp_revoked_has(revoker->table, who, now_s());
}

size_t wp_revoker_count(const struct wp_revoker *revoker)
{
	return wp_revoked_alive(revoker->table, now_s());
}

uint64_t wp_revoker_evicted(const struct wp_revoker *revoker)
{
	return wp_revoked_evicted(revoker->table);
}

void wp_revoker_start(struct wp_revoker *revoker,
		      const struct wp_registrar *registrar)
{
	revoker->registrar = registrar;
	ev_timer_start(revoker->setup.loop, &revoker->read_timer);
}

enum wp_err wp_revoker_new(struct wp_revoker **out,
			   const struct wp_revoker_setup *setup,
			   struct wp_error *err)
{
	const double read_s = WP_REVOKER_READ_MS / 1e3;
	struct wp_revoker *revoker = calloc(1, sizeof(*revoker));

	if (revoker == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (wp_revoked_new(&revoker->table, err) != WP_OK) {
		free(revoker);
		return WP_ERR_NOMEM;
	}
	revoker->setup = *setup;
	revoker->log.component = "revoker";
	revoker->reader.table = revoker->table;
	wp_cmd_init(&revoker->cmd);
	ev_timer_init(&revoker->read_timer, on_time_to_read, read_s, read_s);
	revoker->read_timer.data = revoker;
	ev_timer_init(&revoker->gather_timer, on_time_to_read, 0., 0.);
	revoker->gather_timer.data = revoker;
	ev_timer_init(&revoker->walk_timer, on_slice, 0.,
		      WP_REVOKER_SLICE_MS / 1e3);
	revoker->walk_timer.data = revoker;
	*out = revoker;
	return WP_OK;
}

void wp_revoker_stop(struct wp_revoker *revoker)
{
	if (revoker == NULL)
		return;
	revoker->is_stopped = true;
	ev_timer_stop(revoker->setup.loop, &revoker->read_timer);
	ev_timer_stop(revoker->setup.loop, &revoker->gather_timer);
	ev_timer_stop(revoker->setup.loop, &revoker->walk_timer);
}

void wp_revoker_free(struct wp_revoker **revoker)
{
	if (*revoker == NULL)
		return;
	wp_revoked_free(&(*revoker)->table);
	wp_cmd_release(&(*revoker)->cmd);
	free(*revoker);
	*revoker = NULL;
}
