/*
 * registrar_priv.h - what the registrar's three files share. Private to them:
 * registrar.c (incarnations and resync), registrar_calls.c (connect,
 * disconnect, leave), registrar_beat.c (heartbeats, due pokes, the nonce).
 */
#ifndef WP_LIB_LIVE_REGISTRAR_PRIV_H
#define WP_LIB_LIVE_REGISTRAR_PRIV_H

#include <ev.h>

#include "lib/base/log.h"
#include "lib/live/feed.h"
#include "lib/live/registrar.h"

enum wp_registrar_state {
	WP_REGISTRAR_DOWN,        /* a Redis connection is missing */
	WP_REGISTRAR_SUBSCRIBING, /* the new channel is not confirmed yet */
	WP_REGISTRAR_PROVING,     /* it is; may we publish there? */
	WP_REGISTRAR_LIVE,
};

enum { WP_INSTANCE_BYTES = 8, WP_SUFFIX_BYTES = 6 };

/* Why a connection is told to Redis. */
enum wp_connect_why {
	WP_CONNECT_NEW,
	WP_CONNECT_RESYNC, /* a new incarnation, or one more try */
	WP_CONNECT_UPDATE, /* its chat changed */
};

struct wp_disconnect; /* registrar_calls.c */

struct wp_registrar {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_hub *hub;
	struct wp_pokes *pokes;
	struct wp_live_counts counts;
	struct wp_registrar_hooks hooks;
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_log_limit forbidden_limit;
	struct wp_aredis *redis;
	struct wp_feed *feed;
	struct wp_cmd cmd; /* reused for every command */

	enum wp_registrar_state state;
	bool was_live;
	bool is_stopping;
	bool is_stopped;
	char instance[2 * WP_INSTANCE_BYTES + 1];
	char incarnation[WP_INCARNATION_MAX + 1];
	uint32_t epoch; /* rises with each incarnation; never 0 when one is */
	char before[WP_INCARNATION_MAX + 1]; /* the incarnation before */
	uint32_t epoch_before;               /* 0: there was none */
	uint32_t partitions;
	uint32_t *joined; /* per partition: epoch that joined it last */

	bool is_resyncing;
	size_t cursor;    /* next slot of the hub to look at */
	bool has_refused; /* somebody is to be tried again */
	size_t n_connecting;
	size_t n_resyncing; /* those of them that the resync began */

	size_t n_disconnecting;
	struct wp_disconnect *again; /* refused ones, for the next beat */
	bool is_parting;
	size_t n_parting;

	ev_timer beat_timer;
	ev_timer due_timer;
	uint32_t beat;     /* heartbeats sent; goes on over incarnations */
	uint32_t answered; /* the last beat that Redis answered */
	uint32_t heard;    /* the last nonce that came back */
	uint32_t active;   /* the last beat before which the feed brought
			      anything at all */
	uint64_t received; /* messages of the feed by then */
	size_t n_beating;
	size_t n_nonces; /* published and not answered */
};

/* registrar.c */
void wp_registrar_renew(struct wp_registrar *reg, const char *why);
void wp_registrar_resync_some(struct wp_registrar *reg);
/* All is proved that presence needs: it is live from now on. */
void wp_registrar_go_live(struct wp_registrar *reg);
/* Redis does not let us use a channel: say what is missing, try again with the
 * beats to come. */
void wp_registrar_on_forbidden(struct wp_registrar *reg,
			       const struct wp_reply *reply);
/* Log what Redis said to a call that it should not have refused; rate-limited.
 */
void wp_registrar_complain(struct wp_registrar *reg, const char *event,
			   const struct wp_reply *reply);
/* The same for one without which this incarnation is worth nothing. The next
 * one begins with a beat: who is refused and comes again at once does nothing
 * else, and the connection is good. */
void wp_registrar_on_refused(struct wp_registrar *reg, const char *event,
			     const struct wp_reply *reply);
void wp_registrar_check_stop(struct wp_registrar *reg);
void wp_registrar_kick(struct wp_registrar *reg, const struct wp_poke *poke);

/* registrar_calls.c */
enum wp_err wp_registrar_connect(struct wp_registrar *reg,
				 struct wp_member *member,
				 enum wp_connect_why why);
void wp_registrar_part(struct wp_registrar *reg);
void wp_registrar_disconnect_again(struct wp_registrar *reg);
void wp_registrar_forget_disconnects(struct wp_registrar *reg);

/* registrar_beat.c */
void wp_registrar_beat_init(struct wp_registrar *reg);
void wp_registrar_beat_begin(struct wp_registrar *reg);
/* Publish a nonce; its answer proves that we may. */
void wp_registrar_prove(struct wp_registrar *reg);
void wp_registrar_on_nonce(struct wp_registrar *reg, uint32_t nonce);
void wp_registrar_on_poke(struct wp_registrar *reg, const struct wp_poke *poke);

#endif /* WP_LIB_LIVE_REGISTRAR_PRIV_H */
