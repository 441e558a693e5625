/*
 * redis.c - is there a Redis, and is it fit to carry messages: as it is
 * set up, as full as it is, as fast as it is, and for nobody else?
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/mailbox/scripts.h"
#include "lib/redis/check.h"
#include "lib/redis/info.h"
#include "tools/waypost/doctor/checks.h"

enum {
	PINGS = 100,
	SLOW_US = 5000,
	DISK_LOW_PERCENT = 20,
	DISK_FULL_PERCENT = 5,
	SCAN_KEYS = 1000,
	SCAN_CALLS = 10,
	MIB = 1 << 20,
	CLOCK_OFF_MS = 2000,
	NUMBER_MAX = 32,
};

static struct wp_doctor_report *report_of(struct wp_doctor *doctor)
{
	return &doctor->report;
}

/* Ask by words; NULL, and it is said, when there is no answer. */
static struct wp_reply *ask(struct wp_doctor *doctor, const char *id,
			    const char *const *words)
{
	struct wp_reply *reply = NULL;
	struct wp_error err = { 0 };

	wp_cmd_clear(&doctor->cli->cmd);
	for (; *words != NULL; words++)
		wp_cmd_str(&doctor->cli->cmd, *words);
	if (wp_cli_ask(doctor->cli, &reply, &err) == WP_OK)
		return reply;
	wp_doctor_say(report_of(doctor), WP_DOCTOR_SKIP, id,
		      "let this user of Redis ask it",
		      "Redis does not answer %s: %s", words[-1], err.msg);
	return NULL;
}

static struct wp_reply *ask_info(struct wp_doctor *doctor, const char *id,
				 const char *section)
{
	const char *const words[] = { "INFO", section, NULL };

	return ask(doctor, id, words);
}

/* A number of INFO; -1 when it is not there. */
static int64_t number_of(const struct wp_reply *info, const char *key)
{
	size_t len = 0;
	const char *text = wp_info_find(info, key, &len);
	char number[NUMBER_MAX];

	if (text == NULL || len == 0 || len >= sizeof(number))
		return -1;
	memcpy(number, text, len);
	number[len] = '\0';
	return strtoll(number, NULL, 10);
}

static bool text_is(const struct wp_reply *info, const char *key,
		    const char *want)
{
	size_t len = 0;
	const char *text = wp_info_find(info, key, &len);

	return text != NULL && len == strlen(want) &&
	       memcmp(text, want, len) == 0;
}

/* ---- is it there? ---- */

static void look_at_connection(struct wp_doctor *doctor)
{
	struct wp_cli *cli = doctor->cli;
	struct wp_error err = { 0 };
	enum wp_err rc =
		wp_redis_new(&cli->redis, &cli->conf, &wp_scripts, &err);

	if (rc == WP_OK)
		rc = wp_cli_connect(cli, &err);
	doctor->has_redis = rc == WP_OK;
	if (doctor->has_redis)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_OK, "redis-connect",
			      NULL,
			      "it answers at %.100s, as a master, for %" PRIu32
			      " partitions",
			      cli->conf.redis.address, cli->partitions);
	else
		wp_doctor_say(report_of(doctor), WP_DOCTOR_FAIL,
			      "redis-connect",
			      rc == WP_ERR_DENIED
				      ? "set redis.username and "
					"redis.password_file to what it wants"
				      : "start it, or let redis.address name "
					"the one that takes messages in",
			      "%s", err.msg);
}

static void look_at_version(struct wp_doctor *doctor)
{
	struct wp_reply *info = ask_info(doctor, "redis-version", "server");
	size_t len = 0;
	const char *version = wp_info_find(info, "redis_version", &len);

	/* An older one has refused our scripts already. */
	if (version != NULL)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_OK, "redis-version",
			      NULL, "it is version %.*s",
			      (int)(len < NUMBER_MAX ? len : NUMBER_MAX),
			      version);
	wp_reply_free(&info);
}

/* ---- its settings ---- */

static void say_setting(void *ctx, const struct wp_redis_setting *setting)
{
	struct wp_doctor *doctor = ctx;
	bool is_production = doctor->cli->conf.run_mode == WP_RUN_PRODUCTION;
	char id[64], advice[128];

	(void)snprintf(id, sizeof(id), "redis-%.50s", setting->name);
	(void)snprintf(advice, sizeof(advice), "%s %s   in redis.conf",
		       setting->name, setting->wanted);
	if (setting->value == NULL)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_SKIP, id, advice,
			      "Redis does not tell it");
	else if (!setting->is_good)
		wp_doctor_say(report_of(doctor),
			      is_production ? WP_DOCTOR_FAIL : WP_DOCTOR_WARN,
			      id, advice, "it is %.32s: %s", setting->value,
			      setting->why);
	else if (strcmp(setting->name, "appendfsync") == 0 &&
		 strcmp(setting->value, "always") != 0 &&
		 doctor->cli->conf.redis.durability != WP_DURABILITY_MEMORY)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_WARN, id,
			      "appendfsync always   in redis.conf, or "
			      "redis.durability: memory",
			      "it is %.32s: a crash of the host loses what was "
			      "accepted within the last second",
			      setting->value);
	else
		wp_doctor_say(report_of(doctor), WP_DOCTOR_OK, id, NULL,
			      "it is %.32s", setting->value);
}

static void look_at_settings(struct wp_doctor *doctor)
{
	struct wp_error err = { 0 };

	if (wp_redis_settings_look(doctor->cli->redis, say_setting, doctor,
				   &err) != WP_OK)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_SKIP,
			      "redis-settings",
			      "compare redis.conf with web-config/redis.conf "
			      "by hand",
			      "they cannot be looked at: %s", err.msg);
}

/* ---- memory, disk, time ---- */

static void look_at_memory(struct wp_doctor *doctor)
{
	struct wp_reply *info = ask_info(doctor, "redis-memory", "memory");
	int64_t used = number_of(info, "used_memory");
	int64_t max = number_of(info, "maxmemory");
	int64_t host = number_of(info, "total_system_memory");
	unsigned int percent = wp_memory_percent(info);

	if (info == NULL)
		return;
	if (max > 0 && host > 0 && max >= host)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_WARN, "redis-memory",
			      "set maxmemory to what this host can spare, "
			      "with room for the fork of a rewrite",
			      "maxmemory is %" PRId64 " MiB, and its host has "
			      "%" PRId64 " MiB: the kernel ends Redis before "
			      "sends are refused",
			      max / MIB, host / MIB);
	else if (max > 0 && wp_memory_is_high(&doctor->cli->conf, percent))
		wp_doctor_say(report_of(doctor), WP_DOCTOR_FAIL, "redis-memory",
			      "waypost-worker moves what it can to disk; if it "
			      "stays so, raise maxmemory",
			      "%u %% of maxmemory are used: from "
			      "redis.memory_high_percent on, sends are refused",
			      percent);
	else
		wp_doctor_say(report_of(doctor), WP_DOCTOR_OK, "redis-memory",
			      NULL,
			      "%" PRId64 " MiB are used, %u %% of "
			      "maxmemory",
			      used / MIB, percent);
	wp_reply_free(&info);
}

static void look_at_aof(struct wp_doctor *doctor)
{
	struct wp_reply *info = ask_info(doctor, "redis-aof", "persistence");

	if (info == NULL)
		return;
	if (number_of(info, "aof_enabled") != 1)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_SKIP, "redis-aof",
			      NULL, "there is no append-only file");
	else if (!text_is(info, "aof_last_write_status", "ok"))
		wp_doctor_say(report_of(doctor), WP_DOCTOR_FAIL, "redis-aof",
			      "is the disk full? Redis' log says why; it takes "
			      "nothing in until it can write",
			      "the last write to the append-only file failed");
	else if (!text_is(info, "aof_last_bgrewrite_status", "ok"))
		wp_doctor_say(report_of(doctor), WP_DOCTOR_WARN, "redis-aof",
			      "is there room for a second copy, on disk and in "
			      "memory? Redis' log says why",
			      "the last rewrite of the append-only file "
			      "failed: it only grows");
	else
		wp_doctor_say(report_of(doctor), WP_DOCTOR_OK, "redis-aof",
			      NULL,
			      "it is written, and was rewritten, well; "
			      "%" PRId64 " delayed syncs",
			      number_of(info, "aof_delayed_fsync"));
	wp_reply_free(&info);
}

static bool is_here(const char *address)
{
	return strncmp(address, "unix:", 5) == 0 ||
	       strncmp(address, "127.", 4) == 0 ||
	       strncmp(address, "localhost:", 10) == 0 ||
	       strncmp(address, "[::1]:", 6) == 0;
}

static void look_at_disk(struct wp_doctor *doctor)
{
	static const char *const words[] = { "CONFIG", "GET", "dir", NULL };
	struct wp_reply *reply = ask(doctor, "redis-disk", words);
	const char *dir = wp_config_find(reply, "dir");
	struct statvfs disk;
	unsigned int free_percent;

	if (reply == NULL)
		return;
	if (dir == NULL || !is_here(doctor->cli->conf.redis.address) ||
	    statvfs(dir, &disk) == -1 || disk.f_blocks == 0) {
		wp_doctor_say(report_of(doctor), WP_DOCTOR_SKIP, "redis-disk",
			      "look at it there: a fifth should be free",
			      "the disk of Redis is not on this host, or "
			      "cannot be seen by this user");
	} else {
		free_percent =
			(unsigned int)(disk.f_bavail * 100 / disk.f_blocks);
		wp_doctor_say(report_of(doctor),
			      free_percent < DISK_FULL_PERCENT  ? WP_DOCTOR_FAIL
			      : free_percent < DISK_LOW_PERCENT ? WP_DOCTOR_WARN
								: WP_DOCTOR_OK,
			      "redis-disk",
			      free_percent < DISK_LOW_PERCENT
				      ? "make room: a rewrite of the "
					"append-only file needs a second copy"
				      : NULL,
			      "%u %% of the disk of the append-only file are "
			      "free",
			      free_percent);
	}
	wp_reply_free(&reply);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void look_at_latency(struct wp_doctor *doctor)
{
	static const char *const words[] = { "PING", NULL };
	uint64_t took[PINGS], half, worst;

	for (size_t i = 0; i < PINGS; i++) {
		uint64_t began = wp_mono_us();
		struct wp_reply *reply = ask(doctor, "redis-latency", words);

		if (reply == NULL)
			return;
		wp_reply_free(&reply);
		took[i] = wp_mono_us() - began;
	}
	qsort(took, PINGS, sizeof(took[0]), by_size);
	half = took[PINGS / 2];
	worst = took[PINGS - 2]; /* p99 */
	wp_doctor_say(report_of(doctor),
		      worst > SLOW_US ? WP_DOCTOR_WARN : WP_DOCTOR_OK,
		      "redis-latency",
		      worst > SLOW_US
			      ? "is the host busy, the network far, a command "
				"of somebody else slow? SLOWLOG GET tells"
			      : NULL,
		      "of 100 pings half took less than %.2f ms, 99 less than "
		      "%.2f ms",
		      (double)half / 1000.0, (double)worst / 1000.0);
}

/* Keys that are none of ours, among the first ten thousand. */
static bool count_foreign(struct wp_doctor *doctor, size_t *n_out)
{
	char cursor[NUMBER_MAX] = "0", count[NUMBER_MAX];
	const char *const words[] = { "SCAN", cursor, "COUNT", count, NULL };

	(void)snprintf(count, sizeof(count), "%d", SCAN_KEYS);
	*n_out = 0;
	for (int calls = 0; calls < SCAN_CALLS; calls++) {
		struct wp_reply *reply = ask(doctor, "redis-foreign", words);
		const struct wp_reply *keys = wp_reply_at(reply, 1);

		if (reply == NULL)
			return false;
		(void)snprintf(cursor, sizeof(cursor), "%.20s",
			       wp_reply_str(wp_reply_at(reply, 0)));
		for (size_t i = 0; i < wp_reply_count(keys); i++)
			*n_out += strncmp(wp_reply_str(wp_reply_at(keys, i)),
					  "wp:", 3) != 0;
		wp_reply_free(&reply);
		if (strcmp(cursor, "0") == 0 || wp_doctor_left_ms(doctor) == 0)
			break;
	}
	return true;
}

static void look_at_foreign(struct wp_doctor *doctor)
{
	size_t n;

	if (!count_foreign(doctor, &n))
		return;
	if (n > 0)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_WARN,
			      "redis-foreign",
			      "give Waypost a Redis of its own: what others "
			      "fill it with, messages have no room for",
			      "%zu keys in it are not Waypost's", n);
	else
		wp_doctor_say(report_of(doctor), WP_DOCTOR_OK, "redis-foreign",
			      NULL, "nobody else's keys were found in it");
}

static void look_at_clock(struct wp_doctor *doctor)
{
	struct wp_error err = { 0 };
	int64_t theirs_ms, off_ms;

	if (wp_cli_time(doctor->cli, &theirs_ms, &err) != WP_OK) {
		wp_doctor_say(report_of(doctor), WP_DOCTOR_SKIP, "time-redis",
			      NULL, "%s", err.msg);
		return;
	}
	off_ms = theirs_ms - wp_wall_ms();
	if (off_ms > CLOCK_OFF_MS || off_ms < -CLOCK_OFF_MS)
		wp_doctor_say(report_of(doctor), WP_DOCTOR_WARN, "time-redis",
			      "let both hosts follow a time server (chrony, "
			      "systemd-timesyncd)",
			      "the clock of Redis is %.1f s off ours",
			      (double)off_ms / 1000.0);
	else
		wp_doctor_say(report_of(doctor), WP_DOCTOR_OK, "time-redis",
			      NULL, "the clock of Redis is ours");
}

const struct wp_doctor_check wp_doctor_redis[] = {
	{ "redis-connect", WP_DOCTOR_NEEDS_NOTHING, look_at_connection },
	{ "redis-version", WP_DOCTOR_NEEDS_REDIS, look_at_version },
	{ "redis-settings", WP_DOCTOR_NEEDS_REDIS, look_at_settings },
	{ "redis-memory", WP_DOCTOR_NEEDS_REDIS, look_at_memory },
	{ "redis-aof", WP_DOCTOR_NEEDS_REDIS, look_at_aof },
	{ "redis-disk", WP_DOCTOR_NEEDS_REDIS, look_at_disk },
	{ "redis-latency", WP_DOCTOR_NEEDS_REDIS, look_at_latency },
	{ "redis-foreign", WP_DOCTOR_NEEDS_REDIS, look_at_foreign },
	{ "time-redis", WP_DOCTOR_NEEDS_REDIS, look_at_clock },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};
