/*
 * memory.h - how full Redis is, sampled once a second without waiting.
 */
#ifndef WP_WS_MEMORY_H
#define WP_WS_MEMORY_H

#include <ev.h>

#include "lib/base/log.h"
#include "ws-daemon/registrar.h"

struct wp_memory {
	struct ev_loop *loop;
	struct wp_registrar *registrar;
	ev_timer timer;
	unsigned percent; /* of maxmemory; 0 when unlimited or unknown */
	bool is_asking;
	struct wp_log log;
	struct wp_log_limit log_limit;
};

/* Everything is borrowed; memory must not move afterwards. */
void wp_memory_start(struct wp_memory *memory, struct ev_loop *loop,
		     struct wp_registrar *registrar);
void wp_memory_stop(struct wp_memory *memory);

#endif /* WP_WS_MEMORY_H */
