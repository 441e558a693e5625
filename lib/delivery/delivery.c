/*
 * delivery.c - the window of one connection, its positions, and what it knows
 * of its mailbox.
 */
#include "lib/delivery/delivery.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 1000, DOUBLINGS = 3 };

struct wp_delivery_sent {
	struct wp_entry_id entry;
	size_t bytes;
	enum wp_band band;
};

enum wp_err wp_delivery_init(struct wp_delivery *delivery, size_t window,
			     size_t window_bytes, struct wp_error *err)
{
	assert(window > 0 && window_bytes > 0);
	*delivery = (struct wp_delivery){
		.sent = calloc(window, sizeof(*delivery->sent)),
		.window = window,
		.window_bytes = window_bytes,
		.is_dry = true,
	};
	if (delivery->sent != NULL)
		return WP_OK;
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory for a window");
}

void wp_delivery_release(struct wp_delivery *delivery)
{
	free(delivery->sent);
	*delivery = (struct wp_delivery){ 0 };
}

void wp_delivery_poke(struct wp_delivery *delivery)
{
	delivery->is_poked = true;
}

/* One row fits an empty window, however long it is, or it would never go. */
static bool has_room(const struct wp_delivery *delivery, size_t bytes)
{
	if (delivery->n == 0)
		return true;
	return delivery->n < delivery->window &&
	       delivery->bytes < delivery->window_bytes &&
	       bytes <= delivery->window_bytes - delivery->bytes;
}

static bool has_places(const struct wp_delivery *delivery)
{
	return delivery->places[WP_BAND_HIGH].has_after ||
	       delivery->places[WP_BAND_STANDARD].has_after;
}

size_t wp_delivery_ask(struct wp_delivery *delivery,
		       struct wp_band_from places[WP_BANDS])
{
	if (delivery->is_reading || delivery->is_held)
		return 0;
	if (delivery->n == 0 && delivery->is_dry) {
		/* Everything that was sent is deleted: the oldest of the
		 * mailbox is none of it. */
		memset(delivery->places, 0, sizeof(delivery->places));
		delivery->is_poked |= delivery->is_unsure;
		delivery->is_unsure = false;
	}
	if (!delivery->is_poked && delivery->is_dry)
		return 0;
	if (delivery->is_full || !has_room(delivery, delivery->wanted))
		return 0;

	delivery->is_unsure |= delivery->is_poked && has_places(delivery);
	delivery->is_poked = false;
	delivery->is_reading = true;
	delivery->is_cut = false;
	delivery->wanted = 0;
	memcpy(places, delivery->places, sizeof(delivery->places));
	return delivery->window - delivery->n;
}

size_t wp_delivery_on_way(const struct wp_delivery *delivery)
{
	return delivery->n;
}

bool wp_delivery_take(struct wp_delivery *delivery, enum wp_band band,
		      const struct wp_entry_id *entry, size_t bytes)
{
	assert(delivery->is_reading);
	if (!has_room(delivery, bytes)) {
		/* It is not read again for each ack, only when it fits. */
		delivery->wanted = bytes;
		delivery->is_cut = true;
		return false;
	}
	delivery->sent[delivery->n++] = (struct wp_delivery_sent){
		.entry = *entry,
		.bytes = bytes,
		.band = band,
	};
	delivery->bytes += bytes;
	delivery->places[band] = (struct wp_band_from){
		.has_after = true,
		.after = *entry,
	};
	/* Or a client that acks one by one would cost a page for each. */
	delivery->is_full = delivery->n == delivery->window;
	return true;
}

void wp_delivery_read(struct wp_delivery *delivery, bool has_more)
{
	assert(delivery->is_reading);
	delivery->is_reading = false;
	delivery->is_dry = !has_more && !delivery->is_cut;
	delivery->failures = 0;
}

int64_t wp_delivery_failed(struct wp_delivery *delivery)
{
	unsigned int doublings =
		delivery->failures < DOUBLINGS ? delivery->failures : DOUBLINGS;

	assert(delivery->is_reading);
	delivery->is_reading = false;
	delivery->is_held = true;
	/* Its poke, if it had one, was not answered. */
	delivery->is_dry = false;
	delivery->failures = doublings + 1;
	return (int64_t)WAIT_MS << doublings;
}

void wp_delivery_retry(struct wp_delivery *delivery)
{
	delivery->is_held = false;
}

bool wp_delivery_acked(struct wp_delivery *delivery, enum wp_band band,
		       const struct wp_entry_id *entry)
{
	struct wp_delivery_sent *sent = delivery->sent;
	size_t i = 0;

	/* Mostly the first: clients ack what came first. */
	while (i < delivery->n && (sent[i].band != band ||
				   wp_entry_id_cmp(&sent[i].entry, entry) != 0))
		i++;
	if (i == delivery->n)
		return false;
	delivery->bytes -= sent[i].bytes;
	delivery->n--;
	memmove(&sent[i], &sent[i + 1], (delivery->n - i) * sizeof(*sent));
	if (delivery->n <= delivery->window / 2)
		delivery->is_full = false;
	return true;
}
