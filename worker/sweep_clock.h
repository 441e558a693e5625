/*
 * sweep_clock.h - may the wall clock be believed when it says that messages
 * have expired (ARCHITECTURE 4.9)?
 */
#ifndef WP_WORKER_SWEEP_CLOCK_H
#define WP_WORKER_SWEEP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* How far two clocks may part between two looks. */
enum { WP_SWEEP_CLOCK_SLACK_MS = 60000 };

/* Zero before the first look. */
struct wp_sweep_clock {
	bool has_looked;
	int64_t wall_ms;  /* at the last look that was believed */
	uint64_t mono_ms; /* at the same moment */
};

enum wp_sweep_trust {
	WP_SWEEP_FIRST, /* nothing to compare with yet */
	WP_SWEEP_AGREE,
	WP_SWEEP_JUMP, /* the wall clock was set, or ours stood still */
};

/*
 * Compare how far both clocks went since the last look that was believed. After
 * a jump that look stays, so a clock that is set right again is believed again.
 */
enum wp_sweep_trust wp_sweep_clock_look(struct wp_sweep_clock *clock,
					int64_t wall_ms, uint64_t mono_ms);

/* Somebody says that this is the time. */
void wp_sweep_clock_believe(struct wp_sweep_clock *clock, int64_t wall_ms,
			    uint64_t mono_ms);

#endif /* WP_WORKER_SWEEP_CLOCK_H */
