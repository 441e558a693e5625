/*
 * boxes.h - mailboxes for tests, and the calls of the cold store in one line.
 */
#ifndef WP_TESTS_SUPPORT_BOXES_H
#define WP_TESTS_SUPPORT_BOXES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/name/box.h"
#include "lib/store/store.h"

/* The mailbox of a URN or legacy id, wherever its user belongs. */
struct wp_box wp_test_box(uint32_t partition, const char *user);

/* One append; returns what became of it. */
enum wp_err wp_test_append(struct wp_store *store, const struct wp_box *box,
			   int64_t version, const struct wp_store_row *rows,
			   size_t n);

/* An ack that must succeed. */
struct wp_store_rest wp_test_ack(struct wp_store *store,
				 const struct wp_box *box,
				 const struct wp_msgid *ids, size_t n);

#endif /* WP_TESTS_SUPPORT_BOXES_H */
