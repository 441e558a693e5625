/*
 * request_log.h - the line about a request, and which requests have one.
 *
 * It has neither path nor query, neither caller nor message: nothing that joins
 * a sender with a message (docs/architecture.md "Privacy").
 */
#ifndef WP_LIB_HTTP_REQUEST_LOG_H
#define WP_LIB_HTTP_REQUEST_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/log.h"
#include "lib/http/trace.h"
#include "lib/sys/conf.h"

/* Lines that come in crowds: one kind does not hide another. */
enum wp_crowd {
	WP_CROWD_PROBES,
	WP_CROWD_UNAVAILABLE, /* 503, which costs who asks nothing */
	WP_CROWD_FULL,        /* 507 */
	WP_CROWD_FAILED,      /* any other 5xx */
	WP_CROWD_SLOW,
	WP_CROWDS
};

/* Of a process; begins as zeros. */
struct wp_request_log {
	struct wp_log_limit limits[WP_CROWDS];
	uint32_t skipped; /* good ones since the last that had a line */
	bool has_begun;   /* one had */
};

/* What there is to say. All text is borrowed, and ours: a literal or judged. */
struct wp_request_line {
	const char *request_id;
	const char *door;  /* by which it came: "http", "ws" */
	const char *route; /* its endpoint's name; "none" */
	const char *method;
	unsigned int status;
	const char *code;   /* of the answer; NULL: it was no error */
	const char *reason; /* why a token is refused, or NULL */
	size_t bytes;       /* of the body of the answer */
	uint64_t start_us;  /* of wp_mono_us() */
	uint64_t end_us;
	bool is_probe; /* its line is at debug */
	struct wp_trace trace;
	uint32_t suppressed; /* of wp_request_log_wants() */
};

/*
 * Is it worth a line, by log.requests, log.slow_ms and log.sample_ok? Errors
 * come in crowds, and who makes them come must not choose how much is written.
 *
 * line:  trace need not be there yet; suppressed gets how many of its kind have
 *        had none before it
 */
bool wp_request_log_wants(struct wp_request_log *log,
			  const struct wp_conf *conf,
			  struct wp_request_line *line);

/* Gather it; the program flushes (lib/base/log.h). */
void wp_request_log_write(const struct wp_log *who,
			  const struct wp_request_line *line);

#endif /* WP_LIB_HTTP_REQUEST_LOG_H */
