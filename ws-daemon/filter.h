/*
 * filter.h - which topics a connection asked for: the parameters of its request
 * that websocket.topics names, such as ?projectId=7. Without one it gets all.
 */
#ifndef WP_WS_FILTER_H
#define WP_WS_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/http/head.h"

struct wp_conn;

/*
 * Take them from a request into conn->extra.
 *
 * Returns:  false after an answer: 400 when one is no id or is there twice, 503
 *           without memory
 */
bool wp_filter_read(struct wp_conn *conn, const struct wp_head *head);

/* Does it want what is said about this id of the topic? */
bool wp_filter_passes(const struct wp_conn *conn, size_t topic, const char *id,
		      size_t len);

#endif /* WP_WS_FILTER_H */
