/*
 * capacity.c - waypost capacity: what to buy for so many users, messages and
 * bytes. The figures behind it, and why, are in docs/capacity.md; they were
 * measured, and rounded up.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"

enum {
	KIB = 1024,
	CONNECTION_BYTES = 32 * KIB, /* of web server and daemon */
	USER_BYTES = 512,            /* of Redis */
	SENDS_PER_CORE = 2000,       /* a second, half of what one can */
	S_PER_DAY = 86400,
	PEAK = 10,          /* times the mean of a day */
	IN_REDIS_PART = 10, /* of a day's messages: one in ten waits there */
	KEPT_DAYS = 7,      /* if nobody fetched anything */
	REDIS_SPARE = 2,    /* the mark of 80 %, and what it copies to write */
	FILES_TIMES = 3,    /* append-only files, their successors, a copy */
	CORES_MIN = 2,
	MESSAGE_BYTES = 128,
};
#define SYSTEM_BYTES (INT64_C(1) << 30)

/* When that was measured, and with what: as docs/capacity.md has it, which a
 * test holds together, and to the release that this is. */
static const char measured_on[] = "2026-12-01", measured_with[] = "0.1.0";

struct need {
	int64_t sends; /* a second, at the peak */
	int64_t cores;
	int64_t redis; /* maxmemory */
	int64_t memory;
	int64_t disk;
};

/* Of a message that waits, in Redis or on disk. */
static int64_t waiting_bytes(int64_t size)
{
	return size + size / 4 + MESSAGE_BYTES;
}

static struct need compute(int64_t users, int64_t messages, int64_t size)
{
	struct need need = { .sends = messages * PEAK / S_PER_DAY + 1 };

	need.cores = (need.sends + SENDS_PER_CORE - 1) / SENDS_PER_CORE;
	if (need.cores < CORES_MIN)
		need.cores = CORES_MIN;
	need.redis =
		REDIS_SPARE * (users * USER_BYTES +
			       messages / IN_REDIS_PART * waiting_bytes(size));
	need.memory = need.redis + users * CONNECTION_BYTES + SYSTEM_BYTES;
	need.disk = messages * KEPT_DAYS * waiting_bytes(size) +
		    FILES_TIMES * need.redis;
	return need;
}

static enum wp_err tell_json(const struct need *need, struct wp_error *err)
{
	struct json_object *object = json_object_new_object();
	struct wp_buf out;

	wp_buf_init(&out, 0);
	wp_cli_add_int(&object, "sendsPerSecond", need->sends);
	wp_cli_add_int(&object, "cores", need->cores);
	wp_cli_add_int(&object, "redisMaxmemoryBytes", need->redis);
	wp_cli_add_int(&object, "memoryBytes", need->memory);
	wp_cli_add_int(&object, "diskBytes", need->disk);
	wp_cli_add_text(&object, "measuredOn", measured_on);
	wp_cli_add_text(&object, "measuredWith", measured_with);
	wp_cli_put_object(&out, &object);
	wp_buf_add_char(&out, '\n');
	return wp_cli_put_out(&out, err);
}

static void add_row(struct wp_cli_table *table, const char *what,
		    int64_t number, bool is_size, const char *why)
{
	wp_cli_table_text(table, what);
	if (is_size)
		wp_cli_table_size(table, number);
	else
		wp_cli_table_count(table, number);
	wp_cli_table_text(table, why);
}

enum wp_err wp_cli_capacity(const struct wp_cli *cli, struct wp_error *err)
{
	static const struct wp_column columns[] = { { .title = "BUY" },
						    { .title = "AT LEAST",
						      .is_right = true },
						    { .title = "FOR" } };
	const struct need need =
		compute(cli->args.users_n, cli->args.messages, cli->args.size);
	struct wp_cli_table table;
	struct wp_style style;
	struct wp_buf out;

	if (cli->args.is_json)
		return tell_json(&need, err);
	wp_buf_init(&out, 0);
	wp_style_of(&style, 1, false);
	wp_cli_table_begin(&table, &style, columns,
			   sizeof(columns) / sizeof(columns[0]));
	add_row(&table, "cores", need.cores, false,
		"sends at the peak, ten times the mean of the day");
	add_row(&table, "memory", need.memory, true,
		"Redis, all users connected, and 1 GiB for the rest");
	add_row(&table, "maxmemory", need.redis, true,
		"of it, for Redis: a tenth of a day's messages wait there");
	add_row(&table, "disk", need.disk, true,
		"messages of 7 days that nobody fetched, Redis' files");
	wp_cli_table_end(&table, &out);
	if (style.is_for_people)
		wp_buf_printf(&out,
			      "by figures of %s, of Waypost %s: "
			      "docs/capacity.md\n",
			      measured_on, measured_with);
	return wp_cli_put_out(&out, err);
}
