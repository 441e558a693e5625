/*
 * rates.h - what is limited, and how far: the one table of classes, and what
 * limits.rates says instead of its presets.
 *
 * A new class is a row here; it is limited where somebody names it.
 */
#ifndef WP_LIB_LIMIT_RATES_H
#define WP_LIB_LIMIT_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/*
 * name:    in the configuration, in metrics, in the answer's RateLimit
 * preset:  "<units a second>/<burst>"
 * kept:    SHARED: by all processes and hosts together, in Redis
 *          ALONE: by each process for itself
 *
 * SEND, PULL, ACK, PRESENCE, TICKET, DEVICES, PUSH_TEST, SESSION, BEGIN
 * (sessions that begin) and CONNECT are of a user, KEY (whatever a back end
 * does with it) of a key, REFRESH of a session (to log it out again counts as
 * well), FRAMES of a connection. LOGIN (passwords and codes that were wrong),
 * REGISTER (names that were got or found taken) and FAILED (answers that cost
 * work and got the caller nothing) are of an address.
 */
#define WP_LIMIT_CLASSES(ROW)                          \
	ROW(SEND, "send", "100/200", SHARED)           \
	ROW(PULL, "pull", "100/200", SHARED)           \
	ROW(ACK, "ack", "100/200", SHARED)             \
	ROW(PRESENCE, "presence", "5/20", SHARED)      \
	ROW(TICKET, "ticket", "1/10", SHARED)          \
	ROW(DEVICES, "devices", "0.2/20", SHARED)      \
	ROW(PUSH_TEST, "push_test", "0.1/3", SHARED)   \
	ROW(SESSION, "session", "0.5/30", SHARED)      \
	ROW(BEGIN, "begin", "0.1/60", SHARED)          \
	ROW(REFRESH, "refresh", "0.2/60", SHARED)      \
	ROW(LOGIN, "login", "0.33/30", SHARED)         \
	ROW(REGISTER, "register", "0.0028/10", SHARED) \
	ROW(KEY, "key", "1000/2000", SHARED)           \
	ROW(FAILED, "failed", "20/100", ALONE)         \
	ROW(CONNECT, "connect", "0.5/20", ALONE)       \
	ROW(FRAMES, "frames", "100/200", ALONE)

#define WP_LIMIT_ID(name, ...) WP_LIMIT_##name,
enum wp_limit_class {
	WP_LIMIT_CLASSES(WP_LIMIT_ID) WP_LIMIT_COUNT,
	WP_LIMIT_NONE = WP_LIMIT_COUNT /* where none applies */
};
#undef WP_LIMIT_ID

/* Of one class. */
struct wp_limit_rate {
	int64_t unit_ns; /* the time that gives back one unit; 0: no limit */
	int64_t burst;   /* units at once, out of a full bucket */
	/* Units that a process lets somebody have before it tells the others,
	 * see ledger.h. */
	int64_t credit;
	/* How long it may take until it does: what is older is forgotten. That
	 * is so long that less than one unit in a hundred can be. */
	int64_t keep_ns;
	/* No bucket is emptier than this, in the time that fills it. */
	int64_t most_ns;
	bool is_shared;
};

struct wp_limit_rates {
	struct wp_limit_rate of[WP_LIMIT_COUNT];
};

/* "send" */
const char *wp_limit_name(enum wp_limit_class class);

/* The seconds in which an empty bucket gets full, rounded up; a rate that
 * limits. */
int64_t wp_limit_window_s(const struct wp_limit_rate *rate);

/*
 * The presets, and in place of each what items say: "<class>=<rate>/<burst>",
 * with a rate of 0.0001 to 1000000 units a second, a burst of 1 to 1000000
 * units, and at most a day to fill the bucket; or "<class>=off".
 *
 * Errors:  WP_ERR_INVAL  with a sentence that begins with the item
 */
enum wp_err wp_limit_rates_read(struct wp_limit_rates *rates,
				char *const *items, size_t n,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_LIMIT_RATES_H */
