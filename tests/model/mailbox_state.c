/*
 * mailbox_state.c - making states, and bringing them into one form.
 *
 * Tokens and versions matter only as "still the current one": both are kept
 * as that, never as numbers, so that states which cannot be told apart are one
 * state. The two workers are interchangeable, and so are pulls and acks.
 */
#include "tests/model/mailbox.h"

#include <assert.h>
#include <string.h>

#include "tests/model/mailbox_trace.h"

enum { FIRST_TOKEN = 1, OLD_TOKEN = 0xff };

void wp_model_begin(const struct wp_model_case *model,
		    struct wp_model_state *state)
{
	const struct wp_model_bounds *bounds = &model->bounds;

	memset(state, 0, sizeof(*state));
	state->gate = 1;
	state->last = bounds->first;
	state->crashes = bounds->crashes;
	state->lapses = bounds->lapses;
	state->moves = bounds->moves;
	state->pulls = bounds->pulls;
	state->acks = bounds->acks;
	state->breaks = bounds->breaks;
	state->losses = bounds->losses;
	state->restarts = bounds->restarts;
	state->cuts = bounds->cuts;
}

/* A token may be compared only for being the one that is set now. */
static void outdate(struct wp_model_state *state, uint8_t token)
{
	for (size_t i = 0; i < WP_MODEL_ACKS; i++)
		if (state->ack[i].token == token)
			state->ack[i].token = OLD_TOKEN;
	for (size_t i = 0; i < WP_MODEL_PULLS; i++)
		if (state->pull[i].token == token)
			state->pull[i].token = OLD_TOKEN;
}

void wp_model_set_hint(const struct wp_model_case *model,
		       struct wp_model_state *state)
{
	if (wp_model_is(model, WP_MODEL_TOKEN_REUSED)) {
		state->hint++;
	} else if (wp_model_is(model, WP_MODEL_TOKENS_RESTART)) {
		state->hint = ++state->tokens;
	} else {
		outdate(state, FIRST_TOKEN);
		state->hint = FIRST_TOKEN;
	}
}

void wp_model_clear_hint(struct wp_model_state *state)
{
	state->hint = 0;
}

void wp_model_bump(struct wp_model_state *state)
{
	state->has_box = 1;
	for (size_t i = 0; i < WP_MODEL_WORKERS; i++)
		if (state->workers[i].seen == WP_MODEL_CURRENT)
			state->workers[i].seen = WP_MODEL_STALE;
}

bool wp_model_is_version_current(const struct wp_model_state *state,
				 const struct wp_model_worker *worker)
{
	return worker->seen == WP_MODEL_CURRENT ||
	       (worker->seen == WP_MODEL_NO_BOX && !state->has_box);
}

void wp_model_lose_lease(struct wp_model_worker *worker)
{
	worker->owns = 0;
	worker->cursor = 0;
	worker->has_passed = 0;
	switch (worker->at) {
	case WP_MODEL_AT_READ:
	case WP_MODEL_AT_VERSION_LATE:
	case WP_MODEL_AT_APPEND:
	case WP_MODEL_AT_TRIM:
		break; /* these ask nobody for a lease */
	default:
		*worker = (struct wp_model_worker){ 0 };
	}
}

struct wp_model_state *wp_model_fork(struct wp_model_fan *fan)
{
	assert(fan->n < WP_MODEL_MAX_EDGES);
	fan->edges[fan->n].to = *fan->from;
	return &fan->edges[fan->n].to;
}

/* Refused for certain: what it would have written does not matter. */
static void forget_refused(const struct wp_model_case *model,
			   struct wp_model_state *state)
{
	for (size_t i = 0; i < WP_MODEL_WORKERS; i++) {
		struct wp_model_worker *worker = &state->workers[i];

		if (worker->seen == WP_MODEL_NO_BOX && state->has_box &&
		    !wp_model_is(model, WP_MODEL_BOX_DROPPED))
			worker->seen = WP_MODEL_STALE;
		if (worker->at == WP_MODEL_AT_APPEND &&
		    worker->seen == WP_MODEL_STALE) {
			worker->copy = 0;
			worker->keep = 0;
			worker->straddles = 0;
			/* Who has a cursor does not know yet. */
			if (!worker->cursor)
				worker->is_direct = 0;
		}
	}
}

/* A stream that is empty is deleted, and forgets which ids it has covered. */
static void forget_covered(const struct wp_model_case *model,
			   struct wp_model_state *state)
{
	uint8_t high = model->bounds.high;

	state->cut &= state->ingress;
	if ((state->hot & high) == 0)
		state->cut = wp_model_minus(state->cut, high);
	if (wp_model_minus(state->hot, high) == 0)
		state->cut &= high;
}

static bool sort_pair(void *pair, size_t size)
{
	unsigned char *first = pair;
	unsigned char kept[16]; /* the largest of them fits */

	assert(size <= sizeof(kept));
	if (memcmp(first, first + size, size) <= 0)
		return false;
	memcpy(kept, first, size);
	memcpy(first, first + size, size);
	memcpy(first + size, kept, size);
	return true;
}

static uint8_t canonicalise(const struct wp_model_case *model,
			    struct wp_model_state *state)
{
	uint8_t swap = 0;

	forget_refused(model, state);
	forget_covered(model, state);
	state->promised =
		wp_model_minus(state->promised, state->ackreq | state->expired);
	if (sort_pair(state->workers, sizeof(state->workers[0])))
		swap |= WP_MODEL_SWAP_WORKERS;
	if (sort_pair(state->pull, sizeof(state->pull[0])))
		swap |= WP_MODEL_SWAP_PULLS;
	if (sort_pair(state->ack, sizeof(state->ack[0])))
		swap |= WP_MODEL_SWAP_ACKS;
	return swap;
}

void wp_model_commit(struct wp_model_fan *fan, int act, unsigned who,
		     uint8_t set, uint32_t violated)
{
	struct wp_model_edge *edge = &fan->edges[fan->n++];

	edge->label = (struct wp_model_label){
		.act = (uint8_t)act,
		.who = (uint8_t)who,
		.set = set,
		.swap = canonicalise(fan->model, &edge->to),
	};
	edge->violated = violated | wp_model_judge_state(fan->model, &edge->to);
}
