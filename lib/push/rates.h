/*
 * rates.h - how fast providers of pushes are asked, and how much at once:
 * presets, and an operator's words over them.
 */
#ifndef WP_LIB_PUSH_RATES_H
#define WP_LIB_PUSH_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What has a rate: each app of a kind, and each host of kinds that go there. */
enum wp_push_lane {
	WP_PUSH_LANE_FCM,
	WP_PUSH_LANE_APNS,
	WP_PUSH_LANE_WEB, /* webpush and unifiedpush */
	WP_PUSH_LANE_WEBHOOK,
	WP_PUSH_LANE_SMTP,
	WP_PUSH_LANE_BUS, /* services of the operator's own, by Redis */
	WP_PUSH_LANES,
};

enum { WP_PUSH_RATE_MAX = 100000, WP_PUSH_IN_FLIGHT_MAX = 10000 };

struct wp_push_rate {
	uint32_t per_s; /* requests that begin, 1 to WP_PUSH_RATE_MAX */
	uint32_t most;  /* under way at once, 1 to WP_PUSH_IN_FLIGHT_MAX */
};

/* Indexed by enum wp_push_lane. */
struct wp_push_rates {
	struct wp_push_rate of[WP_PUSH_LANES];
};

/*
 * The presets, and over them items of the form "<name>=<rate>/<in flight>".
 *
 * Returns:  false when one of them is none, or of nobody
 */
bool wp_push_rates_read(struct wp_push_rates *out, char *const *items,
			size_t n);

#endif /* WP_LIB_PUSH_RATES_H */
