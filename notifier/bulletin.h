/*
 * bulletin.h - what operators and notifiers tell each other through Redis:
 * `waypost push resume` reaches each notifier with the next beat, and each says
 * how its providers are for `waypost push status`.
 *
 * An order is done once by each notifier that was there when it was given, also
 * if its Redis was not. Who starts later has nothing to resume: what he finds
 * at first is old.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_BULLETIN_H
#define WP_NOTIFIER_BULLETIN_H

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "notifier/redis.h"

struct ev_loop;
struct wp_bulletin;

enum {
	WP_BULLETIN_BEAT_MS = 1000,
	WP_BULLETIN_SAID_BEATS = 5, /* so often it says how providers are */
	WP_BULLETIN_APPS_MAX = 64,  /* whose orders are remembered */
	WP_BULLETIN_BYTES_MAX = 65536,
};

/* All borrowed. */
struct wp_bulletin_setup {
	struct ev_loop *loop;
	struct wp_judged *redis;
	const char *notifier; /* its id */
	/* An operator says that all is well with this app. */
	void (*on_resume)(void *ctx, const char *app);
	/* Append how providers are: see lib/mailbox/push_lanes.h. */
	void (*describe)(void *ctx, struct wp_buf *out);
	void *ctx;
};

/* Errors: WP_ERR_NOMEM */
enum wp_err wp_bulletin_new(struct wp_bulletin **out,
			    const struct wp_bulletin_setup *setup,
			    struct wp_error *err) WP_MUST_USE;
/* After wp_judged_free(). NULL-safe. */
void wp_bulletin_free(struct wp_bulletin **bulletin);

/* What the timer has done with each beat. */
void wp_bulletin_beat(struct wp_bulletin *bulletin);

#endif /* WP_NOTIFIER_BULLETIN_H */
