/*
 * key.c - `waypost key`: make, list and remove keys of back ends.
 *
 * The secret of a key is on standard output once, when it is made, and nowhere
 * else: the file has its SHA-256.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "lib/auth/apikey.h"
#include "lib/auth/scope.h"
#include "lib/base/clock.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"
#include "tools/waypost/cli/table.h"
#include "tools/waypost/keys/key_file.h"

enum { MS_PER_S = 1000 };

/* Take the file for what is to be done with it. */
static enum wp_err take_file(const struct wp_cli *cli, struct wp_key_file *out,
			     struct wp_error *err)
{
	const char *path = cli->conf.auth.api_keys_file;

	*out = (struct wp_key_file){ .fd = -1 };
	if (path[0] == '\0')
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.api_keys_file is not set: say there "
				    "where keys are kept");
	if (cli->args.command == WP_CLI_KEY_LIST)
		return wp_key_file_read(out, path, err);
	return wp_key_file_open(out, path, cli->args.command == WP_CLI_KEY_ADD,
				err);
}

static bool is_over(int64_t expires_s)
{
	return wp_wall_ms() / MS_PER_S >= expires_s;
}

/* ---- add ---- */

/*
 * Not by stdio, which would keep a copy. What is not shown now never will be.
 */
static enum wp_err show(const struct wp_apikey *key, char *text,
			struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	text[WP_APIKEY_LEN] = '\n';
	if (write(STDOUT_FILENO, text, WP_APIKEY_LEN + 1) != WP_APIKEY_LEN + 1)
		rc = wp_error_sys(err,
				  "the key %s was added, but could not be "
				  "shown; remove it: standard output",
				  key->id);
	explicit_bzero(text, WP_APIKEY_LEN + 1);
	return rc;
}

enum wp_err wp_cli_key_add(const struct wp_cli *cli, struct wp_error *err)
{
	char text[WP_APIKEY_LEN + 1];
	struct wp_key_file file;
	struct wp_apikey key = { .scopes = cli->args.scopes,
				 .expires_s = cli->args.expires_s };
	enum wp_err rc;

	if (is_over(key.expires_s))
		return wp_error_set(err, WP_ERR_INVAL,
				    "--expires: this day is over");
	(void)snprintf(key.name, sizeof(key.name), "%s", cli->args.name);
	rc = take_file(cli, &file, err);
	if (rc == WP_OK) {
		wp_apikey_make(&key, text);
		wp_apikey_write(&file.text, &key);
		rc = wp_key_file_replace(&file, &file.text, err);
		if (rc == WP_OK)
			rc = show(&key, text, err);
	}
	explicit_bzero(text, sizeof(text));
	wp_key_file_close(&file);
	return rc;
}

/* ---- list ---- */

static void add_row(struct wp_cli_table *table, const struct wp_apikey *key)
{
	char day[WP_APIKEY_DAY_LEN + 1];
	bool is_late = is_over(key->expires_s);
	struct wp_buf scopes;

	wp_apikey_day_write(day, key->expires_s);
	wp_buf_init(&scopes, 0);
	wp_scopes_add(&scopes, key->scopes);
	wp_cli_table_text(table, key->id);
	wp_cli_table_text(table, day);
	wp_cli_table_text(table, is_late ? "expired" : "good");
	wp_cli_table_paint(table, is_late ? WP_WARN : WP_PLAIN);
	wp_cli_table_text(table, key->name);
	wp_cli_table_bytes(table, scopes.failed ? "" : scopes.data, scopes.len);
	wp_buf_release(&scopes);
}

/* NULL without memory. */
static struct json_object *scopes_of(const struct wp_apikey *key)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int bit = 1; list != NULL && bit <= key->scopes;
	     bit <<= 1) {
		struct json_object *text;
		const char *name;

		if ((key->scopes & bit) == 0)
			continue;
		name = wp_scope_name(bit);
		text = wp_cli_text(name, strlen(name));
		if (text != NULL && json_object_array_add(list, text) == 0)
			continue;
		json_object_put(text);
		json_object_put(list);
		list = NULL;
	}
	return list;
}

static struct json_object *object_of(const struct wp_apikey *key)
{
	bool is_for_ever = key->expires_s == WP_APIKEY_FOR_EVER;
	struct json_object *row = json_object_new_object();
	char day[WP_APIKEY_DAY_LEN + 1];

	wp_apikey_day_write(day, key->expires_s);
	wp_cli_add_text(&row, "id", key->id);
	wp_cli_add_text(&row, "name", key->name);
	wp_cli_add(&row, "scopes", scopes_of(key));
	wp_cli_add_text(&row, "lastDay", is_for_ever ? "" : day);
	wp_cli_add_text(&row, "state",
			is_over(key->expires_s) ? "expired" : "good");
	return row;
}

static void add_object(struct wp_buf *out, const struct wp_apikey *key,
		       bool is_first)
{
	struct json_object *row = object_of(key);

	wp_buf_add_str(out, is_first ? "\n " : ",\n ");
	wp_cli_put_object(out, &row);
}

static enum wp_err print_list(const struct wp_buf *text, bool is_json,
			      struct wp_error *err)
{
	static const struct wp_column columns[] = {
		{ .title = "ID" },     { .title = "LAST DAY" },
		{ .title = "STATE" },  { .title = "NAME" },
		{ .title = "SCOPES" },
	};
	struct wp_cli_table table;
	struct wp_style style;
	struct wp_apikey key;
	struct wp_buf out;
	size_t pos = 0, n = 0;

	wp_buf_init(&out, 0);
	wp_style_of(&style, STDOUT_FILENO, false);
	wp_cli_table_begin(&table, &style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	if (is_json)
		wp_buf_add_char(&out, '[');
	for (; wp_apikey_next(text, &pos, NULL, &key, NULL) == WP_OK; n++) {
		if (is_json)
			add_object(&out, &key, n == 0);
		else
			add_row(&table, &key);
	}
	wp_cli_table_end(&table, &out);
	if (is_json)
		wp_buf_add_str(&out, n > 0 ? "\n]\n" : "]\n");
	else if (n == 0)
		fprintf(stderr, "waypost: there are no keys\n");
	return wp_cli_put_out(&out, err);
}

enum wp_err wp_cli_key_list(const struct wp_cli *cli, struct wp_error *err)
{
	struct wp_key_file file;
	enum wp_err rc = take_file(cli, &file, err);

	if (rc == WP_OK)
		rc = print_list(&file.text, cli->args.is_json, err);
	wp_key_file_close(&file);
	return rc;
}

/* ---- remove ---- */

/* Append text without the line of a key; whatever else is in it stays. */
static enum wp_err cut_line(const struct wp_buf *text, const char *id,
			    struct wp_buf *out, struct wp_error *err)
{
	size_t pos = 0, start = 0;
	struct wp_apikey key;

	while (wp_apikey_next(text, &pos, &start, &key, NULL) == WP_OK) {
		if (strcmp(key.id, id) != 0)
			continue;
		wp_buf_add(out, text->data, start);
		wp_buf_add(out, text->data + pos, text->len - pos);
		return WP_OK;
	}
	return wp_error_set(err, WP_ERR_NOTFOUND, "there is no key %s", id);
}

enum wp_err wp_cli_key_remove(const struct wp_cli *cli, struct wp_error *err)
{
	struct wp_key_file file;
	struct wp_buf text;
	enum wp_err rc = take_file(cli, &file, err);

	wp_buf_init(&text, 0);
	if (rc == WP_OK)
		rc = cut_line(&file.text, cli->args.key_id, &text, err);
	if (rc == WP_OK)
		rc = wp_key_file_replace(&file, &text, err);
	if (rc == WP_OK)
		printf("removed %s\n", cli->args.key_id);
	wp_buf_release(&text);
	wp_key_file_close(&file);
	return rc;
}
