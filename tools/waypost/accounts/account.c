/*
 * account.c - `waypost account`: make accounts, and say who may log in.
 *
 * A password comes from a file or standard input, never from the command line,
 * which others can read; or it is made here and shown once, as the recovery
 * code is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/accounts/accounts.h"
#include "lib/accounts/blocklist.h"
#include "lib/accounts/hash_gate.h"
#include "lib/accounts/new_account.h"
#include "lib/accounts/password_rules.h"
#include "lib/base/buf.h"
#include "lib/base/secret_text.h"
#include "tools/waypost/accounts/leaver.h"
#include "tools/waypost/cli/cli.h"

enum {
	LOOK_NS = 10 * 1000 * 1000,
	LOOKS_MAX = 1000, /* 10 s */
	OUT_MAX = 1024,
};

/* A password, and whether it was made here. Wiped by its owner. */
struct secret {
	char text[WP_PASSWORD_BYTES_MAX + 3]; /* a line end, and a byte more */
	size_t len;
	bool is_made;
};

/* ---- a password ---- */

static enum wp_err slurp(int fd, struct secret *out, struct wp_error *err)
{
	const char *fault;

	while (out->len < sizeof(out->text)) {
		ssize_t n = read(fd, out->text + out->len,
				 sizeof(out->text) - out->len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return wp_error_sys(err, "--password");
		if (n == 0)
			break;
		out->len += (size_t)n;
	}
	fault = wp_secret_text_trim(out->text, &out->len);
	return fault == NULL
		       ? WP_OK
		       : wp_error_set(err, WP_ERR_INVAL,
				      "--password: what it names %s", fault);
}

static enum wp_err read_password(const struct wp_cli *cli, struct secret *out,
				 struct wp_error *err)
{
	const char *path = cli->args.password;
	enum wp_err rc;
	int fd;

	*out = (struct secret){ .is_made = path == NULL };
	if (path == NULL) {
		out->len = wp_password_invent(
			out->text,
			(size_t)cli->conf.accounts.min_password_length);
		return WP_OK;
	}
	if (strcmp(path, "-") == 0)
		return slurp(STDIN_FILENO, out, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return wp_error_sys(err, "--password %.120s", path);
	rc = slurp(fd, out, err);
	close(fd);
	return rc;
}

static enum wp_err judge(const struct wp_cli *cli, const struct secret *secret,
			 struct wp_error *err)
{
	struct wp_blocklist *list = NULL;
	struct wp_password_rules rules = {
		.min_chars = (size_t)cli->conf.accounts.min_password_length,
		.name = &cli->args.account,
	};
	enum wp_err rc = wp_blocklist_open(
		&list, cli->conf.accounts.blocklist_file, err);

	rules.blocklist = list;
	if (rc == WP_OK)
		rc = wp_password_rules_check(&rules, secret->text, secret->len,
					     err);
	wp_blocklist_close(&list);
	return rc;
}

/* Wait until a hash may be computed on this host. */
static enum wp_err pass_gate(const struct wp_cli *cli,
			     struct wp_hash_gate *gate, struct wp_error *err)
{
	static const struct timespec pause = { .tv_nsec = LOOK_NS };
	const size_t slots = (size_t)cli->conf.accounts.hash_slots;
	enum wp_err rc;
	size_t place;

	rc = wp_hash_gate_open(gate, cli->conf.accounts.sqlite_path,
			       slots > 0 ? slots : wp_hash_slots_default(),
			       err);
	if (rc != WP_OK)
		return rc;
	for (int i = 0; i < LOOKS_MAX; i++) {
		rc = wp_hash_gate_enter(gate, &place, err);
		if (rc != WP_ERR_FULL)
			return rc;
		(void)nanosleep(&pause, NULL);
	}
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "too many passwords are hashed just now; repeat "
			    "later");
}

/* Behind the gate, which is left when it is closed. */
static enum wp_err make(const struct wp_cli *cli, struct wp_accounts *accounts,
			const struct secret *secret,
			char code[WP_RECOVERY_CODE_LEN + 1],
			struct wp_error *err)
{
	struct wp_password_way way = {
		.cost = { (uint32_t)cli->conf.accounts.argon2_memory_kib,
			  (uint32_t)cli->conf.accounts.argon2_passes },
	};
	const struct wp_new_account what = {
		.name = &cli->args.account,
		.way = &way,
		.password = secret->text,
		.password_len = secret->len,
	};
	struct wp_hash_gate gate = { .fd = -1 };
	struct wp_account account;
	enum wp_err rc = pass_gate(cli, &gate, err);

	wp_password_pepper(&way.pepper, cli->conf.auth.store_secret);
	if (rc == WP_OK)
		rc = wp_account_make(accounts, &what, &account, code, err);
	wp_hash_gate_close(&gate);
	explicit_bzero(&way, sizeof(way));
	return rc;
}

/* ---- create ---- */

/* Not by stdio, which would keep a copy. */
static enum wp_err write_out(struct wp_buf *text, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (text->failed)
		rc = wp_error_set(err, WP_ERR_NOMEM,
				  "the account was made, but what belongs to "
				  "it cannot be shown: out of memory");
	else if (write(STDOUT_FILENO, text->data, text->len) !=
		 (ssize_t)text->len)
		rc = wp_error_sys(err, "the account was made, but what belongs "
				       "to it cannot be shown: standard "
				       "output");
	if (text->data != NULL)
		explicit_bzero(text->data, text->len);
	wp_buf_release(text);
	return rc;
}

static enum wp_err show(const struct wp_cli *cli, const struct secret *secret,
			const char *code, struct wp_error *err)
{
	const char *name = cli->args.account.text;
	struct wp_buf out;

	wp_buf_init(&out, 0);
	/* All room at once: a buffer that grows leaves copies behind. */
	if (wp_buf_reserve(&out, OUT_MAX) == NULL)
		return write_out(&out, err);
	if (cli->args.is_json)
		wp_buf_printf(&out,
			      "{\"username\":\"%s\",\"recoveryCode\":\"%s\"",
			      name, code);
	else
		wp_buf_printf(&out, "user name      %s\nrecovery code  %s\n",
			      name, code);
	if (secret->is_made)
		wp_buf_printf(&out,
			      cli->args.is_json ? ",\"password\":\"%s\""
						: "password       %s\n",
			      secret->text);
	if (cli->args.is_json)
		wp_buf_add_str(&out, "}\n");
	return write_out(&out, err);
}

/* What passwords are hashed with: the same as those that are in the file. */
static enum wp_err use_pepper(struct wp_cli *cli, struct wp_accounts *accounts,
			      struct wp_error *err)
{
	struct wp_password_pepper pepper;
	char mark[WP_PEPPER_MARK_LEN + 1];
	enum wp_err rc;

	wp_password_pepper(&pepper, cli->conf.auth.store_secret);
	wp_password_pepper_mark(&pepper, mark);
	rc = wp_accounts_use_pepper(accounts, mark, err);
	explicit_bzero(&pepper, sizeof(pepper));
	return rc;
}

static enum wp_err create(struct wp_cli *cli, const struct secret *secret,
			  struct wp_error *err)
{
	char code[WP_RECOVERY_CODE_LEN + 1];
	struct wp_accounts *accounts = NULL;
	enum wp_err rc = judge(cli, secret, err);

	if (rc == WP_OK)
		rc = wp_cli_open_accounts(cli, &accounts, err);
	/* Where there are accounts, no secret is made that is not theirs. */
	if (rc == WP_OK)
		rc = use_pepper(cli, accounts, err);
	if (rc == WP_OK)
		rc = wp_conf_keep_store_secret(&cli->conf, err);
	if (rc == WP_OK)
		rc = use_pepper(cli, accounts, err);
	if (rc == WP_OK)
		rc = make(cli, accounts, secret, code, err);
	if (rc == WP_OK)
		rc = show(cli, secret, code, err);
	explicit_bzero(code, sizeof(code));
	wp_accounts_close(&accounts);
	return rc;
}

enum wp_err wp_cli_account_create(struct wp_cli *cli, struct wp_error *err)
{
	struct secret secret;
	enum wp_err rc;

	if (wp_username_is_reserved(&cli->args.account))
		return wp_error_set(err, WP_ERR_INVAL,
				    "this user name is reserved");
	rc = read_password(cli, &secret, err);
	if (rc == WP_OK)
		rc = create(cli, &secret, err);
	explicit_bzero(&secret, sizeof(secret));
	return rc;
}

/* ---- who may log in ---- */

static enum wp_err set_state(const struct wp_cli *cli,
			     enum wp_account_state state,
			     struct wp_ended *ended, struct wp_error *err)
{
	struct wp_accounts *accounts = NULL;
	enum wp_err rc = wp_cli_open_accounts(cli, &accounts, err);

	if (rc == WP_OK)
		rc = wp_accounts_set_state(accounts, &cli->args.account, state,
					   ended, err);
	wp_accounts_close(&accounts);
	return rc;
}

enum wp_err wp_cli_account_enable(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_ended ended;
	enum wp_err rc = set_state(cli, WP_ACCOUNT_ACTIVE, &ended, err);

	if (rc == WP_OK)
		printf("%s may log in\n", cli->args.account.text);
	return rc;
}

static enum wp_err shut_out(struct wp_cli *cli, enum wp_account_state state,
			    const char *sentence, struct wp_error *err)
{
	struct wp_revoked_key all;
	struct wp_leaver leaver;
	struct wp_ended ended;
	enum wp_err rc;

	wp_leaver_init(&leaver, &cli->args.account, cli->partitions);
	rc = wp_leaver_close(cli, &leaver, err);
	if (rc == WP_OK)
		rc = set_state(cli, state, &ended, err);
	for (size_t i = 0; rc == WP_OK && i < ended.n; i++)
		wp_leaver_add(&leaver, ended.sid[i]);
	/* Whatever is known of sessions: docs/decisions/0034. */
	wp_revoked_key_user(&all, &leaver.user);
	if (rc == WP_OK)
		rc = wp_leaver_end(cli, &leaver, &all, err);
	if (rc == WP_OK)
		printf("%s %s; sessions ended: %zu\n", cli->args.account.text,
		       sentence, leaver.n);
	return rc;
}

enum wp_err wp_cli_account_disable(struct wp_cli *cli, struct wp_error *err)
{
	return shut_out(cli, WP_ACCOUNT_DISABLED, "may not log in any more",
			err);
}

enum wp_err wp_cli_account_delete(struct wp_cli *cli, struct wp_error *err)
{
	return shut_out(cli, WP_ACCOUNT_DELETED, "is deleted", err);
}
