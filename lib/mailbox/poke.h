/*
 * poke.h - what scripts and daemons say to each other over Pub/Sub: the names
 * of the channels, and the grammar of the messages.
 *
 * wp:poke:<incarnation> is heard by one daemon, and says
 *	"p <urn>,<urn>,…"   these users have something to pull
 *	"k <connection>"    close this connection: it had to give way
 *	"n <number>"        the daemon's own, to see that the subscription lives
 *
 * user_noti:<user> is a backend's, and heard by every daemon: a notification
 * for the clients of this user.
 *
 * Any of it may be lost: pokes and kicks come again with a heartbeat.
 */
#ifndef WP_LIB_MAILBOX_POKE_H
#define WP_LIB_MAILBOX_POKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/redis/cmd.h"

enum {
	WP_INCARNATION_MAX = 39, /* hex digits and '-' only: no '.' */
	WP_CONNECTION_MAX = 63,  /* "<incarnation>.<number>" */
	WP_POKE_CHANNEL_MAX = 8 + WP_INCARNATION_MAX,
};

/* All channels of backends, as a pattern; and what may be heard in all. */
#define WP_NOTIFICATION_CHANNELS "user_noti:*"
#define WP_POKE_ACL "&wp:* and &" WP_NOTIFICATION_CHANNELS

/* "wp:poke:<incarnation>" */
void wp_poke_channel(char out[WP_POKE_CHANNEL_MAX + 1],
		     const char *incarnation);

/*
 * Whom a notification is for, out of the name of its channel: the rest of it,
 * *len bytes of any kind. NULL when it is no such channel.
 *
 * len:  in and out; the name need not be terminated
 */
const char *wp_poke_notified(const char *channel, size_t *len);

enum wp_poke_what {
	WP_POKE_USER,  /* text: the URN of somebody who has something to pull */
	WP_POKE_KICK,  /* text: the connection that has to be closed */
	WP_POKE_NONCE, /* nonce */
};

struct wp_poke {
	enum wp_poke_what what;
	const char *text; /* borrowed, not terminated */
	size_t len;
	uint32_t nonce;
};

/* Begins as what wp_poke_read() makes of a message. */
struct wp_poke_reader {
	const char *text;
	size_t len; /* 0 when all is read */
	char kind;
};

/* message: len bytes of any kind, borrowed while it is being read. */
struct wp_poke_reader wp_poke_read(const char *message, size_t len);
/* The next that it says; false when there is no more that is understood. */
bool wp_poke_next(struct wp_poke_reader *reader, struct wp_poke *out);

/* Publish a nonce to this incarnation's own channel. */
void wp_poke_nonce_build(struct wp_cmd *cmd, const char *incarnation,
			 uint32_t nonce);

/* "<incarnation>.<number>" */
void wp_connection_name(char out[WP_CONNECTION_MAX + 1],
			const char *incarnation, uint64_t number);
/*
 * Read the number back.
 *
 * name:     len bytes of any kind
 * Returns:  false when this is no connection of incarnation
 */
bool wp_connection_number(const char *name, size_t len, const char *incarnation,
			  uint64_t *number_out);

#endif /* WP_LIB_MAILBOX_POKE_H */
