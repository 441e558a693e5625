/*
 * trace.h - the trace that a request says it is part of, for its line of the
 * log and for nothing else: a trace that went with a message would join who
 * sent it with who reads it (docs/decisions/0045).
 */
#ifndef WP_LIB_HTTP_TRACE_H
#define WP_LIB_HTTP_TRACE_H

#include <stdbool.h>

#include "lib/http/head.h"

enum { WP_TRACE_ID_LEN = 32, WP_PARENT_ID_LEN = 16 };

/* In lower-case hex; both "" when there is none. */
struct wp_trace {
	char trace_id[WP_TRACE_ID_LEN + 1];
	char parent_id[WP_PARENT_ID_LEN + 1];
};

/*
 * Read the value of the one traceparent header.
 *
 * value:    data NULL: there is none, or more than one
 * Returns:  false, and out is empty, when it is not valid
 * Source:   W3C Trace Context (Recommendation of 2021), section 3.2
 */
bool wp_trace_read(struct wp_trace *out, const struct wp_text *value);

#endif /* WP_LIB_HTTP_TRACE_H */
