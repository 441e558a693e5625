/*
 * account_list.c - `waypost account list`: who has an account, a page of the
 * file at a time, so that any number of them takes the same memory.
 */
#include <stdio.h>
#include <unistd.h>

#include "lib/accounts/accounts.h"
#include "lib/accounts/session_json.h"
#include "tools/waypost/accounts/leaver.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"
#include "tools/waypost/cli/table.h"

static const char *const states[] = {
	[WP_ACCOUNT_ACTIVE] = "active",
	[WP_ACCOUNT_DISABLED] = "disabled",
	[WP_ACCOUNT_DELETED] = "deleted",
};

/* Names are of letters, digits and `.`, `_`, `-`: nothing is to be quoted. */
static void add_object(struct wp_buf *out, const struct wp_account_line *line,
		       const char *created, bool is_first)
{
	struct wp_urn user;

	wp_username_urn(&line->name, &user);
	wp_buf_printf(out,
		      "%s{\"username\":\"%s\",\"user\":\"%s\","
		      "\"state\":\"%s\",\"createdAt\":\"%s\"}",
		      is_first ? "" : ",", line->name.text, user.text,
		      states[line->state], created);
}

static void add_row(struct wp_cli_table *table,
		    const struct wp_account_line *line, const char *created)
{
	wp_cli_table_text(table, line->name.text);
	wp_cli_table_text(table, states[line->state]);
	wp_cli_table_text(table, created);
}

/* Write a page; *is_first: nothing is written yet. */
static enum wp_err write_page(const struct wp_account_list *page, bool is_json,
			      bool *is_first, struct wp_error *err)
{
	static const struct wp_column titled[] = {
		{ .title = "NAME" },
		{ .title = "STATE" },
		{ .title = "MADE" },
	};
	/* Pages behind the first go on with the same table. */
	static const struct wp_column untitled[] = { { .title = NULL },
						     { .title = NULL },
						     { .title = NULL } };
	struct wp_cli_table table;
	struct wp_style style;
	struct wp_buf out;

	wp_buf_init(&out, 0);
	wp_style_of(&style, STDOUT_FILENO, false);
	wp_cli_table_begin(&table, &style, *is_first ? titled : untitled, 3);
	if (is_json && *is_first)
		wp_buf_add_str(&out, "{\"accounts\":[");
	for (size_t i = 0; i < page->n; i++) {
		const struct wp_account_session when = {
			.created_s = page->lines[i].created_s
		};
		char created[WP_SESSION_SECOND_LEN];

		wp_session_created(&when, created);
		if (is_json)
			add_object(&out, &page->lines[i], created,
				   *is_first && i == 0);
		else
			add_row(&table, &page->lines[i], created);
	}
	wp_cli_table_end(&table, &out);
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
