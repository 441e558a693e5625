/*
 * results.h - what became of pushes, written down for whoever asks for the list
 * of his devices: the last result by day, and what a provider has said of a
 * token; many in one job of the store's thread.
 *
 * What cannot be written, or finds no room behind what is, is left out: the
 * next push says the same of its device. Nobody waits for it but the end.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_RESULTS_H
#define WP_NOTIFIER_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/live/store_thread.h"
#include "lib/metrics/metrics.h"
#include "notifier/lookup.h"

struct wp_results;

enum { WP_RESULTS_MAX = 256 }; /* of each, in a job and waiting for the next */

struct wp_results_setup {
	struct wp_store_thread *store; /* borrowed */
	struct wp_metrics *metrics;    /* borrowed */
	/* Nothing is to be written any more; may be told more than once. */
	void (*on_written)(void *ctx);
	/* A device is written down as gone, which it was not before; once for
	 * all notifiers. All is borrowed; device: its id as text. */
	void (*on_gone)(void *ctx, const struct wp_urn *user,
			const char *device, const char *reason);
	void *ctx;
};

/* NULL: out of memory */
struct wp_results *
wp_results_new(const struct wp_results_setup *setup) WP_MUST_USE;
/* After wp_store_thread_stop(). NULL-safe. */
void wp_results_free(struct wp_results **results);

/* Write it down, unless the store had just that. now_ms: since 1970 */
void wp_results_add(struct wp_results *results, const struct wp_target *target,
		    enum wp_push_result result, int64_t now_ms);

/*
 * Write down what a provider said of a target's token (wp_push_mark()). One
 * that is gone is counted by its reason, once.
 *
 * target:  borrowed for the call
 * reason:  a provider's word, or ours; cut after WP_REASON_MAX bytes
 * now_ms:  since 1970
 */
void wp_results_mark(struct wp_results *results, const struct wp_target *target,
		     enum wp_push_state state, const char *reason,
		     int64_t now_ms);

/* Is all written that was to be, or left out? */
bool wp_results_are_written(const struct wp_results *results);

/* Hand nothing to the thread any more: it is about to be stopped. */
void wp_results_end(struct wp_results *results);

#endif /* WP_NOTIFIER_RESULTS_H */
