/*
 * cors.c - an origin is compared byte by byte with the configured ones.
 *
 * "*" is allowed by the configuration only without credentials, and is then
 * told as it is. The origin "null" is anybody's, so it is nobody's.
 */
#include "handlers/cors.h"

#include <string.h>

#define REQUEST_HEADERS \
	"Authorization, Content-Type, Idempotency-Key, X-Request-Id"
#define EXPOSED_HEADERS "X-Request-Id, X-Durability, Retry-After"

/* What Access-Control-Allow-Origin says; NULL when it says nothing. */
static const char *allowed_origin(const struct wp_conf *conf,
				  const struct wp_req *req)
{
	size_t count;
	const char *origin = wp_req_param(req, "HTTP_ORIGIN", &count);

	if (count != 1 || strcmp(origin, "null") == 0)
		return NULL;
	for (size_t i = 0; i < conf->cors.allowed_origins.n; i++) {
		const char *item = conf->cors.allowed_origins.items[i];

		if (strcmp(item, "*") == 0 && !conf->cors.allow_credentials)
			return item;
		if (strcmp(item, origin) == 0)
			return item;
	}
	return NULL;
}

void wp_cors_add(struct wp_buf *head, const struct wp_conf *conf,
		 const struct wp_req *req, const char *methods)
{
	const char *origin = allowed_origin(conf, req);

	wp_buf_add_str(head, "Vary: Origin\r\n");
	if (origin == NULL)
		return;
	wp_buf_printf(head, "Access-Control-Allow-Origin: %s\r\n", origin);
	if (conf->cors.allow_credentials)
		wp_buf_add_str(head,
			       "Access-Control-Allow-Credentials: true\r\n");
	if (req->method != WP_METHOD_OPTIONS) {
		wp_buf_add_str(head,
			       "Access-Control-Expose-Headers: " EXPOSED_HEADERS
			       "\r\n");
		return;
	}
	if (methods == NULL)
		return;
	wp_buf_printf(head, "Access-Control-Allow-Methods: %s\r\n", methods);
	wp_buf_add_str(head,
		       "Access-Control-Allow-Headers: " REQUEST_HEADERS "\r\n");
	wp_buf_printf(head, "Access-Control-Max-Age: %lld\r\n",
		      (long long)conf->cors.max_age_seconds);
}
