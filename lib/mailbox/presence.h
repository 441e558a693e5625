/*
 * presence.h - who is connected where (docs/architecture.md "Presence"): calls
 * and answers of connect, disconnect, join, leave, heartbeat, reap and
 * presence.
 */
#ifndef WP_LIB_MAILBOX_PRESENCE_H
#define WP_LIB_MAILBOX_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/poke.h"
#include "lib/name/box.h"
#include "lib/name/urn.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum {
	WP_HEARTBEAT_MEMBERS = 500,
	WP_REAP_CHUNK = 200,
	WP_SEEN_TTL_SECONDS = 30 * 24 * 3600,
};

/* What is told about a connection. Texts are printable, without tabs. */
struct wp_presence_connect {
	const char *incarnation;
	const char *connection; /* wp_connection_name() */
	const char *protocol;   /* "ws" */
	const char *device;     /* "" when unknown */
	const char *chat;       /* "" when none is open */
	int64_t since_ms;       /* 0 = now, by Redis' clock */
	int64_t max_per_user;   /* connections; the oldest gives way */
};

void wp_presence_connect_build(struct wp_cmd *cmd, const char *run_id,
			       const struct wp_box *box,
			       const struct wp_presence_connect *what);

struct wp_presence_connected {
	bool is_gone; /* the incarnation is dead: take a new one */
	int64_t pending;
	int64_t since_ms;
};
/* Errors: WP_ERR_UNAVAIL for no or an unusable answer. The same below. */
enum wp_err
wp_presence_connect_parse(const struct wp_reply *reply,
			  struct wp_presence_connected *out) WP_MUST_USE;

/* wp_push_add() behind it; grace_ms: until messages migrate. */
void wp_presence_disconnect_build(struct wp_cmd *cmd, const struct wp_box *box,
				  const char *connection, int64_t grace_ms);
/* *left_out: connections that the user still has anywhere. */
enum wp_err wp_presence_disconnect_parse(const struct wp_reply *reply,
					 int64_t *left_out) WP_MUST_USE;

void wp_presence_join_build(struct wp_cmd *cmd, uint32_t partition,
			    const char *incarnation);
void wp_presence_leave_build(struct wp_cmd *cmd, uint32_t partition,
			     const char *incarnation);
/* WP_OK for {"ok"}; WP_ERR_STALE for {"busy"}; WP_ERR_UNAVAIL otherwise. */
enum wp_err wp_presence_done_parse(const struct wp_reply *reply) WP_MUST_USE;

void wp_presence_heartbeat_build(struct wp_cmd *cmd, uint32_t partition,
				 const char *incarnation);

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

/* Reaping, by the partition's owner. */
void wp_presence_reap_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    const char *incarnation, const char *counter);
enum wp_reap_status { WP_REAP_DONE, WP_REAP_MORE, WP_REAP_ALIVE, WP_REAP_LOST };
enum wp_err wp_presence_reap_parse(const struct wp_reply *reply,
				   enum wp_reap_status *status_out,
				   int64_t *removed_out) WP_MUST_USE;

/* HGETALL of live: pairs of incarnation and counter. */
void wp_presence_live_build(struct wp_cmd *cmd, uint32_t partition);

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
