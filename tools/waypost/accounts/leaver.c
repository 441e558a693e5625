/*
 * leaver.c - see leaver.h.
 */
#include "tools/waypost/accounts/leaver.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/auth/identity.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/revoke.h"
#include "lib/mailbox/session.h"
#include "lib/store/push.h"
#include "lib/store/store.h"

enum {
	MS_PER_S = 1000,
	SECONDS_PER_HOUR = 3600,
	LATE_S = 90, /* of clocks, and of tables */
};

/* A path that is wrong is to leave no empty file behind. */
static enum wp_err refuse_new_file(const struct wp_cli *cli,
				   struct wp_error *err)
{
	const char *path = cli->conf.accounts.sqlite_path;

	if (access(path, F_OK) == 0 || errno != ENOENT)
		return WP_OK;
	return wp_deployment_look_accounts(cli->redis, path, "", err);
}

enum wp_err wp_cli_open_accounts(const struct wp_cli *cli,
				 struct wp_accounts **out, struct wp_error *err)
{
	char id[WP_ACCOUNTS_ID_LEN + 1];
	enum wp_err rc = refuse_new_file(cli, err);

	*out = NULL;
	if (rc == WP_OK)
		rc = wp_accounts_open(out, cli->conf.accounts.sqlite_path,
				      WP_ACCOUNTS_BUSY_MS, err);
	if (rc == WP_OK)
		rc = wp_accounts_id(*out, id, err);
	if (rc == WP_OK)
		rc = wp_deployment_accounts(cli->redis, id, err);
	if (rc != WP_OK)
		wp_accounts_close(out);
	return rc;
}

void wp_leaver_init(struct wp_leaver *out, const struct wp_username *name,
		    uint32_t partitions)
{
	*out = (struct wp_leaver){ .name = *name };
	wp_username_urn(name, &out->user);
	wp_box_of(&out->box, &out->user, partitions);
}

void wp_leaver_add(struct wp_leaver *leaver, const uint8_t sid[WP_SID_LEN])
{
	for (size_t i = 0; i < leaver->n; i++)
		if (memcmp(leaver->sids[i], sid, WP_SID_LEN) == 0)
			return;
	if (leaver->n < WP_LEAVER_SIDS_MAX)
		memcpy(leaver->sids[leaver->n++], sid, WP_SID_LEN);
}

enum { KNOWN_MAX = WP_LEAVER_SIDS_MAX - WP_ACCOUNT_SESSIONS_MAX - 1 };

/* Send cli->cmd, and add what it says. */
static enum wp_err add_known(struct wp_cli *cli, struct wp_leaver *leaver,
			     struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	uint8_t sid[WP_SID_LEN];
	enum wp_err rc = wp_cli_ask(cli, &reply, err);

	for (size_t i = 0; i < wp_reply_count(reply); i++) {
		const struct wp_reply *id = wp_reply_at(reply, i);

		if (wp_hex_read(wp_reply_str(id), wp_reply_len(id), sid,
				sizeof(sid)))
			wp_leaver_add(leaver, sid);
	}
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_leaver_ask(struct wp_cli *cli, struct wp_leaver *leaver,
			  struct wp_error *err)
{
	wp_session_list_build(&cli->cmd, &leaver->box, KNOWN_MAX);
	return add_known(cli, leaver, err);
}

enum wp_err wp_leaver_close(struct wp_cli *cli, struct wp_leaver *leaver,
			    struct wp_error *err)
{
	wp_session_close_build(&cli->cmd, &leaver->box, KNOWN_MAX);
	return add_known(cli, leaver, err);
}

enum wp_err wp_leaver_remove_all(struct wp_cli *cli, struct wp_leaver *leaver,
				 struct wp_error *err)
{
	struct wp_accounts *accounts = NULL;
	struct wp_ended ended = { .n = 0 };
	enum wp_err rc = wp_cli_open_accounts(cli, &accounts, err);

	if (rc == WP_OK)
		rc = wp_accounts_session_remove_all(accounts, &leaver->name,
						    NULL, &ended, err);
	wp_accounts_close(&accounts);
	for (size_t i = 0; rc == WP_OK && i < ended.n; i++)
		wp_leaver_add(leaver, ended.sid[i]);
	return rc;
}

void wp_leaver_keep(struct wp_leaver *leaver, int64_t lives_s)
{
	if (leaver->keep_s < lives_s + LATE_S)
		leaver->keep_s = lives_s + LATE_S;
}

static enum wp_err say_not_ended(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "Redis does not say that the sessions have ended; "
			    "repeat it");
}

/* Partitions are asked in groups, as POST /api/admin/revoke does. */
static enum wp_err forget_anywhere(struct wp_cli *cli, struct wp_leaver *leaver,
				   struct wp_error *err)
{
	struct wp_session_ref first = { .partition = 0 };
	size_t n_found = 0;
	enum wp_err rc = WP_OK;

	wp_hex_write(first.id, leaver->sids[0], WP_SID_LEN);
	while (rc == WP_OK && first.partition < cli->partitions) {
		uint32_t n = cli->partitions - first.partition;
		struct wp_reply *reply = NULL;
		int64_t lives_s;
		size_t n_known;

		if (n > WP_SESSION_END_AT_ONCE)
			n = WP_SESSION_END_AT_ONCE;
		wp_session_end_anywhere_build(&cli->cmd, &first, n);
		rc = wp_cli_ask(cli, &reply, err);
		if (rc == WP_OK && wp_session_end_anywhere_parse(
					   reply, &n_known, &lives_s) != WP_OK)
			rc = say_not_ended(err);
		wp_reply_free(&reply);
		if (rc != WP_OK)
			return rc;
		wp_leaver_keep(leaver, lives_s);
		n_found += n_known;
		first.partition += n;
	}
	/* One that is made up has not ended. */
	leaver->n = n_found > 0;
	return rc;
}

/* Redis forgets the sessions that are gone from the file. */
static enum wp_err forget_sessions(struct wp_cli *cli, struct wp_leaver *leaver,
				   struct wp_error *err)
{
	char digits[2 * WP_SID_LEN + 1];
	struct wp_reply *reply = NULL;
	int64_t lives_s;
	enum wp_err rc;

	if (leaver->is_anywhere)
		return forget_anywhere(cli, leaver, err);
	if (leaver->user.len == 0)
		return WP_OK;
	wp_session_end_begin(&cli->cmd, leaver->box.partition, &leaver->user);
	for (size_t i = 0; i < leaver->n; i++) {
		wp_hex_write(digits, leaver->sids[i], WP_SID_LEN);
		wp_cmd_str(&cli->cmd, digits);
	}
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK && wp_session_end_parse(reply, &lives_s) != WP_OK)
		rc = say_not_ended(err);
	if (rc == WP_OK)
		wp_leaver_keep(leaver, lives_s);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err revoke_keys(struct wp_cli *cli,
			       const struct wp_leaver *leaver,
			       const struct wp_revoked_key *keys, size_t n,
			       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_revoke_build(&cli->cmd, keys, n, leaver->keep_s);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK && wp_revoke_parse(reply) != WP_OK)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis does not say that it is revoked; "
				  "repeat it");
	wp_reply_free(&reply);
	return rc;
}

/* As what a session is revoked. Errors: WP_ERR_NOMEM */
static enum wp_err name_session(const struct wp_cli *cli,
				const uint8_t sid[WP_SID_LEN],
				struct wp_revoked_key *out)
{
	char digits[2 * WP_SID_LEN + 1];
	uint8_t hash[WP_NAME_HASH_LEN];
	enum wp_err rc;

	wp_hex_write(digits, sid, WP_SID_LEN);
	rc = wp_name_hash(cli->conf.accounts.issuer, digits, sizeof(digits) - 1,
			  hash);
	if (rc == WP_OK)
		wp_revoked_key_session(out, hash);
	return rc;
}

/* Whoever lets somebody in is told that tokens of these are good no longer. */
static enum wp_err revoke_tokens(struct wp_cli *cli,
				 const struct wp_leaver *leaver,
				 const struct wp_revoked_key *whole,
				 struct wp_error *err)
{
	struct wp_revoked_key keys[WP_REVOKE_MAX];
	enum wp_err rc = WP_OK;
	size_t n = 0;

	keys[n++] = *whole;
	for (size_t i = 0; i < leaver->n && rc == WP_OK; i++) {
		if (n == WP_REVOKE_MAX) {
			rc = revoke_keys(cli, leaver, keys, n, err);
			n = 0;
		}
		if (name_session(cli, leaver->sids[i], &keys[n++]) != WP_OK)
			return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	return rc == WP_OK ? revoke_keys(cli, leaver, keys, n, err) : rc;
}

/* A store that nobody has made yet has none, and is not for us to make. */
static enum wp_err write_ends(struct wp_cli *cli,
			      const struct wp_push_end *ends, size_t n,
			      int64_t now_s, struct wp_error *err)
{
	char id[WP_STORE_ID_LEN + 1];
	struct wp_store_look look;
	struct wp_store *store = NULL;
	enum wp_err rc = wp_store_look(&look, &cli->conf, err);

	if (rc != WP_OK || !look.is_there)
		return rc;
	rc = wp_deployment_open(&store, cli->redis, &cli->conf, id, err);
	if (rc == WP_OK)
		rc = wp_push_end(store, ends, n, now_s, err);
	wp_store_close(&store);
	return rc;
}

static void add_end(struct wp_push_end *out, const struct wp_revoked_key *key,
		    int64_t now_s)
{
	out->until_s = wp_revoked_key_until(key, now_s);
	memcpy(out->owner.bytes, key->bytes, sizeof(out->owner.bytes));
}

/*
 * First the devices that they have registered end. Where the store cannot be
 * written to, the rest is done all the same, and the call repeated.
 */
static enum wp_err end_pushes(struct wp_cli *cli,
			      const struct wp_leaver *leaver,
			      const struct wp_revoked_key *whole,
			      struct wp_error *err)
{
	struct wp_push_end ends[WP_LEAVER_SIDS_MAX + 1];
	const int64_t now_s = wp_wall_ms() / MS_PER_S;
	size_t n = 0;

	add_end(&ends[n++], whole, now_s);
	for (size_t i = 0; i < leaver->n; i++) {
		struct wp_revoked_key key;

		if (name_session(cli, leaver->sids[i], &key) != WP_OK)
			return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		add_end(&ends[n++], &key, now_s);
	}
	return write_ends(cli, ends, n, now_s, err);
}

enum wp_err wp_leaver_end(struct wp_cli *cli, struct wp_leaver *leaver,
			  const struct wp_revoked_key *whole,
			  struct wp_error *err)
{
	const struct wp_conf *conf = &cli->conf;
	struct wp_error why = { 0 };
	enum wp_err of_pushes = end_pushes(cli, leaver, whole, &why);
	enum wp_err rc;

	wp_leaver_keep(leaver,
		       conf->auth.revocation_hours * SECONDS_PER_HOUR - LATE_S);
	if (leaver->user.len > 0 || leaver->is_anywhere)
		wp_leaver_keep(leaver, conf->accounts.access_token_seconds);
	rc = forget_sessions(cli, leaver, err);
	if (rc == WP_OK)
		rc = revoke_tokens(cli, leaver, whole, err);
	if (rc == WP_OK && of_pushes != WP_OK) {
		rc = of_pushes;
		if (err != NULL)
			*err = why;
	}
	return rc;
}
