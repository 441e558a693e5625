/*
 * presence.h - who is connected where (docs/architecture.md "Presence"): calls
 * and answers of connect, disconnect, join, leave, heartbeat and presence, and
 * what scripts and daemons say to each other over Pub/Sub.
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
#ifndef WP_LIB_MAILBOX_PRESENCE_H
#define WP_LIB_MAILBOX_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

/* ---- Pub/Sub ---- */

enum {
	WP_INCARNATION_MAX = 39, /* hex digits and '-' only: no '.' */
	WP_CONNECTION_MAX = 63,  /* "<incarnation>.<number>" */
	WP_POKE_CHANNEL_MAX = 8 + WP_INCARNATION_MAX,
	WP_HEARTBEAT_MEMBERS = 500,
	WP_SEEN_TTL_SECONDS = 30 * 24 * 3600,
};

/*
 * How each channel of backends begins, "user_noti:<user>"; all of them, as a
 * pattern; and what may be heard in all.
 */
#define WP_NOTIFICATION_CHANNEL "user_noti:"
#define WP_NOTIFICATION_CHANNELS WP_NOTIFICATION_CHANNEL "*"
#define WP_POKE_ACL "&wp:*, &" WP_NOTIFICATION_CHANNELS

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

/*
 * Hear what a message says, one after the other; what is not understood says
 * nothing.
 *
 * message:  len bytes of any kind; pokes point into it
 */
void wp_poke_read(const char *message, size_t len,
		  void (*hear)(void *ctx, const struct wp_poke *poke),
		  void *ctx);

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

/* ---- calls ---- */

/* Whose connections are told. */
struct wp_presence_teller {
	const char *incarnation;
	const char *protocol; /* of all of them: "ws" */
	int64_t max_per_user; /* connections; the oldest gives way */
};

/* What is told about a connection. Texts are printable, without tabs. */
struct wp_presence_connect {
	uint32_t partition; /* of the user */
	const char *urn;
	size_t urn_len;
	const char *connection; /* wp_connection_name() */
	const char *device;     /* "" when unknown */
	const char *chat;       /* "" when none is open */
	int64_t since_ms;       /* 0 = now, by Redis' clock */
};

/*
 * Write the call of connect.lua for n >= 1 connections. Those of one partition
 * lie together in the list; of one user, they come in its order. In a Redis
 * Cluster all partitions of a call must be of one slot: the caller decides what
 * goes together.
 */
void wp_presence_connect_build(struct wp_cmd *cmd, const char *run_id,
			       const struct wp_presence_teller *teller,
			       const struct wp_presence_connect *list,
			       size_t n);

struct wp_presence_connected {
	bool is_gone; /* the incarnation is dead: take a new one */
	int64_t pending;
	int64_t since_ms;
	/* What Redis says instead, borrowed from the answer; "" for none. */
	const char *problem;
};
/*
 * What became of connection i of the list; reply NULL means no answer came.
 *
 * Errors: WP_ERR_UNAVAIL for no or an unusable answer. The same below.
 */
enum wp_err
wp_presence_connect_parse(const struct wp_reply *reply, size_t i,
			  struct wp_presence_connected *out) WP_MUST_USE;

/* For the three: wp_script_done(), WP_ERR_STALE while it is being reaped.
 * grace_ms: until messages migrate */
void wp_presence_disconnect_build(struct wp_cmd *cmd,
				  const struct wp_conf *conf,
				  const struct wp_box *box,
				  const char *connection, int64_t grace_ms);
void wp_presence_join_build(struct wp_cmd *cmd, uint32_t partition,
			    const char *incarnation);
void wp_presence_leave_build(struct wp_cmd *cmd, uint32_t partition,
			     const char *incarnation);

void wp_presence_heartbeat_build(struct wp_cmd *cmd, uint32_t partition,
				 const char *incarnation);

/*
 * What a daemon says of itself with each beat, for operators. It is forgotten
 * WP_DAEMON_SAID_MS after the last word, and the time that is left tells when
 * that was.
 *
 * Source:  Redis, SET with PX, PTTL
 */
enum { WP_DAEMON_SAID_MS = 60000 };
struct wp_daemon_said {
	int64_t users;  /* that are connected to it */
	int64_t age_ms; /* of the word */
};
void wp_presence_say_build(struct wp_cmd *cmd, const char *incarnation,
			   int64_t users);
/* A group of two commands, whose answers wp_presence_said_parse() takes: false
 * when it has said nothing for so long, or never does (an older release). */
void wp_presence_said_build(struct wp_cmd *cmd, const char *incarnation);
bool wp_presence_said_parse(const struct wp_reply *reply,
			    struct wp_daemon_said *out);

struct wp_presence_beat {
	bool is_gone;
	bool more; /* call again at once */
	size_t n;  /* members, read with wp_presence_beat_member() */
};
enum wp_err
wp_presence_heartbeat_parse(const struct wp_reply *reply,
			    struct wp_presence_beat *out) WP_MUST_USE;
/* Member i < n, WP_POKE_USER or WP_POKE_KICK. Borrowed from reply. */
struct wp_poke wp_presence_beat_member(const struct wp_reply *reply, size_t i);

/* Presence of n >= 1 users of one partition; answers in the same order. */
void wp_presence_query_build(struct wp_cmd *cmd,
			     const struct wp_box *const *boxes, size_t n);
struct wp_presence_state {
	int64_t connections;
	int64_t seen_s; /* of the last disconnect, since 1970; 0 unknown */
};
enum wp_err wp_presence_query_parse(const struct wp_reply *reply, size_t n,
				    struct wp_presence_state *out) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_PRESENCE_H */
