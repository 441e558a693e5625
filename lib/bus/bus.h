/*
 * bus.h - messages for services of the operator's own: a sink takes one at a
 * time, and says later whether it has it. What a sink is made of is not known
 * here; redis.h makes those that are one command of Redis.
 *
 * Threads: the loop's.
 */
#ifndef WP_LIB_BUS_BUS_H
#define WP_LIB_BUS_BUS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct wp_bus_sink;

enum wp_bus_end {
	WP_BUS_TAKEN,   /* it is in the bus */
	WP_BUS_UNKNOWN, /* nothing was answered: it may be there */
	WP_BUS_LATER,   /* nothing is taken now, whatever it is */
	WP_BUS_REFUSED, /* nor will it be, until somebody mends something */
};

/* Embedded in its owner, and there until on_end was told. */
struct wp_bus_message {
	const char *data; /* borrowed for the call */
	size_t len;
	/*
	 * Once, from the loop, and never inside the call.
	 *
	 * word:  of the bus for why it was not taken, borrowed; "": none
	 */
	void (*on_end)(struct wp_bus_message *message, enum wp_bus_end end,
		       const char *word);
};

struct wp_bus_sink_type {
	enum wp_err (*publish)(struct wp_bus_sink *sink,
			       struct wp_bus_message *message);
	void (*free)(struct wp_bus_sink *sink);
};

struct wp_bus_sink {
	const struct wp_bus_sink_type *type;
};

/* Errors: WP_ERR_UNAVAIL, WP_ERR_FULL, WP_ERR_NOMEM: on_end is not told */
enum wp_err wp_bus_publish(struct wp_bus_sink *sink,
			   struct wp_bus_message *message) WP_MUST_USE;
/* What is under way is told its end all the same. NULL-safe. */
void wp_bus_sink_free(struct wp_bus_sink **sink);

/*
 * Append what consumers of this bus unwrap (the MessageData of the services
 * that Waypost came from): {"id","payload","publishTime"}.
 *
 * id:       the same for each repeat, so that a consumer can drop it; no
 *           character of it is to be escaped in JSON
 * wall_ms:  when it is published, since 1970
 */
void wp_bus_wrap(struct wp_buf *out, const char *id, const void *payload,
		 size_t len, int64_t wall_ms);

#endif /* WP_LIB_BUS_BUS_H */
