/*
 * session.h - the state of one session in the model: what Redis, the store and
 * the clients know of it, and which guard a case takes away.
 *
 * Time goes in ticks. A way (of a request until it was decided, of an answer
 * until it was put away) takes one tick at most, else it is given up; grace is
 * two, so it is as long as both ways. In the product a tick is 30 s.
 */
#ifndef WP_TESTS_MODEL_SESSION_H
#define WP_TESTS_MODEL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WP_SM_REQUESTS = 3,
	WP_SM_TABS = 2,
	WP_SM_THIEF = 2,   /* who owns a request; tabs are 0 and 1 */
	WP_SM_NOBODY = 3,  /* its client has given it up */
	WP_SM_OWNER = 4,   /* in traces */
	WP_SM_WAY = 1,     /* ticks */
	WP_SM_GRACE = 2,   /* ticks */
	WP_SM_AGE_MAX = 6, /* older is as old as that */
	WP_SM_NONE = -1,   /* no token */
	WP_SM_UNUSED = -1, /* the present generation was not used */
};

/* What is taken away, or done wrongly. */
enum wp_sm_mistake {
	WP_SM_RIGHT,
	WP_SM_NO_GRACE,
	WP_SM_NO_USED,
	WP_SM_GRACE_ONCE,
	WP_SM_GRACE_RENEWED,
	WP_SM_AGAIN_ALWAYS,
	WP_SM_ROTATE_ALWAYS,
	WP_SM_ROTATE_SOON,
	WP_SM_KEPT_IS_GIVEN,
	WP_SM_OLD_VERDICT,
	WP_SM_NO_CLAIM,
	WP_SM_ONE_CLAIM,
	WP_SM_CLAIM_OUTLIVES,
	WP_SM_NO_LIFE,
	WP_SM_NOT_RAISED,
	WP_SM_KEPT_UNUSED,
	WP_SM_RESTORED_OLD,
	WP_SM_LOGIN_BLIND,
	WP_SM_LOGIN_TRUSTS_ROW,
	WP_SM_END_REDIS_FIRST,
	WP_SM_END_STORE_ONLY,
	WP_SM_SEEN_ANY,
	WP_SM_CLOSES_UNSAID,
	WP_SM_CLOSES_ROWS,
};

/* wp:{p}:session:<sid>, and nothing else that Redis has. */
struct wp_sm_redis {
	int8_t is_settled; /* it has a generation */
	int8_t generation;
	int8_t is_used; /* the present generation */
	int8_t age;     /* since it may have been used first */
	int8_t life;    /* of Redis in which the store was asked */
	int8_t claim;   /* 0: none */
	int8_t claim_life;
};

enum wp_sm_at {
	WP_SM_FREE,
	WP_SM_SENT,     /* on its way, or about to ask Redis once more */
	WP_SM_ASKS,     /* has a claim; about to look at the store */
	WP_SM_FOUND,    /* a row; about to settle */
	WP_SM_REUSED,   /* Redis says so */
	WP_SM_ENDS,     /* about to delete the row */
	WP_SM_ENDS_ON,  /* it is deleted; about to tell Redis */
	WP_SM_ANSWERED, /* with a generation, or none */
	WP_SM_LOGS_IN,  /* about to claim */
	WP_SM_ADDS,     /* has a claim; about to add the row */
};

struct wp_sm_request {
	int8_t at; /* enum wp_sm_at */
	int8_t who;
	int8_t token; /* presented; when answered: given, or NONE */
	int8_t access;
	int8_t age;
	int8_t claim;
	int8_t is_login;
	int8_t has_deleted; /* the row was there */
};

struct wp_sm_state {
	struct wp_sm_redis redis, disk; /* disk: what a lost tail leaves */
	int8_t life;
	int8_t has_row;
	int8_t next_claim;
	struct wp_sm_request requests[WP_SM_REQUESTS];
	int8_t stored; /* the token that the tabs share */
	int8_t access[WP_SM_TABS +
		      1]; /* a token not used yet: whose, of which */
	int8_t stolen;
	int8_t owner;       /* steps of the logout or closing that are done */
	int8_t owner_found; /* it has deleted the row */
	int8_t is_named;    /* a closing knows of the session */
	/* What really happened. */
	int8_t used_age; /* since the present generation was used */
	int8_t has_ended;
	/* How often. */
	int8_t sent, wholes, tails, copies, crashes;
};

struct wp_sm_case {
	const char *name;
	const char *what;
	enum wp_sm_mistake mistake;
	int generations;
	int sent; /* requests */
	int wholes, tails;
	int crashes;
	bool has_thief, has_owner, begins_with_login;
	bool is_closing; /* the owner has no token: all sessions are to end */
	bool is_random;  /* walks by chance, instead of every way */
	bool is_full;    /* for MODEL=full */
};

/* What session_refresh.lua answers. */
enum wp_sm_verdict {
	WP_SM_ROTATED, /* here is a child */
	WP_SM_AGAIN,   /* here is the same child */
	WP_SM_KEPT,    /* keep what you have */
	WP_SM_ASK,     /* the store, then settle with this claim */
	WP_SM_IS_REUSED,
};

/*
 * session_refresh.lua. token_out: what is given, or NONE; access_out: of which
 * generation the access token is; claim_out with ASK.
 */
enum wp_sm_verdict wp_sm_refresh(const struct wp_sm_case *model,
				 struct wp_sm_state *s, int8_t presented,
				 struct wp_sm_request *out);

/* session_settle.lua. Returns whether it was done. */
bool wp_sm_settle(const struct wp_sm_case *model, struct wp_sm_state *s,
		  int8_t claim, int8_t presented, bool is_login);

/* session_seen.lua: an access token of this generation showed up. */
void wp_sm_seen(const struct wp_sm_case *model, struct wp_sm_state *s,
		int8_t generation);

/* session_close.lua. Returns whether the list has it. */
bool wp_sm_close(const struct wp_sm_case *model, struct wp_sm_state *s);

/* session_end.lua */
void wp_sm_end(struct wp_sm_state *s);

#endif /* WP_TESTS_MODEL_SESSION_H */
