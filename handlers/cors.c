/*
 * cors.c - what an origin that is listed is told.
 *
 * It is told its own name as it gave it, because a browser compares byte by
 * byte. "*" is allowed by the configuration only without credentials, and is
 * then told as it is.
 */
#include "handlers/cors.h"

#include <string.h>

#include "lib/http/origin.h"

#define REQUEST_HEADERS \
	"Authorization, Content-Type, Idempotency-Key, X-Request-Id"
#define EXPOSED_HEADERS "X-Request-Id, X-Durability, Retry-After"

/* What Access-Control-Allow-Origin says; NULL when it says nothing. */
static const char *allowed_origin(const struct wp_conf *conf,
				  const struct wp_req *req)
{
	size_t count;
	const char *origin = wp_req_param(req, "HTTP_ORIGIN", &count);

	if (count != 1)
		return NULL;
	switch (wp_origin_find(&conf->cors.allowed_origins, origin,
			       strlen(origin))) {
	case WP_ORIGIN_BY_NAME:
		return origin;
	case WP_ORIGIN_BY_STAR:
		return conf->cors.allow_credentials ? NULL : "*";
	default:
		return NULL;
	}
}

void wp_cors_add(struct wp_buf *head, const struct wp_conf *conf,
		 const struct wp_req *req, unsigned int methods)
{
	const char *origin = allowed_origin(conf, req);

	wp_buf_add_str(head, "Vary: Origin\r\n");
	if (origin == NULL)
		return;
	wp_buf_printf(head, "Access-Control-Allow-Origin: %s\r\n", origin);
	if (conf->cors.allow_credentials)
		wp_buf_add_str(head,
			       "Access-Control-Allow-Credentials: true\r\n");
	if (req->method != WP_OPTIONS) {
		wp_buf_add_str(head,
			       "Access-Control-Expose-Headers: " EXPOSED_HEADERS
			       "\r\n");
		return;
	}
	if (methods == 0)
		return;
	wp_buf_add_str(head, "Access-Control-Allow-Methods: ");
	wp_methods_add(head, methods);
	wp_buf_add_str(head,
		       "\r\nAccess-Control-Allow-Headers: " REQUEST_HEADERS
		       "\r\n");
	wp_buf_printf(head, "Access-Control-Max-Age: %lld\r\n",
		      (long long)conf->cors.max_age_seconds);
}
