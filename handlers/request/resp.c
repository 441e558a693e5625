/*
 * resp.c - status line and headers in CGI form (RFC 3875 section 6), and what
 * pages of other sites are told (Fetch standard, section 3.2, "CORS protocol").
 *
 * Knows which headers a status brings with it. Knows nothing about why a
 * handler chose that status.
 */
#include "handlers/request/resp.h"

#include <string.h>
#include <strings.h>

#include "lib/http/answer.h"
#include "lib/http/origin.h"

#define REQUEST_HEADERS                                                \
	"Authorization, Content-Type, Idempotency-Key, X-Request-Id, " \
	"traceparent"
#define EXPOSED_HEADERS                             \
	"X-Request-Id, X-Durability, Retry-After, " \
	"RateLimit, RateLimit-Policy"

#define INVALID_TOKEN "Bearer error=\"invalid_token\""

static const char type_json[] = "application/json";
static const char type_text[] = "text/plain; charset=utf-8";
static const char type_html[] = "text/html; charset=utf-8";

enum {
	KEEP_BYTES = 128 * 1024, /* of a buffer between two requests */
	RETRY_MAX_S = 2,
};
static const int64_t ns_per_s = 1000000000;

void wp_resp_init(struct wp_resp *resp)
{
	*resp = (struct wp_resp){ 0 };
	wp_buf_init(&resp->body, 0);
	wp_buf_init(&resp->headers, 0);
	wp_buf_init(&resp->head, 0);
}

void wp_resp_release(struct wp_resp *resp)
{
	if (resp == NULL)
		return;
	wp_buf_release(&resp->body);
	wp_buf_release(&resp->headers);
	wp_buf_release(&resp->head);
}

void wp_resp_set_secret(struct wp_resp *resp, bool is_secret)
{
	resp->body.is_secret = is_secret;
	resp->headers.is_secret = is_secret;
	resp->head.is_secret = is_secret;
}

void wp_resp_clear(struct wp_resp *resp)
{
	resp->status = 0;
	resp->code = NULL;
	resp->reason = NULL;
	resp->type = NULL;
	resp->methods = 0;
	resp->rate = (struct wp_resp_rate){ 0 };
	if (resp->body.cap > KEEP_BYTES)
		wp_buf_release(&resp->body);
	wp_buf_clear(&resp->body);
	wp_buf_clear(&resp->headers);
	wp_buf_clear(&resp->head);
}

static void begin(struct wp_resp *resp, unsigned int status, const char *type)
{
	resp->status = status;
	resp->code = NULL;
	resp->reason = NULL;
	resp->type = type;
	wp_buf_clear(&resp->body);
}

void wp_resp_empty(struct wp_resp *resp, unsigned int status)
{
	begin(resp, status, NULL);
}

void wp_resp_json(struct wp_resp *resp, unsigned int status)
{
	begin(resp, status, type_json);
}

void wp_resp_text(struct wp_resp *resp, unsigned int status, const char *text)
{
	begin(resp, status, type_text);
	wp_buf_add_str(&resp->body, text);
}

void wp_resp_page(struct wp_resp *resp, const char *html)
{
	begin(resp, 200, type_html);
	wp_buf_add_str(&resp->body, html);
	wp_resp_header(resp, "Content-Security-Policy",
		       "default-src 'none'; form-action 'self'; base-uri "
		       "'none'; frame-ancestors 'none'");
	wp_resp_header(resp, "X-Content-Type-Options", "nosniff");
	wp_resp_header(resp, "Referrer-Policy", "no-referrer");
}

void wp_resp_header(struct wp_resp *resp, const char *name, const char *value)
{
	struct wp_buf *headers = &resp->headers;

	if (strpbrk(value, "\r\n") != NULL)
		headers->failed = true;
	wp_buf_add_str(headers, name);
	wp_buf_add_str(headers, ": ");
	wp_buf_add_str(headers, value);
	wp_buf_add_str(headers, "\r\n");
}

static void add_number(struct wp_buf *out, const char *name, int64_t value)
{
	wp_buf_add_str(out, name);
	wp_buf_add_str(out, ": ");
	wp_buf_add_int(out, value);
	wp_buf_add_str(out, "\r\n");
}

static void add_methods(struct wp_resp *resp, const char *name)
{
	wp_buf_add_str(&resp->headers, name);
	wp_buf_add_str(&resp->headers, ": ");
	wp_methods_add(&resp->headers, resp->methods);
	wp_buf_add_str(&resp->headers, "\r\n");
}

void wp_resp_add_error(struct wp_buf *out, const char *code,
		       const char *sentence)
{
	wp_buf_add_str(out, "\"error\":");
	wp_buf_add_json(out, sentence, strlen(sentence));
	wp_buf_add_str(out, ",\"code\":");
	wp_buf_add_json(out, code, strlen(code));
}

void wp_resp_unauthorized(struct wp_resp *resp, const char *reason,
			  const char *sentence, bool is_given)
{
	wp_resp_error(resp, 401, "unauthorized", sentence);
	resp->reason = reason;
	if (is_given)
		return;
	wp_buf_clear(&resp->headers);
	wp_resp_header(resp, "WWW-Authenticate", "Bearer");
}

/*
 * Is the access token to blame? Where a password is wrong it is not, and a
 * client that throws it away for that would have to log in again.
 */
static bool is_of_a_token(const char *code)
{
	return strcmp(code, "unauthorized") == 0 ||
	       strcmp(code, "token_revoked") == 0;
}

void wp_resp_error(struct wp_resp *resp, unsigned int status, const char *code,
		   const char *sentence)
{
	wp_resp_json(resp, status);
	resp->code = code;
	wp_buf_clear(&resp->headers);
	if (status == 401)
		wp_resp_header(resp, "WWW-Authenticate",
			       is_of_a_token(code) ? INVALID_TOKEN : "Bearer");
	if (status == 503)
		add_number(&resp->headers, "Retry-After",
			   wp_http_retry_after_s(RETRY_MAX_S));
	wp_buf_add_char(&resp->body, '{');
	wp_resp_add_error(&resp->body, code, sentence);
	wp_buf_add_char(&resp->body, '}');
}

void wp_resp_unavailable(struct wp_resp *resp, const char *sentence)
{
	wp_resp_error(resp, 503, "unavailable", sentence);
}

static int64_t seconds(int64_t ns)
{
	return (ns + ns_per_s - 1) / ns_per_s;
}

void wp_resp_limited(struct wp_resp *resp, int64_t wait_ns)
{
	wp_resp_error(resp, 429, "rate_limited",
		      "too many requests; repeat after Retry-After");
	add_number(&resp->headers, "Retry-After", wp_http_retry_in_s(wait_ns));
}

void wp_resp_internal(struct wp_resp *resp)
{
	wp_resp_error(resp, 500, "internal",
		      "the server ran out of memory; repeat later, a send "
		      "with the same Idempotency-Key");
}

/*
 * What Access-Control-Allow-Origin says; NULL when it says nothing. An origin
 * that is listed is told its own name as it gave it, because a browser compares
 * byte by byte. "*" is allowed by the configuration only without credentials,
 * and is then told as it is.
 */
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

bool wp_resp_is_foreign(const struct wp_req *req, const struct wp_conf *conf)
{
	size_t n_origins, n_methods;

	(void)wp_req_param(req, "HTTP_ORIGIN", &n_origins);
	(void)wp_req_param(req, "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
			   &n_methods);
	return n_origins > 0 && n_methods > 0 &&
	       allowed_origin(conf, req) == NULL;
}

/* Vary always, the others only for an origin that is listed. */
static void add_cors(struct wp_resp *resp, const struct wp_req *req,
		     const struct wp_conf *conf)
{
	const char *origin = allowed_origin(conf, req);

	wp_resp_header(resp, "Vary", "Origin");
	if (origin == NULL)
		return;
	wp_resp_header(resp, "Access-Control-Allow-Origin", origin);
	if (conf->cors.allow_credentials)
		wp_resp_header(resp, "Access-Control-Allow-Credentials",
			       "true");
	if (req->method != WP_OPTIONS) {
		wp_resp_header(resp, "Access-Control-Expose-Headers",
			       EXPOSED_HEADERS);
		return;
	}
	if (resp->methods == 0)
		return;
	add_methods(resp, "Access-Control-Allow-Methods");
	wp_resp_header(resp, "Access-Control-Allow-Headers", REQUEST_HEADERS);
	add_number(&resp->headers, "Access-Control-Max-Age",
		   conf->cors.max_age_seconds);
}

/* Has the handler given a header of this name itself? */
static bool has_header(const struct wp_buf *headers, const char *name)
{
	const char *at = headers->data;
	size_t left = headers->len, len = strlen(name);

	while (left > 0) {
		const char *end = memchr(at, '\n', left);
		size_t line_len;

		if (end == NULL)
			return false; /* memory ended inside of it */
		line_len = (size_t)(end + 1 - at);
		if (line_len > len && at[len] == ':' &&
		    strncasecmp(at, name, len) == 0)
			return true;
		at += line_len;
		left -= line_len;
	}
	return false;
}

static void add_default(struct wp_resp *resp, const char *name,
			const char *value)
{
	if (!has_header(&resp->headers, name))
		wp_resp_header(resp, name, value);
}

/* Two items of structured fields (RFC 9651): a string and its parameters. */
static void add_rate(struct wp_resp *resp)
{
	const struct wp_resp_rate *rate = &resp->rate;
	struct wp_buf *out = &resp->headers;

	wp_buf_add_str(out, "RateLimit-Policy: \"");
	wp_buf_add_str(out, rate->name);
	wp_buf_add_str(out, "\";q=");
	wp_buf_add_int(out, rate->burst);
	wp_buf_add_str(out, ";w=");
	wp_buf_add_int(out, rate->window_s);
	wp_buf_add_str(out, "\r\nRateLimit: \"");
	wp_buf_add_str(out, rate->name);
	wp_buf_add_str(out, "\";r=");
	wp_buf_add_int(out, rate->left);
	wp_buf_add_str(out, ";t=");
	wp_buf_add_int(out, seconds(rate->full_ns));
	wp_buf_add_str(out, "\r\n");
}

/* Complete the headers by those of every answer, and write all before them. */
static void write_head(struct wp_resp *resp, const struct wp_req *req,
		       const struct wp_conf *conf)
{
	struct wp_buf *head = &resp->head;

	add_default(resp, "Cache-Control", "no-store");
	/* Else lighttpd answers a Range with a part of the page. */
	if (resp->status == 200)
		add_default(resp, "Accept-Ranges", "none");
	wp_resp_header(resp, "X-Request-Id", req->id);
	if (resp->rate.name != NULL)
		add_rate(resp);
	if (resp->methods != 0)
		add_methods(resp, "Allow");
	add_cors(resp, req, conf);

	wp_buf_clear(head);
	wp_buf_add_str(head, "Status: ");
	wp_buf_add_int(head, resp->status);
	wp_buf_add_char(head, ' ');
	wp_buf_add_str(head, wp_http_reason(resp->status));
	wp_buf_add_str(head, "\r\n");
	if (resp->type != NULL) {
		wp_buf_add_str(head, "Content-Type: ");
		wp_buf_add_str(head, resp->type);
		wp_buf_add_str(head, "\r\n");
		add_number(head, "Content-Length", (int64_t)resp->body.len);
	}
	wp_buf_add(head, resp->headers.data, resp->headers.len);
	wp_buf_add_str(head, "\r\n");
}

size_t wp_resp_body_bytes(const struct wp_resp *resp, const struct wp_req *req)
{
	return resp->type == NULL || req->method == WP_HEAD ? 0
							    : resp->body.len;
}

bool wp_resp_write(struct wp_resp *resp, const struct wp_req *req,
		   const struct wp_conf *conf)
{
	struct wp_io *io = req->io;

	if (resp->body.failed || resp->headers.failed)
		wp_resp_internal(resp);
	write_head(resp, req, conf);
	if (resp->headers.failed || resp->head.failed || resp->body.failed)
		return false;
	if (!io->ops->write(io, resp->head.data, resp->head.len))
		return false;
	if (wp_resp_body_bytes(resp, req) == 0)
		return true;
	return io->ops->write(io, resp->body.data, resp->body.len);
}
