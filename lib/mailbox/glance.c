/*
 * glance.c - calls and answers of glance.lua and inspect.lua.
 */
#include "lib/mailbox/glance.h"

#include <string.h>

#include "lib/base/json.h"
#include "lib/mailbox/scripts.h"

/* ---- a partition ---- */

/* Members of an answer of glance.lua; an incarnation has three of its own. */
enum {
	NOW,
	OWNER,
	GATE,
	INGRESS,
	FIRST,
	ADDED,
	MARKS,
	MARK_MS,
	TRIES,
	DEAD,
	HOT,
	EXPIRY_MS,
	COLD,
	COLD_N,
	COLD_BYTES,
	DAEMONS,
	GLANCE_MEMBERS
};
enum { DAEMON_MEMBERS = 3 };

void wp_glance_build(struct wp_cmd *cmd, uint32_t partition)
{
	wp_cmd_script(cmd, WP_SCRIPT_GLANCE, partition);
}

/* When an entry was made, by its id; 0: there is none. */
static int64_t time_of(const struct wp_reply *id)
{
	struct wp_entry_id entry;

	if (!wp_entry_id_parse(&entry, wp_reply_str(id), wp_reply_len(id)))
		return 0;
	return (int64_t)entry.ms;
}

static int64_t number_at(const struct wp_reply *reply, size_t i)
{
	return wp_reply_int(wp_reply_at(reply, i));
}

/* Never negative, whatever was made of Redis' own counters. */
static int64_t count_at(const struct wp_reply *reply, size_t i)
{
	int64_t n = number_at(reply, i);

	return n > 0 ? n : 0;
}

enum wp_err wp_glance_parse(const struct wp_reply *reply, struct wp_glance *out)
{
	const struct wp_reply *daemons = wp_reply_at(reply, DAEMONS);

	*out = (struct wp_glance){ .owner = "", .gate = "" };
	if (wp_reply_count(reply) != GLANCE_MEMBERS ||
	    wp_reply_count(daemons) % DAEMON_MEMBERS != 0)
		return WP_ERR_UNAVAIL;
	*out = (struct wp_glance){
		.now_ms = number_at(reply, NOW),
		.owner = wp_reply_str(wp_reply_at(reply, OWNER)),
		.gate = wp_reply_str(wp_reply_at(reply, GATE)),
		.ingress = count_at(reply, INGRESS),
		.first_ms = time_of(wp_reply_at(reply, FIRST)),
		.added = count_at(reply, ADDED),
		.marks = count_at(reply, MARKS),
		.mark_ms = number_at(reply, MARK_MS),
		.tries = count_at(reply, TRIES),
		.dead = count_at(reply, DEAD),
		.hot = count_at(reply, HOT),
		.expiry_ms = number_at(reply, EXPIRY_MS),
		.cold = count_at(reply, COLD),
		.cold_messages = count_at(reply, COLD_N),
		.cold_bytes = count_at(reply, COLD_BYTES),
		.n_daemons = wp_reply_count(daemons) / DAEMON_MEMBERS,
		.daemons = daemons,
	};
	return WP_OK;
}

struct wp_glance_daemon wp_glance_daemon(const struct wp_glance *glance,
					 size_t i)
{
	const struct wp_reply *daemons = glance->daemons;
	size_t at = i * DAEMON_MEMBERS;

	return (struct wp_glance_daemon){
		.incarnation = wp_reply_str(wp_reply_at(daemons, at)),
		.is_doomed =
			wp_reply_is(wp_reply_at(daemons, at + 1), "doomed"),
		.connections = count_at(daemons, at + 2),
	};
}

/* ---- a mailbox, and a message ---- */

enum {
	I_NOW,
	I_WAITS,
	I_COLD,
	I_MARK_MS,
	I_CONNECTIONS,
	I_SEEN,
	I_SESSIONS,
	I_STANDARD,
	I_HIGH,
	I_INGRESS,
	I_HOT,
	I_TRIES,
	INSPECT_MEMBERS
};

void wp_inspect_build(struct wp_cmd *cmd, uint32_t partition,
		      const struct wp_box *box, const struct wp_entry_id *entry)
{
	char id[WP_ENTRY_ID_MAX] = "";

	if (entry != NULL)
		wp_entry_id_format(entry, id);
	wp_cmd_script(cmd, WP_SCRIPT_INSPECT, partition);
	wp_cmd_str(cmd, box != NULL ? box->text : "");
	wp_cmd_str(cmd, id);
}

/* The words of a text, with single blanks between them; n at most. */
static size_t split(const struct wp_reply *reply, struct wp_json_slice *words,
		    size_t n)
{
	const char *text = wp_reply_str(reply);
	size_t found = 0;

	while (found < n && *text != '\0') {
		size_t len = strcspn(text, " ");

		words[found++] =
			(struct wp_json_slice){ .data = text, .len = len };
		text += len + (text[len] == ' ');
	}
	return found;
}

static int64_t number_or(const struct wp_json_slice *word, int64_t otherwise)
{
	int64_t n;

	return wp_json_integer(word, 0, INT64_MAX, &n) ? n : otherwise;
}

/* "<n> <bytes>", see parts/index.lua. */
static void read_waits(const struct wp_reply *reply, struct wp_inspect *out)
{
	struct wp_json_slice words[2];

	if (split(reply, words, 2) != 2)
		return;
	out->waiting = number_or(&words[0], 0);
	out->waiting_bytes = number_or(&words[1], 0);
}

/* "<token> <last_ms> <version> <n> <bytes>", see parts/cold_record.lua. */
static void read_cold(const struct wp_reply *reply, struct wp_inspect *out)
{
	enum { VERSION = 2, N, BYTES, WORDS };
	struct wp_json_slice words[WORDS];

	out->is_hinted = wp_reply_len(reply) > 0;
	out->cold = out->is_hinted ? -1 : 0;
	out->cold_bytes = out->cold;
	if (split(reply, words, WORDS) != WORDS ||
	    number_or(&words[VERSION], -1) == -1)
		return;
	out->cold = number_or(&words[N], -1);
	out->cold_bytes = number_or(&words[BYTES], -1);
}

static struct wp_inspect_band read_band(const struct wp_reply *reply)
{
	return (struct wp_inspect_band){
		.n = number_at(reply, 0),
		.bytes = number_at(reply, 1),
		.first_ms = time_of(wp_reply_at(reply, 2)),
	};
}

enum wp_err wp_inspect_parse(const struct wp_reply *reply,
			     struct wp_inspect *out)
{
	*out = (struct wp_inspect){ 0 };
	if (wp_reply_count(reply) != INSPECT_MEMBERS)
		return WP_ERR_UNAVAIL;
	out->now_ms = number_at(reply, I_NOW);
	read_waits(wp_reply_at(reply, I_WAITS), out);
	read_cold(wp_reply_at(reply, I_COLD), out);
	out->mark_ms = number_at(reply, I_MARK_MS);
	out->connections = number_at(reply, I_CONNECTIONS);
	out->seen_s = number_at(reply, I_SEEN);
	out->sessions = number_at(reply, I_SESSIONS);
	out->hot[WP_BAND_STANDARD] = read_band(wp_reply_at(reply, I_STANDARD));
	out->hot[WP_BAND_HIGH] = read_band(wp_reply_at(reply, I_HIGH));
	out->in_ingress = wp_reply_is(wp_reply_at(reply, I_INGRESS), "1");
	out->in_hot = wp_reply_is(wp_reply_at(reply, I_HOT), "1");
	out->tries = number_at(reply, I_TRIES);
	return WP_OK;
}
