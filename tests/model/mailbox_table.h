/*
 * mailbox_table.h - every state once, numbered in the order of discovery.
 */
#ifndef WP_TESTS_MODEL_MAILBOX_TABLE_H
#define WP_TESTS_MODEL_MAILBOX_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/model/mailbox.h"

struct wp_model_table {
	struct wp_model_state *states; /* owned, n of them */
	uint32_t *parents;             /* owned; where each was found from */
	struct wp_model_label *labels; /* owned; and by which step */
	size_t n;
	size_t room;
	uint64_t *slots; /* owned; half of a hash, then number + 1 */
	size_t n_slots;  /* a power of two */
};

bool wp_model_table_init(struct wp_model_table *table);
void wp_model_table_release(struct wp_model_table *table);

/*
 * Number of this state, old or new; false when memory is exhausted.
 *
 * parent, label:  kept only if the state is new
 */
bool wp_model_table_add(struct wp_model_table *table,
			const struct wp_model_state *state, uint32_t parent,
			struct wp_model_label label, uint32_t *number_out);

#endif /* WP_TESTS_MODEL_MAILBOX_TABLE_H */
