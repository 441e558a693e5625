/*
 * outbox.h - bytes for the wire, and the bounded queue of them that waits for
 * one slow socket.
 *
 * A message is built once and shared by reference: a notification to a user
 * with five connections is one allocation and five pointers. Messages never
 * change after they were made.
 *
 * A peer that stops reading must cost a known amount of memory and nothing
 * more. The outbox stores references, and it exists only while something waits.
 */
#ifndef WP_WS_OUTBOX_H
#define WP_WS_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/base/err.h"
#include "ws-daemon/wire/frame.h"

struct wp_message {
	uint32_t refs;
	uint32_t len;
	bool is_poke; /* one waiting poke is as good as two */
	bool is_http; /* no frame: the bound for frames is not its own */
	uint8_t data[];
};

/* An HTTP response as it is; NULL when memory is exhausted. */
struct wp_message *wp_message_http(const void *data, size_t len);

/*
 * One whole WebSocket frame, unmasked as servers send (RFC 6455 section 5.1).
 *
 * Returns:  a message with one reference, or NULL when memory is exhausted
 */
struct wp_message *wp_message_frame(enum wp_ws_opcode opcode,
				    const void *payload, size_t len);

/* A close frame with this code and no reason; empty for WP_CLOSE_NO_STATUS. */
struct wp_message *wp_message_close(uint16_t code);

/* One more reference; returns message. */
struct wp_message *wp_message_ref(struct wp_message *message);
/* Give one reference back and set *message to NULL. NULL-safe. */
void wp_message_unref(struct wp_message **message);

/* Each waiting message counts this much beside its bytes: its place in line. */
enum { WP_OUTBOX_ENTRY_COST = 16 };

/* What it counts while it waits: nothing for an HTTP response. */
size_t wp_message_cost(const struct wp_message *message);

struct wp_outbox;

/* NULL when memory is exhausted. The caller's; end with wp_outbox_free(). */
struct wp_outbox *wp_outbox_new(void) WP_MUST_USE;

/* Unref everything queued, free the outbox, set *box to NULL. NULL-safe. */
void wp_outbox_free(struct wp_outbox **box);

/*
 * Queue message behind everything already waiting.
 *
 * max_bytes:  that may wait then: wire bytes plus WP_OUTBOX_ENTRY_COST for each
 *             frame; an HTTP response does not count
 * Ownership:  takes its own reference on success; the caller keeps its own
 * Errors:     WP_ERR_FULL   the bound would be exceeded, queue unchanged
 *             WP_ERR_NOMEM  queue unchanged
 */
enum wp_err wp_outbox_push(struct wp_outbox *box, struct wp_message *message,
			   size_t max_bytes) WP_MUST_USE;

/* The same without the bound: for the answer to a request, the first of all,
 * and the close frame, the last. */
enum wp_err wp_outbox_push_always(struct wp_outbox *box,
				  struct wp_message *message) WP_MUST_USE;

/* Point iov at what is to be sent next, oldest first; returns how many. */
size_t wp_outbox_gather(const struct wp_outbox *box, struct iovec *iov,
			size_t max);

/* n bytes were sent, n <= what gather() showed: drop what is out completely. */
void wp_outbox_advance(struct wp_outbox *box, size_t n);

/*
 * Drop everything of which no byte is out yet. A frame that was begun stays,
 * and so does an HTTP response: the peer could not read what comes behind.
 */
void wp_outbox_drop_unsent(struct wp_outbox *box);

bool wp_outbox_is_empty(const struct wp_outbox *box);
/* What waits, as the bound of wp_outbox_push() counts. */
size_t wp_outbox_bytes(const struct wp_outbox *box);
/* Is a poke among the waiting? */
bool wp_outbox_has_poke(const struct wp_outbox *box);
#endif /* WP_WS_OUTBOX_H */
