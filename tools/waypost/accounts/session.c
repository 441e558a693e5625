/*
 * session.c - waypost session: where somebody is logged in, and whose tokens
 * are good no longer. Handlers refuse those within two seconds, and their
 * connections end.
 *
 * Of who has an account here the sessions end as well: else the next refresh
 * would give another token. POST /api/admin/revoke does the same.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/accounts/session_json.h"
#include "lib/base/buf.h"
#include "lib/base/encode.h"
#include "lib/sys/issuers.h"
#include "tools/waypost/accounts/leaver.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"
#include "tools/waypost/cli/table.h"

enum { HOUR_S = 3600 };

/* ---- list ---- */

struct listing {
	struct wp_leaver known; /* to Redis */
	struct wp_session_list list;
	bool is_json;
	size_t n; /* written so far */
	struct wp_cli_table table;
	struct wp_buf out;
};

static enum wp_err read_rows(const struct wp_cli *cli, struct listing *listing,
			     struct wp_error *err)
{
	const struct wp_username *name = &cli->args.account;
	struct wp_accounts *accounts = NULL;
	struct wp_account account;
	enum wp_err rc = wp_cli_open_accounts(cli, &accounts, err);

	if (rc == WP_OK)
		rc = wp_accounts_find(accounts, name, &account, err);
	if (rc == WP_OK)
		rc = wp_accounts_sessions(accounts, name, &listing->list, err);
	wp_accounts_close(&accounts);
	return rc;
}

static void add_words(struct wp_cli_table *table,
		      const struct wp_account_session *row)
{
	char created[WP_SESSION_SECOND_LEN];
	char used[WP_SESSION_DAY_LEN];
	char id[2 * WP_SID_LEN + 1];

	wp_hex_write(id, row->sid, WP_SID_LEN);
	wp_session_created(row, created);
	wp_session_used(row, used);
	wp_cli_table_text(table, id);
	wp_cli_table_text(table, created);
	wp_cli_table_text(table, used);
	wp_cli_table_text(table, row->device);
	wp_cli_table_text(table, row->device_name);
}

static void add_row(struct listing *listing,
		    const struct wp_account_session *row)
{
	if (!listing->is_json) {
		add_words(&listing->table, row);
		return;
	}
	wp_buf_add_str(&listing->out, listing->n++ > 0 ? ",{" : "{");
	wp_session_add_json(&listing->out, row);
	wp_buf_add_str(&listing->out, ",\"halfEnded\":false}");
}

static bool is_listed(const struct listing *listing,
		      const uint8_t sid[WP_SID_LEN])
{
	for (size_t i = 0; i < listing->list.n; i++)
		if (memcmp(listing->list.sessions[i].sid, sid, WP_SID_LEN) == 0)
			return true;
	return false;
}

/* Redis alone knows it: an end was cut off, or a login was. */
static void add_leftover(struct listing *listing, const uint8_t sid[WP_SID_LEN])
{
	char id[2 * WP_SID_LEN + 1];

	wp_hex_write(id, sid, WP_SID_LEN);
	if (listing->is_json) {
		wp_buf_printf(&listing->out,
			      "%s{\"id\":\"%s\",\"halfEnded\":true}",
			      listing->n++ > 0 ? "," : "", id);
		return;
	}
	wp_cli_table_text(&listing->table, id);
	wp_cli_table_text(&listing->table, "");
	wp_cli_table_text(&listing->table, "");
	wp_cli_table_text(&listing->table, "");
	wp_cli_table_text(&listing->table,
			  "has ended by half: revoke it again");
}

static void write_list(struct listing *listing)
{
	static const struct wp_column columns[] = {
		{ .title = "SESSION" },   { .title = "BEGUN" },
		{ .title = "LAST USED" }, { .title = "DEVICE" },
		{ .title = "NAME" },
	};
	struct wp_style style;

	wp_style_of(&style, STDOUT_FILENO, false);
	wp_cli_table_begin(&listing->table, &style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	if (listing->is_json)
		wp_buf_add_str(&listing->out, "{\"sessions\":[");
	for (size_t i = 0; i < listing->list.n; i++)
		add_row(listing, &listing->list.sessions[i]);
	for (size_t i = 0; i < listing->known.n; i++)
		if (!is_listed(listing, listing->known.sids[i]))
			add_leftover(listing, listing->known.sids[i]);
	wp_cli_table_end(&listing->table, &listing->out);
	if (listing->is_json)
		wp_buf_add_str(&listing->out, "]}\n");
}

enum wp_err wp_cli_session_list(struct wp_cli *cli, struct wp_error *err)
{
	struct listing listing = { .is_json = cli->args.is_json };
	enum wp_err rc;

	wp_buf_init(&listing.out, 0);
	wp_leaver_init(&listing.known, &cli->args.account, cli->partitions);
	/* Redis first: what ends meanwhile is not taken for half of an end, but
	 * what begins is in the file only. */
	rc = wp_leaver_ask(cli, &listing.known, err);
	if (rc == WP_OK)
		rc = read_rows(cli, &listing, err);
	if (rc == WP_OK) {
		write_list(&listing);
		return wp_cli_put_out(&listing.out, err);
	}
	wp_buf_release(&listing.out);
	return rc;
}

/* ---- revoke ---- */

/* Whom the words mean. */
struct order {
	struct wp_revoked_key key;
	bool is_user_here; /* who may have an account here: `name` */
	struct wp_username name;
	bool is_session_here; /* one of our own: `sid` */
	uint8_t sid[WP_SID_LEN];
};

static enum wp_err read_user(const struct wp_cli *cli, struct order *out,
			     struct wp_error *err)
{
	const char *text = cli->args.user;
	struct wp_urn user;
	enum wp_err rc = wp_urn_parse(&user, text, strlen(text), err);

	if (rc != WP_OK)
		return rc;
	wp_revoked_key_user(&out->key, &user);
	out->is_user_here =
		cli->conf.accounts.enabled && wp_username_of(&user, &out->name);
	return WP_OK;
}

/*
 * The issuer is accounts.issuer: a subject is a user, and may be said in short;
 * a session is one of ours. *text: becomes what tokens say
 */
static void read_own(const struct wp_cli_args *args, struct order *out,
		     char text[WP_URN_MAX + 1], const char **name)
{
	struct wp_error ignored;
	struct wp_urn user;

	if (args->session != NULL) {
		out->is_session_here =
			wp_hex_read(args->session, strlen(args->session),
				    out->sid, WP_SID_LEN);
		if (!out->is_session_here)
			return;
		wp_hex_write(text, out->sid, WP_SID_LEN);
		*name = text;
		return;
	}
	if (wp_urn_parse(&user, args->subject, strlen(args->subject),
			 &ignored) != WP_OK ||
	    !wp_username_of(&user, &out->name))
		return;
	out->is_user_here = true;
	memcpy(text, user.text, user.len);
	text[user.len] = '\0';
	*name = text;
}

/* Is it one whose tokens are believed here? out: all of those */
static bool know_issuer(const struct wp_cli *cli,
			const struct wp_issuers *issuers, struct wp_buf *out)
{
	const char *own = cli->conf.auth.issuer;
	const char *text = cli->args.issuer;
	bool is_known = text[0] == '\0' || strcmp(text, own) == 0;

	if (own[0] != '\0')
		wp_buf_printf(out, " %s", own);
	for (size_t i = 0; i < issuers->n; i++) {
		is_known |= strcmp(text, issuers->items[i].text) == 0;
		wp_buf_printf(out, " %s", issuers->items[i].text);
	}
	return is_known;
}

/*
 * What is revoked of an issuer that nobody believes is nothing, and looks like
 * everything. But a key of auth.public_key_files, or JWT_SECRET, verifies
 * tokens with any iss where auth.issuer says nothing, so it may be meant.
 */
static enum wp_err check_issuer(const struct wp_cli *cli, struct wp_error *err)
{
	struct wp_issuers *issuers = NULL;
	struct wp_buf known;
	enum wp_err rc = wp_issuers_new(&issuers, &cli->conf, err);

	wp_buf_init(&known, 0);
	if (rc == WP_OK)
		rc = wp_issuers_add_own(issuers, &cli->conf, err);
	if (rc == WP_OK && !know_issuer(cli, issuers, &known) &&
	    !cli->args.is_sure)
		rc = wp_error_set(
			err, WP_ERR_INVAL,
			"--issuer: no setting names it (say --yes if "
			"a key of yours signs for it); those that are "
			"named:%.140s%s",
			known.len > 0 ? known.data : " none",
			known.len > 140 ? " …" : "");
	wp_buf_release(&known);
	wp_issuers_free(&issuers);
	return rc;
}

static enum wp_err read_of_issuer(const struct wp_cli *cli, struct order *out,
				  struct wp_error *err)
{
	const struct wp_cli_args *args = &cli->args;
	const char *name =
		args->session != NULL ? args->session : args->subject;
	uint8_t hash[WP_NAME_HASH_LEN];
	char text[WP_URN_MAX + 1];
	enum wp_err rc = check_issuer(cli, err);

	if (rc != WP_OK)
		return rc;
	if (cli->conf.accounts.enabled &&
	    strcmp(args->issuer, cli->conf.accounts.issuer) == 0)
		read_own(args, out, text, &name);
	rc = wp_name_hash(args->issuer, name, strlen(name), hash);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "memory is exhausted");
	if (args->session != NULL)
		wp_revoked_key_session(&out->key, hash);
	else
		wp_revoked_key_subject(&out->key, hash);
	return WP_OK;
}

static enum wp_err remove_all(struct wp_cli *cli, const struct order *order,
			      struct wp_leaver *leaver, struct wp_error *err)
{
	enum wp_err rc;

	wp_leaver_init(leaver, &order->name, cli->partitions);
	rc = wp_leaver_close(cli, leaver, err);
	return rc == WP_OK ? wp_leaver_remove_all(cli, leaver, err) : rc;
}

/*
 * A row that is gone may be half of an end that was cut off. Without it nobody
 * knows whose the session was, and Redis may know it in any partition.
 */
static enum wp_err remove_one(const struct wp_cli *cli,
			      const struct order *order,
			      struct wp_leaver *leaver, struct wp_error *err)
{
	struct wp_accounts *accounts = NULL;
	struct wp_account_session row;
	enum wp_err rc = wp_cli_open_accounts(cli, &accounts, err);

	if (rc == WP_OK)
		rc = wp_accounts_session_find(accounts, order->sid, &row, NULL,
					      err);
	if (rc == WP_OK) {
		wp_leaver_init(leaver, &row.name, cli->partitions);
		wp_leaver_add(leaver, order->sid);
		rc = wp_accounts_session_remove(accounts, &row.name, order->sid,
						err);
	}
	wp_accounts_close(&accounts);
	if (rc != WP_ERR_NOTFOUND)
		return rc;
	*leaver = (struct wp_leaver){ .is_anywhere = true };
	wp_leaver_add(leaver, order->sid);
	return WP_OK;
}

static enum wp_err carry_out(struct wp_cli *cli, const struct order *order,
			     struct wp_error *err)
{
	struct wp_leaver leaver = { .n = 0 };
	enum wp_err rc = WP_OK;

	if (order->is_user_here)
		rc = remove_all(cli, order, &leaver, err);
	else if (order->is_session_here)
		rc = remove_one(cli, order, &leaver, err);
	if (rc == WP_OK)
		rc = wp_leaver_end(cli, &leaver, &order->key, err);
	if (rc != WP_OK)
		return rc;
	printf("revoked: %s; remembered for %d hours\n",
	       cli->args.session != NULL ? "all tokens of the session"
					 : "what was issued up to now",
	       (int)(leaver.keep_s / HOUR_S));
	if (order->is_user_here || order->is_session_here)
		printf("sessions of our own that ended: %zu\n", leaver.n);
	return WP_OK;
}

enum wp_err wp_cli_session_revoke(struct wp_cli *cli, struct wp_error *err)
{
	struct order order = { .is_user_here = false };
	enum wp_err rc = cli->args.user != NULL
				 ? read_user(cli, &order, err)
				 : read_of_issuer(cli, &order, err);

	return rc == WP_OK ? carry_out(cli, &order, err) : rc;
}
