/*
 * delivery.h - which messages of a mailbox one connection is sent, and when its
 * mailbox is read for that. No sockets, no clock, no Redis: it is told what
 * happened and says what is to be done next.
 *
 * What is sent stays in a window until it is acked, and a page is read only
 * when there is room: the window, not a queue, bounds what is on its way to a
 * client. Of each band a position says what was sent last, so a page goes on
 * there. A new connection starts at the oldest: what was not acked comes again,
 * in order.
 *
 * Two things may be missed by reading from positions, and are not:
 *
 * - A poke that comes while a page is being read may be of a message that the
 *   page does not have. It is kept, and there is another page.
 * - A dead letter that is put back has its old place, perhaps in front of the
 *   position. It pokes too; so once the window is empty and a poke was answered
 *   from a position, positions are forgotten and there is another page.
 *
 * Threads: of one thread.
 */
#ifndef WP_LIB_DELIVERY_DELIVERY_H
#define WP_LIB_DELIVERY_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/msgid.h"

struct wp_delivery_sent; /* a message that is not acked */

/* Of one connection. Fields are delivery.c's own. */
struct wp_delivery {
	struct wp_delivery_sent *sent; /* in the order of sending; owned */
	size_t n;
	size_t window;
	size_t bytes; /* of all in sent */
	size_t window_bytes;
	size_t wanted; /* bytes of the row that had no room; 0: none */
	struct wp_band_from places[WP_BANDS];
	unsigned int failures; /* pages that failed, one after another */
	bool is_poked;
	bool is_dry;     /* the last page was all there is */
	bool is_reading; /* a page is on its way */
	bool is_held;    /* the last page failed; not before a retry */
	bool is_full;    /* until half of the window is free */
	bool is_unsure;  /* a poke was answered from a position */
	bool is_cut;     /* a row of this page had no room */
};

/*
 * Begin with nothing sent and nothing known to wait: poke when there is.
 *
 * window:        messages on their way at most, > 0
 * window_bytes:  of their envelopes, > 0; one that is longer goes alone
 * Ownership:     end with wp_delivery_release()
 * Errors:        WP_ERR_NOMEM
 */
enum wp_err wp_delivery_init(struct wp_delivery *delivery, size_t window,
			     size_t window_bytes,
			     struct wp_error *err) WP_MUST_USE;
void wp_delivery_release(struct wp_delivery *delivery);

/* Something new may wait. */
void wp_delivery_poke(struct wp_delivery *delivery);

/*
 * Is a page to be read now? To be asked after each event. Where it is, the
 * caller reads one and then says wp_delivery_read() or wp_delivery_failed();
 * until then the answer is no.
 *
 * places:   of each band (enum wp_band), where the page begins; set for true
 * Returns:  rows that there is room for; 0: no page
 */
size_t wp_delivery_ask(struct wp_delivery *delivery,
		       struct wp_band_from places[WP_BANDS]);

/* Messages that are sent and not acked. */
size_t wp_delivery_on_way(const struct wp_delivery *delivery);

/*
 * The next row of the page that was asked for, in the page's order.
 *
 * bytes:    of its envelope
 * Returns:  true: send it. False: there is no room; neither it nor what is
 *           behind it may be sent, it comes with a later page.
 */
bool wp_delivery_take(struct wp_delivery *delivery, enum wp_band band,
		      const struct wp_entry_id *entry,
		      size_t bytes) WP_MUST_USE;

/* All rows were told, or one had no room. has_more: the page's own */
void wp_delivery_read(struct wp_delivery *delivery, bool has_more);

/*
 * The page could not be read; no row of it was taken.
 *
 * Returns:  ms to wait before wp_delivery_retry(): 1000, doubled each time, at
 *           most 8000
 */
int64_t wp_delivery_failed(struct wp_delivery *delivery);
void wp_delivery_retry(struct wp_delivery *delivery);

/*
 * A message is deleted, for the client acked it. Not before the deletion is
 * done: what is read from the oldest would have it again.
 *
 * Returns:  false when it was not on its way here: pulled, or acked twice
 */
bool wp_delivery_acked(struct wp_delivery *delivery, enum wp_band band,
		       const struct wp_entry_id *entry);

#endif /* WP_LIB_DELIVERY_DELIVERY_H */
