/*
 * mailbox_reconcile.c - after Redis came back as another one: what the owner
 * does before it opens the gate (docs/architecture.md
 * "After Redis lost its memory", wp_store_top(), ingress_raise.lua,
 * wp_store_users(), hint_set.lua, gate_open.lua).
 *
 * Every script compares the owner value, so a lost lease ends the walk; see
 * wp_model_lose_lease().
 */
#include "tests/model/mailbox.h"

#include "tests/model/mailbox_trace.h"

static bool breaks(const struct wp_model_fan *fan, enum wp_model_rule rule)
{
	return wp_model_is(fan->model, rule);
}

/* The order of the steps; each broken rule moves or removes one of them. */
static enum wp_model_worker_at after(const struct wp_model_fan *fan,
				     enum wp_model_worker_at step)
{
	bool is_hints_late = breaks(fan, WP_MODEL_HINTS_LATE);

	switch (step) {
	case WP_MODEL_AT_RAISE:
		if (breaks(fan, WP_MODEL_RAISE_LATE))
			return WP_MODEL_OWNER;
		return is_hints_late ? WP_MODEL_AT_OPEN : WP_MODEL_AT_USERS;
	case WP_MODEL_AT_HINTS:
		return is_hints_late ? WP_MODEL_OWNER : WP_MODEL_AT_OPEN;
	case WP_MODEL_AT_OPEN:
		if (is_hints_late)
			return WP_MODEL_AT_USERS;
		return breaks(fan, WP_MODEL_RAISE_LATE) ? WP_MODEL_AT_RAISE
							: WP_MODEL_OWNER;
	default:
		return WP_MODEL_OWNER;
	}
}

/* Is a worker about to append what it took from the Redis of before? */
static bool has_straddler(const struct wp_model_state *state)
{
	bool has = false;

	for (size_t i = 0; i < WP_MODEL_WORKERS; i++)
		has |= state->workers[i].at == WP_MODEL_AT_APPEND &&
		       state->workers[i].straddles;
	return has;
}

static uint8_t top_of_rows(const struct wp_model_state *state)
{
	uint8_t top = 0;

	while (state->cold >> top)
		top++;
	return top;
}

/* wp_store_top(), preceded by moving every version where that is the rule. */
static void read_top(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	if (breaks(fan, WP_MODEL_LIFE_FENCE))
		for (size_t w = 0; w < WP_MODEL_WORKERS; w++)
			if (state->workers[w].seen)
				state->workers[w].seen = WP_MODEL_STALE;
	worker->keep = breaks(fan, WP_MODEL_RAISE_TO_ROWS) ? top_of_rows(state)
							   : state->top;
	worker->at = WP_MODEL_AT_RAISE;
	if (breaks(fan, WP_MODEL_RAISE_LATE) || breaks(fan, WP_MODEL_NO_RAISE))
		worker->at = WP_MODEL_AT_USERS;
	wp_model_commit(fan, WP_MODEL_ACT_TOP, i, 0, 0);
}

/* ingress_raise.lua */
static void raise_ids(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	if (breaks(fan, WP_MODEL_RAISE_LATE))
		worker->keep = state->top;
	if (state->last < worker->keep)
		state->last = worker->keep;
	worker->keep = 0;
	worker->at = (uint8_t)after(fan, WP_MODEL_AT_RAISE);
	if (worker->at == WP_MODEL_OWNER)
		worker->straddles = 0;
	wp_model_commit(fan, WP_MODEL_ACT_RAISE, i, 0, 0);
}

/* wp_store_users() */
static void read_users(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	worker->keep = 0;
	worker->at = state->cold ? WP_MODEL_AT_HINTS
				 : (uint8_t)after(fan, WP_MODEL_AT_HINTS);
	if (worker->at == WP_MODEL_OWNER)
		worker->straddles = 0;
	wp_model_commit(fan, WP_MODEL_ACT_USERS, i, state->cold, 0);
}

/* hint_set.lua */
static void set_hints(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	wp_model_set_hint(fan->model, state);
	worker->at = (uint8_t)after(fan, WP_MODEL_AT_HINTS);
	if (worker->at == WP_MODEL_OWNER)
		worker->straddles = 0;
	wp_model_commit(fan, WP_MODEL_ACT_HINTS, i, 0, 0);
}

/*
 * gate_open.lua, for the run_id with which the walk began: of a life that is
 * over it opens nothing.
 */
static void open_gate(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_worker *worker = &state->workers[i];

	if (!worker->straddles || breaks(fan, WP_MODEL_OPEN_ANY_LIFE))
		state->gate = 1;
	worker->keep = 0;
	worker->at = (uint8_t)after(fan, WP_MODEL_AT_OPEN);
	if (worker->at == WP_MODEL_OWNER)
		worker->straddles = 0;
	wp_model_commit(fan, WP_MODEL_ACT_OPEN, i, 0, 0);
}

void wp_model_reconcile_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_state *from = fan->from;

	switch (from->workers[i].at) {
	case WP_MODEL_OWNER:
		/* The assumption that docs/model.md names; STRADDLE drops it */
		if (!from->gate &&
		    (breaks(fan, WP_MODEL_STRADDLE) || !has_straddler(from)))
			read_top(fan, i);
		break;
	case WP_MODEL_AT_RAISE:
		raise_ids(fan, i);
		break;
	case WP_MODEL_AT_USERS:
		read_users(fan, i);
		break;
	case WP_MODEL_AT_HINTS:
		set_hints(fan, i);
		break;
	case WP_MODEL_AT_OPEN:
		open_gate(fan, i);
		break;
	default:
		break;
	}
}
