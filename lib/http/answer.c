/*
 * answer.c - words and numbers of answers.
 */
#include "lib/http/answer.h"

#include <string.h>

#include "lib/base/encode.h"

enum { MADE_ID_BYTES = 16, RETRY_SPREAD_S = 2, NS_PER_S = 1000000000 };

static const struct {
	unsigned status;
	const char *reason;
} statuses[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 426, "Upgrade Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
};

const char *wp_http_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].status == status)
			return statuses[i].reason;
	return "Error";
}

unsigned wp_http_retry_after_s(unsigned most)
{
	return 1 + wp_random_below(most);
}

unsigned wp_http_retry_in_s(int64_t wait_ns)
{
	return (unsigned)((wait_ns + NS_PER_S - 1) / NS_PER_S) +
	       wp_random_below(RETRY_SPREAD_S + 1);
}

static bool is_id_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool wp_request_id_keep(char id[WP_REQUEST_ID_MAX + 1],
			const struct wp_text *given)
{
	if (given->data == NULL || given->len == 0 ||
	    given->len > WP_REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < given->len; i++)
		if (!is_id_char(given->data[i]))
			return false;
	memcpy(id, given->data, given->len);
	id[given->len] = '\0';
	return true;
}

void wp_request_id_make(char id[WP_REQUEST_ID_MAX + 1],
			struct wp_random_pool *pool)
{
	unsigned char bytes[MADE_ID_BYTES];

	if (pool == NULL)
		wp_random_bytes(bytes, sizeof(bytes));
	else
		wp_random_take(pool, bytes, sizeof(bytes));
	wp_hex_write(id, bytes, sizeof(bytes));
}
