/*
 * account_call.h - what a call about an account knows on its way: who it is
 * said to be about, what was proved, and what will be answered.
 *
 * The endpoints of accounts are made of the same steps in different orders:
 * new_password.h, attempt.h, session_begin.h. Each goes on with the step that
 * it is given, or answers the call itself where there is no way on.
 */
#ifndef WP_HANDLERS_ACCOUNTS_ACCOUNT_CALL_H
#define WP_HANDLERS_ACCOUNTS_ACCOUNT_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/accounts/accounts.h"
#include "lib/accounts/new_account.h"
#include "lib/mailbox/session.h"
#include "lib/name/box.h"

#include "handlers/accounts/credentials.h"
#include "handlers/accounts/session.h"
#include "handlers/request/call.h"

/* A step of a call: see call.h. */
typedef bool (*wp_account_step)(struct wp_call *call);
/* The same with an answer of Redis; NULL: it cannot be asked, or was lost. */
typedef bool (*wp_account_answer)(struct wp_call *call,
				  const struct wp_reply *reply);
/* What is done on a thread of the desk, and the step behind it. */
typedef enum wp_err (*wp_account_run)(struct wp_call *call,
				      struct wp_accounts *accounts,
				      struct wp_error *err);
typedef bool (*wp_account_done)(struct wp_call *call, enum wp_err result);

enum { WP_ATTEMPT_BYTES = 16 };

struct wp_account_call {
	struct wp_credentials given;
	struct wp_username name;
	struct wp_urn user;
	struct wp_box box;

	struct wp_account account; /* as it was found, or made */
	bool is_there;
	bool is_right;            /* the password */
	const char *known_device; /* that has proved itself; NULL: none has */

	const struct wp_credential_text *judged; /* as a new password */
	struct wp_error why;                     /* it is not good enough */
	struct wp_password password;             /* the new one */
	char recovery_code[WP_RECOVERY_CODE_LEN + 1]; /* "": none is told */
	uint8_t recovery[WP_RECOVERY_HASH_LEN];       /* of it */

	/* Sessions that are to be told to Redis: those whose rows are gone, and
	 * those that it has named (wp_sessions_known()). */
	struct wp_ended ended;
	struct wp_session_set known;
	bool shuts_out; /* see wp_sessions_end() */

	/* What a back end asked for: */
	char made[WP_PASSWORD_MADE_MAX + 1]; /* a password; "": it gave one */
	int64_t uses;                        /* of an invite */
	int64_t days;

	char attempt[2 * WP_ATTEMPT_BYTES +
		     1]; /* stands for the use of an invite */

	struct wp_session_ref session; /* the new one */
	struct wp_account_session row;
	char claim[WP_SESSION_CLAIM_DIGITS + 1];
	unsigned int status; /* of the answer: 200 or 201 */
	unsigned int tries;
	bool has_row;
	enum wp_err result; /* of what is undone just now */

	void (*build)(struct wp_call *call); /* of what is asked of Redis */
	wp_account_answer on_answer;
	wp_account_step next;     /* of the judging or counting */
	wp_account_step right;    /* of the password */
	wp_account_step on_known; /* of the sessions */
	wp_account_step on_ended;
};

/* The memory of a call: call->state from now on; NULL: answered 404 or 500. */
struct wp_account_call *wp_account_call_new(struct wp_call *call);

/*
 * Begin a call: read its body, and whom it is about. For users that is the
 * caller; else the name that is given, and one that nobody can have is nobody's
 * (`username` needed), of which back ends are told (WP_C_ONLY).
 *
 * needed, allowed:  as wp_credentials_read()
 * Returns:          call->state from now on; NULL: call->resp has the error
 */
struct wp_account_call *wp_account_call_begin(struct wp_call *call,
					      unsigned int needed,
					      unsigned int allowed);

/* Work on the account that the call is about. Returns: as wp_call_desk() */
bool wp_account_call_desk(struct wp_call *call, wp_account_run run,
			  wp_account_done step);
/* Look the account up, for about->account. Returns: as wp_call_desk() */
bool wp_account_call_find(struct wp_call *call, wp_account_done step);
/* As wp_account_call_desk(), for work that computes one hash of a password. */
bool wp_account_call_hash(struct wp_call *call, wp_account_run run,
			  wp_account_done step);

/*
 * Ask Redis for what build writes into ctx->cmd, then go on with the answer.
 * Returns: as a step
 */
bool wp_account_call_ask(struct wp_call *call,
			 void (*build)(struct wp_call *call),
			 wp_account_answer step);

/* The answer of an attempt that failed, whatever was wrong. Returns: true */
bool wp_account_call_wrong(struct wp_call *call);
/* The same for a code. */
bool wp_account_call_wrong_code(struct wp_call *call);

/* Send ctx->cmd to Redis, whose answer nobody needs; the line is up. */
void wp_account_call_tell(struct wp_call *call);

/*
 * Ask which sessions Redis knows of the user, for about->known, then go on; 503
 * when it cannot be asked. Before rows go of which all end: what an end has
 * left that was cut off behind its rows goes with them, so that whoever was not
 * answered, and tries again with what is good by then, has ended them.
 * Returns: as a step
 */
bool wp_account_call_known(struct wp_call *call, wp_account_step next);

/*
 * End the sessions in about->ended and known, whose rows are gone, then go on;
 * 503 when they cannot be ended. Returns: as a step
 */
bool wp_account_call_end(struct wp_call *call, wp_account_step next);

/*
 * The answer where accounts cannot be asked: FULL, UNAVAIL and all that should
 * not be. Returns: true
 */
bool wp_account_call_failed(struct wp_call *call, enum wp_err result);

#endif /* WP_HANDLERS_ACCOUNTS_ACCOUNT_CALL_H */
