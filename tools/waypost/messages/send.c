/*
 * send.c - `waypost send`: hand a message in as a trusted producer does
 * (docs/operations.md "Handing a message in"), checked by the same rules that
 * will judge it later.
 *
 * The data are taken as sealed already; nobody here can read or seal them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/mailbox/inbox.h"
#include "lib/mailbox/submit.h"
#include "tools/waypost/cli/cli.h"

enum { READ_BYTES = 64 * 1024 };

static enum wp_err too_large(const struct wp_cli *cli, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_FULL,
			    "the envelope would have over %" PRId64
			    " bytes (mailbox.max_envelope_bytes)",
			    cli->conf.mailbox.max_envelope_bytes);
}

/* Read all of fd. More than an envelope may have is refused on the way. */
static enum wp_err slurp(const struct wp_cli *cli, int fd, struct wp_buf *out,
			 struct wp_error *err)
{
	const size_t max = (size_t)cli->conf.mailbox.max_envelope_bytes;

	for (;;) {
		char *room = wp_buf_reserve(out, READ_BYTES);
		ssize_t n;

		if (room == NULL)
			return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		n = read(fd, room, READ_BYTES);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return wp_error_sys(err, "--data");
		if (n == 0)
			return WP_OK;
		out->len += (size_t)n;
		if (out->len > max)
			return too_large(cli, err);
	}
}

static enum wp_err read_data(const struct wp_cli *cli, struct wp_buf *out,
			     struct wp_error *err)
{
	const char *path = cli->args.data;
	enum wp_err rc;
	int fd;

	if (strcmp(path, "-") == 0) {
		rc = slurp(cli, STDIN_FILENO, out, err);
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1)
			return wp_error_sys(err, "--data %.120s", path);
		rc = slurp(cli, fd, out, err);
		close(fd);
	}
	if (rc == WP_OK && out->len == 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "--data: there is nothing in it");
	return rc;
}

/* Check the draft by everybody's rules; its canonical form goes to json. */
static enum wp_err judge(const struct wp_cli *cli, const struct wp_buf *draft,
			 struct wp_buf *json, struct wp_error *err)
{
	const struct wp_submit_options options = { .sender = "" };
	const struct wp_envelope_text text = { .data = draft->data,
					       .len = draft->len };
	struct wp_submission submission;
	const struct wp_refusal *refusal = &submission.refusal;

	if (draft->failed || wp_submit_read(&submission, &options, &text,
					    &cli->conf, json) != WP_OK)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (refusal->code == NULL)
		return WP_OK;
	if (strcmp(refusal->code, "payload_too_large") == 0)
		return too_large(cli, err);
	return wp_error_set(err, WP_ERR_INVAL, "%s", refusal->sentence);
}

static enum wp_err make_envelope(const struct wp_cli *cli,
				 const struct wp_buf *data, struct wp_buf *json,
				 struct wp_error *err)
{
	const struct wp_cli_args *args = &cli->args;
	struct wp_buf draft;
	enum wp_err rc;

	/* No longer than its canonical form: what fits is not refused. */
	wp_buf_init(&draft, 0);
	wp_buf_add_str(&draft, "{\"recipientId\":");
	wp_buf_add_json(&draft, args->to, strlen(args->to));
	wp_buf_add_str(&draft, ",\"encryptedData\":\"");
	wp_buf_add_base64(&draft, data->data, data->len);
	wp_buf_printf(&draft, "\"%s,\"priority\":%" PRId32 "}",
		      args->is_ephemeral ? ",\"isEphemeral\":true" : "",
		      args->priority);
	rc = judge(cli, &draft, json, err);
	wp_buf_release(&draft);
	return rc;
}

static enum wp_err hand_in(struct wp_cli *cli, const struct wp_buf *json,
			   struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "XADD");
	wp_cmd_str(&cli->cmd, WP_INBOX_KEY);
	wp_cmd_str(&cli->cmd, "*");
	wp_cmd_str(&cli->cmd, "envelope");
	wp_cmd_add(&cli->cmd, json->data, json->len);
	if (cli->args.key != NULL) {
		wp_cmd_str(&cli->cmd, "key");
		wp_cmd_str(&cli->cmd, cli->args.key);
	}
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK)
		printf("%s\n", wp_reply_str(reply));
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_cli_send(struct wp_cli *cli, struct wp_error *err)
{
	const char *key = cli->args.key;
	struct wp_buf data;
	struct wp_buf json;
	enum wp_err rc;

	wp_buf_init(&data, 0);
	wp_buf_init(&json, (size_t)cli->conf.mailbox.max_envelope_bytes);
	if (key != NULL && !wp_idempotency_key_is_valid(key, strlen(key))) {
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "--key: must have 1 to 128 printable ASCII "
				  "characters");
		goto out;
	}
	rc = read_data(cli, &data, err);
	if (rc == WP_OK)
		rc = make_envelope(cli, &data, &json, err);
	if (rc == WP_OK)
		rc = hand_in(cli, &json, err);
out:
	wp_buf_release(&data);
	wp_buf_release(&json);
	return rc;
}
