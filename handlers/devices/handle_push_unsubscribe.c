/*
 * handle_push_unsubscribe.c - POST /api/push/unsubscribe?t=…: whoever got a
 * letter gets no more, by one click and without a token (RFC 8058). What is in
 * the link proves that it was we who gave it away.
 *
 * A GET does nothing: programs that look for malware follow each link of a
 * letter. A person who follows it gets a page with a button that does it. What
 * is in the body is what RFC 8058 says, and does not matter.
 */
#include "handlers/request/call.h"

#include "lib/http/query.h"
#include "lib/store/push.h"

_Static_assert((int)WP_PUSH_DEVICE_LEN == (int)WP_PUSH_ID_LEN, "its id");

/* On a thread of the store. */
static enum wp_err run(struct wp_call *call, struct wp_store *store,
		       struct wp_error *err)
{
	const struct wp_push_which which = { .id = call->state };

	return wp_push_remove(store, &which, err);
}

static bool on_run(struct wp_call *call, enum wp_err result)
{
	if (result == WP_OK)
		wp_resp_text(&call->resp, 200, "no more letters are sent\n");
	else
		wp_resp_unavailable(&call->resp, "it may not have been done; "
						 "repeat later");
	return true;
}

/* Whose letters they are, in the arena; NULL: call->resp has the answer. */
static uint8_t *read_link(struct wp_call *call)
{
	uint8_t *id = wp_arena_alloc(&call->arena, WP_PUSH_ID_LEN);
	struct wp_text t = { 0 };
	enum wp_err rc;

	rc = id == NULL ? WP_ERR_NOMEM
			: wp_query_get(&call->req.query, "t", &call->arena, &t,
				       NULL);
	if (rc == WP_ERR_NOMEM) {
		wp_resp_internal(&call->resp);
		return NULL;
	}
	if (rc != WP_OK ||
	    !wp_push_stop_read(&call->ctx->push.keys, t.data, t.len, id)) {
		wp_resp_error(&call->resp, 400, "bad_request",
			      "t must be there, once, as it is in the letter");
		return NULL;
	}
	return id;
}

/* All who do this have one user's part of what the store does. */
bool wp_handle_push_unsubscribe(struct wp_call *call)
{
	uint8_t *id = read_link(call);

	if (id == NULL)
		return true;
	call->state = id;
	return wp_call_store(call, run, on_run);
}

/* The form goes to where the page is from: to the whole link. */
bool wp_handle_push_unsubscribe_page(struct wp_call *call)
{
	static const char page[] =
		"<!DOCTYPE html>\n"
		"<html lang=\"en\">\n"
		"<head><meta charset=\"utf-8\">"
		"<meta name=\"viewport\" content=\"width=device-width\">"
		"<meta name=\"robots\" content=\"noindex\">"
		"<title>No more letters</title></head>\n"
		"<body><h1>No more letters</h1>\n"
		"<p>Nothing more will be sent to the address that got this "
		"link.</p>\n"
		"<form method=\"post\">"
		"<input type=\"hidden\" name=\"List-Unsubscribe\" "
		"value=\"One-Click\">"
		"<button>Send no more letters</button></form></body>\n"
		"</html>\n";

	if (read_link(call) != NULL)
		wp_resp_page(&call->resp, page);
	return true;
}
