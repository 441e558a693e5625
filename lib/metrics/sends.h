/*
 * sends.h - waypost_sends_total: what became of envelopes, whichever door they
 * came through and whichever program it belongs to.
 */
#ifndef WP_LIB_METRICS_SENDS_H
#define WP_LIB_METRICS_SENDS_H

#include "lib/metrics/metrics.h"

#define WP_SENDS_NAME "waypost_sends_total"

enum wp_sent {
	WP_SENT_ACCEPTED,
	WP_SENT_REPEATED, /* of what was accepted before, with the same key */
	WP_SENT_CONFLICT,
	WP_SENT_FULL,
	WP_SENT_LIMITED,
	WP_SENT_OVERLOADED,
	WP_SENT_INVALID,
	WP_SENT_UNAVAILABLE, /* a fault of ours; surely not accepted */
	WP_SENT_UNKNOWN,     /* a fault of ours; perhaps accepted */
	WP_SENT_RESULTS
};

#define WP_SENDS_ROW(first, door, result, text, help_)             \
	[(first) + WP_SENT_##result] = {                           \
		.name = WP_SENDS_NAME,                             \
		.labels = "door=\"" door "\",result=\"" text "\"", \
		.help = (help_),                                   \
		.type = WP_COUNTER,                                \
	}

/* The rows of one door in a table, from index first on. */
#define WP_SENDS_OF(first, door)                                             \
	WP_SENDS_ROW(first, door, ACCEPTED, "accepted",                      \
		     "Envelopes, by the door they came through and what "    \
		     "became of them; a batch that is refused as a whole "   \
		     "is one."),                                             \
		WP_SENDS_ROW(first, door, REPEATED, "repeated", NULL),       \
		WP_SENDS_ROW(first, door, CONFLICT, "conflict", NULL),       \
		WP_SENDS_ROW(first, door, FULL, "full", NULL),               \
		WP_SENDS_ROW(first, door, LIMITED, "limited", NULL),         \
		WP_SENDS_ROW(first, door, OVERLOADED, "overloaded", NULL),   \
		WP_SENDS_ROW(first, door, INVALID, "invalid", NULL),         \
		WP_SENDS_ROW(first, door, UNAVAILABLE, "unavailable", NULL), \
		WP_SENDS_ROW(first, door, UNKNOWN, "unknown", NULL)

#endif /* WP_LIB_METRICS_SENDS_H */
