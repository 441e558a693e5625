/*
 * trace.c - `waypost trace`: where a message is, by its id.
 *
 * An id says when the message was accepted, and in which partition; who gets it
 * only whoever asks may say, with --to. Nothing here knows a sender.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/mailbox/dlq.h"
#include "lib/mailbox/glance.h"
#include "lib/store/store.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"
#include "tools/waypost/messages/mailbox.h"

enum { LETTERS_MAX = 10000 }; /* of the partition are looked at */

enum place {
	WAITING,
	IN_MEMORY,
	ON_DISK,
	DEAD,
	GONE,
	ROUTED, /* in a mailbox that nobody has named, or gone */
	HIDDEN, /* the same, for the store cannot be read */
};
static const struct {
	const char *word;
	const char *sentence;
} places[] = {
	[WAITING] = { "ingress", "it waits to be routed" },
	[IN_MEMORY] = { "memory", "it waits for its recipient, in memory" },
	[ON_DISK] = { "disk", "it waits for its recipient, on disk" },
	[DEAD] = { "dead", "it could not be routed: a dead letter" },
	[GONE] = { "gone", "it is gone: acknowledged, expired or dropped; "
			   "which, nobody can tell" },
	[ROUTED] = { "routed", "it was routed: it waits for its recipient, or "
			       "is gone; say --to" },
	[HIDDEN] = { "unknown", "it is not in memory; whether it is on disk "
				"cannot be told, for the store cannot be "
				"read" },
};

struct trace {
	const struct wp_msgid *id;
	int64_t now_ms;
	enum place place;
	int64_t tries;
	struct wp_dlq_letter letter; /* when it is dead */
};

/* ---- finding it ---- */

static enum wp_err ask_redis(struct wp_cli *cli, const struct wp_box *box,
			     struct trace *out, struct wp_error *err)
{
	struct wp_inspect inspect;
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_inspect_build(&cli->cmd, out->id->partition, box, &out->id->entry);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc != WP_OK)
		return rc;
	rc = wp_inspect_parse(reply, &inspect);
	wp_reply_free(&reply);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "Redis does not say where it is");
	out->now_ms = inspect.now_ms;
	out->tries = inspect.tries;
	if (inspect.in_ingress)
		out->place = WAITING;
	else if (inspect.in_hot)
		out->place = IN_MEMORY;
	return WP_OK;
}

struct search {
	const struct wp_entry_id *entry;
	bool is_found;
};

static bool look_at(void *ctx, const struct wp_store_row *row)
{
	struct search *search = ctx;

	search->is_found |= wp_entry_id_cmp(&row->entry, search->entry) == 0;
	return false; /* the first one is it, or it is not there */
}

/* The id before this one, from where a walk begins with it. */
static struct wp_entry_id before(struct wp_entry_id id)
{
	const uint64_t last_seq = (UINT64_C(1) << 40) - 1;

	if (id.seq > 0) {
		id.seq--;
	} else {
		id.ms -= id.ms > 0;
		id.seq = last_seq;
	}
	return id;
}

static enum wp_err ask_store(struct wp_cli *cli, const struct wp_box *box,
			     struct trace *out, struct wp_error *err)
{
	struct search search = { .entry = &out->id->entry };
	struct wp_store_read read = {
		.box = box,
		.now_ms = 0, /* what has expired is there until it is swept */
		.on_row = look_at,
		.ctx = &search,
	};
	struct wp_store *store = NULL;
	enum wp_err rc = wp_cli_open_store(cli, &store, err);

	read.from[!out->id->band].is_skipped = true;
	read.from[out->id->band].has_after = true;
	read.from[out->id->band].after = before(out->id->entry);
	if (rc == WP_OK && store != NULL)
		rc = wp_store_read(store, &read, err);
	wp_store_close(&store);
	if (search.is_found)
		out->place = ON_DISK;
	return rc;
}

static bool is_it(const struct wp_dlq_letter *letter, const struct wp_msgid *id)
{
	return letter->has_msgid && letter->msgid.band == id->band &&
	       wp_entry_id_cmp(&letter->msgid.entry, &id->entry) == 0;
}

static enum wp_err ask_letters(struct wp_cli *cli, struct trace *out,
			       struct wp_error *err)
{
	const struct wp_dlq_queue queue = { .partition = out->id->partition };
	struct wp_dlq_letter letters[WP_DLQ_PAGE_MAX];
	struct wp_entry_id last;
	struct wp_dlq_page page = { .queue = &queue,
				    .letters = letters,
				    .max = WP_DLQ_PAGE_MAX };
	enum wp_err rc = WP_OK;

	for (size_t n = 0; n < LETTERS_MAX && rc == WP_OK; n += page.n) {
		rc = wp_dlq_list(cli->redis, &page, err);
		for (size_t i = 0; i < page.n && rc == WP_OK; i++) {
			if (!is_it(&letters[i], out->id))
				continue;
			out->place = DEAD;
			out->letter = letters[i];
			return WP_OK;
		}
		if (page.n < page.max)
			break;
		last = letters[page.n - 1].id.entry;
		page.after = &last;
	}
	return rc;
}

static enum wp_err find(struct wp_cli *cli, struct trace *out,
			struct wp_error *err)
{
	bool has_box = cli->args.to != NULL;
	struct wp_error why = { 0 };
	struct wp_urn user;
	struct wp_box box;
	enum wp_err rc = WP_OK;

	out->place = has_box ? GONE : ROUTED;
	if (has_box)
		rc = wp_urn_parse(&user, cli->args.to, strlen(cli->args.to),
				  err);
	if (rc == WP_OK && has_box) {
		wp_box_of(&box, &user, cli->partitions);
		if (box.partition != out->id->partition)
			return wp_error_set(err, WP_ERR_NOTFOUND,
					    "--to: nobody of this name can "
					    "have got it");
	}
	/* In the order in which it travels. */
	if (rc == WP_OK)
		rc = ask_redis(cli, has_box ? &box : NULL, out, err);
	if (rc == WP_OK && out->place == GONE &&
	    ask_store(cli, &box, out, &why) != WP_OK)
		out->place = HIDDEN;
	if (rc == WP_OK && out->place >= GONE)
		rc = ask_letters(cli, out, err);
	return rc;
}

/* ---- telling it ---- */

static const char *band_of(const struct trace *trace)
{
	return trace->id->band == WP_BAND_HIGH ? "high" : "standard";
}

static void add_lines(struct wp_buf *out, const struct trace *trace,
		      bool is_utc)
{
	static const struct wp_column columns[] = { { .title = NULL },
						    { .title = NULL } };
	char letter[WP_DLQ_ID_MAX];
	struct wp_style style;
	struct wp_cli_table table;

	wp_style_of(&style, STDOUT_FILENO, is_utc);
	style.now_ms = trace->now_ms;
	wp_cli_table_begin(&table, &style, columns, 2);
	wp_cli_table_text(&table, "accepted");
	wp_cli_table_time(&table, (int64_t)trace->id->entry.ms);
	wp_cli_table_text(&table, "partition");
	wp_cli_table_printf(&table, "%d", (int)trace->id->partition);
	wp_cli_table_text(&table, "band");
	wp_cli_table_text(&table, band_of(trace));
	wp_cli_table_text(&table, "where");
	wp_cli_table_text(&table, places[trace->place].sentence);
	if (trace->tries > 0) {
		wp_cli_table_text(&table, "tried in vain");
		wp_cli_table_count(&table, trace->tries);
	}
	if (trace->place == DEAD) {
		wp_dlq_id_format(&trace->letter.id, letter);
		wp_cli_table_text(&table, "dead letter");
		wp_cli_table_text(&table, letter);
		wp_cli_table_text(&table, "reason");
		wp_cli_table_text(&table, trace->letter.reason);
	}
	wp_cli_table_end(&table, out);
}

static void add_object(struct wp_buf *out, const struct trace *trace)
{
	struct json_object *object = json_object_new_object();
	bool is_dead = trace->place == DEAD;
	char letter[WP_DLQ_ID_MAX] = "";
	char id[WP_MSGID_LEN + 1];

	wp_msgid_format(trace->id, id);
	if (is_dead)
		wp_dlq_id_format(&trace->letter.id, letter);
	wp_cli_add_text(&object, "id", id);
	wp_cli_add_time(&object, "accepted", (int64_t)trace->id->entry.ms);
	wp_cli_add_int(&object, "partition", trace->id->partition);
	wp_cli_add_text(&object, "band", band_of(trace));
	wp_cli_add_text(&object, "where", places[trace->place].word);
	wp_cli_add_int(&object, "tries", trace->tries);
	wp_cli_add_text(&object, "deadLetter", letter);
	wp_cli_add_text(&object, "reason", is_dead ? trace->letter.reason : "");
	wp_cli_put_object(out, &object);
	wp_buf_add_char(out, '\n');
}

enum wp_err wp_cli_trace(struct wp_cli *cli, struct wp_error *err)
{
	struct trace trace = { .id = &cli->args.msgid };
	struct wp_buf out;
	enum wp_err rc;

	if (trace.id->partition >= cli->partitions)
		return wp_error_set(err, WP_ERR_NOTFOUND,
				    "no message of this deployment has this "
				    "id: it has no such partition");
	rc = find(cli, &trace, err);
	if (rc != WP_OK)
		return rc;
	wp_buf_init(&out, 0);
	if (cli->args.is_json)
		add_object(&out, &trace);
	else
		add_lines(&out, &trace, cli->args.is_utc);
	return wp_cli_put_out(&out, err);
}
