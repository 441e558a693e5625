/*
 * clients.c - see clients.h. Of lines "id=3 addr=… name=waypost-ws@0.1.0 age=5
 * idle=1 …" (Redis: CLIENT LIST) four fields matter; where anybody connects
 * from is left there.
 */
#include "tools/waypost/cli/clients.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"

enum { FIELD_MAX = 2 * WP_CLIENTS_WORD_MAX + 1 };

/* A field of a line of len bytes; false when it is not there, or too long. */
static bool find_field(const char *line, size_t len, const char *name,
		       char out[FIELD_MAX + 1])
{
	size_t name_len = strlen(name);
	const char *end = line + len;

	while (line < end) {
		size_t word = strcspn(line, " \r\n");

		if (word > name_len && memcmp(line, name, name_len) == 0 &&
		    line[name_len] == '=') {
			word -= name_len + 1;
			if (word > FIELD_MAX)
				return false;
			memcpy(out, line + name_len + 1, word);
			out[word] = '\0';
			return true;
		}
		line += word + 1;
	}
	return false;
}

static bool read_number(const char *line, size_t len, const char *name,
			int64_t *out)
{
	char text[FIELD_MAX + 1];
	struct wp_json_slice number = { .data = text };

	if (!find_field(line, len, name, text))
		return false;
	number.len = strlen(text);
	return wp_json_integer(&number, 0, INT64_MAX, out);
}

static bool copy_word(char out[WP_CLIENTS_WORD_MAX + 1], const char *text,
		      size_t len)
{
	static const char known[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._+~";

	if (len == 0 || len > WP_CLIENTS_WORD_MAX || strspn(text, known) < len)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* "waypost-ws@0.1.0", and perhaps "/feed" behind it: one of its connections. */
static bool read_name(const char *text, struct wp_client_program *out)
{
	size_t name = strcspn(text, "@");

	return strncmp(text, "waypost-", 8) == 0 && text[name] == '@' &&
	       copy_word(out->name, text, name) &&
	       copy_word(out->version, text + name + 1,
			 strcspn(text + name + 1, "/"));
}

static int compare(const struct wp_client_program *a,
		   const struct wp_client_program *b)
{
	int names = strcmp(a->name, b->name);

	return names != 0 ? names : strcmp(a->version, b->version);
}

static void add(struct wp_clients *out, const struct wp_client_program *one)
{
	struct wp_client_program *at = out->list;
	struct wp_client_program *end = out->list + out->n;

	while (at < end && compare(at, one) < 0)
		at++;
	if (at < end && compare(at, one) == 0) {
		at->connections++;
		if (one->since_s > at->since_s)
			at->since_s = one->since_s;
		if (one->quiet_s < at->quiet_s)
			at->quiet_s = one->quiet_s;
		if (one->first < at->first)
			at->first = one->first;
		return;
	}
	if (out->n == WP_CLIENTS_MAX)
		return;
	memmove(at + 1, at, (size_t)(end - at) * sizeof(*at));
	*at = *one;
	at->connections = 1;
	out->n++;
}

void wp_clients_read(struct wp_clients *out, const char *text)
{
	*out = (struct wp_clients){ .is_told = true };
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		struct wp_client_program one;
		char name[FIELD_MAX + 1];

		if (find_field(text, len, "name", name) &&
		    read_name(name, &one) &&
		    read_number(text, len, "id", &one.first) &&
		    read_number(text, len, "age", &one.since_s) &&
		    read_number(text, len, "idle", &one.quiet_s))
			add(out, &one);
		text += len + (text[len] == '\n');
	}
}

enum wp_err wp_clients_ask(struct wp_cli *cli, struct wp_clients *out,
			   struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	*out = (struct wp_clients){ .is_told = false };
	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "CLIENT");
	wp_cmd_str(&cli->cmd, "LIST");
	rc = wp_redis_do(cli->redis, &cli->cmd, &reply, err);
	if (rc == WP_OK && wp_reply_accept(&reply, NULL) == WP_OK)
		wp_clients_read(out, wp_reply_str(reply));
	wp_reply_free(&reply);
	return rc;
}

int64_t wp_clients_since_s(const struct wp_clients *clients, const char *name)
{
	int64_t since_s = -1;

	for (size_t i = 0; i < clients->n; i++)
		if (strcmp(clients->list[i].name, name) == 0 &&
		    clients->list[i].since_s > since_s)
			since_s = clients->list[i].since_s;
	return since_s;
}

int64_t wp_clients_first(const struct wp_clients *clients, const char *name)
{
	int64_t first = 0;

	for (size_t i = 0; i < clients->n; i++)
		if (strcmp(clients->list[i].name, name) == 0 &&
		    (first == 0 || clients->list[i].first < first))
			first = clients->list[i].first;
	return first;
}

bool wp_clients_differ(const struct wp_clients *clients)
{
	for (size_t i = 1; i < clients->n; i++)
		if (strcmp(clients->list[i].version,
			   clients->list[0].version) != 0)
			return true;
	return false;
}
