/*
 * redis.h - sinks that are one command of Redis: a stream, from which consumer
 * groups read, and a channel, which nobody hears who does not listen.
 */
#ifndef WP_LIB_BUS_REDIS_H
#define WP_LIB_BUS_REDIS_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/bus/bus.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

/* Who asks Redis for a sink: as wp_aredis_do(), of which ctx is the client. */
struct wp_bus_redis {
	enum wp_err (*ask)(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			   void *fn_ctx);
	void *ctx;
};

/*
 * A message is an entry of a stream with the one field "payload"; of more than
 * about max the oldest go (XADD with MAXLEN ~).
 *
 * key:        copied
 * max:        > 0
 * Ownership:  the caller's; end with wp_bus_sink_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_bus_stream_new(struct wp_bus_sink **out,
			      const struct wp_bus_redis *redis, const char *key,
			      int64_t max, struct wp_error *err) WP_MUST_USE;

/* The same, of a channel: PUBLISH. Whether anybody listens is not told. */
enum wp_err wp_bus_channel_new(struct wp_bus_sink **out,
			       const struct wp_bus_redis *redis,
			       const char *channel,
			       struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_BUS_REDIS_H */
