/*
 * push_status.c - waypost push status and push dlq: what Redis knows of who is
 * to be told, and of what was given up. Neither says who the users are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/mailbox/push.h"
#include "lib/mailbox/push_dlq.h"
#include "lib/mailbox/push_due.h"
#include "tools/waypost/cli.h"
#include "tools/waypost/letter.h"

enum { MS_PER_S = 1000, PARTITIONS_AT_ONCE = 256 };

/* ---- status ---- */

struct status {
	int64_t now_ms;
	struct wp_push_due due; /* of all partitions */
	int64_t notifiers;
	int64_t letters;
};

static void add_due(struct status *status, const struct wp_push_due *due)
{
	if (due->n == 0)
		return;
	if (status->due.n == 0 || due->first_ms < status->due.first_ms)
		status->due.first_ms = due->first_ms;
	status->due.n += due->n;
}

static enum wp_err read_due(struct wp_cli *cli, struct status *status,
			    uint32_t first, uint32_t n, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	for (uint32_t i = 0; i < n; i++)
		wp_push_due_add(&cli->cmd, first + i, status->now_ms);
	rc = wp_cli_ask(cli, &reply, err);
	for (uint32_t i = 0; rc == WP_OK && i < n; i++) {
		struct wp_push_due due;

		rc = wp_push_due_parse(reply, i, &due);
		if (rc == WP_OK)
			add_due(status, &due);
		else
			(void)wp_error_set(err, rc,
					   "what is due in partition %" PRIu32
					   " cannot be read",
					   first + i);
	}
	wp_reply_free(&reply);
	return rc;
}

/* Who has not announced itself for a while is dead. */
static enum wp_err read_notifiers(struct wp_cli *cli, struct status *status,
				  struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "ZCOUNT");
	wp_cmd_str(&cli->cmd, WP_NOTIFIERS_KEY);
	wp_cmd_int(&cli->cmd, status->now_ms - WP_NOTIFIERS_TTL_MS);
	wp_cmd_str(&cli->cmd, "+inf");
	rc = wp_cli_ask(cli, &reply, err);
	status->notifiers = wp_reply_int(reply);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err count_letters(struct wp_cli *cli, struct status *status,
				 struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "XLEN");
	wp_cmd_str(&cli->cmd, WP_PUSH_DLQ_KEY);
	rc = wp_cli_ask(cli, &reply, err);
	status->letters = wp_reply_int(reply);
	wp_reply_free(&reply);
	return rc;
}

static int64_t oldest_s(const struct status *status)
{
	return status->due.n > 0
		       ? (status->now_ms - status->due.first_ms) / MS_PER_S
		       : 0;
}

static void add_status_object(struct wp_buf *out, const struct wp_cli *cli,
			      const struct status *status)
{
	struct json_object *object = json_object_new_object();

	wp_cli_add(&object, "enabled",
		   json_object_new_boolean(cli->conf.push.enabled));
	wp_cli_add(&object, "notifiers",
		   json_object_new_int64(status->notifiers));
	wp_cli_add(&object, "due", json_object_new_int64(status->due.n));
	wp_cli_add(&object, "oldestDueSeconds",
		   json_object_new_int64(oldest_s(status)));
	wp_cli_add(&object, "deadLetters",
		   json_object_new_int64(status->letters));
	wp_cli_put_object(out, &object);
	wp_buf_add_char(out, '\n');
}

static void add_status_lines(struct wp_buf *out, const struct wp_cli *cli,
			     const struct status *status)
{
	if (!cli->conf.push.enabled)
		wp_buf_add_str(out, "push.enabled is false: nobody is told\n");
	wp_buf_printf(out, "notifiers     %" PRId64 "\n", status->notifiers);
	wp_buf_printf(out, "due           %" PRId64, status->due.n);
	if (status->due.n > 0)
		wp_buf_printf(out, ", the first since %" PRId64 " s",
			      oldest_s(status));
	wp_buf_printf(out, "\ndead letters  %" PRId64 "\n", status->letters);
}

enum wp_err wp_cli_push_status(struct wp_cli *cli, struct wp_error *err)
{
	struct status status = { .notifiers = 0 };
	enum wp_err rc = wp_cli_time(cli, &status.now_ms, err);
	struct wp_buf out;

	for (uint32_t p = 0; rc == WP_OK && p < cli->partitions;
	     p += PARTITIONS_AT_ONCE) {
		uint32_t left = cli->partitions - p;

		rc = read_due(cli, &status, p,
			      left < PARTITIONS_AT_ONCE ? left
							: PARTITIONS_AT_ONCE,
			      err);
	}
	if (rc == WP_OK)
		rc = read_notifiers(cli, &status, err);
	if (rc == WP_OK)
		rc = count_letters(cli, &status, err);
	if (rc != WP_OK)
		return rc;
	wp_buf_init(&out, 0);
	if (cli->args.is_json)
		add_status_object(&out, cli, &status);
	else
		add_status_lines(&out, cli, &status);
	return wp_cli_put_out(&out, err);
}

/* ---- dlq ---- */

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

/* It goes to a terminal: what is no printable ASCII is not shown. */
static void add_word(struct wp_buf *out, const struct wp_reply *entry,
		     const char *name, int width)
{
	const struct wp_reply *value = field_of(entry, name);
	const char *text = wp_reply_str(value);
	size_t len = wp_reply_len(value);

	if (len == 0)
		wp_buf_add_char(out, '-');
	for (size_t i = 0; i < len; i++)
		wp_buf_add_char(out, text[i] > 0x20 && text[i] < 0x7f ? text[i]
								      : '?');
	for (int i = len > 0 ? (int)len : 1; i < width; i++)
		wp_buf_add_char(out, ' ');
}

static void add_letter_line(struct wp_buf *out, const struct wp_reply *entry)
{
	char at[WP_RFC3339_LEN];

	wp_cli_time_text(wp_reply_int(field_of(entry, "at")), at);
	wp_buf_printf(out, "%-24s  ", at);
	add_word(out, entry, "device", WP_CLI_DEVICE_LEN + 2);
	add_word(out, entry, "kind", 13);
	add_word(out, entry, "app", 26);
	add_word(out, entry, "tries", 7);
	add_word(out, entry, "reason", 0);
	wp_buf_add_char(out, '\n');
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
	size_t n = wp_reply_count(letters);
	bool is_json = cli->args.is_json;
	struct wp_buf out;

	wp_buf_init(&out, 0);
	if (is_json)
		wp_buf_add_char(&out, '[');
	else if (n > 0)
		wp_buf_printf(&out, "%-24s  %-22s  %-11s  %-24s  %-5s  %s\n",
			      "TIME", "DEVICE", "KIND", "APP", "TRIES",
			      "REASON");
	for (size_t i = 0; i < n; i++) {
		if (!is_json) {
			add_letter_line(&out, wp_reply_at(letters, i));
			continue;
		}
		wp_buf_add_str(&out, i > 0 ? ",\n " : "\n ");
		add_letter_object(&out, wp_reply_at(letters, i));
	}
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
