/*
 * memory.c - ask INFO memory over the command connection, keep one number.
 */
#include "ws-daemon/memory.h"

#include "lib/base/clock.h"
#include "lib/redis/memory.h"

enum { LOG_INTERVAL_MS = 60000 };

static const double sample_s = 1.0;

static void on_info(void *ctx, const struct wp_reply *reply)
{
	struct wp_memory *memory = ctx;
	uint32_t suppressed;

	memory->is_asking = false;
	if (reply == NULL)
		return; /* lost: the next answer tells */
	if (wp_reply_type(reply) == WP_REPLY_STR) {
		memory->percent = wp_memory_percent(reply);
		return;
	}
	/* What was true once need not be now; Redis itself still refuses what
	 * it has no room for. */
	memory->percent = 0;
	if (wp_log_allow(&memory->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&memory->log, WP_LOG_WARN,
		       "Redis does not tell how full it is",
		       wp_str("reply", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

static void on_sample(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_memory *memory = timer->data;
	struct wp_aredis *redis = wp_registrar_redis(memory->registrar);
	struct wp_cmd cmd;

	(void)loop;
	(void)events;
	if (memory->is_asking || redis == NULL || !wp_aredis_is_ready(redis))
		return;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "INFO");
	wp_cmd_str(&cmd, "memory");
	memory->is_asking = wp_aredis_do(redis, &cmd, on_info, memory) == WP_OK;
	wp_cmd_release(&cmd);
}

void wp_memory_start(struct wp_memory *memory, struct ev_loop *loop,
		     struct wp_registrar *registrar)
{
	*memory = (struct wp_memory){ .loop = loop, .registrar = registrar };
	memory->log.component = "memory";
	ev_timer_init(&memory->timer, on_sample, 0., sample_s);
	memory->timer.data = memory;
	ev_timer_start(loop, &memory->timer);
}

void wp_memory_stop(struct wp_memory *memory)
{
	if (memory->loop != NULL)
		ev_timer_stop(memory->loop, &memory->timer);
}
