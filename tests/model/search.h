/*
 * search.h - looks at every state that can be reached, breadth first, each of
 * them once, so the first violation is one of the shortest.
 *
 * A state is bytes only, padding set to zero, and compared as such.
 */
#ifndef WP_TESTS_MODEL_SEARCH_H
#define WP_TESTS_MODEL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

struct wp_search;

/* Ends the program when memory is exhausted; so do the others. */
struct wp_search *wp_search_new(size_t state_size);
void wp_search_free(struct wp_search **search);

/*
 * A state that the one in hand leads to by a step of somebody. Copied, unless
 * it was met before.
 *
 * who, step:    for the trace; step is borrowed for good
 * is_violated:  the step broke a promise
 */
void wp_search_add(struct wp_search *search, const void *state, const char *who,
		   const char *step, bool is_violated);

/*
 * Copy out the next state to look at.
 *
 * Returns:  false when all were looked at, or a promise was broken
 */
bool wp_search_next(struct wp_search *search, void *state_out);

bool wp_search_is_violated(const struct wp_search *search);
size_t wp_search_states(const struct wp_search *search);
/* How many steps led to the violation; 0 when there is none. */
int wp_search_steps(const struct wp_search *search);
/* Print them, one a line. */
void wp_search_print(const struct wp_search *search);

#endif /* WP_TESTS_MODEL_SEARCH_H */
