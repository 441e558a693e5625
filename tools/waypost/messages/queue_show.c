/*
 * queue_show.c - `waypost queue show`: what waits for somebody, where, since
 * when and how much of it. Never what is in a message.
 */
#include <inttypes.h>
#include <unistd.h>

#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"
#include "tools/waypost/messages/mailbox.h"

static const char *const bands[] = {
	[WP_BAND_STANDARD] = "standard",
	[WP_BAND_HIGH] = "high",
};
/* The order in which they are pulled. */
static const enum wp_band order[] = { WP_BAND_HIGH, WP_BAND_STANDARD };
enum { BANDS = 2 };

static void add_row(struct wp_cli_table *table, enum wp_band band,
		    const char *tier, const struct wp_mailbox_band *what)
{
	wp_cli_table_text(table, bands[band]);
	wp_cli_table_text(table, tier);
	wp_cli_table_count(table, what->n);
	if (what->bytes >= 0)
		wp_cli_table_size(table, what->bytes);
	else
		wp_cli_table_text(table, "");
	if (what->first_ms > 0)
		wp_cli_table_time(table, what->first_ms);
	else
		wp_cli_table_text(table, "");
}

static struct wp_mailbox_band hot_of(const struct wp_mailbox *mailbox,
				     enum wp_band band)
{
	const struct wp_inspect_band *hot = &mailbox->redis.hot[band];

	return (struct wp_mailbox_band){ hot->n, hot->bytes, hot->first_ms };
}

static void add_tiers(struct wp_buf *out, const struct wp_style *style,
		      const struct wp_mailbox *mailbox)
{
	static const struct wp_column columns[] = {
		{ .title = "BAND" },
		{ .title = "WHERE" },
		{ .title = "MESSAGES", .is_right = true },
		{ .title = "BYTES", .is_right = true },
		{ .title = "OLDEST" },
	};
	struct wp_cli_table table;

	wp_cli_table_begin(&table, style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < BANDS; i++) {
		struct wp_mailbox_band hot = hot_of(mailbox, order[i]);

		add_row(&table, order[i], "memory", &hot);
		if (mailbox->is_read)
			add_row(&table, order[i], "disk",
				&mailbox->cold[order[i]]);
	}
	wp_cli_table_end(&table, out);
}

/* "12 of 10 000" */
static void add_use(struct wp_cli_table *table, const struct wp_style *style,
		    int64_t used, int64_t of, bool is_bytes)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	if (used < 0)
		wp_buf_add_str(&text, "unknown");
	else if (is_bytes)
		wp_style_size(style, &text, used);
	else
		wp_style_count(style, &text, used);
	wp_buf_add_str(&text, " of ");
	if (is_bytes)
		wp_style_size(style, &text, of);
	else
		wp_style_count(style, &text, of);
	wp_cli_table_bytes(table, text.failed ? "" : text.data, text.len);
	wp_buf_release(&text);
}

static void add_rest(struct wp_buf *out, const struct wp_style *style,
		     const struct wp_conf *conf,
		     const struct wp_mailbox *mailbox)
{
	static const struct wp_column columns[] = { { .title = NULL },
						    { .title = NULL } };
	const struct wp_inspect *redis = &mailbox->redis;
	struct wp_cli_table table;

	wp_cli_table_begin(&table, style, columns, 2);
	wp_cli_table_text(&table, "partition");
	wp_cli_table_printf(&table, "%" PRIu32, mailbox->box.partition);
	wp_cli_table_text(&table, "messages of the quota");
	add_use(&table, style, wp_mailbox_total(mailbox),
		conf->mailbox.max_waiting, false);
	wp_cli_table_text(&table, "bytes of the quota");
	add_use(&table, style, wp_mailbox_total_bytes(mailbox),
		conf->mailbox.max_waiting_bytes, true);
	wp_cli_table_text(&table, "connections");
	wp_cli_table_count(&table, redis->connections);
	wp_cli_table_text(&table, "something may be on disk");
	wp_cli_table_text(&table, redis->is_hinted ? "yes" : "no");
	wp_cli_table_text(&table, "to be moved to disk");
	if (redis->mark_ms > 0)
		wp_cli_table_time(&table, redis->mark_ms);
	else
		wp_cli_table_text(&table, "no");
	wp_cli_table_end(&table, out);
}

static struct json_object *band_object(enum wp_band band, const char *tier,
				       const struct wp_mailbox_band *what)
{
	struct json_object *object = json_object_new_object();

	wp_cli_add_text(&object, "band", bands[band]);
	wp_cli_add_text(&object, "where", tier);
	wp_cli_add_int(&object, "messages", what->n);
	wp_cli_add_int(&object, "bytes", what->bytes);
	wp_cli_add_time(&object, "oldest", what->first_ms);
	return object;
}

static void add_object(struct wp_buf *out, const struct wp_conf *conf,
		       const struct wp_mailbox *mailbox)
{
	struct json_object *tiers = json_object_new_array();
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < BANDS; i++) {
		struct wp_mailbox_band hot = hot_of(mailbox, order[i]);

		wp_cli_append(&tiers, band_object(order[i], "memory", &hot));
		if (mailbox->is_read)
			wp_cli_append(&tiers,
				      band_object(order[i], "disk",
						  &mailbox->cold[order[i]]));
	}
	wp_cli_add_text(&object, "user", mailbox->box.text);
	wp_cli_add_int(&object, "partition", mailbox->box.partition);
	wp_cli_add(&object, "queues", tiers);
	wp_cli_add_bool(&object, "storeRead", mailbox->is_read);
	wp_cli_add_int(&object, "messages", wp_mailbox_total(mailbox));
	wp_cli_add_int(&object, "maxMessages", conf->mailbox.max_waiting);
	wp_cli_add_int(&object, "bytes", wp_mailbox_total_bytes(mailbox));
	wp_cli_add_int(&object, "maxBytes", conf->mailbox.max_waiting_bytes);
	wp_cli_add_int(&object, "connections", mailbox->redis.connections);
	wp_cli_add_bool(&object, "hinted", mailbox->redis.is_hinted);
	wp_cli_add_time(&object, "moveDue", mailbox->redis.mark_ms);
	wp_cli_put_object(out, &object);
	wp_buf_add_char(out, '\n');
}

enum wp_err wp_cli_queue_show(struct wp_cli *cli, struct wp_error *err)
{
	struct wp_mailbox mailbox;
	struct wp_style style;
	struct wp_buf out;
	enum wp_err rc = wp_mailbox_read(cli, &cli->args.whose, &mailbox, err);

	if (rc != WP_OK)
		return rc;
	wp_buf_init(&out, 0);
	wp_style_of(&style, STDOUT_FILENO, cli->args.is_utc);
	style.now_ms = mailbox.redis.now_ms;
	if (cli->args.is_json) {
		add_object(&out, &cli->conf, &mailbox);
	} else {
		add_tiers(&out, &style, &mailbox);
		if (style.is_for_people)
			wp_buf_add_char(&out, '\n');
		add_rest(&out, &style, &cli->conf, &mailbox);
	}
	return wp_cli_put_out(&out, err);
}
