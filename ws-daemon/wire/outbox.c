/*
 * outbox.c - reference-counted messages, and a ring of references with a byte
 * bound.
 *
 * Knows counts, bytes and the layout of a server's frame. Knows nothing about
 * the socket: its owner sends what gather() shows and says with advance() how
 * much of it went out. One thread: counts are plain integers.
 */
#include "ws-daemon/wire/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { OUTBOX_FIRST_CAP = 4 };

struct wp_outbox {
	struct wp_message **ring;
	size_t cap; /* a power of two */
	size_t head;
	size_t n;
	size_t sent; /* bytes of the oldest message that are out */
	size_t bytes;
	size_t n_pokes;
	struct wp_message *first[OUTBOX_FIRST_CAP]; /* ring until it grows */
};

static struct wp_message *message_new(size_t len)
{
	struct wp_message *message;

	if (len > UINT32_MAX)
		return NULL;
	message = malloc(sizeof(*message) + len);
	if (message == NULL)
		return NULL;
	message->refs = 1;
	message->len = (uint32_t)len;
	message->is_poke = false;
	message->is_http = false;
	return message;
}

struct wp_message *wp_message_http(const void *data, size_t len)
{
	struct wp_message *message = message_new(len);

	if (message == NULL)
		return NULL;
	message->is_http = true;
	memcpy(message->data, data, len);
	return message;
}

struct wp_message *wp_message_frame(enum wp_ws_opcode opcode,
				    const void *payload, size_t len)
{
	uint8_t header[WP_WS_HEADER_MAX];
	size_t header_len = wp_ws_frame_header(header, opcode, len);
	struct wp_message *message = message_new(header_len + len);

	if (message == NULL)
		return NULL;
	memcpy(message->data, header, header_len);
	if (len > 0)
		memcpy(message->data + header_len, payload, len);
	return message;
}

struct wp_message *wp_message_close(uint16_t code)
{
	uint8_t payload[] = { (uint8_t)(code >> 8), (uint8_t)(code & 0xFF) };

	if (code == WP_CLOSE_NO_STATUS)
		return wp_message_frame(WP_WS_CLOSE, "", 0);
	return wp_message_frame(WP_WS_CLOSE, payload, sizeof(payload));
}

struct wp_message *wp_message_ref(struct wp_message *message)
{
	assert(message->refs > 0 && message->refs < UINT32_MAX);
	message->refs++;
	return message;
}

void wp_message_unref(struct wp_message **message)
{
	struct wp_message *m = *message;

	*message = NULL;
	if (m == NULL)
		return;
	assert(m->refs > 0);
	if (--m->refs == 0)
		free(m);
}

size_t wp_message_cost(const struct wp_message *message)
{
	return message->is_http ? 0 : message->len + WP_OUTBOX_ENTRY_COST;
}

static struct wp_message *at(const struct wp_outbox *box, size_t i)
{
	return box->ring[(box->head + i) & (box->cap - 1)];
}

struct wp_outbox *wp_outbox_new(void)
{
	struct wp_outbox *box = calloc(1, sizeof(*box));

	if (box == NULL)
		return NULL;
	box->ring = box->first;
	box->cap = OUTBOX_FIRST_CAP;
	return box;
}

static void pop_oldest(struct wp_outbox *box)
{
	struct wp_message *message = at(box, 0);

	assert(box->n > 0);
	box->bytes -= wp_message_cost(message);
	box->n_pokes -= message->is_poke;
	box->head = (box->head + 1) & (box->cap - 1);
	box->n--;
	box->sent = 0;
	wp_message_unref(&message);
}

void wp_outbox_free(struct wp_outbox **box)
{
	struct wp_outbox *b = *box;

	*box = NULL;
	if (b == NULL)
		return;
	while (b->n > 0)
		pop_oldest(b);
	if (b->ring != b->first)
		free(b->ring);
	free(b);
}

static enum wp_err grow(struct wp_outbox *box)
{
	size_t cap = box->cap * 2;
	struct wp_message **ring = calloc(cap, sizeof(struct wp_message *));

	if (ring == NULL)
		return WP_ERR_NOMEM;
	for (size_t i = 0; i < box->n; i++)
		ring[i] = at(box, i);
	if (box->ring != box->first)
		free(box->ring);
	box->ring = ring;
	box->cap = cap;
	box->head = 0;
	return WP_OK;
}

enum wp_err wp_outbox_push_always(struct wp_outbox *box,
				  struct wp_message *message)
{
	if (box->n == box->cap && grow(box) != WP_OK)
		return WP_ERR_NOMEM;
	box->ring[(box->head + box->n) & (box->cap - 1)] =
		wp_message_ref(message);
	box->n++;
	box->bytes += wp_message_cost(message);
	box->n_pokes += message->is_poke;
	return WP_OK;
}

enum wp_err wp_outbox_push(struct wp_outbox *box, struct wp_message *message,
			   size_t max_bytes)
{
	if (box->bytes > max_bytes ||
	    wp_message_cost(message) > max_bytes - box->bytes)
		return WP_ERR_FULL;
	return wp_outbox_push_always(box, message);
}

size_t wp_outbox_gather(const struct wp_outbox *box, struct iovec *iov,
			size_t max)
{
	size_t n = box->n < max ? box->n : max;

	for (size_t i = 0; i < n; i++) {
		struct wp_message *message = at(box, i);
		size_t skip = i == 0 ? box->sent : 0;

		iov[i].iov_base = message->data + skip;
		iov[i].iov_len = message->len - skip;
	}
	return n;
}

void wp_outbox_advance(struct wp_outbox *box, size_t n)
{
	while (box->n > 0 && n >= at(box, 0)->len - box->sent) {
		n -= at(box, 0)->len - box->sent;
		pop_oldest(box);
	}
	assert(n == 0 || box->n > 0);
	box->sent += n;
}

void wp_outbox_drop_unsent(struct wp_outbox *box)
{
	size_t keep = box->n > 0 && (box->sent > 0 || at(box, 0)->is_http);

	while (box->n > keep) {
		struct wp_message *message = at(box, box->n - 1);

		box->bytes -= wp_message_cost(message);
		box->n_pokes -= message->is_poke;
		box->n--;
		wp_message_unref(&message);
	}
}

bool wp_outbox_is_empty(const struct wp_outbox *box)
{
	return box->n == 0;
}

size_t wp_outbox_bytes(const struct wp_outbox *box)
{
	return box->bytes;
}

bool wp_outbox_has_poke(const struct wp_outbox *box)
{
	return box->n_pokes > 0;
}
