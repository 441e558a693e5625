/*
 * overload.c - ask INFO memory over the command connection, keep one number.
 */
#include "lib/live/overload.h"

#include "lib/base/clock.h"
#include "lib/redis/info.h"

enum { LOG_INTERVAL_MS = 60000 };

static const double sample_s = 1.0;

static void on_info(void *ctx, const struct wp_reply *reply)
{
	struct wp_overload *overload = ctx;
	uint32_t suppressed;

	overload->is_asking = false;
	if (reply == NULL)
		return; /* lost: the next answer tells */
	if (wp_reply_type(reply) == WP_REPLY_STR) {
		overload->percent = wp_memory_percent(reply);
		return;
	}
	/* What was true once need not be now; Redis itself still refuses what
	 * it has no room for. */
	overload->percent = 0;
	if (wp_log_allow(&overload->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&overload->log, WP_LOG_WARN,
		       "Redis does not tell how full it is",
		       wp_str("reply", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

static void on_sample(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_overload *overload = timer->data;
	struct wp_aredis *redis = wp_registrar_redis(overload->registrar);
	struct wp_cmd cmd;

	(void)loop;
	(void)events;
	if (overload->is_asking || redis == NULL || !wp_aredis_is_ready(redis))
		return;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "INFO");
	wp_cmd_str(&cmd, "memory");
	overload->is_asking =
		wp_aredis_do(redis, &cmd, on_info, overload) == WP_OK;
	wp_cmd_release(&cmd);
}

void wp_overload_start(struct wp_overload *overload, struct ev_loop *loop,
		       struct wp_registrar *registrar)
{
	*overload =
		(struct wp_overload){ .loop = loop, .registrar = registrar };
	overload->log.component = "memory";
	ev_timer_init(&overload->timer, on_sample, 0., sample_s);
	overload->timer.data = overload;
	ev_timer_start(loop, &overload->timer);
}

void wp_overload_stop(struct wp_overload *overload)
{
	if (overload->loop != NULL)
		ev_timer_stop(overload->loop, &overload->timer);
}
