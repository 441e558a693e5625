/*
 * gates.h - make partitions fit for this life of Redis: rounds over closed
 * ones, until each is open again. A part of the cold thread.
 */
#ifndef WP_WORKER_GATES_H
#define WP_WORKER_GATES_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/sizes.h"
#include "worker/worker.h"

struct wp_gates {
	struct wp_worker *w;
	struct wp_sizes *sizes; /* borrowed; what is to be told behind gates */
	struct wp_log log;
	struct wp_log_limit limit;
	uint64_t ailing_ms; /* when to try again those that failed */
	uint64_t epoch;     /* of the connection whose Redis was looked at */
};

void wp_gates_init(struct wp_gates *gates, struct wp_worker *w,
		   struct wp_sizes *sizes);

/*
 * Reconcile what is closed, and all of it when this Redis has its memory and
 * was left for another one meanwhile; first what was not tried yet. One that
 * cannot be is told, and tried again from time to time; the others do not wait
 * for it.
 *
 * *has_opened_out: some were opened; more may have come meanwhile
 * Errors:          WP_ERR_UNAVAIL  Redis or the cold store as a whole
 */
enum wp_err wp_gates_round(struct wp_gates *gates, bool *has_opened_out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_GATES_H */
