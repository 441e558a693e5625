/*
 * session.c - waypost session revoke: tokens of a user, a subject or a session
 * are good no longer. Handlers refuse them within two seconds, and their
 * connections end.
 */
#include <stdio.h>
#include <string.h>

#include "lib/mailbox/revoke.h"
#include "tools/waypost/cli.h"

enum { SECONDS_PER_HOUR = 3600 };

static enum wp_err make_key(const struct wp_cli_args *args,
			    struct wp_revoked_key *out, struct wp_error *err)
{
	const char *name =
		args->session != NULL ? args->session : args->subject;
	uint8_t hash[WP_NAME_HASH_LEN];
	struct wp_urn user;
	enum wp_err rc;

	if (args->user != NULL) {
		rc = wp_urn_parse(&user, args->user, strlen(args->user), err);
		if (rc == WP_OK)
			wp_revoked_key_user(out, &user);
		return rc;
	}
	rc = wp_name_hash(args->issuer, name, strlen(name), hash);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "memory is exhausted");
	if (args->session != NULL)
		wp_revoked_key_session(out, hash);
	else
		wp_revoked_key_subject(out, hash);
	return WP_OK;
}

enum wp_err wp_cli_session_revoke(struct wp_cli *cli, struct wp_error *err)
{
	int64_t hours = cli->conf.auth.revocation_hours;
	struct wp_reply *reply = NULL;
	struct wp_revoked_key key;
	enum wp_err rc = make_key(&cli->args, &key, err);

	if (rc != WP_OK)
		return rc;
	wp_revoke_build(&cli->cmd, &key, 1, hours * SECONDS_PER_HOUR);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK && wp_revoke_parse(reply) != WP_OK)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis does not say that it is revoked; "
				  "repeat it");
	wp_reply_free(&reply);
	if (rc == WP_OK)
		printf("revoked: %s; remembered for %d hours\n",
		       cli->args.session != NULL ? "all tokens of the session"
						 : "what was issued up to now",
		       (int)hours);
	return rc;
}
