/*
 * session.h - what Redis knows of sessions: calls of the session scripts and
 * what they answer (docs/architecture.md "Sessions").
 *
 * The store has a row of each session, and decides which there are; Redis has
 * the generations of their refresh tokens. tests/model/session.c looks at the
 * order in which the two are asked.
 */
#ifndef WP_LIB_MAILBOX_SESSION_H
#define WP_LIB_MAILBOX_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/urn.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum {
	WP_SESSION_LEN = 16,          /* bytes of an id */
	WP_SESSION_DIGITS = 32,       /* the same as text */
	WP_SESSION_CLAIM_DIGITS = 32, /* of a claim */
	WP_SESSION_DEVICE_MAX = 64,   /* bytes of a device's id */
	WP_SESSION_GENERATION_MAX = 1 << 30,
	/*
	 * A request and its answer get half of this each: who comes with what
	 * was superseded within it may not have heard of it.
	 */
	WP_SESSION_GRACE_MS = 60000,
	/*
	 * Longer under way than this, and a request may be one that its client
	 * has given up: then WP_SESSION_REUSED says nothing.
	 */
	WP_SESSION_YOUNG_MS = 20000,
};

/* Which one. Plain data. */
struct wp_session_ref {
	uint32_t partition;             /* its user's */
	char id[WP_SESSION_DIGITS + 1]; /* lower-case hex */
};

/* A new one of a user, with a random id. */
void wp_session_ref_make(struct wp_session_ref *out, const struct wp_box *user);

enum wp_session_verdict {
	WP_SESSION_ROTATED, /* give a token of `generation` */
	WP_SESSION_AGAIN,   /* the same: who asks may not have got it */
	WP_SESSION_KEPT,    /* give none: what was presented goes on */
	/*
	 * Redis does not know. Whoever finds a row in the store calls settle
	 * with `claim` and begins anew; without a row it has ended.
	 */
	WP_SESSION_ASK,
	/*
	 * It was superseded, and its child is in use: two have it. End the
	 * session, if the request is not older than WP_SESSION_YOUNG_MS and
	 * somebody still waits for its answer.
	 */
	WP_SESSION_REUSED,
};

struct wp_session_refreshed {
	enum wp_session_verdict verdict;
	char claim[WP_SESSION_CLAIM_DIGITS + 1]; /* ASK */
	/* ROTATED, AGAIN, KEPT: */
	int64_t generation;
	struct wp_urn user;
	char device[WP_SESSION_DEVICE_MAX + 1];
	int64_t day; /* days since 1970: the store has it as in use then */
};

/*
 * Somebody presents a refresh token that is proved to be ours. Also the first
 * step of a login: nobody knows of a new session, so it is ASK, and its row is
 * added after that.
 *
 * run_id:      of the Redis that cmd will go to
 * generation:  of the token
 */
struct wp_session_spans {
	int64_t idle_s;  /* so long it lives without a refresh */
	int64_t lives_s; /* and so long an access token of it */
};
void wp_session_refresh_build(struct wp_cmd *cmd, const char *run_id,
			      const struct wp_session_ref *session,
			      int64_t generation,
			      const struct wp_session_spans *spans);
/* WP_ERR_UNAVAIL: no answer, or none that is understood. */
enum wp_err
wp_session_refresh_parse(const struct wp_reply *reply,
			 struct wp_session_refreshed *out) WP_MUST_USE;

/* What the store's row says. Text is borrowed. */
struct wp_session_facts {
	const struct wp_urn *user;
	const char *device; /* at most WP_SESSION_DEVICE_MAX bytes */
	int64_t day;        /* days since 1970 */
	int64_t ends_s;     /* seconds since 1970, even if it is in use */
	struct wp_session_spans spans;
	int64_t max_sessions; /* of one user */
};

/*
 * The store has a row: found, or added, after the claim was made. Answered as
 * wp_script_done() says: WP_ERR_STALE if it ended meanwhile, or Redis has lost
 * the claim: refresh anew.
 *
 * run_id:      of the Redis that cmd will go to, which need not be the one that
 *              the claim is from
 * generation:  of the token that was presented; 0 for a new session
 */
struct wp_session_claim {
	const char *run_id;
	const char *claim;
	int64_t generation;
};
void wp_session_settle_build(struct wp_cmd *cmd,
			     const struct wp_session_ref *session,
			     const struct wp_session_claim *claim,
			     const struct wp_session_facts *facts);

/*
 * An access token of this generation was accepted, so its client has got it.
 * Nobody needs the answer.
 */
void wp_session_seen_build(struct wp_cmd *cmd,
			   const struct wp_session_ref *session,
			   int64_t generation);
/* The store has it as in use on this day. The same. */
void wp_session_day_build(struct wp_cmd *cmd,
			  const struct wp_session_ref *session, int64_t day);

/*
 * Begin a call that ends sessions of one user, whose rows are gone from the
 * store; a wp_cmd_str() of each id is to follow, 500 at most.
 *
 * user:  NULL when it is not known: then Redis' word counts
 */
void wp_session_end_begin(struct wp_cmd *cmd, uint32_t partition,
			  const struct wp_urn *user);
/*
 * lives_s:  for so long a token may live that was given by now; 0: Redis knows
 *           of none. What the settings say may be less by now, or more
 * Errors:   WP_ERR_UNAVAIL  nobody knows
 */
enum wp_err wp_session_end_parse(const struct wp_reply *reply,
				 int64_t *lives_s) WP_MUST_USE;

/*
 * End a session whose row is gone, and nobody knows any more whose it was: in
 * n partitions, from the first on, at most WP_SESSION_END_AT_ONCE. A group.
 */
enum { WP_SESSION_END_AT_ONCE = 64 };
void wp_session_end_anywhere_build(struct wp_cmd *cmd,
				   const struct wp_session_ref *first,
				   uint32_t n);
/*
 * n_out:    how many of them knew it
 * lives_s:  the highest of what wp_session_end_parse() says
 * Errors:   WP_ERR_UNAVAIL  one of them does not say
 */
enum wp_err wp_session_end_anywhere_parse(const struct wp_reply *reply,
					  size_t *n_out,
					  int64_t *lives_s) WP_MUST_USE;

/*
 * All sessions of a user are about to end, or all but some: first of all this,
 * then the rows go. Answered with the ids of those that Redis knows, which may
 * have ended: an array of texts, at most max. Who has found a row before this
 * settles it never.
 */
void wp_session_close_build(struct wp_cmd *cmd, const struct wp_box *user,
			    int64_t max);

/* The same ids, and nothing ends. */
void wp_session_list_build(struct wp_cmd *cmd, const struct wp_box *user,
			   int64_t max);

#endif /* WP_LIB_MAILBOX_SESSION_H */
