/*
 * account_list.c - `waypost account list`: who has an account, a page of the
 * file at a time, so that any number of them takes the same memory.
 */
#include <stdio.h>

#include "lib/accounts/accounts.h"
#include "lib/accounts/session_json.h"
#include "tools/waypost/cli.h"
#include "tools/waypost/leaver.h"
#include "tools/waypost/letter.h"

static const char *const states[] = {
	[WP_ACCOUNT_ACTIVE] = "active",
	[WP_ACCOUNT_DISABLED] = "disabled",
	[WP_ACCOUNT_DELETED] = "deleted",
};

/* Names are of letters, digits and `.`, `_`, `-`: nothing is to be quoted. */
static void add_line(struct wp_buf *out, const struct wp_account_line *line,
		     bool is_json, bool is_first)
{
	const struct wp_account_session when = { .created_s = line->created_s };
	char created[WP_SESSION_SECOND_LEN];
	struct wp_urn user;

	wp_session_created(&when, created);
	wp_username_urn(&line->name, &user);
	if (is_json)
		wp_buf_printf(out,
			      "%s{\"username\":\"%s\",\"user\":\"%s\","
			      "\"state\":\"%s\",\"createdAt\":\"%s\"}",
			      is_first ? "" : ",", line->name.text, user.text,
			      states[line->state], created);
	else
		wp_buf_printf(out, "%-32s  %-8s  made %s\n", line->name.text,
			      states[line->state], created);
}

/* Write a page; *is_first: nothing is written yet. */
static enum wp_err write_page(const struct wp_account_list *page, bool is_json,
			      bool *is_first, struct wp_error *err)
{
	struct wp_buf out;

	wp_buf_init(&out, 0);
	if (is_json && *is_first)
		wp_buf_add_str(&out, "{\"accounts\":[");
	for (size_t i = 0; i < page->n; i++)
		add_line(&out, &page->lines[i], is_json, *is_first && i == 0);
	*is_first = false;
	if (is_json && page->n < WP_ACCOUNT_LIST_MAX)
		wp_buf_add_str(&out, "]}\n");
	return wp_cli_put_out(&out, err);
}

enum wp_err wp_cli_account_list(struct wp_cli *cli, struct wp_error *err)
{
	const struct wp_username *after = NULL;
	struct wp_accounts *accounts = NULL;
	struct wp_account_list page;
	struct wp_username last;
	bool is_first = true;
	enum wp_err rc = wp_cli_open_accounts(cli, &accounts, err);

	do {
		if (rc == WP_OK)
			rc = wp_accounts_list(accounts, after, &page, err);
		if (rc != WP_OK)
			break;
		if (page.n > 0)
			last = page.lines[page.n - 1].name;
		after = &last;
		rc = write_page(&page, cli->args.is_json, &is_first, err);
	} while (rc == WP_OK && page.n == WP_ACCOUNT_LIST_MAX);
	wp_accounts_close(&accounts);
	return rc;
}
