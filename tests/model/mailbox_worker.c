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
		.cursor = worker->cursor,
		.has_passed = worker->has_passed,
	};
}

/* The next walk begins at the oldest entry. */
static void drop_cursor(struct wp_model_worker *worker)
{
	worker->cursor = 0;
	worker->has_passed = 0;
}

/* All that is in ingress has been looked at, with this under way. */
static void move_cursor(const struct wp_model_fan *fan,
			struct wp_model_state *state,
			struct wp_model_worker *worker)
{
	if (!fan->model->bounds.cursor)
		return;
	for (unsigned i = 0; state->ingress >> i; i++)
		worker->cursor |= wp_model_upto(i);
	if (wp_model_minus(state->ingress, worker->copy) &&
	    !breaks(fan, WP_MODEL_CURSOR_BLIND))
		worker->has_passed = 1;
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
	if (state->online) {
		state->poke = 1;
		state->promised |= id & fan->model->bounds.ephemeral;
	} else {
		state->mark = 1;
	}
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

/* What route.lua does not look at because it is under way to the store. */
static uint8_t passed_over(const struct wp_model_fan *fan)
{
	uint8_t set = 0;

	if (!breaks(fan, WP_MODEL_DIRECT_OVERTAKEN))
		return 0;
	for (unsigned i = 0; i < WP_MODEL_WORKERS; i++)
		if (fan->from->workers[i].is_direct)
			set |= fan->from->workers[i].copy;
	return set;
}

/* A walk from the cursor finds the user under way: what it finds stays. */
static void look(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);

	move_cursor(fan, state, &state->workers[i]);
	wp_model_commit(fan, WP_MODEL_ACT_LOOK, i, 0, 0);
}

/* A call of route.lua that begins behind the cursor. Where nothing is before
 * it, it is like any other. */
static void look_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_worker *worker = &fan->from->workers[i];
	uint8_t ingress = fan->from->ingress;
	uint8_t beyond = wp_model_minus(ingress, worker->cursor);

	if (!beyond || !(ingress & worker->cursor) || !fan->from->gate)
		return;
	if (worker->is_direct && !breaks(fan, WP_MODEL_CURSOR_UNNAMED))
		look(fan, i);
	else
		route(fan, i, wp_model_lowest(beyond));
}

static void route_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_state *from = fan->from;
	uint8_t left = wp_model_minus(from->ingress, passed_over(fan)), ids = 0;
	uint8_t id = wp_model_lowest(left);

	if (!id || !(from->gate || breaks(fan, WP_MODEL_ROUTE_CLOSED)))
		return;
	look_steps(fan, i);
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

static enum wp_model_worker_at after_read(const struct wp_model_fan *fan,
					  uint8_t keep)
{
	if (breaks(fan, WP_MODEL_HINT_AFTER_READ))
		return WP_MODEL_AT_HINT;
	if (breaks(fan, WP_MODEL_VERSION_LATE))
		return WP_MODEL_AT_VERSION_LATE;
	/* lib/mailbox/migrate.c: nothing may be worth a write */
	return keep ? WP_MODEL_AT_APPEND : WP_MODEL_AT_TRIM;
}

/* M2, first part: prepare.lua */
static void prepare(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	if (!breaks(fan, WP_MODEL_HINT_AT_TRIM) &&
	    !breaks(fan, WP_MODEL_HINT_AFTER_READ) &&
	    !breaks(fan, WP_MODEL_HINT_FIRST))
		wp_model_set_hint(fan->model, state);
	worker->is_online = 0;
	worker->at = WP_MODEL_AT_READ;
	wp_model_commit(fan, WP_MODEL_ACT_PREPARE, i, 0, 0);
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

	if (!seen || is_online) {
		struct wp_model_state *state = wp_model_fork(fan);

		state->mark = 0;
		finish(&state->workers[i]);
		wp_model_commit(fan, WP_MODEL_ACT_PREPARE_NONE, i, 0, 0);
		return;
	}
	prepare(fan, i);
}

/* M2, second part: XRANGE finds these. Asks nobody for a lease. */
static void read_hot(struct wp_model_fan *fan, unsigned i, uint8_t copy)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];
	uint8_t left_out = breaks(fan, WP_MODEL_COPY_EPHEMERAL)
				   ? 0
				   : fan->model->bounds.ephemeral;

	worker->copy = copy;
	worker->keep = wp_model_minus(copy, left_out);
	worker->at = (uint8_t)after_read(fan, worker->keep);
	if (worker->at == WP_MODEL_AT_TRIM)
		worker->seen = WP_MODEL_UNREAD;
	if (copy == 0) /* all was acked meanwhile: from the start again */
		finish(worker);
	wp_model_commit(fan, WP_MODEL_ACT_READ, i, copy, 0);
}

static void read_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_state *from = fan->from;
	uint8_t high = fan->model->bounds.high;
	uint8_t one_each = wp_model_lowest(from->hot & high) |
			   wp_model_lowest(wp_model_minus(from->hot, high));

	read_hot(fan, i, from->hot);
	if (fan->model->bounds.chunks && one_each != from->hot)
		read_hot(fan, i, one_each);
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
		if (!breaks(fan, WP_MODEL_CURSOR_STUBBORN))
			drop_cursor(worker);
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

	/* They may have come when he was here, and are nowhere else. */
	if (state->online && !breaks(fan, WP_MODEL_TRIM_ONLINE))
		gone = wp_model_minus(gone, fan->model->bounds.ephemeral);
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

/* ---- straight to disk: the copy is of ingress ---- */

/* N2: route.lua leaves these where they are and hands them over. */
static void take(struct wp_model_fan *fan, unsigned i, uint8_t copy)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	if (!breaks(fan, WP_MODEL_DIRECT_UNHINTED) &&
	    !(breaks(fan, WP_MODEL_DIRECT_KEEPS_TOKEN) && state->hint))
		wp_model_set_hint(fan->model, state);
	if (breaks(fan, WP_MODEL_DIRECT_FORGETS))
		state->ingress = wp_model_minus(state->ingress, copy);
	worker->copy = copy;
	worker->keep = copy;
	worker->is_direct = 1;
	if (worker->owns)
		move_cursor(fan, state, worker);
	worker->at = breaks(fan, WP_MODEL_DIRECT_VERSION_LATE)
			     ? WP_MODEL_AT_VERSION_LATE
			     : WP_MODEL_AT_APPEND;
	wp_model_commit(fan, WP_MODEL_ACT_TAKE, i, copy, 0);
}

/* Some call of route.lua found nobody to hand over. */
static void take_nothing(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);

	finish(&state->workers[i]);
	wp_model_commit(fan, WP_MODEL_ACT_TAKE, i, 0, 0);
}

static uint8_t may_take(const struct wp_model_fan *fan)
{
	const struct wp_model_state *from = fan->from;
	uint8_t open = from->ingress;

	if (!breaks(fan, WP_MODEL_DIRECT_EPHEMERAL))
		open = wp_model_minus(open, fan->model->bounds.ephemeral);
	if (!from->gate ||
	    (from->online && !breaks(fan, WP_MODEL_DIRECT_ONLINE)) ||
	    (from->hot && !breaks(fan, WP_MODEL_DIRECT_DESPITE_HOT)))
		return 0;
	return open;
}

static void take_steps(struct wp_model_fan *fan, unsigned i)
{
	uint8_t open = may_take(fan);
	uint8_t high = open & fan->model->bounds.high;
	uint8_t standard = wp_model_minus(open, high);
	uint8_t one_each = wp_model_lowest(high) | wp_model_lowest(standard);

	if (!open) {
		take_nothing(fan, i);
		return;
	}
	take(fan, i, open);
	if (fan->model->bounds.chunks && one_each != open)
		take(fan, i, one_each);
	if (breaks(fan, WP_MODEL_DIRECT_GAP) && wp_model_minus(open, one_each))
		take(fan, i, wp_model_minus(open, one_each));
}

/* N4: landed.lua */
static void landed(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];
	uint8_t gone = state->ingress & worker->copy;

	if (breaks(fan, WP_MODEL_DIRECT_LANDS_ALL))
		gone = state->ingress;
	state->ingress = wp_model_minus(state->ingress, gone);
	if (state->online && !breaks(fan, WP_MODEL_DIRECT_UNPOKED))
		state->poke = 1;
	/* A route call that was cut off relied on what leaves now. */
	if (!state->online && state->hot &&
	    !breaks(fan, WP_MODEL_DIRECT_UNMARKED))
		state->mark = 1;
	if (breaks(fan, WP_MODEL_DIRECT_UNHINTED))
		wp_model_set_hint(fan->model, state);
	if (worker->has_passed)
		drop_cursor(worker);
	finish(worker);
	wp_model_commit(fan, WP_MODEL_ACT_LANDED, i, gone, 0);
}

/* Something waits in ingress: N1, unless what is known is older (as old as
 * may be, for it is only compared), then N2. */
static void begin_direct(struct wp_model_fan *fan, unsigned i)
{
	if (!fan->model->bounds.direct || !may_take(fan))
		return;
	if (breaks(fan, WP_MODEL_DIRECT_VERSION_LATE))
		take_steps(fan, i);
	else
		version(fan, i, WP_MODEL_AT_TAKE);
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
		begin_direct(fan, i);
		break;
	case WP_MODEL_AT_TAKE:
		take_steps(fan, i);
		break;
	case WP_MODEL_AT_VERSION_EARLY:
		version(fan, i, WP_MODEL_AT_PREPARE);
		break;
	case WP_MODEL_AT_PREPARE:
		prepare_steps(fan, i);
		break;
	case WP_MODEL_AT_READ:
		read_steps(fan, i);
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
		if (fan->from->workers[i].is_direct)
			landed(fan, i);
		else
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
