/*
 * session.h - one connection as bytes: what came in becomes events, what is
 * sent becomes bytes to write. No descriptor, no clock, no loop.
 *
 *	HEAD -> ASKED -> OPEN -> CLOSING -> OVER
 *	   \--------\--> ANSWERED (an HTTP response instead) -> OVER
 *
 * Its owner reads when wp_session_wants() says so, feeds what it has read, and
 * pulls events at one place of its own choice. Nothing here calls back: to
 * send, to answer and to close only queue, count and change the state, so they
 * may be called while an event is being dealt with.
 *
 * While WP_SESSION_UNANSWERED_MAX frames are unanswered there is no event, and
 * nothing more is wanted.
 */
#ifndef WP_WS_SESSION_H
#define WP_WS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/http/head.h"
#include "ws-daemon/wire/frame.h"
#include "ws-daemon/wire/outbox.h"

enum { WP_SESSION_UNANSWERED_MAX = 32 };

enum wp_session_state {
	WP_SESSION_HEAD,  /* reading the request */
	WP_SESSION_ASKED, /* it was handed out, and is not answered yet */
	WP_SESSION_OPEN,
	WP_SESSION_ANSWERED, /* no upgrade: response, then the end */
	WP_SESSION_CLOSING,  /* our close frame is queued */
	WP_SESSION_OVER,     /* nothing is read or written any more */
};

/* Private but for state, which is the owner's to read. */
struct wp_session {
	struct wp_ws_reader reader;
	/* NULL while nothing waits */
	union {
		struct wp_message *only; /* has_only: it alone waits, whole */
		struct wp_outbox *outbox;
	};
	uint8_t *at; /* input that is not taken up */
	uint32_t left;
	uint32_t taken; /* is_kept: bytes before at in the same memory */
	uint32_t max_message;
	uint8_t state; /* enum wp_session_state */
	uint8_t n_unanswered;
	uint8_t deflate_bits;  /* as wp_session_open(); the owner's to read */
	bool is_kept : 1;      /* that memory is ours, else the owner's */
	bool is_line_new : 1;  /* a line has ended since we looked */
	bool is_last_sent : 1; /* nothing follows what is queued */
	bool has_only : 1;     /* a reference to a message, and no outbox */
};

enum wp_session_event_type {
	WP_SESSION_REQUEST,     /* respond, now or later, or open */
	WP_SESSION_BAD_REQUEST, /* respond with this status */
	WP_SESSION_TEXT, /* a whole message, valid UTF-8 unless deflated */
	WP_SESSION_PING, /* send a pong of the same data */
	WP_SESSION_PONG,
	WP_SESSION_LEAVE,  /* the peer's close frame: fail with its code */
	WP_SESSION_BROKEN, /* so does code deserve what the peer sent */
};

struct wp_session_event {
	enum wp_session_event_type type;
	unsigned status;  /* BAD_REQUEST: 400, 431 or 505 */
	uint16_t code;    /* LEAVE, BROKEN; WP_CLOSE_NO_STATUS if none */
	bool is_deflated; /* TEXT: data is to be inflated (deflate.h) */
	/* TEXT, PING, PONG and the texts of head: borrowed until the next call
	 * of next(), feed(), keep() or is_holding(). */
	const char *data;
	size_t len;
	struct wp_head head; /* REQUEST */
};

/* All zero is a new session, in HEAD. */
void wp_session_release(struct wp_session *session);

/*
 * Take bytes that were read, only while READ is wanted.
 *
 * data:    borrowed, and changed in place, until wp_session_keep()
 * Errors:  WP_ERR_NOMEM  the head cannot be kept; the session is of no use
 */
enum wp_err wp_session_feed(struct wp_session *session, uint8_t *data,
			    size_t len) WP_MUST_USE;

/* The next event of what was fed; false when there is none now. */
bool wp_session_next(struct wp_session *session, struct wp_session_event *out);

/* Copy what was fed and not taken up: data is the owner's again. Errors:
 * WP_ERR_NOMEM, as above. */
enum wp_err wp_session_keep(struct wp_session *session) WP_MUST_USE;

/* Would wp_session_next() have input to look at? While CLOSING too. */
bool wp_session_has_more(const struct wp_session *session);

/* Is memory held for a frame or message that has begun? What the last event was
 * borrowed from is forgotten. */
bool wp_session_is_holding(struct wp_session *session);

enum {
	WP_SESSION_READ = 1,  /* bytes to feed */
	WP_SESSION_WRITE = 2, /* what gather() shows is to be written */
	WP_SESSION_END = 4,   /* all is out, and nothing follows */
};

/* What the owner is to do now: an OR of the above. */
unsigned wp_session_wants(const struct wp_session *session);

/*
 * Upgrade: queue the 101; frames come and go from now on.
 *
 * max_message:   bytes of a whole message, as wp_ws_reader_feed()
 * deflate_bits:  of wp_extension_choose(); 0: nothing comes deflated
 * Errors:        WP_ERR_NOMEM, also when response has failed; OPEN all the same
 */
enum wp_err wp_session_open(struct wp_session *session,
			    const struct wp_buf *response, size_t max_message,
			    uint8_t deflate_bits) WP_MUST_USE;

/* Answer with these bytes instead of an upgrade, and end. Errors: as above. */
enum wp_err wp_session_respond(struct wp_session *session,
			       const struct wp_buf *response) WP_MUST_USE;

/*
 * Queue message; the caller keeps its reference. Only while OPEN.
 *
 * Errors:  WP_ERR_FULL   more than max_queue bytes would wait
 *          WP_ERR_NOMEM  neither changes anything
 */
enum wp_err wp_session_send(struct wp_session *session,
			    struct wp_message *message,
			    size_t max_queue) WP_MUST_USE;

/* Does a poke wait to be written? */
bool wp_session_has_poke(const struct wp_session *session);
/* Bytes that wait, as max_queue of wp_session_send() counts them. */
size_t wp_session_queued(const struct wp_session *session);

/* A frame was handed on and its answer is to come; it has come, or never will:
 * pair them. */
void wp_session_ask(struct wp_session *session);
void wp_session_answer(struct wp_session *session);

/*
 * Queue a close frame, the last; only while OPEN. With WP_CLOSE_TRY_LATER it
 * takes the place of what waits, of which the peer could read no more anyway.
 *
 * Errors:  WP_ERR_NOMEM; CLOSING all the same
 */
enum wp_err wp_session_close(struct wp_session *session,
			     uint16_t code) WP_MUST_USE;
/* The same without waiting for the peer's: it has said so already, or has
 * broken the protocol (RFC 6455 section 7.1.7). */
enum wp_err wp_session_fail(struct wp_session *session,
			    uint16_t code) WP_MUST_USE;

/* Over, and nothing goes out any more. */
void wp_session_end(struct wp_session *session);

/* Point iov at what is to be written next; returns how many. */
size_t wp_session_gather(const struct wp_session *session, struct iovec *iov,
			 size_t max);
/*
 * n bytes were written, n <= what gather() showed.
 *
 * Errors:  WP_ERR_NOMEM  a frame is begun, and there is no memory to know it:
 *                        nothing can be sent any more
 */
enum wp_err wp_session_sent(struct wp_session *session, size_t n) WP_MUST_USE;

#endif /* WP_WS_SESSION_H */
