/*
 * dlq.c - waypost push dlq: the pushes that were given up. It is not known
 * whose they were.
 */
#include <stdio.h>
#include <unistd.h>

#include <json-c/json.h>

#include "lib/mailbox/push_dlq.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"
#include "tools/waypost/cli/table.h"

/* The value of a field of a stream's entry; NULL: it has none. */
static const struct wp_reply *field_of(const struct wp_reply *entry,
				       const char *name)
{
	const struct wp_reply *fields = wp_reply_at(entry, 1);
	size_t n = wp_reply_count(fields);

	for (size_t i = 0; i + 1 < n; i += 2)
		if (wp_reply_is(wp_reply_at(fields, i), name))
			return wp_reply_at(fields, i + 1);
	return NULL;
}

static void add_cell(struct wp_cli_table *table, const struct wp_reply *entry,
		     const char *name)
{
	const struct wp_reply *value = field_of(entry, name);

	wp_cli_table_bytes(table, wp_reply_str(value), wp_reply_len(value));
}

static void add_letter_row(struct wp_cli_table *table,
			   const struct wp_reply *entry)
{
	wp_cli_table_time(table, wp_reply_int(field_of(entry, "at")));
	add_cell(table, entry, "device");
	add_cell(table, entry, "kind");
	add_cell(table, entry, "app");
	wp_cli_table_count(table, wp_reply_int(field_of(entry, "tries")));
	add_cell(table, entry, "reason");
}

static void add_letter_text(struct json_object **object,
			    const struct wp_reply *entry, const char *name)
{
	const struct wp_reply *value = field_of(entry, name);

	if (wp_reply_len(value) > 0)
		wp_cli_add(
			object, name,
			wp_cli_text(wp_reply_str(value), wp_reply_len(value)));
}

static void add_letter_object(struct wp_buf *out, const struct wp_reply *entry)
{
	struct json_object *object = json_object_new_object();
	char at[WP_RFC3339_LEN];

	wp_cli_time_text(wp_reply_int(field_of(entry, "at")), at);
	wp_cli_add_text(&object, "time", at);
	add_letter_text(&object, entry, "device");
	add_letter_text(&object, entry, "kind");
	add_letter_text(&object, entry, "app");
	add_letter_text(&object, entry, "reason");
	wp_cli_add(
		&object, "tries",
		json_object_new_int64(wp_reply_int(field_of(entry, "tries"))));
	wp_cli_add(&object, "partition",
		   json_object_new_int64(
			   wp_reply_int(field_of(entry, "partition"))));
	wp_cli_put_object(out, &object);
}

static enum wp_err print_letters(const struct wp_cli *cli,
				 const struct wp_reply *letters,
				 struct wp_error *err)
{
	static const struct wp_column columns[] = {
		{ .title = "TIME" },
		{ .title = "DEVICE" },
		{ .title = "KIND" },
		{ .title = "APP" },
		{ .title = "TRIES", .is_right = true },
		{ .title = "REASON" },
	};
	size_t n = wp_reply_count(letters);
	struct wp_cli_table table;
	struct wp_style style;
	bool is_json = cli->args.is_json;
	struct wp_buf out;

	wp_buf_init(&out, 0);
	wp_style_of(&style, STDOUT_FILENO, cli->args.is_utc);
	wp_cli_table_begin(&table, &style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	if (is_json)
		wp_buf_add_char(&out, '[');
	for (size_t i = 0; i < n; i++) {
		if (!is_json) {
			add_letter_row(&table, wp_reply_at(letters, i));
			continue;
		}
		wp_buf_add_str(&out, i > 0 ? ",\n " : "\n ");
		add_letter_object(&out, wp_reply_at(letters, i));
	}
	wp_cli_table_end(&table, &out);
	if (is_json)
		wp_buf_add_str(&out, n > 0 ? "\n]\n" : "]\n");
	else if (n == 0)
		fprintf(stderr, "waypost: no push was given up\n");
	return wp_cli_put_out(&out, err);
}

enum wp_err wp_cli_push_dlq(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "XREVRANGE");
	wp_cmd_str(&cli->cmd, WP_PUSH_DLQ_KEY);
	wp_cmd_str(&cli->cmd, "+");
	wp_cmd_str(&cli->cmd, "-");
	wp_cmd_str(&cli->cmd, "COUNT");
	wp_cmd_int(&cli->cmd, (int64_t)cli->args.limit);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK)
		rc = print_letters(cli, reply, err);
	wp_reply_free(&reply);
	return rc;
}
