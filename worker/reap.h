/*
 * reap.h - take the users of dead daemons offline (docs/architecture.md
 * "Presence").
 */
#ifndef WP_WORKER_REAP_H
#define WP_WORKER_REAP_H

#include <stdint.h>

#include "worker/worker.h"

struct wp_reaper;

enum wp_err wp_reaper_new(struct wp_reaper **out, struct wp_worker *w,
			  struct wp_error *err) WP_MUST_USE;
void wp_reaper_free(struct wp_reaper **reaper);

/* The connection broke: what was seen before says nothing any more. */
void wp_reaper_reset(struct wp_reaper *reaper);

/* When there is something to do. */
uint64_t wp_reaper_next_ms(const struct wp_reaper *reaper);

/*
 * When it is time to, read the heartbeat counters of all our partitions; then
 * remove one chunk of connections of a daemon that is dead, if there is one.
 */
enum wp_err wp_reaper_run(struct wp_reaper *reaper,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_REAP_H */
