/*
 * overload.h - how full Redis is, sampled once a second without waiting.
 */
#ifndef WP_LIB_LIVE_OVERLOAD_H
#define WP_LIB_LIVE_OVERLOAD_H

#include <ev.h>

#include "lib/base/log.h"
#include "lib/live/registrar.h"

struct wp_overload {
	struct ev_loop *loop;
	struct wp_registrar *registrar;
	ev_timer timer;
	unsigned percent; /* of maxmemory; 0 when unlimited or unknown */
	bool is_asking;
	struct wp_log log;
	struct wp_log_limit log_limit;
};

/* Everything is borrowed; overload must not move afterwards. */
void wp_overload_start(struct wp_overload *overload, struct ev_loop *loop,
		       struct wp_registrar *registrar);
void wp_overload_stop(struct wp_overload *overload);

#endif /* WP_LIB_LIVE_OVERLOAD_H */
