/*
 * mailbox_explore.c - breadth first through everything that can happen, so
 * that the first violation found is one of the nearest. Knows properties only
 * as bits.
 */
#include "tests/model/mailbox.h"

#include <stdlib.h>

#include "tests/model/mailbox_table.h"

struct search {
	const struct wp_model_case *model;
	struct wp_model_table table;
	struct wp_model_fan fan;
	/* Where the steps of a state lead: firsts[k] to firsts[k + 1]. */
	uint32_t *targets; /* owned */
	size_t n_targets;
	size_t room;
	size_t *firsts; /* owned; one per expanded state, and one */
	size_t firsts_room;
};

static bool keep_target(struct search *search, uint32_t target)
{
	if (search->n_targets == search->room) {
		size_t room = search->room ? 2 * search->room : 1 << 14;
		void *grown = realloc(search->targets,
				      room * sizeof(*search->targets));

		if (grown == NULL)
			return false;
		search->targets = grown;
		search->room = room;
	}
	search->targets[search->n_targets++] = target;
	return true;
}

static bool keep_first(struct search *search, size_t state)
{
	if (state + 1 >= search->firsts_room) {
		size_t room = 2 * search->firsts_room + (1 << 12);
		void *grown =
			realloc(search->firsts, room * sizeof(*search->firsts));

		if (grown == NULL)
			return false;
		search->firsts = grown;
		search->firsts_room = room;
	}
	search->firsts[state] = search->n_targets;
	search->firsts[state + 1] = search->n_targets;
	return true;
}

/* Go on with every pull and ack under way; begin one more if that may be. */
static void client_steps(const struct wp_model_bounds *bounds,
			 struct wp_model_fan *fan)
{
	const struct wp_model_state *from = fan->from;
	unsigned n = 0;

	/* Idle ones come first in the canonical form: the last may begin. */
	for (unsigned i = WP_MODEL_PULLS; i-- > 0;) {
		if (from->pull[i].at != WP_MODEL_NO_PULL || n < bounds->pullers)
			wp_model_pull_steps(fan, i);
		n += from->pull[i].at != WP_MODEL_NO_PULL ? 1 : bounds->pullers;
	}
	n = 0;
	for (unsigned i = WP_MODEL_ACKS; i-- > 0;) {
		if (from->ack[i].at != WP_MODEL_NO_ACK || n < bounds->ackers)
			wp_model_ack_steps(fan, i);
		n += from->ack[i].at != WP_MODEL_NO_ACK ? 1 : bounds->ackers;
	}
}

static void fan_out(struct search *search, size_t state)
{
	/* A copy: the table may move while steps are added. */
	struct wp_model_state from = search->table.states[state];
	struct wp_model_fan *fan = &search->fan;

	fan->model = search->model;
	fan->from = &from;
	fan->n = 0;
	wp_model_world_steps(fan);
	for (unsigned i = 0; i < WP_MODEL_WORKERS; i++) {
		wp_model_worker_steps(fan, i);
		wp_model_reconcile_steps(fan, i);
	}
	client_steps(&search->model->bounds, fan);
	fan->from = NULL;
}

/* The way to `state`, and one step more when edge is not NULL. */
static bool retrace(const struct search *search, struct wp_model_result *result,
		    uint32_t state, const struct wp_model_edge *edge)
{
	const struct wp_model_table *table = &search->table;
	size_t n = edge != NULL;
	size_t at;

	for (uint32_t k = state; k != 0; k = table->parents[k])
		n++;
	result->n = n;
	result->steps = calloc(n, sizeof(*result->steps));
	if (result->steps == NULL)
		return false;
	at = n;
	if (edge != NULL)
		result->steps[--at] = *edge;
	for (uint32_t k = state; k != 0; k = table->parents[k]) {
		result->steps[--at].to = table->states[k];
		result->steps[at].label = table->labels[k];
	}
	return true;
}

static void note(struct wp_model_result *result, uint32_t violated)
{
	result->is_violated = true;
	result->violated = (enum wp_model_property)__builtin_ctz(violated);
}

/* Look at one state; *go_on is false when there is no need to go on. */
static bool expand(struct search *search, struct wp_model_result *result,
		   uint32_t state, bool *go_on)
{
	uint32_t watched =
		search->model->fails ? search->model->fails : UINT32_MAX;

	fan_out(search, state);
	if (!keep_first(search, state))
		return false;
	for (size_t i = 0; i < search->fan.n; i++) {
		const struct wp_model_edge *edge = &search->fan.edges[i];
		uint32_t number;

		if (edge->violated & watched) {
			note(result, edge->violated & watched);
			*go_on = false;
			return retrace(search, result, state, edge);
		}
		if (!wp_model_table_add(&search->table, &edge->to, state,
					edge->label, &number) ||
		    !keep_target(search, number))
			return false;
	}
	search->firsts[state + 1] = search->n_targets;
	return true;
}

/*
 * From where can a settled state be reached? Most steps lead to later
 * numbers, so a few sweeps from the end settle it.
 */
static bool check_liveness(struct search *search,
			   struct wp_model_result *result)
{
	size_t n = search->table.n;
	bool *is_live = calloc(n, sizeof(*is_live));
	bool has_changed = true;
	bool ok = true;

	if (is_live == NULL)
		return false;
	for (size_t k = 0; k < n; k++)
		is_live[k] = wp_model_is_settled(&search->table.states[k]);
	while (has_changed) {
		has_changed = false;
		for (size_t k = n; k-- > 0;) {
			size_t e = search->firsts[k];

			while (!is_live[k] && e < search->firsts[k + 1])
				is_live[k] = is_live[search->targets[e++]];
			has_changed |= is_live[k] && e > search->firsts[k];
		}
	}
	for (uint32_t k = 0; k < n && !result->is_violated; k++) {
		if (is_live[k])
			continue;
		note(result, UINT32_C(1) << WP_MODEL_LIVE);
		ok = retrace(search, result, k, NULL);
	}
	free(is_live);
	return ok;
}

static bool walk(struct search *search, struct wp_model_result *result)
{
	struct wp_model_state first;
	bool go_on = true;
	uint32_t number;

	wp_model_begin(search->model, &first);
	if (!wp_model_table_add(&search->table, &first, 0,
				(struct wp_model_label){ 0 }, &number))
		return false;
	for (uint32_t k = 0; go_on && k < search->table.n; k++) {
		if (search->table.n > WP_MODEL_MAX_STATES)
			return true; /* incomplete */
		if (!expand(search, result, k, &go_on))
			return false;
	}
	result->is_complete = go_on;
	return !go_on || check_liveness(search, result);
}

bool wp_model_explore(const struct wp_model_case *model,
		      struct wp_model_result *result)
{
	struct search search = { .model = model };
	bool ok;

	*result = (struct wp_model_result){ 0 };
	ok = wp_model_table_init(&search.table) && walk(&search, result);
	result->states = search.table.n;
	wp_model_table_release(&search.table);
	free(search.targets);
	free(search.firsts);
	return ok;
}

void wp_model_result_release(struct wp_model_result *result)
{
	free(result->steps);
	*result = (struct wp_model_result){ 0 };
}
