/*
 * parts.h - what the connections of this process share. One per process, one
 * thread; server.c makes and frees it.
 */
#ifndef WP_WS_PARTS_H
#define WP_WS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/token.h"
#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/slab.h"
#include "lib/http/request_log.h"
#include "lib/limit/address.h"
#include "lib/live/key_wait.h"
#include "lib/live/limiter.h"
#include "lib/live/live.h"
#include "lib/live/turn.h"
#include "lib/name/topic.h"
#include "ws-daemon/metrics.h"
#include "ws-daemon/poller.h"
#include "ws-daemon/wire/deflate.h"
#include "ws-daemon/wire/outbox.h"

enum { WP_INPUT_BYTES = 64 * 1024 };

struct wp_conn_upcalls;
struct wp_consumers;
struct wp_drain;
struct wp_ws_canary;

struct wp_parts {
	struct wp_live live; /* with the current configuration */
	struct wp_auth *auth;
	struct wp_key_wait *key_wait; /* owned: whose keys are not known */
	struct wp_metrics *metrics;
	struct wp_limiter *limiter;  /* owned */
	struct wp_limit_rate frames; /* of a connection */
	struct wp_alike alike;
	struct wp_request_log requests;
	const struct wp_conn_upcalls *upcalls;
	struct wp_consumers *consumers; /* owned: who is sent messages */

	struct wp_turn turn;
	struct wp_poller poller;
	struct wp_slab conns;

	struct wp_message *poke; /* built once */
	struct wp_message *ping;
	struct wp_deflate *deflate; /* owned */
	uint8_t *input;             /* every read goes here first */
	struct wp_buf scratch;      /* for building text; empty between uses */
	/* Of notifications that were dropped, by the reason. */
	struct wp_log_limit dropped_limits[WP_WS_METRIC_COUNT];

	struct wp_topic topics[WP_TOPICS_MAX]; /* of websocket.topics */
	size_t n_topics;
	int64_t notified_ms; /* wp_wall_ms() of the last notification; 0 */

	size_t n_sockets;
	size_t n_admitted; /* count towards max_connections */
	size_t n_open;
	size_t n_queued; /* bytes that wait for sockets, after each turn */
	bool is_stopping;
	struct wp_drain *drain;      /* owned; NULL: nobody is moved */
	struct wp_ws_canary *canary; /* owned; NULL: none */
	struct wp_log_limit origin_limit;
};

#endif /* WP_WS_PARTS_H */
