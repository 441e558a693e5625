/*
 * conn.h - one connection from accept to close: a descriptor, the session that
 * is spoken over it, and its member of the hub.
 *
 * The 101 is sent when Redis has registered the connection, so whoever can read
 * is online and whoever cannot be registered gets an HTTP error.
 *
 * Events are pulled from the session when a connection's turn comes
 * (lib/live/turn.h), and nowhere else; what they mean is asked of whoever set
 * the upcalls. An upcall never frees: whatever it calls here only changes
 * fields, queues and marks, never reads, and may be called for any connection
 * in any state. One that has ended is over for the session, and freed at the
 * end of the turn.
 */
#ifndef WP_WS_CONN_H
#define WP_WS_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "ws-daemon/extra.h"
#include "ws-daemon/parts.h"
#include "ws-daemon/request.h"
#include "ws-daemon/wire/patience.h"
#include "ws-daemon/wire/session.h"

enum {
	WP_CLOSE_WAIT_MS = 5000,  /* for the peer's half of a close */
	WP_CLOSE_DRAIN_MS = 1000, /* for the peer to read our last bytes */
};

/* What a connection needs only until its request is answered. */
struct wp_admission {
	struct wp_buf response; /* the 101, when all is well */
	struct wp_request request;
	int64_t expires_s;    /* of the token */
	uint8_t deflate_bits; /* as wp_session_open() */
	uint16_t window;      /* of messages in place of pokes; 0: pokes */
	/* While it waits for a key that its token may be signed with. */
	struct wp_key_waiter key_waiter;
	struct wp_conn *conn; /* for the waiter */
	char *token;          /* owned */
	size_t token_len;
	struct wp_address from; /* len 0: nobody knows */
};

struct wp_conn {
	struct wp_member member; /* first: hub and registrar know only this */
	struct wp_turn_item item;
	struct wp_parts *parts;
	struct wp_session session;
	struct wp_extra *extra; /* owned; NULL: it needs none of it */
	struct wp_patience patience;
	uint64_t device; /* of wp_conn_device() */
	int fd;
	bool is_admitted : 1;     /* counted in n_admitted */
	bool is_readable : 1;     /* the socket has something */
	bool is_hung_up : 1;      /* and behind it the end */
	bool is_room_watched : 1; /* the poller tells of room */
	bool is_poke_owed : 1;    /* came before the connection was open */
	bool is_replaced : 1;     /* so did the word that it gives way */
	bool is_half_closed : 1;
	bool is_paused : 1; /* it was too fast: nothing is taken up */
};

struct wp_conn_upcalls {
	/* A request came in. wp_conn_refuse(), wp_conn_show() or wp_conn_open()
	 * follows, at once or later; head is borrowed. */
	void (*on_request)(struct wp_conn *conn, const struct wp_head *head);
	/* It is open, and greeted. NULL: nobody asks. */
	void (*on_open)(struct wp_conn *conn);
	/* A text message came; data is borrowed. */
	void (*on_text)(struct wp_conn *conn, const char *data, size_t len);
	/* It does not wait to be opened any more, or is open no more: presence
	 * ends with that, not with the socket. is_clean: it has said so. Comes
	 * more than once. */
	void (*on_left)(struct wp_conn *conn, bool is_clean);
};

/* NULL but from request to answer. */
static inline struct wp_admission *wp_conn_admission(const struct wp_conn *conn)
{
	return conn->extra == NULL ? NULL : conn->extra->admission;
}

/* NULL: it is poked. */
static inline struct wp_consumer *wp_conn_consumer(const struct wp_conn *conn)
{
	return conn->extra == NULL ? NULL : conn->extra->consumer;
}

static inline struct wp_conn *wp_conn_of(struct wp_member *member)
{
	return (struct wp_conn *)member;
}

/* Takes fd, also on failure. */
void wp_conn_accept(struct wp_parts *parts, int fd);

/* The turn of a connection (lib/live/turn.h). */
enum wp_turn_next wp_conn_on_turn(struct wp_turn_item *item);
/* The poller tells of a connection's socket. */
void wp_conn_on_socket(void *owner, unsigned events);

/* The connection with this number if it is open, else NULL. */
struct wp_conn *wp_conn_find_open(const struct wp_parts *parts,
				  uint64_t number);

/* Answer the request with an HTTP error, and close; nothing happens when there
 * is an answer already. code: a literal; why: the counter of rejections. */
void wp_conn_refuse(struct wp_conn *conn, unsigned status, const char *code,
		    const char *sentence, enum wp_ws_metric why);
/* The same with 429, and in Retry-After the time until it may come back. */
void wp_conn_limit(struct wp_conn *conn, int64_t wait_ns);
/* Answer it with 200 and this body, and close. with_body: false for HEAD. */
void wp_conn_show(struct wp_conn *conn, const char *type, const char *body,
		  bool with_body);
/* Answer it with the 101 of its admission. Behind that go the scratch buffer as
 * the first frame, and what came too early: a poke, and the word that it gives
 * way. Only for a request that is not answered. */
void wp_conn_open(struct wp_conn *conn);

/* For so many seconds from now a token that ends then is good here; one that
 * only lives by the leeway has the whole of it. At least 1. */
int64_t wp_conn_left_s(const struct wp_conn *conn, int64_t expires_s);
/* The caller of an open connection has this token from now on. Returns: as
 * wp_conn_left_s(). */
int64_t wp_conn_renew(struct wp_conn *conn, const struct wp_identity *caller);
/* What a connection keeps of the device that a token names: as good as the
 * name, to tell one from another. */
uint64_t wp_conn_device(const struct wp_identity *caller);

/* Queue message; the caller keeps its reference. Nothing happens unless open. A
 * peer that is too slow for it is closed with 1013. */
void wp_conn_send(struct wp_conn *conn, struct wp_message *message);
/* Queue the scratch buffer as a text frame, and empty it. */
void wp_conn_send_scratch(struct wp_conn *conn);

/* Begin to close it with this code, or refuse what is not open yet. */
void wp_conn_close(struct wp_conn *conn, uint16_t code, enum wp_ws_metric why);
/* Over: nothing more is read or written. */
void wp_conn_drop(struct wp_conn *conn, enum wp_ws_metric why);

/* A deadline of its consumer is another one. */
void wp_conn_reschedule(struct wp_conn *conn);

/* For lib/live, which knows members; ctx is not looked at. Queue a poke unless
 * one is waiting already, or have its consumer look for messages. */
void wp_conn_on_poke(void *ctx, struct wp_member *member);
/* Give way to a newer connection of the user: 4409. */
void wp_conn_on_kick(void *ctx, struct wp_member *member);
/* Its token is good no longer: 4403, or 401 when it is not open yet. */
void wp_conn_on_revoked(void *ctx, struct wp_member *member);

#endif /* WP_WS_CONN_H */
