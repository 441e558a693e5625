/*
 * route.c - the route table, and finding a row in it.
 */
#include "handlers/route.h"

static const char allow_get[] = "GET, OPTIONS";
static const char allow_get_head[] = "GET, HEAD, OPTIONS";
static const char allow_post[] = "POST, OPTIONS";

static const struct wp_http_route routes[] = {
	{ .id = WP_ROUTE_ID_SEND,
	  .name = "send",
	  .path = "/api/send",
	  .alias = "/send",
	  .method = WP_METHOD_POST,
	  .needs_token = true,
	  .allow = allow_post,
	  .handle = wp_handle_send },
	{ .id = WP_ROUTE_ID_SEND_BATCH,
	  .name = "send_batch",
	  .path = "/api/send/batch",
	  .alias = "/send/batch",
	  .method = WP_METHOD_POST,
	  .needs_token = true,
	  .allow = allow_post,
	  .handle = wp_handle_send_batch },
	{ .id = WP_ROUTE_ID_MESSAGES,
	  .name = "messages",
	  .path = "/api/messages",
	  .alias = "/messages",
	  .method = WP_METHOD_GET,
	  .needs_token = true,
	  .allow = allow_get,
	  .handle = wp_handle_messages },
	{ .id = WP_ROUTE_ID_ACK,
	  .name = "ack",
	  .path = "/api/messages/ack",
	  .alias = "/messages/ack",
	  .method = WP_METHOD_POST,
	  .needs_token = true,
	  .allow = allow_post,
	  .handle = wp_handle_ack },
	{ .id = WP_ROUTE_ID_PRESENCE,
	  .name = "presence",
	  .path = "/api/presence",
	  .method = WP_METHOD_GET,
	  .needs_token = true,
	  .allow = allow_get,
	  .handle = wp_handle_presence },
	{ .id = WP_ROUTE_ID_TICKET,
	  .name = "ticket",
	  .path = "/api/ticket",
	  .method = WP_METHOD_POST,
	  .needs_token = true,
	  .allow = allow_post,
	  .handle = wp_handle_ticket },
	{ .id = WP_ROUTE_ID_HEALTHZ,
	  .name = "healthz",
	  .path = "/healthz",
	  .method = WP_METHOD_GET,
	  .with_head = true,
	  .is_light = true,
	  .is_probe = true,
	  .allow = allow_get_head,
	  .handle = wp_handle_healthz },
	{ .id = WP_ROUTE_ID_READYZ,
	  .name = "readyz",
	  .path = "/readyz",
	  .method = WP_METHOD_GET,
	  .with_head = true,
	  .is_probe = true,
	  .allow = allow_get_head,
	  .handle = wp_handle_readyz },
	{ .id = WP_ROUTE_ID_METRICS,
	  .name = "metrics",
	  .path = "/metrics",
	  .method = WP_METHOD_GET,
	  .is_light = true,
	  .is_probe = true,
	  .allow = allow_get,
	  .handle = wp_handle_metrics },
};

const struct wp_http_route *wp_http_route_find(const struct wp_text *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (wp_text_is(path, routes[i].path) ||
		    (routes[i].alias != NULL &&
		     wp_text_is(path, routes[i].alias)))
			return &routes[i];
	return NULL;
}

bool wp_http_route_takes(const struct wp_http_route *route,
			 enum wp_method method)
{
	return method == route->method ||
	       (method == WP_METHOD_HEAD && route->with_head);
}
