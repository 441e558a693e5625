/*
 * bell.h - what a message on our doorbell says.
 *
 * "3,17,40": something new is in ingress of these partitions.
 * "due 3": somebody there may be due to be moved to the cold store.
 */
#ifndef WP_WORKER_BELL_H
#define WP_WORKER_BELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WP_BELL_MAX = 100 }; /* partitions of a message, as items of a send */

struct wp_bell {
	bool is_due;
	size_t n;
	uint32_t partitions[WP_BELL_MAX];
};

/*
 * Read a message.
 *
 * partitions:  of the deployment
 * Returns:     false for anything that no script of ours says; the poll finds
 *              what it may have been about
 */
bool wp_bell_read(struct wp_bell *out, const char *text, size_t len,
		  uint32_t partitions);

#endif /* WP_WORKER_BELL_H */
