/*
 * metrics.c - names and sentences of the handlers' metrics.
 */
#include "handlers/metrics.h"

#define REQUESTS "waypost_http_requests_total"
#define DURATION "waypost_http_request_duration_seconds"
#define SENDS "waypost_http_sends_total"

/* The first route carries the sentence of the whole name. */
#define REQUESTS_OF(id, route, sentence)                                       \
	[WP_H_REQUESTS + (id)*                                                 \
		WP_STATUS_CLASSES] = { REQUESTS,                               \
				       "route=\"" route "\",class=\"2xx\"",    \
				       sentence, WP_COUNTER },                 \
	   [WP_H_REQUESTS + (id)*WP_STATUS_CLASSES +                           \
		   1] = { REQUESTS, "route=\"" route "\",class=\"4xx\"", NULL, \
			  WP_COUNTER },                                        \
	   [WP_H_REQUESTS + (id)*WP_STATUS_CLASSES +                           \
		   2] = { REQUESTS, "route=\"" route "\",class=\"5xx\"", NULL, \
			  WP_COUNTER }
#define DURATION_OF(id, route, sentence)                                      \
	[WP_H_DURATION + (id)] = { DURATION, "route=\"" route "\"", sentence, \
				   WP_HISTOGRAM }

static const struct wp_metric_desc descs[WP_H_COUNT] = {
	REQUESTS_OF(WP_ROUTE_ID_SEND, "send",
		    "Requests answered, by route and class of status."),
	REQUESTS_OF(WP_ROUTE_ID_SEND_BATCH, "send_batch", NULL),
	REQUESTS_OF(WP_ROUTE_ID_MESSAGES, "messages", NULL),
	REQUESTS_OF(WP_ROUTE_ID_ACK, "ack", NULL),
	REQUESTS_OF(WP_ROUTE_ID_PRESENCE, "presence", NULL),
	REQUESTS_OF(WP_ROUTE_ID_TICKET, "ticket", NULL),
	REQUESTS_OF(WP_ROUTE_ID_HEALTHZ, "healthz", NULL),
	REQUESTS_OF(WP_ROUTE_ID_READYZ, "readyz", NULL),
	REQUESTS_OF(WP_ROUTE_ID_METRICS, "metrics", NULL),
	REQUESTS_OF(WP_ROUTE_ID_NONE, "none", NULL),
	DURATION_OF(WP_ROUTE_ID_SEND, "send",
		    "Time from the request's headers to its answer."),
	DURATION_OF(WP_ROUTE_ID_SEND_BATCH, "send_batch", NULL),
	DURATION_OF(WP_ROUTE_ID_MESSAGES, "messages", NULL),
	DURATION_OF(WP_ROUTE_ID_ACK, "ack", NULL),
	DURATION_OF(WP_ROUTE_ID_PRESENCE, "presence", NULL),
	DURATION_OF(WP_ROUTE_ID_TICKET, "ticket", NULL),
	DURATION_OF(WP_ROUTE_ID_HEALTHZ, "healthz", NULL),
	DURATION_OF(WP_ROUTE_ID_READYZ, "readyz", NULL),
	DURATION_OF(WP_ROUTE_ID_METRICS, "metrics", NULL),
	DURATION_OF(WP_ROUTE_ID_NONE, "none", NULL),
	[WP_H_SEND_ACCEPTED] = { SENDS, "result=\"accepted\"",
				 "Envelopes given to Redis, by its answer.",
				 WP_COUNTER },
	[WP_H_SEND_CONFLICT] = { SENDS, "result=\"conflict\"", NULL,
				 WP_COUNTER },
	[WP_H_SEND_FULL] = { SENDS, "result=\"full\"", NULL, WP_COUNTER },
	[WP_H_SEND_OVERLOADED] = { SENDS, "result=\"overloaded\"", NULL,
				   WP_COUNTER },
	[WP_H_SEND_UNKNOWN] = { SENDS, "result=\"unknown\"", NULL, WP_COUNTER },
	[WP_H_PULLED] = { "waypost_http_pulled_total", NULL,
			  "Messages in the answers to pulls.", WP_COUNTER },
	[WP_H_ACKED] = { "waypost_http_acked_total", NULL,
			 "Message ids in acks that held.", WP_COUNTER },
	[WP_H_PROCESSES] = { "waypost_http_processes", NULL,
			     "Handler processes that are ready.", WP_GAUGE },
	[WP_H_RESTARTS] = { "waypost_http_process_restarts_total", NULL,
			    "Handler processes that died by themselves.",
			    WP_COUNTER },
};

enum wp_err wp_handlers_metrics_new(struct wp_metrics **out,
				    struct wp_error *err)
{
	return wp_metrics_new(out, descs, WP_H_COUNT, err);
}

void wp_handlers_metrics_request(struct wp_metrics *metrics,
				 enum wp_route_id route, unsigned int status,
				 uint64_t duration_us)
{
	size_t class = status < 400 ? 0 : status < 500 ? 1 : 2;

	wp_metric_add(metrics,
		      WP_H_REQUESTS + (size_t)route * WP_STATUS_CLASSES + class,
		      1);
	wp_metric_observe_us(metrics, WP_H_DURATION + (size_t)route,
			     duration_us);
}
