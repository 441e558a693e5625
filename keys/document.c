/*
 * document.c - a request for a document as a transfer, and its answer.
 */
#include "keys/document.h"

#include <stdbool.h>
#include <string.h>

#include "keys/schedule.h"

struct wp_transfers *wp_document_transfers(const char *ca_file)
{
	const struct wp_transfer_rules rules = {
		.agent = "waypost-keys/" WP_VERSION,
		.ca_file = ca_file,
		.connect_ms = WP_DOCUMENT_CONNECT_MS,
		.total_ms = WP_DOCUMENT_MS,
		.body_max = WP_DOCUMENT_BYTES_MAX,
		.allows_plain = true,
	};

	return wp_transfers_new(&rules);
}

static bool may(const void *guard, const struct sockaddr *address,
		socklen_t len)
{
	const struct wp_document_wait *wait = guard;

	return (wp_reach_of(address, len) & wait->reach) != 0;
}

/* One that can be sent back as it is (RFC 9110 section 8.8.3). */
static bool is_etag(const char *text)
{
	size_t len = strlen(text);
	size_t at = len >= 2 && text[0] == 'W' && text[1] == '/' ? 2 : 0;

	if (len > WP_DOCUMENT_ETAG_MAX || len < at + 2 || text[at] != '"' ||
	    text[len - 1] != '"')
		return false;
	for (at++; at < len - 1; at++)
		if (text[at] <= ' ' || text[at] > '~' || text[at] == '"')
			return false;
	return true;
}

static void on_end(void *ctx, const struct wp_transfer_answer *answer)
{
	const struct wp_document_wait *wait = ctx;
	struct wp_document document = {
		.end = answer->end,
		.why = answer->why,
		.status = answer->status,
		.body = answer->body,
		.len = answer->len,
		.reached = wp_reach_of_text(answer->peer),
		.max_age_s = -1,
	};
	const char *value = wp_transfer_header(answer, "ETag");

	if (value != NULL && is_etag(value))
		memcpy(document.etag, value, strlen(value) + 1);
	value = wp_transfer_header(answer, "Cache-Control");
	if (value != NULL)
		document.max_age_s = wp_schedule_max_age(value, strlen(value));
	wait->on_end(wait->ctx, &document);
}

enum wp_err wp_document_begin(struct wp_transfers *transfers,
			      const struct wp_document_ask *ask,
			      struct wp_document_wait *wait,
			      struct wp_error *err)
{
	const struct wp_transfer_header headers[] = {
		{ "Accept", "application/json" },
		{ "If-None-Match", ask->etag },
	};
	bool has_tag = ask->etag != NULL && ask->etag[0] != '\0';
	const struct wp_transfer_request request = {
		.url = ask->url,
		.headers = headers,
		.n_headers = has_tag ? 2 : 1,
		.may = may,
		.guard = wait,
	};

	wait->reach = ask->reach;
	return wp_transfers_begin(transfers, &request, on_end, wait, err);
}
