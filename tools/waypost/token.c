/*
 * token.c - `waypost token`: an access token of our own for somebody, without a
 * password, for trying things out.
 *
 * Signed with the key that signs for handlers, so only who may read that key
 * can do it. It is of a session that nobody has begun: nothing refreshes it.
 */
#include <stdio.h>
#include <string.h>

#include "lib/auth/issue.h"
#include "lib/base/clock.h"
#include "lib/mailbox/session.h"
#include "lib/name/box.h"
#include "tools/waypost/cli.h"

enum { S_PER_HOUR = 3600, MS_PER_S = 1000 };

static enum wp_err judge(const struct wp_conf *conf, struct wp_error *err)
{
	if (conf->run_mode == WP_RUN_PRODUCTION)
		return wp_error_set(err, WP_ERR_DENIED,
				    "token: it is for local mode; in "
				    "production users log in");
	if (!conf->accounts.enabled)
		return wp_error_set(err, WP_ERR_DENIED,
				    "token: nobody would believe it, for "
				    "accounts.enabled is false");
	return WP_OK;
}

enum wp_err wp_cli_token(const struct wp_cli *cli, struct wp_error *err)
{
	const struct wp_signer_conf conf = {
		.key_dir = cli->conf.auth.key_dir,
		.name = cli->conf.accounts.issuer,
		.lifetime_s = cli->args.hours * S_PER_HOUR,
	};
	struct wp_signer *signer = NULL;
	struct wp_session_ref session;
	struct wp_issue what = { .session = session.id, .device = "waypost" };
	struct wp_box box;
	struct wp_urn user;
	struct wp_buf token;
	enum wp_err rc = judge(&cli->conf, err);

	wp_buf_init(&token, 0);
	if (rc != WP_OK)
		goto out;
	wp_username_urn(&cli->args.account, &user);
	wp_box_of(&box, &user, 1); /* it lies nowhere */
	wp_session_ref_make(&session, &box);
	what.user = &user;
	signer = wp_signer_new(&conf);
	rc = signer == NULL ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
			    : wp_signer_sign(signer, wp_wall_ms() / MS_PER_S,
					     &what, &token, err);
	if (rc == WP_OK)
		printf("%s\n", token.data);
out:
	if (token.data != NULL)
		explicit_bzero(token.data, token.len);
	wp_buf_release(&token);
	wp_signer_free(&signer);
	return rc;
}
