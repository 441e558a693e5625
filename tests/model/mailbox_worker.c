/*
 * mailbox_worker.c - what a worker does with a mailbox: leases, routing,
 * migration. Reconciling is mailbox_reconcile.c. One thread of a worker routes
 * while the other migrates or reconciles (worker/worker.h).
 */
#include "tests/model/mailbox.h"

#include "tests/model/mailbox_trace.h"

static bool breaks(const struct wp_model_fan *fan, enum wp_model_rule rule)
{
	return wp_model_is(fan->model, rule);
}

/* Done with this piece of work: look for the next, or notice the loss. */
static void finish(struct wp_model_worker *worker)
{
	*worker = (struct wp_model_worker){
		.at = worker->owns ? WP_MODEL_OWNER : WP_MODEL_IDLE,
		.owns = worker->owns,
		.is_newer = worker->is_newer,
	};
}

/* kill -9, the machine goes; the lease runs out, sooner or later. */
static void crash(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);

	state->crashes--;
	state->workers[i] = (struct wp_model_worker){ 0 };
	wp_model_commit(fan, WP_MODEL_ACT_CRASH, i, 0, 0);
}

/* The owner stalls until its lease is over, and does not know. */
static void lapse(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);

	state->lapses--;
	wp_model_lose_lease(&state->workers[i]);
	wp_model_commit(fan, WP_MODEL_ACT_LAPSE, i, 0, 0);
}

/* lease_acquire.lua */
static void acquire(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	worker->owns = 1;
	worker->at = WP_MODEL_OWNER;
	if (breaks(fan, WP_MODEL_LEASE_FENCE)) {
		state->workers[1 - i].is_newer = 0;
		worker->is_newer = 1;
		state->fence = 0;
	}
	wp_model_commit(fan, WP_MODEL_ACT_ACQUIRE, i, 0, 0);
}

static bool is_dropped(const struct wp_model_fan *fan, uint8_t id)
{
	return id & fan->model->bounds.ephemeral && !fan->from->online;
}

/* route.lua, for the oldest entry: what it does in one instant. */
static void route(struct wp_model_fan *fan, unsigned i, uint8_t id)
{
	struct wp_model_state *state = wp_model_fork(fan);

	state->ingress = wp_model_minus(state->ingress, id);
	if (is_dropped(fan, id)) {
		wp_model_commit(fan, WP_MODEL_ACT_ROUTE_DROP, i, id, 0);
		return;
	}
	if (!(fan->from->cut & id)) /* else XADD refuses: already covered */
		state->hot |= id;
	if (state->online)
		state->poke = 1;
	else
		state->mark = 1;
	wp_model_commit(fan, WP_MODEL_ACT_ROUTE, i, id, 0);
}

/* It dies when these are in hot, before or after it has set mark and due. */
static void route_cut(struct wp_model_fan *fan, unsigned i, uint8_t ids,
		      bool is_marked)
{
	struct wp_model_state *state = wp_model_fork(fan);

	state->hot |= wp_model_minus(ids, state->cut);
	if (is_marked && state->online)
		state->poke = 1;
	if (is_marked && !state->online)
		state->mark = 1;
	state->cut |= ids;
	state->cuts--;
	wp_model_commit(fan, WP_MODEL_ACT_ROUTE_CUT, i, wp_model_lowest(ids),
			0);
}

static void route_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_state *from = fan->from;
	uint8_t left = from->ingress, ids = 0;
	uint8_t id = wp_model_lowest(left);

	if (!id || !(from->gate || breaks(fan, WP_MODEL_ROUTE_CLOSED)))
		return;
	route(fan, i, id);
	/* What leaves in one go is in hot together; a drop ends that. */
	while (from->cuts && id && !is_dropped(fan, id)) {
		ids |= id;
		route_cut(fan, i, ids, false);
		route_cut(fan, i, ids, true);
		left = wp_model_minus(left, id);
		id = wp_model_lowest(left);
	}
}

static void read_version(const struct wp_model_fan *fan,
			 struct wp_model_state *state,
			 struct wp_model_worker *worker)
{
	if (!breaks(fan, WP_MODEL_NO_FENCE) &&
	    !breaks(fan, WP_MODEL_LEASE_FENCE))
		worker->seen =
			state->has_box ? WP_MODEL_CURRENT : WP_MODEL_NO_BOX;
}

/* M1: wp_store_version(). Whatever comes next is `then`. */
static void version(struct wp_model_fan *fan, unsigned i,
		    enum wp_model_worker_at then)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	read_version(fan, state, worker);
	if (breaks(fan, WP_MODEL_PRESENCE_OUTSIDE))
		worker->is_online = state->online;
	worker->at = (uint8_t)then;
	wp_model_commit(fan, WP_MODEL_ACT_VERSION, i, 0, 0);
}

/* A hint in a command of its own; prepare.lua makes this unnecessary. */
static void set_hint(struct wp_model_fan *fan, unsigned i,
		     enum wp_model_worker_at then)
{
	struct wp_model_state *state = wp_model_fork(fan);

	wp_model_set_hint(fan->model, state);
	state->workers[i].at = (uint8_t)then;
	wp_model_commit(fan, WP_MODEL_ACT_HINT, i, 0, 0);
}

static enum wp_model_worker_at after_prepare(const struct wp_model_fan *fan,
					     uint8_t keep)
{
	if (breaks(fan, WP_MODEL_HINT_AFTER_READ))
		return WP_MODEL_AT_HINT;
	if (breaks(fan, WP_MODEL_VERSION_LATE))
		return WP_MODEL_AT_VERSION_LATE;
	/* copy_chunk() in lib/mailbox/migrate.c: nothing worth a write */
	return keep ? WP_MODEL_AT_APPEND : WP_MODEL_AT_TRIM;
}

/* M2: prepare.lua took these. */
static void prepare(struct wp_model_fan *fan, unsigned i, uint8_t copy)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];
	uint8_t left_out = breaks(fan, WP_MODEL_COPY_EPHEMERAL)
				   ? 0
				   : fan->model->bounds.ephemeral;

	if (!breaks(fan, WP_MODEL_HINT_AT_TRIM) &&
	    !breaks(fan, WP_MODEL_HINT_AFTER_READ) &&
	    !breaks(fan, WP_MODEL_HINT_FIRST))
		wp_model_set_hint(fan->model, state);
	worker->copy = copy;
	worker->keep = wp_model_minus(copy, left_out);
	worker->is_online = 0;
	worker->at = (uint8_t)after_prepare(fan, worker->keep);
	if (worker->at == WP_MODEL_AT_TRIM)
		worker->seen = WP_MODEL_UNREAD;
	wp_model_commit(fan, WP_MODEL_ACT_PREPARE, i, copy, 0);
}

static void prepare_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_state *from = fan->from;
	uint8_t high = fan->model->bounds.high;
	uint8_t seen = breaks(fan, WP_MODEL_PREPARE_ONE_BAND)
			       ? wp_model_minus(from->hot, high)
			       : from->hot;
	bool is_online = breaks(fan, WP_MODEL_PRESENCE_OUTSIDE)
				 ? from->workers[i].is_online
				 : from->online;
	uint8_t one_each;

	if (!seen || is_online) {
		struct wp_model_state *state = wp_model_fork(fan);

		state->mark = 0;
		finish(&state->workers[i]);
		wp_model_commit(fan, WP_MODEL_ACT_PREPARE_NONE, i, 0, 0);
		return;
	}
	prepare(fan, i, from->hot);
	one_each = wp_model_lowest(from->hot & high) |
		   wp_model_lowest(wp_model_minus(from->hot, high));
	if (fan->model->bounds.chunks && one_each != from->hot)
		prepare(fan, i, one_each);
}

static bool may_append(const struct wp_model_fan *fan,
		       struct wp_model_state *state,
		       const struct wp_model_worker *worker)
{
	if (breaks(fan, WP_MODEL_NO_FENCE))
		return true;
	if (!breaks(fan, WP_MODEL_LEASE_FENCE))
		return wp_model_is_version_current(state, worker);
	if (state->fence && !worker->is_newer)
		return false;
	state->fence = worker->is_newer;
	return true;
}

/* M3: wp_store_append() */
static void append(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];
	uint8_t keep = worker->keep;

	if (!may_append(fan, state, worker)) {
		finish(worker);
		wp_model_commit(fan, WP_MODEL_ACT_APPEND_REFUSED, i, 0, 0);
		return;
	}
	state->cold |= keep;
	if (fan->model->bounds.losses)
		for (uint8_t top = state->top; keep >> top; top++)
			state->top = (uint8_t)(top + 1);
	wp_model_bump(state);
	worker->seen = WP_MODEL_UNREAD;
	worker->straddles = 0;
	if (!breaks(fan, WP_MODEL_TRIM_STORED_ONLY))
		worker->keep = 0;
	worker->at = WP_MODEL_AT_TRIM;
	wp_model_commit(fan, WP_MODEL_ACT_APPEND, i, keep, 0);
}

/* M4: trim.lua */
static void trim(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];
	uint8_t gone = state->hot & worker->copy;
	uint8_t seen;

	if (breaks(fan, WP_MODEL_TRIM_EVERYTHING))
		gone = state->hot;
	if (breaks(fan, WP_MODEL_TRIM_STORED_ONLY))
		gone = state->hot & worker->keep;
	state->hot = wp_model_minus(state->hot, gone);
	seen = state->hot;
	if (breaks(fan, WP_MODEL_TRIM_ONE_BAND))
		seen = wp_model_minus(seen, fan->model->bounds.high);
	if (!seen || breaks(fan, WP_MODEL_TRIM_UNMARKS))
		state->mark = 0;
	if (breaks(fan, WP_MODEL_HINT_AT_TRIM))
		wp_model_set_hint(fan->model, state);
	finish(worker);
	wp_model_commit(fan, WP_MODEL_ACT_TRIM, i, gone, 0);
}

/* migrate_due.lua found the user: the first step of wp_migrate_turn(). */
static void begin_migration(struct wp_model_fan *fan, unsigned i)
{
	if (breaks(fan, WP_MODEL_HINT_FIRST))
		set_hint(fan, i, WP_MODEL_AT_VERSION_EARLY);
	else if (breaks(fan, WP_MODEL_VERSION_LATE))
		prepare_steps(fan, i);
	else
		version(fan, i, WP_MODEL_AT_PREPARE);
}

static void next_step(struct wp_model_fan *fan, unsigned i)
{
	switch (fan->from->workers[i].at) {
	case WP_MODEL_OWNER:
		if (fan->from->mark)
			begin_migration(fan, i);
		break;
	case WP_MODEL_AT_VERSION_EARLY:
		version(fan, i, WP_MODEL_AT_PREPARE);
		break;
	case WP_MODEL_AT_PREPARE:
		prepare_steps(fan, i);
		break;
	case WP_MODEL_AT_HINT:
		set_hint(fan, i, WP_MODEL_AT_APPEND);
		break;
	case WP_MODEL_AT_VERSION_LATE:
		version(fan, i, WP_MODEL_AT_APPEND);
		break;
	case WP_MODEL_AT_APPEND:
		append(fan, i);
		break;
	case WP_MODEL_AT_TRIM:
		trim(fan, i);
		break;
	default:
		break;
	}
}

void wp_model_worker_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_worker *worker = &fan->from->workers[i];

	if (worker->at == WP_MODEL_IDLE) {
		if (!fan->from->workers[1 - i].owns)
			acquire(fan, i);
		return;
	}
	if (fan->from->crashes)
		crash(fan, i);
	if (worker->owns && fan->from->lapses)
		lapse(fan, i);
	if (worker->owns)
		route_steps(fan, i);
	next_step(fan, i);
}
