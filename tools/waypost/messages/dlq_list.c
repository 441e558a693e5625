/*
 * dlq_list.c - `waypost dlq list`: the oldest dead letters of all queues.
 *
 * Names no recipient unless asked to, and never sees an envelope.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"
#include "tools/waypost/cli/table.h"

/* The oldest letters of all queues seen so far. */
struct collection {
	struct wp_dlq_letter *letters; /* owned */
	size_t n;
	size_t max;
	bool has_more;  /* there are others, not among these */
	int64_t now_ms; /* by Redis' clock, as are theirs */
};

static int rank(const struct wp_dlq_queue *queue)
{
	return queue->is_inbox ? -1 : (int)queue->partition;
}

static int by_age(const void *a, const void *b)
{
	const struct wp_dlq_letter *left = a;
	const struct wp_dlq_letter *right = b;
	int order = wp_entry_id_cmp(&left->id.entry, &right->id.entry);

	if (order != 0)
		return order;
	return rank(&left->id.queue) - rank(&right->id.queue);
}

/* Add up to max letters of a queue, then keep the oldest max of all. */
static enum wp_err collect(struct wp_cli *cli, const struct wp_dlq_queue *queue,
			   struct collection *all, struct wp_error *err)
{
	struct wp_dlq_page page = { .queue = queue };
	size_t end = all->n;
	size_t wanted = all->max + 1; /* one more shows that there is more */
	enum wp_err rc = WP_OK;

	while (wanted > 0 && rc == WP_OK) {
		page.letters = all->letters + end;
		page.max = wanted < WP_DLQ_PAGE_MAX ? wanted : WP_DLQ_PAGE_MAX;
		rc = wp_dlq_list(cli->redis, &page, err);
		end += page.n;
		wanted -= page.n;
		if (page.n < page.max)
			break;
		page.after = &all->letters[end - 1].id.entry;
	}
	qsort(all->letters, end, sizeof(*all->letters), by_age);
	all->has_more |= end > all->max;
	all->n = end < all->max ? end : all->max;
	return rc;
}

static void add_row(struct wp_cli_table *table,
		    const struct wp_dlq_letter *letter, bool show_recipient)
{
	char id[WP_DLQ_ID_MAX];
	char msgid[WP_MSGID_LEN + 1];

	wp_dlq_id_format(&letter->id, id);
	wp_cli_msgid_text(letter, msgid);
	wp_cli_table_text(table, id);
	wp_cli_table_text(table, msgid);
	wp_cli_table_time(table, letter->died_ms);
	wp_cli_table_count(table, letter->tries);
	if (show_recipient)
		wp_cli_table_text(table, letter->recipient);
	wp_cli_table_text(table, letter->reason);
}

static void add_rows(struct wp_buf *out, const struct collection *all,
		     const struct wp_cli_args *args)
{
	static const struct wp_column named[] = {
		{ .title = "ID" },
		{ .title = "MESSAGE" },
		{ .title = "TIME" },
		{ .title = "TRIES", .is_right = true },
		{ .title = "RECIPIENT" },
		{ .title = "REASON" },
	};
	static const struct wp_column nameless[] = {
		{ .title = "ID" },     { .title = "MESSAGE" },
		{ .title = "TIME" },   { .title = "TRIES", .is_right = true },
		{ .title = "REASON" },
	};
	bool has_names = args->show_recipient;
	struct wp_style style;
	struct wp_cli_table table;

	wp_style_of(&style, STDOUT_FILENO, args->is_utc);
	style.now_ms = all->now_ms;
	wp_cli_table_begin(&table, &style, has_names ? named : nameless,
			   has_names ? sizeof(named) / sizeof(named[0])
				     : sizeof(nameless) / sizeof(nameless[0]));
	for (size_t i = 0; i < all->n; i++)
		add_row(&table, &all->letters[i], has_names);
	wp_cli_table_end(&table, out);
}

/* One on a line, for those who read lines. */
static void add_array(struct wp_buf *out, const struct collection *all,
		      bool show_recipient)
{
	wp_buf_add_char(out, '[');
	for (size_t i = 0; i < all->n; i++) {
		struct json_object *row = wp_cli_object(&all->letters[i]);

		if (show_recipient)
			wp_cli_add_text(&row, "recipient",
					all->letters[i].recipient);
		wp_buf_add_str(out, i > 0 ? ",\n " : "\n ");
		wp_cli_put_object(out, &row);
	}
	wp_buf_add_str(out, all->n > 0 ? "\n]\n" : "]\n");
}

/* Remarks go to standard error: what is on the other is for programs too. */
static enum wp_err print_list(const struct wp_cli_args *args,
			      const struct collection *all,
			      struct wp_error *err)
{
	struct wp_buf out;

	wp_buf_init(&out, 0);
	if (args->is_json)
		add_array(&out, all, args->show_recipient);
	else
		add_rows(&out, all, args);
	if (all->n == 0 && !args->is_json)
		fprintf(stderr, "waypost: there are no dead letters\n");
	if (all->has_more)
		fprintf(stderr,
			"waypost: these are the oldest %zu, there are more; "
			"raise --limit to see them\n",
			all->n);
	return wp_cli_put_out(&out, err);
}

enum wp_err wp_cli_dlq_list(struct wp_cli *cli, struct wp_error *err)
{
	struct collection all = { .max = cli->args.limit };
	struct wp_cli_queues queues = { 0 };
	enum wp_err rc;

	/* What is kept, and what one queue may add to it. */
	all.letters = calloc(2 * all.max + 1, sizeof(*all.letters));
	if (all.letters == NULL) {
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		goto out;
	}
	rc = wp_cli_time(cli, &all.now_ms, err);
	if (rc == WP_OK)
		rc = wp_cli_queues_find(cli, &queues, err);
	for (size_t i = 0; i < queues.n && rc == WP_OK; i++)
		rc = collect(cli, &queues.list[i], &all, err);
	if (rc == WP_OK)
		rc = print_list(&cli->args, &all, err);
out:
	wp_cli_queues_release(&queues);
	free(all.letters);
	return rc;
}
