/*
 * sweep_clock.c - comparing two clocks. Knows neither Redis nor time itself.
 */
#include "worker/sweep_clock.h"

void wp_sweep_clock_believe(struct wp_sweep_clock *clock, int64_t wall_ms,
			    uint64_t mono_ms)
{
	*clock = (struct wp_sweep_clock){
		.has_looked = true,
		.wall_ms = wall_ms,
		.mono_ms = mono_ms,
	};
}

enum wp_sweep_trust wp_sweep_clock_look(struct wp_sweep_clock *clock,
					int64_t wall_ms, uint64_t mono_ms)
{
	enum wp_sweep_trust trust = WP_SWEEP_FIRST;

	if (clock->has_looked) {
		int64_t apart = (wall_ms - clock->wall_ms) -
				(int64_t)(mono_ms - clock->mono_ms);

		if (apart > WP_SWEEP_CLOCK_SLACK_MS ||
		    apart < -WP_SWEEP_CLOCK_SLACK_MS)
			return WP_SWEEP_JUMP;
		trust = WP_SWEEP_AGREE;
	}
	wp_sweep_clock_believe(clock, wall_ms, mono_ms);
	return trust;
}
