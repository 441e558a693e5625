/*
 * patience.h - how long a peer is borne with: numbers in, a verdict out. Ticks
 * are what the caller counts; there is no clock here.
 *
 * A peer that says nothing is pinged, and dropped when it does not answer. One
 * that takes nothing, although something waits for it, is told that it is slow,
 * whatever it says. One that begins a message has to end it. And a token ends.
 */
#ifndef WP_WS_PATIENCE_H
#define WP_WS_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct wp_patience_limits {
	uint32_t idle;     /* ticks of silence that are too many */
	uint32_t interval; /* from one ping to the next */
	uint32_t answer;   /* there is this much time for an answer to one */
};

/* Private but for due, expires, warns_before and is_blocked. */
struct wp_patience {
	uint32_t due;     /* the next ping; while not open, the end of it all */
	uint32_t expires; /* the token's end */
	uint32_t heard;   /* the last sign of life */
	union {           /* nobody is asked behind a queue that stands */
		uint32_t moved; /* is_blocked: the last time that it was not */
		uint32_t asked; /* is_asked: the first ping since heard */
	};
	uint32_t begun; /* is_holding: when the message began */
	/* So long before its token's end it is told that this is near, at most
	 * as long as the token lasts; 0: no more. */
	uint16_t warns_before;
	bool is_asked : 1;   /* pinged since it was heard; not is_blocked */
	bool is_holding : 1; /* a part of a message is kept */
	bool is_blocked : 1; /* the socket took no more */
};

/* A sign of life, or a time when we did not listen for one. */
void wp_patience_hear(struct wp_patience *patience, uint32_t now);
/* The socket takes no more; it took some again. */
void wp_patience_block(struct wp_patience *patience, uint32_t now);
void wp_patience_unblock(struct wp_patience *patience, uint32_t now);
/* Is a part of a message kept, which costs memory until the rest comes? */
void wp_patience_hold(struct wp_patience *patience, bool is_holding,
		      uint32_t now);

enum wp_patience_verdict {
	WP_PATIENCE_FINE,
	WP_PATIENCE_PING,     /* ask it; that it was asked is noted */
	WP_PATIENCE_SILENT,   /* it does not answer */
	WP_PATIENCE_SLOW,     /* it takes nothing */
	WP_PATIENCE_ENDLESS,  /* its message does not end */
	WP_PATIENCE_EXPIRING, /* tell it; that it was told is noted */
	WP_PATIENCE_EXPIRED,
};

/* When an open connection is to be judged next, at the latest. */
uint32_t wp_patience_deadline(const struct wp_patience *patience,
			      const struct wp_patience_limits *limits);

/* Judge an open connection. */
enum wp_patience_verdict
wp_patience_judge(struct wp_patience *patience,
		  const struct wp_patience_limits *limits, uint32_t now);

#endif /* WP_WS_PATIENCE_H */
