/*
 * live.h - what a program that holds connections has of this folder: who is
 * connected, telling Redis so, hearing pokes, and what clients ask of their
 * mailboxes. A program has one; all of it runs on the thread of its loop.
 *
 * Nothing that clients ask is waited for. It travels one connection, and sends
 * go together (lib/live/gather.h): what one client sends is accepted in its
 * order, and costs memory while Redis and the store are slow. There is one
 * bound for all clients together, and a part of it for one user, however many
 * connections that user has or has had: nobody can take all of it from others.
 */
#ifndef WP_LIB_LIVE_LIVE_H
#define WP_LIB_LIVE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "lib/auth/identity.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/live/gather.h"
#include "lib/live/hub.h"
#include "lib/live/registrar.h"
#include "lib/live/revoker.h"
#include "lib/live/store_thread.h"
#include "lib/mailbox/ack.h"
#include "lib/mailbox/submit.h"
#include "lib/sys/conf.h"

enum {
	WP_INFLIGHT_MAX = 64 * 1024 * 1024, /* bytes that are not answered */
	/* 32 of the usual size, from one connection, fit in. */
	WP_INFLIGHT_USER_MAX = WP_INFLIGHT_MAX / 4,
	/* Users are told apart by a hash: two that meet share a part, which is
	 * noticed by whoever asks for nearly all of it. */
	WP_INFLIGHT_SLOTS = 4096,
	/* Each thing that is asked costs this beside its bytes. */
	WP_INFLIGHT_CALL_COST = 1536,
};

/* So much of a run_id tells two lives of Redis apart: 64 random bits. */
enum { WP_LIVE_LIFE_LEN = 16 };

struct wp_live {
	const struct wp_conf *conf; /* the current one, borrowed */
	struct wp_hub *hub;
	struct wp_registrar *registrar;
	struct wp_store_thread *store;
	struct wp_gather *gather; /* sends of all connections */
	struct wp_ack_waits waits;
	struct wp_revoker *revoker;

	/* The rest is private: what is not answered, and how full Redis is,
	 * sampled once a second. */
	size_t inflight;
	size_t inflight_of[WP_INFLIGHT_SLOTS];
	unsigned memory_percent; /* of maxmemory; 0: unlimited or unknown */
	bool is_asking_memory;
	struct ev_loop *loop;
	ev_timer memory_timer;
	struct wp_log_limit memory_limit;
};

struct wp_live_hooks {
	wp_member_fn on_poke;    /* puts a poke on its way */
	wp_member_fn on_revoked; /* as in lib/live/revoker.h */
	struct wp_ack_waits waits;
};

/*
 * Make everything. Nothing connects to Redis before wp_registrar_start().
 *
 * live:     all zero; must not move afterwards. End with wp_live_release(),
 *           also on error
 * setup:    what differs from program to program; its hub is made here. Redis
 *           and the store are reached with its conf
 * hooks:    called with the ctx of setup's hooks
 * Errors:   WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_live_init(struct wp_live *live,
			 const struct wp_registrar_setup *setup,
			 const struct wp_live_hooks *hooks,
			 struct wp_error *err) WP_MUST_USE;
/*
 * What was asked of Redis and the store is answered now, by a loss, and all is
 * freed. No member may be left in the hub. Idempotent.
 */
void wp_live_release(struct wp_live *live);

/* Go by these from now on (reload). */
void wp_live_use(struct wp_live *live, const struct wp_teller_rules *rules);

/* One send on its way. The caller's memory, which stays until `done`. */
struct wp_live_send {
	struct wp_sends sends; /* first: the gatherer knows only this */
	struct wp_live *live;
	struct wp_submission submission;
	const struct wp_submission *one;
	struct wp_send_result result;
	struct wp_buf json; /* what of the submission is sent */
	uint32_t user_hash;
	size_t charged;
	/* What became of it; it may free send. */
	void (*done)(struct wp_live_send *send,
		     const struct wp_send_result *result);
};

/*
 * Begin a send of this user, by the checks of lib/mailbox/submit.h in their
 * order; done will run once, and has not yet when this returns.
 *
 * send:     all zero but for live and done
 * options:  its sender is user, whatever it says; not needed afterwards
 * text:     the envelope, but for its partitions; not needed afterwards
 * Returns:  false with a refusal: done does not run, and nothing was sent
 */
bool wp_live_send_begin(struct wp_live_send *send, const struct wp_user *user,
			const struct wp_submit_options *options,
			const struct wp_envelope_text *text,
			struct wp_refusal *refusal) WP_MUST_USE;

/* One ack on its way. The caller's memory, which stays until `done`. */
struct wp_live_ack {
	struct wp_store_job job; /* first: the store thread knows only this */
	struct wp_live *live;
	struct wp_box box;
	struct wp_ack_ids ids; /* until done has run */
	struct wp_ack_walk walk;
	/* Of the Redis that told of the hint. */
	char life[WP_LIVE_LIFE_LEN + 1];
	size_t charged;
	/* How long the message took is nobody's wait. The caller's to set */
	bool is_uncounted;
	/* true: deleted in both tiers; false: unknown, to be repeated. It may
	 * free ack. */
	void (*done)(struct wp_live_ack *ack, bool is_done);
};

/*
 * Begin an ack of this user, in the three steps of lib/mailbox/ack.h; done will
 * run once, and may have run when this returns WP_OK.
 *
 * ack:     all zero but for live, done and is_uncounted
 * text:    {"messageIds":[…]}, not needed afterwards
 * Errors:  done does not run, and nothing was deleted.
 *          WP_ERR_INVAL    text is no such thing; err has a sentence
 *          WP_ERR_NOMEM
 *          WP_ERR_FULL     too much is unanswered, by this user or by all
 *          WP_ERR_UNAVAIL  Redis cannot be reached
 */
enum wp_err wp_live_ack_begin(struct wp_live_ack *ack,
			      const struct wp_user *user,
			      const struct wp_json_slice *text,
			      struct wp_error *err) WP_MUST_USE;

/* wp_session_seen(), over the connection of the registrar. */
void wp_live_seen(struct wp_live *live, const struct wp_identity *who);

#endif /* WP_LIB_LIVE_LIVE_H */
