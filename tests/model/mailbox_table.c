/*
 * mailbox_table.c - open addressing over numbered states. Knows nothing of
 * what a state means.
 */
#include "tests/model/mailbox_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1 << 12 };

static uint64_t hash_of(const struct wp_model_state *state)
{
	const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint64_t words[sizeof(*state) / sizeof(uint64_t)];

	memcpy(words, state, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * odd;
		hash ^= hash >> 29;
	}
	return hash;
}

/* What a slot says: the upper half of a hash, and a number + 1. */
static uint64_t slot_of(uint64_t hash, uint32_t number)
{
	return (hash & ~(uint64_t)UINT32_MAX) | (number + 1U);
}

static bool grow_slots(struct wp_model_table *table)
{
	size_t n = table->n_slots * 2;
	uint64_t *slots = calloc(n, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (uint32_t i = 0; i < table->n; i++) {
		uint64_t hash = hash_of(&table->states[i]);
		size_t at = hash & (n - 1);

		while (slots[at] != 0)
			at = (at + 1) & (n - 1);
		slots[at] = slot_of(hash, i);
	}
	free(table->slots);
	table->slots = slots;
	table->n_slots = n;
	return true;
}

static bool grow_states(struct wp_model_table *table)
{
	size_t room = table->room * 2;
	void *states = realloc(table->states, room * sizeof(*table->states));
	void *parents;
	void *labels;

	if (states == NULL)
		return false;
	table->states = states;
	parents = realloc(table->parents, room * sizeof(*table->parents));
	if (parents == NULL)
		return false;
	table->parents = parents;
	labels = realloc(table->labels, room * sizeof(*table->labels));
	if (labels == NULL)
		return false;
	table->labels = labels;
	table->room = room;
	return true;
}

bool wp_model_table_init(struct wp_model_table *table)
{
	*table = (struct wp_model_table){
		.room = FIRST_ROOM,
		.n_slots = 2 * FIRST_ROOM,
	};
	table->states = malloc(FIRST_ROOM * sizeof(*table->states));
	table->parents = malloc(FIRST_ROOM * sizeof(*table->parents));
	table->labels = malloc(FIRST_ROOM * sizeof(*table->labels));
	table->slots = calloc(table->n_slots, sizeof(*table->slots));
	return table->states != NULL && table->parents != NULL &&
	       table->labels != NULL && table->slots != NULL;
}

void wp_model_table_release(struct wp_model_table *table)
{
	free(table->states);
	free(table->parents);
	free(table->labels);
	free(table->slots);
	*table = (struct wp_model_table){ 0 };
}

bool wp_model_table_add(struct wp_model_table *table,
			const struct wp_model_state *state, uint32_t parent,
			struct wp_model_label label, uint32_t *number_out)
{
	uint64_t hash = hash_of(state);
	size_t mask = table->n_slots - 1;
	size_t at = hash & mask;
	uint32_t number = (uint32_t)table->n;

	for (; table->slots[at] != 0; at = (at + 1) & mask) {
		uint32_t found = (uint32_t)table->slots[at] - 1U;

		if (table->slots[at] == slot_of(hash, found) &&
		    memcmp(&table->states[found], state, sizeof(*state)) == 0) {
			*number_out = found;
			return true;
		}
	}
	if (table->n == table->room && !grow_states(table))
		return false;
	table->slots[at] = slot_of(hash, number);
	table->states[number] = *state;
	table->parents[number] = parent;
	table->labels[number] = label;
	table->n++;
	*number_out = number;
	return table->n * 2 <= table->n_slots || grow_slots(table);
}
