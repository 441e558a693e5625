/*
 * results.h - what became of pushes, written down for whoever asks for the list
 * of his devices: by day, many in one job of the store's thread.
 *
 * What cannot be written, or finds no room behind what is, is left out: the
 * next push says the same of its device. Nobody waits for it.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_RESULTS_H
#define WP_NOTIFIER_RESULTS_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/live/store_thread.h"
#include "notifier/lookup.h"

struct wp_results;

enum { WP_RESULTS_MAX = 256 }; /* in a job, and waiting for the next */

/* store: borrowed. NULL: out of memory */
struct wp_results *wp_results_new(struct wp_store_thread *store) WP_MUST_USE;
/* After wp_store_thread_stop(). NULL-safe. */
void wp_results_free(struct wp_results **results);

/* Write it down, unless the store had just that. now_ms: since 1970 */
void wp_results_add(struct wp_results *results, const struct wp_target *target,
		    enum wp_push_result result, int64_t now_ms);

/* Hand nothing to the thread any more: it is about to be stopped. */
void wp_results_end(struct wp_results *results);

#endif /* WP_NOTIFIER_RESULTS_H */
