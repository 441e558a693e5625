/*
 * web.h - requests through the front door of the deployment, one at a time, and
 * what is asked of every answer. For `waypost doctor` and `waypost bench`.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_WEB_H
#define WP_TOOLS_WAYPOST_DOCTOR_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum { WP_WEB_URL_MAX = 512, WP_WEB_VALUE_MAX = 128 };

struct wp_web;

/*
 * url:        of the deployment, without a path but perhaps a folder, as
 *             public_url has it
 * ca_file:    "": the system's
 * Ownership:  *out is the caller's; end with wp_web_free()
 * Errors:     WP_ERR_INVAL  it is no URL; WP_ERR_NOMEM
 * Threads:    of one
 */
enum wp_err wp_web_new(struct wp_web **out, const char *url,
		       const char *ca_file, struct wp_error *err) WP_MUST_USE;
void wp_web_free(struct wp_web **web);

/* Without the slash behind it; borrowed. */
const char *wp_web_base(const struct wp_web *web);

struct wp_web_call {
	const char *path;  /* "/api/send" */
	const char *token; /* NULL: none is shown */
	const char *key;   /* Idempotency-Key; NULL: none */
	const void *body;  /* JSON, with POST; NULL: GET */
	size_t len;
};

/* All is the caller's. */
struct wp_web_answer {
	long status; /* 0: there was none, and why says why */
	char why[256];
	char type[WP_WEB_VALUE_MAX]; /* Content-Type, without parameters */
	char date[WP_WEB_VALUE_MAX];
	struct wp_buf body;
	uint64_t us; /* from the call to its end */
};
void wp_web_answer_release(struct wp_web_answer *answer);

/*
 * Ask, and wait for at most 10 s, whatever comes of it.
 *
 * Errors:  WP_ERR_NOMEM, WP_ERR_INVAL  it was not asked
 */
enum wp_err wp_web_ask(struct wp_web *web, const struct wp_web_call *call,
		       struct wp_web_answer *out,
		       struct wp_error *err) WP_MUST_USE;

/* Is it an error as docs/openapi.yaml has them: JSON with a code? */
bool wp_web_is_error(const struct wp_web_answer *answer);

/* Append a member of the body, a string, decoded. False when there is none. */
bool wp_web_text(const struct wp_web_answer *answer, const char *name,
		 struct wp_buf *out);

#endif /* WP_TOOLS_WAYPOST_DOCTOR_WEB_H */
