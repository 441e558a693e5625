/*
 * search.c - nodes in the order in which they were met, and a table of them.
 */
#include "tests/model/search.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 1 << 12, NOBODY = UINT32_MAX };

struct node {
	uint32_t parent; /* NOBODY: the first one */
	const char *who;
	const char *step;
};

struct wp_search {
	size_t size;
	char *states;
	struct node *nodes;
	size_t n, cap;
	uint32_t *slots; /* number + 1 */
	size_t n_slots;
	uint32_t from; /* the one in hand */
	bool has_begun;
	size_t bad; /* node + 1 */
};

static void *must(void *memory)
{
	if (memory == NULL) {
		fprintf(stderr, "model: out of memory\n");
		exit(EXIT_FAILURE);
	}
	return memory;
}

struct wp_search *wp_search_new(size_t state_size)
{
	struct wp_search *x = must(calloc(1, sizeof(*x)));

	x->size = state_size;
	return x;
}

void wp_search_free(struct wp_search **search)
{
	if (*search == NULL)
		return;
	free((*search)->states);
	free((*search)->nodes);
	free((*search)->slots);
	free(*search);
	*search = NULL;
}

static uint64_t hash(const void *state, size_t size)
{
	const unsigned char *byte = state;
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < size; i++)
		h = (h ^ byte[i]) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

static uint32_t *slot_of(const struct wp_search *x, const void *state)
{
	size_t i = hash(state, x->size) & (x->n_slots - 1);

	while (x->slots[i] != 0 &&
	       memcmp(x->states + (x->slots[i] - 1) * x->size, state,
		      x->size) != 0)
		i = (i + 1) & (x->n_slots - 1);
	return &x->slots[i];
}

static void grow(struct wp_search *x)
{
	x->cap = x->cap == 0 ? FIRST_CAP : 2 * x->cap;
	x->states = must(realloc(x->states, x->cap * x->size));
	x->nodes = must(realloc(x->nodes, x->cap * sizeof(*x->nodes)));
	free(x->slots);
	x->n_slots = 4 * x->cap;
	x->slots = must(calloc(x->n_slots, sizeof(*x->slots)));
	for (size_t i = 0; i < x->n; i++)
		*slot_of(x, x->states + i * x->size) = (uint32_t)i + 1;
}

void wp_search_add(struct wp_search *x, const void *state, const char *who,
		   const char *step, bool is_violated)
{
	uint32_t *slot;

	if (x->n == x->cap)
		grow(x);
	slot = slot_of(x, state);
	if (*slot != 0 && !is_violated)
		return;
	memcpy(x->states + x->n * x->size, state, x->size);
	x->nodes[x->n] =
		(struct node){ x->has_begun ? x->from : NOBODY, who, step };
	*slot = (uint32_t)++x->n;
	if (is_violated && x->bad == 0)
		x->bad = x->n;
}

bool wp_search_next(struct wp_search *x, void *state_out)
{
	uint32_t next = x->has_begun ? x->from + 1 : 0;

	if (next >= x->n || x->bad != 0)
		return false;
	x->has_begun = true;
	x->from = next;
	memcpy(state_out, x->states + next * x->size, x->size);
	return true;
}

bool wp_search_is_violated(const struct wp_search *x)
{
	return x->bad != 0;
}

size_t wp_search_states(const struct wp_search *x)
{
	return x->n;
}

int wp_search_steps(const struct wp_search *x)
{
	int steps = 0;

	if (x->bad == 0)
		return 0;
	for (uint32_t at = (uint32_t)x->bad - 1; x->nodes[at].parent != NOBODY;
	     at = x->nodes[at].parent)
		steps++;
	return steps;
}

static void print_to(const struct wp_search *x, uint32_t at)
{
	if (x->nodes[at].parent != NOBODY)
		print_to(x, x->nodes[at].parent);
	printf("    %s %s\n", x->nodes[at].who, x->nodes[at].step);
}

void wp_search_print(const struct wp_search *x)
{
	if (x->bad != 0)
		print_to(x, (uint32_t)x->bad - 1);
}
