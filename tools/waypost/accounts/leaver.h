/*
 * leaver.h - somebody whose sessions end, all of them or one: what `account
 * disable`, `account delete` and `session revoke` have in common.
 *
 * What is there of sessions lies in the file of accounts and in Redis, and a
 * call that was cut off has taken away some of it. So Redis is asked first,
 * then rows go from the file, then the devices that they registered from the
 * store, then Redis forgets, then all is revoked
 * (docs/architecture.md "Sessions"): whoever is cut off repeats it.
 */
#ifndef WP_TOOLS_WAYPOST_ACCOUNTS_LEAVER_H
#define WP_TOOLS_WAYPOST_ACCOUNTS_LEAVER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/accounts/accounts.h"
#include "lib/auth/revoked.h"
#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/urn.h"
#include "tools/waypost/cli/cli.h"

enum {
	/* In the file, and as many that only Redis knows. */
	WP_LEAVER_SIDS_MAX = 2 * (WP_ACCOUNT_SESSIONS_MAX + 1),
};

/* Plain data; the sessions that end, each once. */
struct wp_leaver {
	struct wp_username name;
	struct wp_urn user;
	struct wp_box box;
	bool is_anywhere; /* one session, and nobody knows whose */
	int64_t keep_s;   /* for so long their tokens may be alive; behind
			 * wp_leaver_end(): so long it is remembered */
	size_t n;
	uint8_t sids[WP_LEAVER_SIDS_MAX][WP_SID_LEN];
};

/* Nobody's session ends yet. */
void wp_leaver_init(struct wp_leaver *out, const struct wp_username *name,
		    uint32_t partitions);
/* Nothing is done when there is no room. */
void wp_leaver_add(struct wp_leaver *leaver, const uint8_t sid[WP_SID_LEN]);

/*
 * The file of accounts, of this deployment; made where it has none.
 *
 * Errors: as wp_accounts_open(), and wp_deployment_accounts(): another file
 *         would get accounts that no handler sees
 */
enum wp_err wp_cli_open_accounts(const struct wp_cli *cli,
				 struct wp_accounts **out,
				 struct wp_error *err) WP_MUST_USE;

/*
 * Add the sessions that Redis knows, and leave room for those of the file.
 * Errors: WP_ERR_UNAVAIL
 */
enum wp_err wp_leaver_ask(struct wp_cli *cli, struct wp_leaver *leaver,
			  struct wp_error *err) WP_MUST_USE;
/* The same, and before the rows go: they are about to end
 * (lib/mailbox/session.h). */
enum wp_err wp_leaver_close(struct wp_cli *cli, struct wp_leaver *leaver,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Add all that the file has, whose rows go. Errors: WP_ERR_UNAVAIL
 */
enum wp_err wp_leaver_remove_all(struct wp_cli *cli, struct wp_leaver *leaver,
				 struct wp_error *err) WP_MUST_USE;

/* A token of theirs may live for so long, from now on. */
void wp_leaver_keep(struct wp_leaver *leaver, int64_t lives_s);

/*
 * The rows are gone: devices that the sessions registered end, Redis forgets
 * these, and whoever lets somebody in is told that their tokens are good no
 * longer, nor what `whole` is about.
 *
 * Errors: WP_ERR_UNAVAIL, WP_ERR_NOMEM: some of it may be done; repeat it
 */
enum wp_err wp_leaver_end(struct wp_cli *cli, struct wp_leaver *leaver,
			  const struct wp_revoked_key *whole,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_ACCOUNTS_LEAVER_H */
