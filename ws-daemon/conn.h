/*
 * conn.h - one connection from accept to close.
 *
 *	HEAD -> ASKING -> REGISTERING -> OPEN -> CLOSING -> DEAD
 *	   \-> ANSWERED (an HTTP response is on its way) -> DEAD
 *
 * The 101 is sent when Redis has registered the connection, so whoever can read
 * is online and whoever cannot be registered gets an HTTP error.
 *
 * All input is taken up by wp_conn_turn(), which the server calls for marked
 * connections when the turn of the loop ends, and by nobody else. Everything
 * here that a frame, an answer or a timer may call only changes fields, queues
 * and marks: it never reads, and never frees what its caller still holds. DEAD
 * connections are freed at the end of the turn, too.
 */
#ifndef WP_WS_CONN_H
#define WP_WS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "lib/base/buf.h"
#include "lib/http/answer.h"
#include "lib/live/hub.h"
#include "lib/live/timers.h"
#include "ws-daemon/metrics.h"
#include "ws-daemon/server.h"
#include "ws-daemon/wire/frame.h"
#include "ws-daemon/wire/outbox.h"

enum wp_conn_state {
	WP_CONN_HEAD,        /* reading the request */
	WP_CONN_ASKING,      /* a ticket is being redeemed */
	WP_CONN_REGISTERING, /* presence is being told */
	WP_CONN_OPEN,
	WP_CONN_ANSWERED, /* no upgrade: response, then close */
	WP_CONN_CLOSING,  /* our close frame is on its way */
	WP_CONN_DEAD,     /* to be freed */
};

enum {
	WP_CONN_UNANSWERED_MAX = 32,
	WP_CLOSE_WAIT_MS = 5000,  /* for the peer's half of a close */
	WP_CLOSE_DRAIN_MS = 1000, /* for the peer to read our last bytes */
};

/* What a connection needs only before it is open, or while input waits. */
struct wp_stash {
	struct wp_buf input;    /* read, and not yet taken up */
	struct wp_buf response; /* the 101, when all is well */
	char request_id[WP_REQUEST_ID_MAX + 1];
	int64_t expires_s; /* of the token */
};

struct wp_conn {
	struct wp_member member; /* first: hub and registrar know only this */
	ev_io io;
	struct wp_timer timer;
	struct wp_server *server;
	struct wp_ws_reader reader;
	struct wp_outbox *outbox; /* NULL while nothing waits */
	struct wp_stash *stash;   /* NULL most of the time */

	struct wp_conn *next_marked; /* see wp_server_mark() */

	/* Ticks. due: the next ping while OPEN, else the end of our patience.
	 */
	uint32_t heard; /* the last sign of life */
	uint32_t moved; /* is_blocked: the last time that it was not */
	uint32_t asked; /* is_asked: the first ping since then */
	uint32_t begun; /* is_holding: when the message began */
	uint32_t due;
	uint32_t expires;

	uint8_t state; /* enum wp_conn_state */
	uint8_t n_unanswered;
	bool is_admitted : 1; /* counted in n_admitted */
	bool is_marked : 1;
	bool is_readable : 1;  /* the socket has something */
	bool is_due : 1;       /* a deadline is to be judged */
	bool is_asked : 1;     /* pinged since it was heard */
	bool is_holding : 1;   /* a part of a message is kept */
	bool is_blocked : 1;   /* the socket took no more */
	bool is_poke_owed : 1; /* came before the connection was open */
	bool is_replaced : 1;  /* so did the word that it gives way */
	bool is_last_sent : 1; /* nothing follows what is queued */
	bool is_half_closed : 1;
};

static inline struct wp_conn *wp_conn_of(struct wp_member *member)
{
	return (struct wp_conn *)member;
}

/* A sign of life, or a time when we did not listen for one. */
static inline void wp_conn_heard(struct wp_conn *conn)
{
	conn->heard = conn->server->tick;
	conn->is_asked = false;
}

/* Takes fd, also on failure. */
void wp_conn_accept(struct wp_server *server, int fd);
/* Only for the server's reaper. */
void wp_conn_free(struct wp_conn *conn);

/* The connection with this number if it is open, else NULL. */
struct wp_conn *wp_conn_find_open(struct wp_server *server, uint64_t number);

/* NULL when memory is exhausted. */
struct wp_stash *wp_conn_stash(struct wp_conn *conn);
/* Idempotent. */
void wp_conn_free_stash(struct wp_conn *conn);

/* The caller is user until expires_s; on_registered or on_refused follows. */
void wp_conn_register(struct wp_conn *conn, const struct wp_urn *user,
		      int64_t expires_s);
/* The registrar's answers. */
void wp_conn_on_registered(struct wp_conn *conn, int64_t pending);
void wp_conn_on_refused(struct wp_conn *conn);

/* Queue message; the caller keeps its reference. Nothing happens unless OPEN.
 * A peer that is too slow for it is closed with 1013, so conn may be in another
 * state afterwards. */
void wp_conn_send(struct wp_conn *conn, struct wp_message *message);
/* Queue the server's scratch buffer as a text frame, and empty it. */
void wp_conn_send_scratch(struct wp_conn *conn);
/* The same as the answer to a frame that was counted unanswered; what waited
 * for it is taken up when the turn ends. */
void wp_conn_answer_scratch(struct wp_conn *conn);
/* Queue a poke unless one is waiting already. */
void wp_conn_poke(struct wp_conn *conn);

/* Queue message, NULL when there was no memory for it, whatever waits: for
 * HTTP responses and close frames. Never closes or drops. */
enum wp_err wp_conn_queue_always(struct wp_conn *conn,
				 struct wp_message *message) WP_MUST_USE;

/* Answer the request with an HTTP error, and close; nothing happens when there
 * is an answer already. why: the counter of rejections. */
void wp_conn_refuse(struct wp_conn *conn, unsigned status, const char *code,
		    const char *sentence, enum wp_ws_metric why);
/* Answer it with 200 and this body, and close. with_body: false for HEAD. */
void wp_conn_show(struct wp_conn *conn, const char *type, const char *body,
		  bool with_body);

/* Begin the close handshake, or refuse what is not open yet. */
void wp_conn_close(struct wp_conn *conn, uint16_t code, enum wp_ws_metric why);
/* The peer broke the protocol: the same without waiting for its answer (RFC
 * 6455 section 7.1.7). */
void wp_conn_fail(struct wp_conn *conn, uint16_t code);
/* Give way to a newer connection of the user: 4409, behind a 101 to come. */
void wp_conn_replace(struct wp_conn *conn);
/* Over: nothing more is read or written. */
void wp_conn_drop(struct wp_conn *conn, enum wp_ws_metric why);

/* Bear with conn, which is not open, for so long. */
void wp_conn_limit(struct wp_conn *conn, int64_t ms);
/* The earliest deadline of conn has come: note it and mark. */
void wp_conn_on_tick(struct wp_conn *conn);
/* Only for wp_conn_turn(), behind the reading: what came in time but was not
 * read in time, because we were stopped or busy, counts. */
void wp_conn_judge_time(struct wp_conn *conn);
/* Set the timer to the earliest deadline; after changing one of them. */
void wp_conn_schedule(struct wp_conn *conn);

/* The socket can do something: note it and mark. */
void wp_conn_on_io(struct ev_loop *loop, ev_io *io, int events);

/*
 * Only for the end of a turn: take up input as far as it may be now and as a
 * fair share of the turn allows, judge the deadline that has come, send what
 * waits, watch the socket for what comes next.
 *
 * Returns:  whether input is left that could be taken up at once
 */
bool wp_conn_turn(struct wp_conn *conn);

#endif /* WP_WS_CONN_H */
