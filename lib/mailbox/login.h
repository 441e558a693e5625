/*
 * login.h - what Redis knows of those who are about to come in: how often a
 * password was guessed, and which codes are good (docs/architecture.md
 * "Logins").
 *
 * Codes are random and long; Redis has their hashes, so whoever reads all of it
 * has no code.
 */
#ifndef WP_LIB_MAILBOX_LOGIN_H
#define WP_LIB_MAILBOX_LOGIN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum {
	WP_RESET_TTL_S = 3600,
	WP_INVITE_TTL_MAX_S = 30 * 86400,
	WP_INVITE_USES_MAX = 1000,
	WP_INVITE_WHO_MAX = 64, /* bytes */
};

enum wp_login_verdict {
	WP_LOGIN_GO,     /* it was counted; try the password */
	WP_LOGIN_WAIT,   /* not before wait_s; it was not counted */
	WP_LOGIN_LOCKED, /* not at all, until somebody unlocks it */
};

struct wp_login_begun {
	enum wp_login_verdict verdict;
	int64_t n;      /* GO: in a row, this one too */
	int64_t wait_s; /* WAIT: > 0 */
};

/*
 * Count an attempt before it is made, whether or not there is such an account.
 *
 * device:  of whoever has proved that it is known to the account, and is
 *          counted by itself; NULL: everybody else
 */
void wp_login_begin_build(struct wp_cmd *cmd, const struct wp_box *account,
			  const char *device);
/* WP_ERR_UNAVAIL: it was not counted, or nobody knows: guess nothing. */
enum wp_err wp_login_begin_parse(const struct wp_reply *reply,
				 struct wp_login_begun *out) WP_MUST_USE;

/*
 * It was right, or somebody unlocks the account: what was counted is forgotten.
 * Nobody needs the answer.
 *
 * device:  as for the attempt; a known one also unlocks everybody else
 */
void wp_login_ok_build(struct wp_cmd *cmd, const struct wp_box *account,
		       const char *device);

/* ---- codes ---- */

/* Of a code for a new password or an invite; partitions: of the deployment. */
struct wp_login_code {
	uint32_t partition; /* by the hash */
	char hash[65];      /* hex digits */
};
void wp_login_code_of(struct wp_login_code *out, const char *code, size_t len,
		      uint32_t partitions);

/* It is good for WP_RESET_TTL_S, for this account. */
void wp_reset_put_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			const char *name);
/*
 * Use it up. The answer by wp_script_done(): WP_ERR_STALE if it is not good for
 * this account, and it is still good for another one.
 */
void wp_reset_take_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			 const char *name);

/*
 * It is good `uses` times, 1 to WP_INVITE_USES_MAX, for ttl_s seconds, 1 to
 * WP_INVITE_TTL_MAX_S. Answered as wp_script_done() says.
 */
void wp_invite_put_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			 int64_t uses, int64_t ttl_s);
/*
 * Use it once; whoever has used it already has done so. By wp_script_done():
 * WP_ERR_STALE if it is unknown or used up.
 *
 * who:  at most WP_INVITE_WHO_MAX bytes that stand for the account, and do not
 *       name it
 */
void wp_invite_take_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			  const char *who);
/* Give it back: nothing came of it. Nobody needs the answer. */
void wp_invite_give_build(struct wp_cmd *cmd, const struct wp_login_code *code,
			  const char *who);

#endif /* WP_LIB_MAILBOX_LOGIN_H */
