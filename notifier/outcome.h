/*
 * outcome.h - what a provider's verdict means for a push and its device: is it
 * told, tried again, or given up, and what is written down of the device.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_OUTCOME_H
#define WP_NOTIFIER_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "notifier/lane/lanes.h"
#include "notifier/lookup.h"
#include "notifier/provider/verdict.h"
#include "notifier/results.h"

enum {
	/* Whoever finds no slot, or could not begin, looks again after that, */
	WP_OUTCOME_SLOT_MIN_MS = 1000,
	WP_OUTCOME_SLOT_MAX_MS = 5000,
	/* and behind the reopening of a provider within so long. */
	WP_OUTCOME_REOPEN_SPREAD_MS = 60 * 1000,
	/* Whose token looks bad is tried again after so long, at least: it may
	 * be our settings, and somebody mends them. */
	WP_OUTCOME_SUSPECT_S = 600,
	/* A webhook that refuses everything for so long is given up. */
	WP_OUTCOME_REFUSING_S = 24 * 3600,
};

enum wp_delivered {
	WP_DELIVERY_ACCEPTED,
	WP_DELIVERY_REFUSED, /* it will never be taken */
	WP_DELIVERY_GONE,    /* the device is not there any more */
	WP_DELIVERY_FAILED,  /* a try */
	WP_DELIVERY_PUT_OFF, /* no try */
};
struct wp_delivery_end {
	enum wp_delivered what;
	int64_t after_ms; /* FAILED, PUT_OFF: not before, from now */
	bool may_show;    /* the device shows it, or may */
	bool is_crowded;  /* PUT_OFF, for want of a slot */
	char reason[WP_REASON_MAX + 1];
};

/* Nothing was asked, and nothing is in the way: in some seconds. */
struct wp_delivery_end wp_outcome_soon(void);
/* The same for want of a slot. */
struct wp_delivery_end wp_outcome_crowded(void);
/* Behind the reopening of its provider, wait_ms from now. */
struct wp_delivery_end wp_outcome_shut(uint64_t wait_ms);

/* Of whom a verdict is. */
struct wp_outcome_of {
	struct wp_results *results;
	const struct wp_target *target;
	const struct wp_lane *lane; /* NULL: none, and all is accepted */
	bool is_guarded; /* so many tokens look bad that it may be us */
	uint64_t now_us; /* by wp_mono_us() */
	int64_t now_ms;  /* wall clock, since 1970 */
};

/* What it means; the device's state and last result are written down. */
struct wp_delivery_end wp_outcome(const struct wp_outcome_of *of,
				  const struct wp_judgement *judgement);

#endif /* WP_NOTIFIER_OUTCOME_H */
