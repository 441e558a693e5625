/*
 * request.h - what the line of the log about a request is made of: it is
 * answered when its head is forgotten.
 */
#ifndef WP_WS_REQUEST_H
#define WP_WS_REQUEST_H

#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/http/answer.h"
#include "lib/http/head.h"
#include "lib/http/trace.h"
#include "ws-daemon/parts.h"

struct wp_request {
	char request_id[WP_REQUEST_ID_MAX + 1];
	const char *route; /* a literal */
	const char *method;
	const char *reason; /* why a token is refused: a literal, or NULL */
	uint64_t start_us;
	struct wp_trace trace;
	bool is_probe;
};

/* A request came in. Without an id of its own it gets one. */
void wp_request_begin(struct wp_request *out, const struct wp_head *head);

/*
 * It is answered; gather its line if it is to have one.
 *
 * code:      of an error, else NULL
 * response:  all of the answer
 */
void wp_request_end(const struct wp_request *request, struct wp_parts *parts,
		    unsigned status, const char *code,
		    const struct wp_buf *response);

#endif /* WP_WS_REQUEST_H */
