/*
 * call.c - what several handlers do alike.
 *
 * Knows the traps of a body: two types, and a length that may be missing,
 * nonsense or a lie.
 */
#include "handlers/call.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/base/json.h"

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* Is text, quoted or not, the word UTF-8? */
static bool is_utf8_name(const char *text)
{
	static const char *const names[] = { "utf-8", "utf8" };
	size_t len;

	if (text[0] == '"')
		text++;
	len = strcspn(text, "\"; \t");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (len == strlen(names[i]) &&
		    strncasecmp(text, names[i], len) == 0)
			return true;
	return false;
}

/*
 * Is the body said to be JSON? application/json in any case, parameters
 * allowed, but no charset other than UTF-8 (RFC 9110 section 8.3).
 */
static bool is_json(const struct wp_req *req)
{
	static const char wanted[] = "application/json";
	static const char charset[] = "charset=";
	const char *type = wp_req_param(req, "CONTENT_TYPE", NULL);

	if (type == NULL)
		return false;
	type = skip_blanks(type);
	if (strncasecmp(type, wanted, sizeof(wanted) - 1) != 0)
		return false;
	type = skip_blanks(type + sizeof(wanted) - 1);
	while (*type == ';') {
		type = skip_blanks(type + 1);
		if (strncasecmp(type, charset, sizeof(charset) - 1) == 0 &&
		    !is_utf8_name(type + sizeof(charset) - 1))
			return false;
		type += strcspn(type, ";");
	}
	return *type == '\0';
}

/*
 * Does the body have two types? nginx tells us the first, lighttpd refuses the
 * request by itself.
 */
static bool has_two_types(const struct wp_req *req)
{
	static const char name[] = "HTTP_CONTENT_TYPE=";
	const char *first = NULL;

	for (const char *const *param = req->io->params; *param != NULL;
	     param++) {
		if (strncmp(*param, name, sizeof(name) - 1) != 0)
			continue;
		if (first != NULL && strcmp(first, *param) != 0)
			return true;
		first = *param;
	}
	return false;
}

/* Digits only; a number that is too large for *out is the largest one. */
static bool parse_length(const char *text, size_t *out)
{
	size_t value = 0;

	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		size_t digit = (size_t)(*text - '0');

		if (*text < '0' || *text > '9')
			return false;
		value = value > (SIZE_MAX - digit) / 10 ? SIZE_MAX
							: value * 10 + digit;
	}
	*out = value;
	return true;
}

/*
 * Read the whole body into body, which is cleared first.
 *
 * Errors:  WP_ERR_INVAL  no usable Content-Length, or fewer bytes than it says
 *          WP_ERR_FULL   more than max_bytes; nothing was read
 *          WP_ERR_NOMEM
 */
static enum wp_err read_body(const struct wp_req *req, size_t max_bytes,
			     struct wp_buf *body, struct wp_error *err)
{
	size_t wanted = 0, count;
	const char *text = wp_req_param(req, "CONTENT_LENGTH", &count);
	char *room;

	wp_buf_clear(body);
	if (count > 1 || !parse_length(text, &wanted))
		return wp_error_set(err, WP_ERR_INVAL,
				    "Content-Length is missing or no number");
	if (wanted > max_bytes)
		return wp_error_set(err, WP_ERR_FULL,
				    "the body has more than %zu bytes",
				    max_bytes);
	room = wp_buf_reserve(body, wanted);
	if (room == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	while (body->len < wanted) {
		ssize_t n = req->io->ops->read(req->io, body->data + body->len,
					       wanted - body->len);

		if (n <= 0)
			return wp_error_set(err, WP_ERR_INVAL,
					    "the body is shorter than its "
					    "Content-Length");
		body->len += (size_t)n;
	}
	body->data[body->len] = '\0';
	return WP_OK;
}

bool wp_call_read_json(struct wp_call *call, size_t max_bytes)
{
	struct wp_error err;

	if (has_two_types(call->req)) {
		wp_resp_error(call->resp, 400, "bad_request",
			      "the Content-Type header is given twice");
		return false;
	}
	if (!is_json(call->req)) {
		wp_resp_error(call->resp, 415, "unsupported_media_type",
			      "the body must be sent as Content-Type: "
			      "application/json, in UTF-8");
		return false;
	}
	switch (read_body(call->req, max_bytes, &call->ctx->body, &err)) {
	case WP_OK:
		return true;
	case WP_ERR_FULL:
		wp_resp_error(call->resp, 413, "payload_too_large", err.msg);
		return false;
	case WP_ERR_INVAL:
		wp_resp_error(call->resp, 400, "bad_request", err.msg);
		return false;
	default:
		wp_resp_internal(call->resp);
		return false;
	}
}

void wp_call_bad_body(struct wp_call *call, const char *code,
		      const char *sentence)
{
	const struct wp_buf *body = &call->ctx->body;

	wp_resp_error(call->resp, 400,
		      wp_json_is_valid(body->data, body->len) ? code
							      : "invalid_json",
		      sentence);
}

void wp_group(const uint32_t *partitions, size_t n, size_t *order)
{
	assert(n <= WP_GROUP_MAX);
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		while (at > 0 && partitions[order[at - 1]] > partitions[i]) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
}

size_t wp_group_len(const uint32_t *partitions, const size_t *order,
		    size_t start, size_t n)
{
	size_t end = start + 1;

	while (end < n && partitions[order[end]] == partitions[order[start]])
		end++;
	return end - start;
}
