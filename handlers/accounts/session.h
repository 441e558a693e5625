/*
 * session.h - what the endpoints of accounts do with sessions: answer
 * with their tokens, and end some (docs/architecture.md "Sessions").
 *
 * A session is ended in this order: its row goes from the accounts, then
 * wp_sessions_end() ends the devices that it registered, takes it out of Redis
 * and says so to everybody. Whoever dies in between leaves something that is
 * repeated, and nothing that comes back: the store remembers who has ended for
 * those that registered something meanwhile.
 */
#ifndef WP_HANDLERS_ACCOUNTS_SESSION_H
#define WP_HANDLERS_ACCOUNTS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/accounts/accounts.h"
#include "lib/auth/issue.h"
#include "lib/auth/own_key.h"
#include "lib/base/err.h"
#include "lib/mailbox/session.h"
#include "lib/name/box.h"
#include "lib/name/urn.h"

#include "handlers/request/call.h"

/* Bodies of all endpoints of accounts. */
enum { WP_ACCOUNT_BODY_MAX = 8192 };

/*
 * Are there accounts here? False when call->resp holds the 404 of a path at
 * which nothing is.
 */
bool wp_accounts_are_on(struct wp_call *call);

/* ---- what a session is answered with ---- */

struct wp_session_answer {
	unsigned int status;
	const struct wp_session_ref *session;
	const struct wp_urn *user;
	const char *device;
	int64_t generation;
	bool gives_refresh; /* else the client keeps what it has */
	bool in_cookie;     /* where a refresh token goes, or came from */
	const char *proof;  /* of the device; NULL: none */
	const char *more;   /* members of the object, with a comma in front of
			     * each; NULL: none */
};

/*
 * Is there a key to sign with? Asked before anything is changed: an account of
 * which nobody was told could not be registered again, and a recovery code that
 * was replaced would be lost.
 *
 * Returns: false when call->resp holds 503 identity_unavailable
 */
bool wp_session_may_be_given(struct wp_call *call);

/*
 * Sign an access token and write the whole answer; 503 identity_unavailable
 * when there is no key. True: the answer is in call->resp.
 */
bool wp_session_answer(struct wp_call *call,
		       const struct wp_session_answer *what);

/* ---- the end ---- */

enum { WP_SESSIONS_END_MAX = 250 };

/* Sessions that are to end, each once. Zeroes are an empty one. */
struct wp_session_set {
	const uint8_t *keep; /* is not added; NULL: none. Borrowed */
	size_t n;
	uint8_t sids[WP_SESSIONS_END_MAX][WP_SID_LEN];
};
/* Nothing is done when it is full. */
void wp_session_set_add(struct wp_session_set *set,
			const uint8_t sid[WP_SID_LEN]);

/* Take one out again, if it is there. */
void wp_session_set_spare(struct wp_session_set *set,
			  const uint8_t sid[WP_SID_LEN]);

/*
 * Sessions of a user are about to end: add those that Redis knows. Before the
 * rows go: a login that comes after that is not among them, what an end that
 * was cut off has left is, and who has found a row of those settles it never
 * (session_close.lua). Not done: say 503.
 *
 * set:      there is room in it for rows
 * Returns:  as a step
 */
bool wp_sessions_known(struct wp_call *call, const struct wp_box *user,
		       struct wp_session_set *set,
		       bool (*step)(struct wp_call *call, bool is_done));

/*
 * Rows of this user are gone from the accounts: end the devices that the
 * sessions have registered, take these out of Redis and revoke their tokens.
 * Where the store cannot be asked the rest is done all the same. Not done: say
 * 503, for it must be repeated.
 *
 * n:        at most WP_SESSIONS_END_MAX; is_anywhere: 1
 * Returns:  as a step
 */
struct wp_session_ends {
	const struct wp_urn *user; /* NULL when only Redis knows; borrowed */
	uint32_t partition;        /* the user's */
	bool is_anywhere;          /* nobody knows whose: all are asked */
	/* Not changed; borrowed until step was called. */
	uint8_t (*sids)[WP_SID_LEN];
	size_t n;
	/* Everything that was issued for the user up to now, whatever is known
	 * of sessions: nobody has it who may not come back. */
	bool shuts_out;
	/* Out, when it is done: for so long a token may be alive that was given
	 * by now (s), so whatever else is revoked is to be remembered for it.
	 * NULL: nobody asks, and where nothing ends Redis is not asked */
	int64_t *keep_s;
};
bool wp_sessions_end(struct wp_call *call, const struct wp_session_ends *what,
		     bool (*step)(struct wp_call *call, bool is_done));

/*
 * Do something with the rows of a session whose user is not known yet.
 * Returns: as wp_call_desk()
 */
bool wp_session_desk(struct wp_call *call, const struct wp_session_ref *session,
		     enum wp_err (*run)(struct wp_call *call,
					struct wp_accounts *accounts,
					struct wp_error *err),
		     bool (*step)(struct wp_call *call, enum wp_err result));

/* ---- what the settings make of it ---- */

/* Days since 1970 in UTC. */
int64_t wp_session_today(void);
/* So long a session lives without a refresh. */
int64_t wp_session_idle_s(const struct wp_conf *conf);
/* That, and so long an access token. */
struct wp_session_spans wp_session_spans(const struct wp_conf *conf);
/* What Redis is told of a row; text is borrowed. */
void wp_session_facts_of(const struct wp_conf *conf,
			 const struct wp_account_session *row,
			 const struct wp_urn *user,
			 struct wp_session_facts *out);

#endif /* WP_HANDLERS_ACCOUNTS_SESSION_H */
