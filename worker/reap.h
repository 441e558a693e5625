/*
 * reap.h - take the users of dead daemons offline (docs/architecture.md
 * "Presence").
 */
#ifndef WP_WORKER_REAP_H
#define WP_WORKER_REAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mailbox/presence.h"
#include "worker/worker.h"

struct wp_reap_place; /* what is known of one partition */

enum { WP_REAP_QUEUE = 64 };

/* A daemon that is dead in one partition. */
struct wp_reap_job {
	uint32_t partition;
	char incarnation[WP_INCARNATION_MAX + 1];
	char counter[32];
};

struct wp_reaper {
	struct wp_worker *w;
	struct wp_reap_place *places; /* owned, one per partition */
	uint64_t next_sample_ms;
	uint64_t sample_ms; /* time of the one under way */
	struct wp_reap_job jobs[WP_REAP_QUEUE];
	size_t n_jobs;
	int64_t connections; /* removed and not yet told about */
	int64_t incarnations;
};

enum wp_err wp_reaper_init(struct wp_reaper *reaper, struct wp_worker *w,
			   struct wp_error *err) WP_MUST_USE;
void wp_reaper_release(struct wp_reaper *reaper);

/* The connection broke: what was seen before says nothing any more. */
void wp_reaper_reset(struct wp_reaper *reaper);

/* Read the heartbeat counters of all our partitions. */
enum wp_err wp_reaper_sample(struct wp_reaper *reaper,
			     struct wp_error *err) WP_MUST_USE;

bool wp_reaper_has_work(const struct wp_reaper *reaper);
/* Remove one chunk of connections of a dead daemon. */
enum wp_err wp_reaper_step(struct wp_reaper *reaper,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_WORKER_REAP_H */
