/*
 * answer.h - what all answers over HTTP have in common, whoever gives them.
 */
#ifndef WP_LIB_HTTP_ANSWER_H
#define WP_LIB_HTTP_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/random.h"
#include "lib/http/head.h"

/* "Not Found" of 404; "Error" of a status that Waypost does not use. */
const char *wp_http_reason(unsigned status);

/*
 * Retry-After in seconds, from 1 to most: those who were all refused at the
 * same moment are not to come back together.
 */
unsigned wp_http_retry_after_s(unsigned most);

/* The same for whoever may come back in wait_ns: that in seconds, rounded up,
 * and up to two more. */
unsigned wp_http_retry_in_s(int64_t wait_ns);

/* X-Request-Id. */
enum { WP_REQUEST_ID_MAX = 64 };

/*
 * Take over the id that the client gave; false when it gave none, or one that
 * is not 1 to WP_REQUEST_ID_MAX of A-Z a-z 0-9 . _ - and could forge a line.
 */
bool wp_request_id_keep(char id[WP_REQUEST_ID_MAX + 1],
			const struct wp_text *given);
/* Make one: 32 random hex digits. pool: where from, or NULL */
void wp_request_id_make(char id[WP_REQUEST_ID_MAX + 1],
			struct wp_random_pool *pool);

#endif /* WP_LIB_HTTP_ANSWER_H */
