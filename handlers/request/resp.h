/*
 * resp.h - an answer, complete in memory before its first byte is written.
 *
 * What every answer has (docs/openapi.yaml "info") is added here and nowhere
 * else: X-Request-Id, Cache-Control, Vary and CORS; with 200 Accept-Ranges,
 * with an error of 401 WWW-Authenticate, with one of 429 or 503 Retry-After;
 * RateLimit and RateLimit-Policy where the caller has a limit.
 */
#ifndef WP_HANDLERS_REQUEST_RESP_H
#define WP_HANDLERS_REQUEST_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

#include "handlers/request/req.h"

/*
 * What the caller may do yet, as this process knows it: no more than that is
 * left. Source: draft-ietf-httpapi-ratelimit-headers-10.
 */
struct wp_resp_rate {
	const char *name; /* of the class; NULL: nothing is told */
	int64_t burst;
	int64_t window_s;
	int64_t left;
	int64_t full_ns; /* in which all of the burst is there again */
};

struct wp_resp {
	unsigned int status;
	const char *code;         /* of an error; NULL: it is none */
	const char *reason;       /* why a token is refused; NULL: it is not */
	const char *type;         /* Content-Type; NULL = no body at all */
	unsigned int methods;     /* Allow, and those of CORS; 0 = not said */
	struct wp_resp_rate rate; /* stays whatever the answer becomes */
	struct wp_buf body;       /* owned */
	struct wp_buf headers;    /* owned; use wp_resp_header() */
	struct wp_buf head;       /* owned */
};

void wp_resp_init(struct wp_resp *resp);
void wp_resp_release(struct wp_resp *resp);

/* Ready for the next answer; keeps what memory a usual one needs. */
void wp_resp_clear(struct wp_resp *resp);

/* Is what is in the answer nobody else's, so that it is wiped when it goes?
 * Also behind wp_resp_clear(). */
void wp_resp_set_secret(struct wp_resp *resp, bool is_secret);

/* An answer without a body: 204. */
void wp_resp_empty(struct wp_resp *resp, unsigned int status);

/* Begin a JSON body; the caller writes it into resp->body. */
void wp_resp_json(struct wp_resp *resp, unsigned int status);

/* A body of plain text. */
void wp_resp_text(struct wp_resp *resp, unsigned int status, const char *text);

/*
 * A page for a person, 200: of ours whole, with nothing of the request in it.
 * Its form may be sent back to us, and it loads nothing, is in nobody's frame,
 * and tells no other site where it was.
 *
 * Source:  W3C Content Security Policy Level 3
 */
void wp_resp_page(struct wp_resp *resp, const char *html);

/*
 * One more header. Of those that are added here, Cache-Control and
 * Accept-Ranges give way to one of their name. A value with a line break makes
 * the answer a 500.
 */
void wp_resp_header(struct wp_resp *resp, const char *name, const char *value);

/*
 * {"error":sentence,"code":code}, in place of whatever was there, headers
 * included.
 *
 * code:      stable, snake_case; part of the API; a literal
 * sentence:  something a developer can act on, without secrets
 */
void wp_resp_error(struct wp_resp *resp, unsigned int status, const char *code,
		   const char *sentence);

/*
 * 401, code unauthorized.
 *
 * reason:    for the log: a literal, and nothing of the token
 * is_given:  there was a token, and it is no good (RFC 6750 section 3)
 */
void wp_resp_unauthorized(struct wp_resp *resp, const char *reason,
			  const char *sentence, bool is_given);

/* Append "error":…,"code":… without braces, for one result of several. */
void wp_resp_add_error(struct wp_buf *out, const char *code,
		       const char *sentence);

/* 503 with code unavailable: a part is down; nothing is known of a write. */
void wp_resp_unavailable(struct wp_resp *resp, const char *sentence);

/*
 * 429 with code rate_limited. Retry-After is wait_ns in seconds, rounded up,
 * and up to two more: those who wait for one moment are not to come together.
 */
void wp_resp_limited(struct wp_resp *resp, int64_t wait_ns);

/* 500 with code internal, for what only a lack of memory brings about. */
void wp_resp_internal(struct wp_resp *resp);

/* How long the body is that is written in answer to req. */
size_t wp_resp_body_bytes(const struct wp_resp *resp, const struct wp_req *req);

/*
 * Does the request ask for a page of an origin that is not listed whether it
 * may ask (a preflight, Fetch "CORS-preflight request")? Pages of our own never
 * do.
 */
bool wp_resp_is_foreign(const struct wp_req *req, const struct wp_conf *conf);

/*
 * Write head and body through the request's io. A HEAD gets no body.
 *
 * Returns:  false when nobody listens any more
 */
bool wp_resp_write(struct wp_resp *resp, const struct wp_req *req,
		   const struct wp_conf *conf);

#endif /* WP_HANDLERS_REQUEST_RESP_H */
