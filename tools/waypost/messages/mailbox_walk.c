/*
 * mailbox_walk.c - the two hashes of each partition that name mailboxes, with
 * the other one beside it.
 */
#include "tools/waypost/messages/mailbox_walk.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/mailbox/scripts.h"

enum {
	AT_ONCE = 500, /* fields that one look asks for, about */
	CURSOR_MAX = 24,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
	NUMBERS_MAX = 5,
};

struct hash {
	const char *name, *other;
	bool is_cold; /* name is that of the store */
};
static const struct hash hashes[] = {
	{ "waits", "cold", false },
	{ "cold", "waits", true },
};
enum { HASHES = sizeof(hashes) / sizeof(hashes[0]) };

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

static void add_row(const struct wp_mailbox_walk *walk, const struct hash *hash,
		    uint32_t partition, const struct wp_reply *user,
		    const struct wp_reply *here, const struct wp_reply *there)
{
	const struct wp_reply *waits = hash->is_cold ? there : here;
	const struct wp_reply *cold = hash->is_cold ? here : there;
	struct wp_mailbox_row row = { .partition = partition };

	/* "!<user>" is no mailbox: parts/expired.lua. */
	if (wp_reply_len(user) == 0 || wp_reply_len(user) > WP_URN_MAX ||
	    wp_reply_str(user)[0] == '!')
		return;
	memcpy(row.user, wp_reply_str(user), wp_reply_len(user));
	read_pair(waits, &row.n, &row.bytes);
	read_pair(cold, &row.cold, &row.cold_bytes);
	/* Who is in both has been heard of with the first. */
	if (hash->is_cold ? row.n == 0 && row.cold > 0
			  : row.n > 0 || row.cold > 0)
		walk->hear(walk->ctx, &row);
}

static enum wp_err add_rows(struct wp_cli *cli, struct wp_mailbox_walk *walk,
			    const struct hash *hash, uint32_t partition,
			    const struct wp_reply *fields, struct wp_error *err)
{
	struct wp_reply *others = NULL;
	size_t n = wp_reply_count(fields) / 2;
	enum wp_err rc;

	if (n == 0)
		return WP_OK;
	wp_cmd_key(&cli->cmd, "HMGET", partition, hash->other);
	for (size_t i = 0; i < n; i++) {
		const struct wp_reply *user = wp_reply_at(fields, 2 * i);

		wp_cmd_add(&cli->cmd, wp_reply_str(user), wp_reply_len(user));
	}
	rc = wp_cli_ask(cli, &others, err);
	for (size_t i = 0; i < n && rc == WP_OK; i++)
		add_row(walk, hash, partition, wp_reply_at(fields, 2 * i),
			wp_reply_at(fields, 2 * i + 1), wp_reply_at(others, i));
	walk->looked_at += (int64_t)n;
	wp_reply_free(&others);
	return rc;
}

/* Not faster than it was promised. Returns: go on */
static bool keep_pace(const struct wp_mailbox_walk *walk)
{
	uint64_t due_ms = walk->began_ms + (uint64_t)walk->looked_at *
						   MS_PER_S /
						   WP_MAILBOX_WALK_PER_S;
	uint64_t now_ms = wp_mono_ms();
	struct timespec rest = { 0 };

	if (walk->rest != NULL && !walk->rest(walk->ctx, walk->looked_at))
		return false;
	if (due_ms <= now_ms)
		return true;
	rest.tv_sec = (time_t)((due_ms - now_ms) / MS_PER_S);
	rest.tv_nsec = (long)((due_ms - now_ms) % MS_PER_S) * NS_PER_MS;
	(void)nanosleep(&rest, NULL);
	return true;
}

/* *goes_on: becomes false when that is enough. */
static enum wp_err walk_hash(struct wp_cli *cli, struct wp_mailbox_walk *walk,
			     const struct hash *hash, uint32_t partition,
			     bool *goes_on, struct wp_error *err)
{
	char cursor[CURSOR_MAX] = "0";
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	do {
		wp_cmd_key(&cli->cmd, "HSCAN", partition, hash->name);
		wp_cmd_str(&cli->cmd, cursor);
		wp_cmd_str(&cli->cmd, "COUNT");
		wp_cmd_int(&cli->cmd, AT_ONCE);
		rc = wp_cli_ask(cli, &reply, err);
		if (rc != WP_OK)
			return rc;
		(void)snprintf(cursor, sizeof(cursor), "%s",
			       wp_reply_str(wp_reply_at(reply, 0)));
		rc = add_rows(cli, walk, hash, partition, wp_reply_at(reply, 1),
			      err);
		wp_reply_free(&reply);
		*goes_on = keep_pace(walk);
	} while (rc == WP_OK && *goes_on && strcmp(cursor, "0") != 0);
	return rc;
}

enum wp_err wp_mailbox_walk(struct wp_cli *cli, struct wp_mailbox_walk *walk,
			    struct wp_error *err)
{
	bool goes_on = true;
	enum wp_err rc = WP_OK;

	walk->looked_at = 0;
	walk->began_ms = wp_mono_ms();
	for (uint32_t p = 0; p < cli->partitions; p++)
		for (size_t i = 0; i < HASHES && rc == WP_OK && goes_on; i++)
			rc = walk_hash(cli, walk, &hashes[i], p, &goes_on, err);
	return rc;
}

static enum wp_err count(struct wp_cli *cli, const char *name,
			 uint32_t partition, int64_t *n, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_key(&cli->cmd, "HLEN", partition, name);
	rc = wp_cli_ask(cli, &reply, err);
	*n += wp_reply_int(reply);
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_mailbox_count(struct wp_cli *cli, int64_t *out,
			     struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	*out = 0;
	for (uint32_t p = 0; p < cli->partitions && rc == WP_OK; p++)
		for (size_t i = 0; i < HASHES && rc == WP_OK; i++)
			rc = count(cli, hashes[i].name, p, out, err);
	return rc;
}
