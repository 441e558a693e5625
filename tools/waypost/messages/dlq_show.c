/*
 * dlq_show.c - `waypost dlq show`: all that is known of one dead letter.
 *
 * Only --raw lets the envelope out.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"

static const char *band_text(const struct wp_dlq_letter *letter)
{
	if (!letter->has_msgid)
		return "";
	return letter->msgid.band == WP_BAND_HIGH ? "high" : "standard";
}

static void add_field(struct wp_buf *out, const char *name, const char *text)
{
	wp_buf_printf(out, "%-10s %s\n", name, text[0] != '\0' ? text : "-");
}

static void add_story(struct wp_buf *out, const struct wp_dlq_letter *letter)
{
	char id[WP_DLQ_ID_MAX];
	char msgid[WP_MSGID_LEN + 1];
	char died[WP_RFC3339_LEN];
	char expires[WP_RFC3339_LEN];

	wp_dlq_id_format(&letter->id, id);
	wp_cli_msgid_text(letter, msgid);
	wp_cli_time_text(letter->died_ms, died);
	wp_cli_time_text(letter->expires_ms, expires);
	add_field(out, "id", id);
	add_field(out, "message", msgid);
	add_field(out, "recipient", letter->recipient);
	add_field(out, "reason", letter->reason);
	wp_buf_printf(out, "%-10s %" PRId64 "\n", "tries", letter->tries);
	add_field(out, "time", died);
	add_field(out, "expires", expires);
	add_field(out, "band", band_text(letter));
	add_field(out, "ephemeral", letter->is_ephemeral ? "yes" : "no");
	add_field(out, "key", letter->has_key ? "yes" : "no");
	wp_buf_printf(out, "%-10s %zu bytes\n", "envelope",
		      letter->envelope_bytes);
}

static struct json_object *make_object(const struct wp_dlq_letter *letter)
{
	char expires[WP_RFC3339_LEN] = "";
	struct json_object *object = wp_cli_object(letter);

	if (letter->expires_ms > 0)
		wp_cli_time_text(letter->expires_ms, expires);
	wp_cli_add_text(&object, "recipient", letter->recipient);
	wp_cli_add_text(&object, "expires", expires);
	wp_cli_add_text(&object, "band", band_text(letter));
	wp_cli_add(&object, "ephemeral",
		   json_object_new_boolean(letter->is_ephemeral));
	wp_cli_add(&object, "hasKey", json_object_new_boolean(letter->has_key));
	wp_cli_add(&object, "envelopeBytes",
		   json_object_new_int64((int64_t)letter->envelope_bytes));
	return object;
}

/* Put the envelope behind the rest: into object, or as it is. */
static enum wp_err add_raw(struct wp_cli *cli, struct json_object **object,
			   struct wp_buf *out, struct wp_error *err)
{
	struct wp_buf envelope;
	enum wp_err rc;

	wp_buf_init(&envelope, 0);
	rc = wp_dlq_read(cli->redis, &cli->args.id, &envelope, err);
	if (rc != WP_OK)
		goto out;
	if (envelope.failed) {
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	} else if (cli->args.is_json) {
		wp_cli_add(object, "envelope",
			   wp_cli_text(envelope.len > 0 ? envelope.data : "",
				       envelope.len));
	} else {
		wp_buf_add_char(out, '\n');
		wp_buf_add(out, envelope.data, envelope.len);
		wp_buf_add_char(out, '\n');
	}
out:
	wp_buf_release(&envelope);
	return rc;
}

enum wp_err wp_cli_dlq_show(struct wp_cli *cli, struct wp_error *err)
{
	struct json_object *object = NULL;
	struct wp_dlq_letter letter;
	struct wp_buf out;
	enum wp_err rc;

	wp_buf_init(&out, 0);
	rc = wp_dlq_find(cli->redis, &cli->args.id, &letter, err);
	if (rc != WP_OK)
		goto out;
	if (cli->args.is_json)
		object = make_object(&letter);
	else
		add_story(&out, &letter);
	if (cli->args.is_raw)
		rc = add_raw(cli, &object, &out, err);
	if (cli->args.is_json) {
		wp_cli_put_object(&out, &object);
		wp_buf_add_char(&out, '\n');
	}
	if (rc == WP_OK)
		rc = wp_cli_put_out(&out, err);
out:
	wp_buf_release(&out);
	return rc;
}
