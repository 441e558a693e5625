/*
 * breaker.h - a provider that is left alone because it does not work, or asked
 * for that. One for each app of a provider, or for each host. Pure: the time is
 * told, and only rises.
 *
 * Closed, anything may be sent. It opens when many of the last outcomes were
 * bad, when the provider says "later", or when our settings are wrong. When its
 * time is over one request may go, the probe: what comes of it closes or opens
 * it again.
 */
#ifndef WP_NOTIFIER_BREAKER_H
#define WP_NOTIFIER_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "notifier/provider/verdict.h"

enum {
	WP_BREAKER_LAST = 20,             /* outcomes that count, */
	WP_BREAKER_BAD = 10,              /* so many of which are too many, */
	WP_BREAKER_WINDOW_MS = 30 * 1000, /* if all are of that time */
	WP_BREAKER_OPEN_MS = 10 * 1000,   /* doubling */
	WP_BREAKER_OPEN_MAX_MS = 600 * 1000,
	WP_BREAKER_CONFIG_MS = 60 * 1000, /* doubling */
	WP_BREAKER_CONFIG_MAX_MS = 1200 * 1000,
	WP_BREAKER_PROBE_MS = 1000, /* so soon one looks again for a probe */
};

enum wp_breaker_state {
	WP_BREAKER_CLOSED,
	WP_BREAKER_OPEN,
	WP_BREAKER_CONFIG, /* open, because our settings are wrong */
};

/* Begins all zero, and closed. Only state is for others to read. */
struct wp_breaker {
	enum wp_breaker_state state;
	bool is_probing;
	uint32_t epoch; /* of openings: what was begun before is old news */
	uint32_t times; /* that it opened without having closed since */
	uint64_t until_ms;
	size_t at; /* in the ring */
	size_t n;
	struct {
		uint64_t at_ms;
		bool is_bad;
	} last[WP_BREAKER_LAST];
};

/*
 * How long is nothing to be sent? For who plans.
 *
 * Returns:  ms from now; 0: now, perhaps as the probe
 */
uint64_t wp_breaker_wait_ms(const struct wp_breaker *b, uint64_t now_ms);

/*
 * A request is to be sent. Returns: false when it must not; else *ticket_out is
 * for wp_breaker_end(), which has to be said of it once
 */
bool wp_breaker_begin(struct wp_breaker *b, uint64_t now_ms,
		      uint32_t *ticket_out);

/*
 * What came of a request.
 *
 * seed:     for the spread of what it stays open
 * Returns:  true when it has closed by that, and a ramp begins: wp_rate_ramp()
 */
bool wp_breaker_end(struct wp_breaker *b, uint32_t ticket,
		    const struct wp_judgement *judgement, uint64_t now_ms,
		    uint32_t seed);

/* A person says that all is well: what was is forgotten. */
void wp_breaker_close(struct wp_breaker *b);

#endif /* WP_NOTIFIER_BREAKER_H */
