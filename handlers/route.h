/*
 * route.h - which path and method lead to which handler: one table.
 */
#ifndef WP_HANDLERS_ROUTE_H
#define WP_HANDLERS_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "handlers/handle.h"
#include "handlers/metrics.h"
#include "handlers/req.h"

struct wp_http_route {
	enum wp_route_id id;
	const char *name; /* in logs */
	const char *path;
	const char *alias; /* NULL when there is none */
	enum wp_method method;
	bool with_head;   /* HEAD is GET without the body */
	bool needs_token; /* the caller must say who it is */
	bool is_light;    /* answered without Redis and cold store */
	bool is_probe;    /* asked for every few seconds: logged at debug */
	const char *allow;
	wp_handle_fn handle;
};

/* The route of exactly this path; NULL when nothing is there. */
const struct wp_http_route *wp_http_route_find(const struct wp_text *path);

/* May the route be asked with this method? OPTIONS is not the route's. */
bool wp_http_route_takes(const struct wp_http_route *route,
			 enum wp_method method);

#endif /* WP_HANDLERS_ROUTE_H */
