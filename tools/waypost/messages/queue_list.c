/*
 * queue_list.c - `waypost queue list`: the mailboxes in which most messages
 * wait. Whose they are is told only when asked for.
 *
 * Redis is walked, no faster than 5,000 mailboxes a second, and no more than
 * the answer is kept. What is on disk is what the store has told Redis last.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/mailbox/scripts.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"

enum {
	PER_SECOND = 5000,
	AT_ONCE = 500,          /* fields that one look asks for, about */
	WITHOUT_A_YES = 100000, /* mailboxes */
	CURSOR_MAX = 24,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
	NUMBERS_MAX = 5,
};

struct row {
	char user[WP_URN_MAX + 1];
	uint32_t partition;
	int64_t n, bytes;         /* in ingress and hot */
	int64_t cold, cold_bytes; /* on disk */
};

struct ranking {
	struct row *rows; /* owned; most messages first */
	size_t n, max;
	int64_t looked_at;
	int64_t there_are; /* about: they come and go */
	uint64_t began_ms;
	bool shows_progress;
};

/* ---- the ranking ---- */

static bool is_before(const struct row *a, const struct row *b)
{
	int64_t left = wp_cli_sum(a->n, a->cold);
	int64_t right = wp_cli_sum(b->n, b->cold);

	return left != right ? left > right
			     : wp_cli_sum(a->bytes, a->cold_bytes) >
				       wp_cli_sum(b->bytes, b->cold_bytes);
}

/* A walk may come by somebody twice. */
static bool is_ranked(const struct ranking *ranking, const struct row *row)
{
	for (size_t i = 0; i < ranking->n; i++)
		if (ranking->rows[i].partition == row->partition &&
		    strcmp(ranking->rows[i].user, row->user) == 0)
			return true;
	return false;
}

static void rank(struct ranking *ranking, const struct row *row)
{
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

/* ---- what fields say ---- */

/* The last two words of a text: messages and bytes; both 0 if it says none. */
static void read_pair(const struct wp_reply *reply, int64_t *n, int64_t *bytes)
{
	struct wp_json_slice words[NUMBERS_MAX];
	const char *text = wp_reply_str(reply);
	size_t found = 0;

	*n = 0;
	*bytes = 0;
	for (; found < NUMBERS_MAX && *text != '\0'; found++) {
		size_t len = strcspn(text, " ");

		words[found] =
			(struct wp_json_slice){ .data = text, .len = len };
		text += len + (text[len] == ' ');
	}
	if (found < 2)
		return;
	if (!wp_json_integer(&words[found - 2], 0, INT64_MAX, n) ||
	    !wp_json_integer(&words[found - 1], 0, INT64_MAX, bytes))
		*n = *bytes = 0;
}

/* ---- the walk ---- */

/* One of the two hashes that name mailboxes, with the other one beside it. */
struct walk {
	const char *hash, *other;
	bool is_cold; /* hash is that of the store */
};
static const struct walk walks[] = {
	{ "waits", "cold", false },
	{ "cold", "waits", true },
};

static void add_row(struct ranking *ranking, const struct walk *walk,
		    uint32_t partition, const struct wp_reply *user,
		    const struct wp_reply *here, const struct wp_reply *there)
{
	const struct wp_reply *waits = walk->is_cold ? there : here;
	const struct wp_reply *cold = walk->is_cold ? here : there;
	struct row row = { .partition = partition };

	/* "!<user>" is no mailbox: parts/expired.lua. */
	if (wp_reply_len(user) == 0 || wp_reply_len(user) > WP_URN_MAX ||
	    wp_reply_str(user)[0] == '!')
		return;
	memcpy(row.user, wp_reply_str(user), wp_reply_len(user));
	read_pair(waits, &row.n, &row.bytes);
	read_pair(cold, &row.cold, &row.cold_bytes);
	if (row.n > 0 || row.cold > 0)
		rank(ranking, &row);
}

static enum wp_err add_rows(struct wp_cli *cli, struct ranking *ranking,
			    const struct walk *walk, uint32_t partition,
			    const struct wp_reply *fields, struct wp_error *err)
{
	struct wp_reply *others = NULL;
	size_t n = wp_reply_count(fields) / 2;
	enum wp_err rc;

	if (n == 0)
		return WP_OK;
	wp_cmd_key(&cli->cmd, "HMGET", partition, walk->other);
	for (size_t i = 0; i < n; i++) {
		const struct wp_reply *user = wp_reply_at(fields, 2 * i);

		wp_cmd_add(&cli->cmd, wp_reply_str(user), wp_reply_len(user));
	}
	rc = wp_cli_ask(cli, &others, err);
	for (size_t i = 0; i < n && rc == WP_OK; i++)
		add_row(ranking, walk, partition, wp_reply_at(fields, 2 * i),
			wp_reply_at(fields, 2 * i + 1), wp_reply_at(others, i));
	ranking->looked_at += (int64_t)n;
	wp_reply_free(&others);
	return rc;
}

/* Not faster than it was promised; everybody else needs Redis too. */
static void keep_pace(struct ranking *ranking)
{
	uint64_t due_ms = ranking->began_ms +
			  (uint64_t)ranking->looked_at * MS_PER_S / PER_SECOND;
	uint64_t now_ms = wp_mono_ms();
	struct timespec rest = { 0 };

	if (ranking->shows_progress)
		fprintf(stderr, "\r%" PRId64 " of about %" PRId64 " ",
			ranking->looked_at, ranking->there_are);
	if (due_ms <= now_ms)
		return;
	rest.tv_sec = (time_t)((due_ms - now_ms) / MS_PER_S);
	rest.tv_nsec = (long)((due_ms - now_ms) % MS_PER_S) * NS_PER_MS;
	(void)nanosleep(&rest, NULL);
}

static enum wp_err walk_hash(struct wp_cli *cli, struct ranking *ranking,
			     const struct walk *walk, uint32_t partition,
			     struct wp_error *err)
{
	char cursor[CURSOR_MAX] = "0";
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	do {
		wp_cmd_key(&cli->cmd, "HSCAN", partition, walk->hash);
		wp_cmd_str(&cli->cmd, cursor);
		wp_cmd_str(&cli->cmd, "COUNT");
		wp_cmd_int(&cli->cmd, AT_ONCE);
		rc = wp_cli_ask(cli, &reply, err);
		if (rc != WP_OK)
			return rc;
		(void)snprintf(cursor, sizeof(cursor), "%s",
			       wp_reply_str(wp_reply_at(reply, 0)));
		rc = add_rows(cli, ranking, walk, partition,
			      wp_reply_at(reply, 1), err);
		wp_reply_free(&reply);
		keep_pace(ranking);
	} while (rc == WP_OK && strcmp(cursor, "0") != 0);
	return rc;
}

static enum wp_err count(struct wp_cli *cli, struct ranking *ranking,
			 const char *hash, uint32_t partition,
			 struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_key(&cli->cmd, "HLEN", partition, hash);
	rc = wp_cli_ask(cli, &reply, err);
	ranking->there_are += wp_reply_int(reply);
	wp_reply_free(&reply);
	return rc;
}

/* All partitions, both hashes. */
static enum wp_err count_all(struct wp_cli *cli, struct ranking *ranking,
			     struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (uint32_t p = 0; p < cli->partitions && rc == WP_OK; p++)
		for (size_t i = 0; i < 2 && rc == WP_OK; i++)
			rc = count(cli, ranking, walks[i].hash, p, err);
	if (rc == WP_OK && ranking->there_are > WITHOUT_A_YES &&
	    !cli->args.is_sure)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "queue list: there are %" PRId64 " mailboxes "
				  "to look at, which takes %" PRId64 " s; say "
				  "--yes if you mean it",
				  ranking->there_are,
				  ranking->there_are / PER_SECOND);
	return rc;
}

static enum wp_err walk_all(struct wp_cli *cli, struct ranking *ranking,
			    struct wp_error *err)
{
	enum wp_err rc = count_all(cli, ranking, err);

	ranking->began_ms = wp_mono_ms();
	for (uint32_t p = 0; p < cli->partitions && rc == WP_OK; p++)
		for (size_t i = 0; i < 2 && rc == WP_OK; i++)
			rc = walk_hash(cli, ranking, &walks[i], p, err);
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
		const struct row *row = &ranking->rows[i];

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
		const struct row *row = &ranking->rows[i];
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
