/*
 * request.c - lines like those of the handlers, so that one search finds
 * both.
 */
#include "ws-daemon/request.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/http/request_log.h"

static const struct {
	const char *path;
	const char *route;
	bool is_probe;
} routes[] = {
	{ "/connect", "connect", false },
	{ "/ws", "connect", false },
	{ "/healthz", "healthz", true },
	{ "/readyz", "readyz", true },
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

static void find_route(struct wp_request *out, const struct wp_text *path)
{
	out->route = "none";
	for (size_t i = 0; i < ROUTES; i++) {
		if (!wp_text_is(path, routes[i].path))
			continue;
		out->route = routes[i].route;
		out->is_probe = routes[i].is_probe;
	}
}

void wp_request_begin(struct wp_request *out, const struct wp_head *head)
{
	struct wp_text id = wp_head_field(head, "X-Request-Id");
	struct wp_text trace = { 0 };

	*out = (struct wp_request){ .start_us = wp_mono_us() };
	if (!wp_request_id_keep(out->request_id, &id))
		wp_request_id_make(out->request_id, NULL);
	find_route(out, &head->path);
	out->method = wp_text_is(&head->method, "GET")    ? "GET"
		      : wp_text_is(&head->method, "HEAD") ? "HEAD"
							  : "other";
	if (wp_head_count(head, "traceparent") == 1)
		trace = wp_head_field(head, "traceparent");
	(void)wp_trace_read(&out->trace, &trace);
}

static size_t body_bytes(const struct wp_buf *response)
{
	static const char blank[] = "\r\n\r\n";
	size_t blank_len = sizeof(blank) - 1;
	const char *end = response->len == 0
				  ? NULL
				  : memmem(response->data, response->len, blank,
					   blank_len);

	return end == NULL ? 0
			   : response->len -
				     (size_t)(end + blank_len - response->data);
}

void wp_request_end(const struct wp_request *request, struct wp_parts *parts,
		    unsigned status, const char *code,
		    const struct wp_buf *response)
{
	const struct wp_log log = { .component = "conn" };
	struct wp_request_line line = {
		.request_id = request->request_id,
		.door = "ws",
		.route = request->route,
		.method = request->method,
		.status = status,
		.code = code,
		.reason = request->reason,
		.bytes = body_bytes(response),
		.start_us = request->start_us,
		.end_us = wp_mono_us(),
		.is_probe = request->is_probe,
		.trace = request->trace,
	};

	if (wp_request_log_wants(&parts->requests, parts->live.conf, &line))
		wp_request_log_write(&log, &line);
}
