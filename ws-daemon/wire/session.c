/*
 * session.c - the states of a connection, its input and its output.
 *
 * Input that is fed is looked at where it lies; only what is left when the
 * owner wants its memory back is copied. The head of a request is the
 * exception: it has to be whole before it is looked at.
 */
#include "ws-daemon/wire/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void forget_input(struct wp_session *session)
{
	if (session->is_kept)
		free(session->at - session->taken);
	session->is_kept = false;
	session->at = NULL;
	session->left = 0;
	session->taken = 0;
}

/* From now on at is in memory of our own, of which nothing is taken up. */
static void own_input(struct wp_session *session, uint8_t *memory, size_t left)
{
	assert(left <= UINT32_MAX);
	session->is_kept = true;
	session->at = memory;
	session->left = (uint32_t)left;
	session->taken = 0;
}

/* So much of it is taken up. */
static void advance(struct wp_session *session, size_t n)
{
	assert(n <= session->left);
	session->at += n;
	session->left -= (uint32_t)n;
	session->taken += (uint32_t)n;
}

static void forget_only(struct wp_session *session)
{
	wp_message_unref(&session->only);
	session->has_only = false;
}

void wp_session_release(struct wp_session *session)
{
	if (session->has_only)
		forget_only(session);
	wp_outbox_free(&session->outbox);
	wp_ws_reader_release(&session->reader);
	forget_input(session);
}

/* ---- in ---- */

static enum wp_err add_to_head(struct wp_session *session, const uint8_t *data,
			       size_t len)
{
	uint8_t *grown = realloc(session->at, session->left + len);

	if (grown == NULL)
		return WP_ERR_NOMEM;
	memcpy(grown + session->left, data, len);
	own_input(session, grown, session->left + len);
	/* A head ends with a line; bytes that drip in are not looked at one by
	 * one. */
	if (memchr(data, '\n', len) != NULL || session->left > WP_HEAD_MAX)
		session->is_line_new = true;
	return WP_OK;
}

enum wp_err wp_session_feed(struct wp_session *session, uint8_t *data,
			    size_t len)
{
	switch ((enum wp_session_state)session->state) {
	case WP_SESSION_HEAD:
		return add_to_head(session, data, len);
	case WP_SESSION_OPEN:
	case WP_SESSION_CLOSING:
		assert(session->left == 0 && len <= UINT32_MAX);
		forget_input(session);
		session->at = data;
		session->left = (uint32_t)len;
		break;
	case WP_SESSION_ASKED:
	case WP_SESSION_ANSWERED:
	case WP_SESSION_OVER:
		break; /* nobody listens any more */
	}
	return WP_OK;
}

static bool next_of_head(struct wp_session *session,
			 struct wp_session_event *out)
{
	if (!session->is_line_new)
		return false;
	session->is_line_new = false;
	out->status = 400;
	switch (wp_head_parse(&out->head, (const char *)session->at,
			      session->left, &out->status)) {
	case WP_HEAD_MORE:
		return false;
	case WP_HEAD_BAD:
		out->type = WP_SESSION_BAD_REQUEST;
		break;
	case WP_HEAD_OK:
		out->type = WP_SESSION_REQUEST;
		/* What came behind the head belongs to the frames to come. */
		advance(session, out->head.len);
		break;
	}
	session->state = WP_SESSION_ASKED;
	return true;
}

/* Take input up until a frame's event is complete or nothing is left. */
static bool next_frame(struct wp_session *session, struct wp_ws_event *out)
{
	size_t n = wp_ws_reader_feed(&session->reader, session->max_message,
				     session->deflate_bits != 0, session->at,
				     session->left, out);

	advance(session, n);
	return out->type != WP_WS_EVENT_NONE;
}

static bool next_of_frames(struct wp_session *session,
			   struct wp_session_event *out)
{
	static const enum wp_session_event_type types[] = {
		[WP_WS_EVENT_TEXT] = WP_SESSION_TEXT,
		[WP_WS_EVENT_PING] = WP_SESSION_PING,
		[WP_WS_EVENT_PONG] = WP_SESSION_PONG,
		[WP_WS_EVENT_CLOSE] = WP_SESSION_LEAVE,
		[WP_WS_EVENT_ERROR] = WP_SESSION_BROKEN,
	};
	struct wp_ws_event event;

	if (!wp_session_has_more(session) || !next_frame(session, &event))
		return false;
	out->type = types[event.type];
	out->code = event.code;
	out->is_deflated = event.is_deflated;
	out->data = event.data;
	out->len = event.len;
	return true;
}

/* Only the peer's close frame is of interest now, or that none can come. */
static void look_for_close(struct wp_session *session)
{
	while (session->left > 0 && !session->is_last_sent) {
		struct wp_ws_event event;

		if (next_frame(session, &event))
			session->is_last_sent =
				event.type == WP_WS_EVENT_CLOSE ||
				event.type == WP_WS_EVENT_ERROR;
	}
	session->left = 0;
}

bool wp_session_next(struct wp_session *session, struct wp_session_event *out)
{
	switch ((enum wp_session_state)session->state) {
	case WP_SESSION_HEAD:
		return next_of_head(session, out);
	case WP_SESSION_OPEN:
		return next_of_frames(session, out);
	case WP_SESSION_CLOSING:
		look_for_close(session);
		break;
	case WP_SESSION_ANSWERED:
	case WP_SESSION_OVER:
		session->left = 0;
		break;
	case WP_SESSION_ASKED:
		break; /* what is there waits */
	}
	return false;
}

enum wp_err wp_session_keep(struct wp_session *session)
{
	uint8_t *copy;

	if (session->left == 0) {
		forget_input(session);
		return WP_OK;
	}
	if (session->is_kept)
		return WP_OK;
	copy = malloc(session->left);
	if (copy == NULL) {
		forget_input(session);
		return WP_ERR_NOMEM;
	}
	memcpy(copy, session->at, session->left);
	own_input(session, copy, session->left);
	return WP_OK;
}

bool wp_session_has_more(const struct wp_session *session)
{
	if (session->left == 0)
		return false;
	return session->state == WP_SESSION_CLOSING ||
	       (session->state == WP_SESSION_OPEN &&
		session->n_unanswered < WP_SESSION_UNANSWERED_MAX);
}

bool wp_session_is_holding(struct wp_session *session)
{
	wp_ws_reader_done(&session->reader);
	return wp_ws_reader_is_holding(&session->reader);
}

/* May more be read? Not before we know what to do with it. */
static bool wants_input(const struct wp_session *session)
{
	switch ((enum wp_session_state)session->state) {
	case WP_SESSION_HEAD:
	case WP_SESSION_ANSWERED:
		return true;
	case WP_SESSION_CLOSING:
		return session->left == 0;
	case WP_SESSION_OPEN:
		return session->left == 0 &&
		       session->n_unanswered < WP_SESSION_UNANSWERED_MAX;
	case WP_SESSION_ASKED:
	case WP_SESSION_OVER:
		break;
	}
	return false;
}

unsigned wp_session_wants(const struct wp_session *session)
{
	unsigned wants = wants_input(session) ? WP_SESSION_READ : 0;

	if (session->state == WP_SESSION_OVER)
		return 0;
	if (session->has_only || session->outbox != NULL)
		wants |= WP_SESSION_WRITE;
	else if (session->is_last_sent)
		wants |= WP_SESSION_END;
	return wants;
}

void wp_session_ask(struct wp_session *session)
{
	assert(session->n_unanswered < WP_SESSION_UNANSWERED_MAX);
	session->n_unanswered++;
}

void wp_session_answer(struct wp_session *session)
{
	assert(session->n_unanswered > 0);
	session->n_unanswered--;
}

/* ---- out ---- */

/*
 * Most messages go out whole in the turn that brought them, and nothing waits
 * beside them: these need no outbox.
 */
static bool is_idle(const struct wp_session *session)
{
	return !session->has_only && session->outbox == NULL;
}

static void wait_alone(struct wp_session *session, struct wp_message *message)
{
	session->only = wp_message_ref(message);
	session->has_only = true;
}

/* What waits alone becomes its first. False when memory is exhausted, and
 * nothing has changed. */
static bool has_outbox(struct wp_session *session)
{
	struct wp_outbox *box;

	if (!session->has_only && session->outbox != NULL)
		return true;
	box = wp_outbox_new();
	if (box == NULL ||
	    (session->has_only &&
	     wp_outbox_push_always(box, session->only) != WP_OK)) {
		wp_outbox_free(&box);
		return false;
	}
	if (session->has_only)
		forget_only(session);
	session->outbox = box;
	return true;
}

/* Nobody waits for an empty one. */
static void drop_empty_outbox(struct wp_session *session)
{
	if (!session->has_only && session->outbox != NULL &&
	    wp_outbox_is_empty(session->outbox))
		wp_outbox_free(&session->outbox);
}

/* Takes message, which may be NULL: there was no memory for it. */
static enum wp_err queue_always(struct wp_session *session,
				struct wp_message *message)
{
	enum wp_err rc = WP_ERR_NOMEM;

	if (message != NULL && is_idle(session)) {
		wait_alone(session, message);
		rc = WP_OK;
	} else if (message != NULL && has_outbox(session)) {
		rc = wp_outbox_push_always(session->outbox, message);
	}
	wp_message_unref(&message);
	return rc;
}

static enum wp_err queue_response(struct wp_session *session,
				  const struct wp_buf *response)
{
	struct wp_message *message = NULL;

	if (!response->failed)
		message = wp_message_http(response->data, response->len);
	return queue_always(session, message);
}

enum wp_err wp_session_open(struct wp_session *session,
			    const struct wp_buf *response, size_t max_message,
			    uint8_t deflate_bits)
{
	assert(session->state == WP_SESSION_ASKED);
	session->state = WP_SESSION_OPEN;
	session->max_message = (uint32_t)max_message;
	session->deflate_bits = deflate_bits;
	return queue_response(session, response);
}

enum wp_err wp_session_respond(struct wp_session *session,
			       const struct wp_buf *response)
{
	assert(session->state < WP_SESSION_OPEN);
	session->state = WP_SESSION_ANSWERED;
	session->is_last_sent = true;
	return queue_response(session, response);
}

enum wp_err wp_session_send(struct wp_session *session,
			    struct wp_message *message, size_t max_queue)
{
	assert(session->state == WP_SESSION_OPEN);
	if (is_idle(session)) {
		if (wp_message_cost(message) > max_queue)
			return WP_ERR_FULL;
		wait_alone(session, message);
		return WP_OK;
	}
	if (!has_outbox(session))
		return WP_ERR_NOMEM;
	return wp_outbox_push(session->outbox, message, max_queue);
}

bool wp_session_has_poke(const struct wp_session *session)
{
	if (session->has_only)
		return session->only->is_poke;
	return session->outbox != NULL && wp_outbox_has_poke(session->outbox);
}

size_t wp_session_queued(const struct wp_session *session)
{
	if (session->has_only)
		return wp_message_cost(session->only);
	return session->outbox == NULL ? 0 : wp_outbox_bytes(session->outbox);
}

static void drop_unsent(struct wp_session *session)
{
	if (session->has_only && !session->only->is_http)
		forget_only(session);
	else if (!session->has_only && session->outbox != NULL)
		wp_outbox_drop_unsent(session->outbox);
	drop_empty_outbox(session);
}

enum wp_err wp_session_close(struct wp_session *session, uint16_t code)
{
	assert(session->state == WP_SESSION_OPEN);
	session->state = WP_SESSION_CLOSING;
	/* It goes behind what is begun, before what is not. */
	if (code == WP_CLOSE_TRY_LATER)
		drop_unsent(session);
	return queue_always(session, wp_message_close(code));
}

enum wp_err wp_session_fail(struct wp_session *session, uint16_t code)
{
	session->is_last_sent = true;
	return wp_session_close(session, code);
}

void wp_session_end(struct wp_session *session)
{
	session->state = WP_SESSION_OVER;
}

size_t wp_session_gather(const struct wp_session *session, struct iovec *iov,
			 size_t max)
{
	if (session->has_only && max > 0) {
		iov[0].iov_base = session->only->data;
		iov[0].iov_len = session->only->len;
		return 1;
	}
	return is_idle(session) ? 0
				: wp_outbox_gather(session->outbox, iov, max);
}

enum wp_err wp_session_sent(struct wp_session *session, size_t n)
{
	if (session->has_only && n == session->only->len) {
		forget_only(session);
		return WP_OK;
	}
	if (!has_outbox(session))
		return WP_ERR_NOMEM;
	wp_outbox_advance(session->outbox, n);
	drop_empty_outbox(session);
	return WP_OK;
}
