/*
 * queue_list.c - `waypost queue list`: the mailboxes in which most messages
 * wait. Whose they are is told only when asked for.
 *
 * Redis is walked (mailbox_walk.h), and no more than the answer is kept.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"
#include "tools/waypost/messages/mailbox_walk.h"

enum { WITHOUT_A_YES = 100000 /* mailboxes */ };

struct ranking {
	struct wp_mailbox_row *rows; /* owned; most messages first */
	size_t n, max;
	int64_t there_are; /* about: they come and go */
	bool shows_progress;
};

/* ---- the ranking ---- */

static bool is_before(const struct wp_mailbox_row *a,
		      const struct wp_mailbox_row *b)
{
	int64_t left = wp_cli_sum(a->n, a->cold);
	int64_t right = wp_cli_sum(b->n, b->cold);

	return left != right ? left > right
			     : wp_cli_sum(a->bytes, a->cold_bytes) >
				       wp_cli_sum(b->bytes, b->cold_bytes);
}

/* A walk may come by somebody twice. */
static bool is_ranked(const struct ranking *ranking,
		      const struct wp_mailbox_row *row)
{
	for (size_t i = 0; i < ranking->n; i++)
		if (ranking->rows[i].partition == row->partition &&
		    strcmp(ranking->rows[i].user, row->user) == 0)
			return true;
	return false;
}

static void rank(void *ctx, const struct wp_mailbox_row *row)
{
	struct ranking *ranking = ctx;
	size_t at = ranking->n;

	if (at == ranking->max && !is_before(row, &ranking->rows[at - 1]))
		return;
	if (is_ranked(ranking, row))
		return;
	if (at == ranking->max)
		at--;
	else
		ranking->n++;
	for (; at > 0 && is_before(row, &ranking->rows[at - 1]); at--)
		ranking->rows[at] = ranking->rows[at - 1];
	ranking->rows[at] = *row;
}

/* ---- the walk ---- */

static bool show_progress(void *ctx, int64_t looked_at)
{
	const struct ranking *ranking = ctx;

	if (ranking->shows_progress)
		fprintf(stderr, "\r%" PRId64 " of about %" PRId64 " ",
			looked_at, ranking->there_are);
	return true;
}

/* All partitions, both hashes. */
static enum wp_err count_all(struct wp_cli *cli, struct ranking *ranking,
			     struct wp_error *err)
{
	enum wp_err rc = wp_mailbox_count(cli, &ranking->there_are, err);

	if (rc == WP_OK && ranking->there_are > WITHOUT_A_YES &&
	    !cli->args.is_sure)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "queue list: there are %" PRId64 " mailboxes "
				  "to look at, which takes %" PRId64 " s; say "
				  "--yes if you mean it",
				  ranking->there_are,
				  ranking->there_are / WP_MAILBOX_WALK_PER_S);
	return rc;
}

static enum wp_err walk_all(struct wp_cli *cli, struct ranking *ranking,
			    struct wp_error *err)
{
	struct wp_mailbox_walk walk = {
		.hear = rank,
		.rest = show_progress,
		.ctx = ranking,
	};
	enum wp_err rc = count_all(cli, ranking, err);

	if (rc == WP_OK)
		rc = wp_mailbox_walk(cli, &walk, err);
	if (ranking->shows_progress)
		fprintf(stderr, "\r\033[K");
	return rc;
}

/* ---- telling it ---- */

static void add_table(struct wp_buf *out, const struct ranking *ranking,
		      bool show_recipient)
{
	static const struct wp_column columns[] = {
		{ .title = "PARTITION", .is_right = true },
		{ .title = "IN MEMORY", .is_right = true },
		{ .title = "BYTES", .is_right = true },
		{ .title = "ON DISK", .is_right = true },
		{ .title = "BYTES", .is_right = true },
		{ .title = "USER" },
	};
	enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };
	struct wp_cli_table table;
	struct wp_style style;

	wp_style_of(&style, STDOUT_FILENO, false);
	wp_cli_table_begin(&table, &style, columns,
			   show_recipient ? COLUMNS : COLUMNS - 1);
	for (size_t i = 0; i < ranking->n; i++) {
		const struct wp_mailbox_row *row = &ranking->rows[i];

		wp_cli_table_printf(&table, "%" PRIu32, row->partition);
		wp_cli_table_count(&table, row->n);
		wp_cli_table_size(&table, row->bytes);
		wp_cli_table_count(&table, row->cold);
		wp_cli_table_size(&table, row->cold_bytes);
		if (show_recipient)
			wp_cli_table_text(&table, row->user);
	}
	wp_cli_table_end(&table, out);
}

static void add_object(struct wp_buf *out, const struct ranking *ranking,
		       bool show_recipient)
{
	struct json_object *array = json_object_new_array();
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < ranking->n; i++) {
		const struct wp_mailbox_row *row = &ranking->rows[i];
		struct json_object *one = json_object_new_object();

		wp_cli_add_int(&one, "partition", row->partition);
		wp_cli_add_int(&one, "memoryMessages", row->n);
		wp_cli_add_int(&one, "memoryBytes", row->bytes);
		wp_cli_add_int(&one, "diskMessages", row->cold);
		wp_cli_add_int(&one, "diskBytes", row->cold_bytes);
		if (show_recipient)
			wp_cli_add_text(&one, "user", row->user);
		wp_cli_append(&array, one);
	}
	wp_cli_add(&object, "mailboxes", array);
	wp_cli_put_object(out, &object);
	wp_buf_add_char(out, '\n');
}

enum wp_err wp_cli_queue_list(struct wp_cli *cli, struct wp_error *err)
{
	struct ranking ranking = {
		.max = cli->args.limit,
		.shows_progress = isatty(STDERR_FILENO) == 1,
	};
	struct wp_buf out;
	enum wp_err rc;

	ranking.rows = calloc(ranking.max, sizeof(*ranking.rows));
	if (ranking.rows == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = walk_all(cli, &ranking, err);
	if (rc == WP_OK) {
		wp_buf_init(&out, 0);
		if (cli->args.is_json)
			add_object(&out, &ranking, cli->args.show_recipient);
		else
			add_table(&out, &ranking, cli->args.show_recipient);
		rc = wp_cli_put_out(&out, err);
	}
	free(ranking.rows);
	return rc;
}
