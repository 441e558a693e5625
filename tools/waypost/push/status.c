/*
 * status.c - waypost push status and push resume: who is to be told, as
 * far as Redis knows, and what notifiers say of providers. It is not said who
 * the users are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/random.h"
#include "lib/mailbox/push.h"
#include "lib/mailbox/push_dlq.h"
#include "lib/mailbox/push_due.h"
#include "lib/mailbox/push_lanes.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"

enum { MS_PER_S = 1000, PARTITIONS_AT_ONCE = 256 };

/* ---- status ---- */

struct status {
	int64_t now_ms;
	struct wp_push_due due; /* of all partitions */
	int64_t letters;
	struct json_object *notifiers; /* owned: those that are there */
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

/* What a notifier says, with its id; only that, when it has said nothing yet,
 * or what nobody can read. NULL without memory. */
static struct json_object *read_said(const struct wp_reply *id,
				     const struct wp_reply *said)
{
	struct json_object *object = json_tokener_parse(wp_reply_str(said));

	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		object = json_object_new_object();
	}
	if (object != NULL)
		wp_cli_add(&object, "id",
			   wp_cli_text(wp_reply_str(id), wp_reply_len(id)));
	return object;
}

static enum wp_err ask_notifier(struct wp_cli *cli, struct status *status,
				const struct wp_reply *id, struct wp_error *err)
{
	struct wp_reply *said = NULL;
	struct json_object *object;
	enum wp_err rc;

	wp_push_lanes_ask(&cli->cmd, wp_reply_str(id));
	rc = wp_cli_ask(cli, &said, err);
	if (rc != WP_OK)
		return rc;
	object = read_said(id, said);
	wp_reply_free(&said);
	if (object != NULL &&
	    json_object_array_add(status->notifiers, object) == 0)
		return WP_OK;
	json_object_put(object);
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

/* Who has not announced itself for a while is dead. */
static enum wp_err read_notifiers(struct wp_cli *cli, struct status *status,
				  struct wp_error *err)
{
	struct wp_reply *ids = NULL;
	enum wp_err rc;

	status->notifiers = json_object_new_array();
	if (status->notifiers == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "ZRANGEBYSCORE");
	wp_cmd_str(&cli->cmd, WP_NOTIFIERS_KEY);
	wp_cmd_int(&cli->cmd, status->now_ms - WP_NOTIFIERS_TTL_MS);
	wp_cmd_str(&cli->cmd, "+inf");
	rc = wp_cli_ask(cli, &ids, err);
	for (size_t i = 0; rc == WP_OK && i < wp_reply_count(ids); i++)
		rc = ask_notifier(cli, status, wp_reply_at(ids, i), err);
	wp_reply_free(&ids);
	return rc;
}

/* ---- what they say ---- */

/* A text of an object, borrowed; "" when it has none of that name. */
static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

static int64_t number_of(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(object, name, &value);
	return json_object_get_int64(value);
}

/* Its apps, as an array; NULL: it has none. Borrowed. */
static struct json_object *apps_of(struct json_object *notifier)
{
	struct json_object *apps = NULL;

	(void)json_object_object_get_ex(notifier, "apps", &apps);
	return json_object_is_type(apps, json_type_array) ? apps : NULL;
}

static size_t count_apps(struct json_object *apps)
{
	return apps != NULL ? json_object_array_length(apps) : 0;
}

static void add_word(struct wp_buf *out, const char *text, int width)
{
	wp_cli_add_word(out, text, strlen(text), width);
}

static void add_app(struct wp_buf *out, const char *notifier,
		    struct json_object *app)
{
	enum { ID_SHOWN = 8 };
	const char *state = text_of(app, "state");

	add_word(out, text_of(app, "kind"), 13);
	add_word(out, text_of(app, "app"), 28);
	wp_cli_add_word(out, notifier, strnlen(notifier, ID_SHOWN),
			ID_SHOWN + 2);
	if (strcmp(state, "left_alone") == 0 || strcmp(state, "settings") == 0)
		wp_buf_printf(out, "left alone for %" PRId64 " s%s",
			      number_of(app, "waitSeconds"),
			      state[0] == 's' ? ": our settings are wrong"
					      : "");
	else
		add_word(out, state, 0);
	if (number_of(app, "guarded") != 0)
		wp_buf_add_str(out, "; many tokens look bad, none is dropped");
	wp_buf_add_char(out, '\n');
}

static void add_notifiers(struct wp_buf *out, struct json_object *notifiers)
{
	size_t n = json_object_array_length(notifiers);
	int64_t hosts = 0, in_log = 0;
	bool has_head = false;

	for (size_t i = 0; i < n; i++) {
		struct json_object *one =
			json_object_array_get_idx(notifiers, i);
		struct json_object *apps = apps_of(one);

		hosts += number_of(one, "shutHosts");
		in_log += strcmp(text_of(one, "mode"), "log") == 0;
		for (size_t k = 0; k < count_apps(apps); k++) {
			if (!has_head)
				wp_buf_printf(out, "%-11s  %-26s  %-8s  %s\n",
					      "KIND", "APP", "NOTIFIER",
					      "PROVIDER");
			has_head = true;
			add_app(out, text_of(one, "id"),
				json_object_array_get_idx(apps, k));
		}
	}
	if (in_log > 0)
		wp_buf_printf(out,
			      "notifiers that ask nobody, and write a line of "
			      "their log instead (push.mode: log): %" PRId64
			      "\n",
			      in_log);
	if (hosts > 0)
		wp_buf_printf(out,
			      "hosts of users that are left alone: %" PRId64
			      "\n",
			      hosts);
}

/* ---- all of it ---- */

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
	wp_cli_add(&object, "notifiers", json_object_get(status->notifiers));
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
	wp_buf_printf(out, "notifiers     %zu\n",
		      json_object_array_length(status->notifiers));
	wp_buf_printf(out, "due           %" PRId64, status->due.n);
	if (status->due.n > 0)
		wp_buf_printf(out, ", the first since %" PRId64 " s",
			      oldest_s(status));
	wp_buf_printf(out, "\ndead letters  %" PRId64 "\n", status->letters);
	add_notifiers(out, status->notifiers);
}

static enum wp_err read_all(struct wp_cli *cli, struct status *status,
			    struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (uint32_t p = 0; rc == WP_OK && p < cli->partitions;
	     p += PARTITIONS_AT_ONCE) {
		uint32_t left = cli->partitions - p;

		rc = read_due(cli, status, p,
			      left < PARTITIONS_AT_ONCE ? left
							: PARTITIONS_AT_ONCE,
			      err);
	}
	if (rc == WP_OK)
		rc = count_letters(cli, status, err);
	return rc;
}

enum wp_err wp_cli_push_status(struct wp_cli *cli, struct wp_error *err)
{
	struct status status = { .notifiers = NULL };
	struct wp_buf out;
	enum wp_err rc = wp_cli_time(cli, &status.now_ms, err);

	wp_buf_init(&out, 0);
	if (rc == WP_OK)
		rc = read_notifiers(cli, &status, err);
	if (rc == WP_OK)
		rc = read_all(cli, &status, err);
	if (rc == WP_OK && cli->args.is_json)
		add_status_object(&out, cli, &status);
	else if (rc == WP_OK)
		add_status_lines(&out, cli, &status);
	if (rc == WP_OK)
		rc = wp_cli_put_out(&out, err);
	wp_buf_release(&out);
	json_object_put(status.notifiers);
	return rc;
}

/* ---- resume ---- */

/* Has a notifier anything to do with it? Else it is a slip of the pen. */
static bool is_known(struct json_object *notifiers, const char *name)
{
	size_t n = json_object_array_length(notifiers);

	for (size_t i = 0; i < n; i++) {
		struct json_object *apps =
			apps_of(json_object_array_get_idx(notifiers, i));

		for (size_t k = 0; k < count_apps(apps); k++)
			if (strcmp(text_of(json_object_array_get_idx(apps, k),
					   "app"),
				   name) == 0)
				return true;
	}
	return false;
}

static enum wp_err order(struct wp_cli *cli, struct wp_error *err)
{
	char text[WP_PUSH_RESUME_TEXT_LEN + 1];
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_random_hex(text, WP_PUSH_RESUME_TEXT_LEN / 2);
	wp_push_resume_build(&cli->cmd, cli->args.app, text);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK && wp_reply_type(wp_reply_at(reply, 0)) != WP_REPLY_INT)
		rc = wp_error_set(err, WP_ERR_UNAVAIL, "Redis refuses: %.120s",
				  wp_reply_str(wp_reply_at(reply, 0)));
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_cli_push_resume(struct wp_cli *cli, struct wp_error *err)
{
	struct status status = { .notifiers = NULL };
	int64_t n = 0;
	enum wp_err rc = wp_cli_time(cli, &status.now_ms, err);

	if (rc == WP_OK)
		rc = read_notifiers(cli, &status, err);
	if (rc == WP_OK && !is_known(status.notifiers, cli->args.app))
		rc = wp_error_set(err, WP_ERR_NOTFOUND,
				  "no notifier that runs knows an app of this "
				  "name");
	if (rc == WP_OK)
		rc = order(cli, err);
	if (rc == WP_OK)
		rc = wp_cli_push_forward(cli, &n, err);
	if (rc == WP_OK)
		printf("notifiers ask its provider again within two seconds; "
		       "users who are looked at sooner for it: %" PRId64 "\n",
		       n);
	json_object_put(status.notifiers);
	return rc;
}
