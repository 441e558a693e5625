/*
 * survey.c - asking Redis how the whole deployment is doing.
 */
#include "tools/waypost/view/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/deployment.h"
#include "lib/mailbox/glance.h"
#include "lib/mailbox/inbox.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/push.h"
#include "lib/mailbox/push_dlq.h"
#include "lib/mailbox/push_due.h"

enum { MS_PER_S = 1000, AT_ONCE = 64 };

static void copy_word(char out[WP_SURVEY_WORD_MAX + 1], const char *text,
		      size_t len)
{
	if (len > WP_SURVEY_WORD_MAX)
		len = WP_SURVEY_WORD_MAX;
	memcpy(out, text, len);
	out[len] = '\0';
}

static void copy_reply(char out[WP_SURVEY_WORD_MAX + 1],
		       const struct wp_reply *reply)
{
	copy_word(out, wp_reply_str(reply), wp_reply_len(reply));
}

/* ---- Redis itself ---- */

/* A line "<name>:<value>" of INFO; value is "" when there is none. */
static void find_info(const char *info, const char *name,
		      char out[WP_SURVEY_WORD_MAX + 1])
{
	size_t len = strlen(name);

	out[0] = '\0';
	for (; info != NULL && *info != '\0'; info += strspn(info, "\r\n")) {
		size_t line = strcspn(info, "\r\n");

		if (line > len && info[len] == ':' &&
		    memcmp(info, name, len) == 0) {
			copy_word(out, info + len + 1, line - len - 1);
			return;
		}
		info += line;
	}
}

static int64_t info_number(const char *info, const char *name)
{
	char text[WP_SURVEY_WORD_MAX + 1];

	find_info(info, name, text);
	return strtoll(text, NULL, 10);
}

static void read_info(struct wp_survey *out, const char *info)
{
	char text[WP_SURVEY_WORD_MAX + 1];

	find_info(info, "redis_version", out->redis.version);
	find_info(info, "role", out->redis.role);
	find_info(info, "run_id", out->redis.run_id);
	out->redis.used_bytes = info_number(info, "used_memory");
	out->redis.max_bytes = info_number(info, "maxmemory");
	out->redis.uptime_s = info_number(info, "uptime_in_seconds");
	out->redis.clients = info_number(info, "connected_clients");
	out->redis.ops_per_s = info_number(info, "instantaneous_ops_per_sec");
	out->redis.saved_ms =
		info_number(info, "rdb_last_save_time") * MS_PER_S;
	out->redis.has_aof = info_number(info, "aof_enabled") == 1;
	find_info(info, "aof_last_write_status", text);
	out->redis.writes_aof = strcmp(text, "ok") == 0;
}

static enum wp_err ask_info(struct wp_cli *cli, struct wp_survey *out,
			    struct wp_error *err)
{
	static const char *const words[] = { "INFO",        "server",
					     "clients",     "memory",
					     "persistence", "stats",
					     "replication" };
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		wp_cmd_str(&cli->cmd, words[i]);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc == WP_OK)
		read_info(out, wp_reply_str(reply));
	wp_reply_free(&reply);
	return rc;
}

/* ---- what is of no partition ---- */

static enum wp_err ask_meta(struct wp_cli *cli, struct wp_survey *out,
			    struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "HMGET");
	wp_cmd_str(&cli->cmd, WP_META_KEY);
	wp_cmd_str(&cli->cmd, "run_mode");
	wp_cmd_str(&cli->cmd, WP_META_STORE);
	wp_cmd_str(&cli->cmd, "layout");
	rc = wp_cli_ask(cli, &reply, err);
	if (rc != WP_OK)
		return rc;
	copy_reply(out->mode, wp_reply_at(reply, 0));
	if (out->mode[0] == '\0')
		copy_word(out->mode, "local", strlen("local"));
	copy_reply(out->store, wp_reply_at(reply, 1));
	copy_reply(out->layout, wp_reply_at(reply, 2));
	wp_reply_free(&reply);
	return WP_OK;
}

static enum wp_err ask_length(struct wp_cli *cli, const char *stream,
			      int64_t *out, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "XLEN");
	wp_cmd_str(&cli->cmd, stream);
	rc = wp_cli_ask(cli, &reply, err);
	*out = wp_reply_int(reply);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err ask_notifiers(struct wp_cli *cli, struct wp_survey *out,
				 struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "ZCOUNT");
	wp_cmd_str(&cli->cmd, WP_NOTIFIERS_KEY);
	wp_cmd_int(&cli->cmd, out->now_ms - WP_NOTIFIERS_TTL_MS);
	wp_cmd_str(&cli->cmd, "+inf");
	rc = wp_cli_ask(cli, &reply, err);
	out->notifiers = wp_reply_int(reply);
	wp_reply_free(&reply);
	return rc;
}

/* ---- who is there ---- */

/* NULL: there are too many of them to be listed. */
static struct wp_survey_worker *find_worker(struct wp_survey *out,
					    const char *id, size_t len)
{
	char name[WP_SURVEY_WORD_MAX + 1];

	copy_word(name, id, len);
	for (size_t i = 0; i < out->n_workers; i++)
		if (strcmp(out->workers[i].id, name) == 0)
			return &out->workers[i];
	if (out->n_workers == WP_SURVEY_WORKERS_MAX)
		return NULL;
	copy_word(out->workers[out->n_workers].id, id, len);
	return &out->workers[out->n_workers++];
}

static struct wp_survey_daemon *find_daemon(struct wp_survey *out,
					    const char *id)
{
	for (size_t i = 0; i < out->n_daemons; i++)
		if (strcmp(out->daemons[i].id, id) == 0)
			return &out->daemons[i];
	if (out->n_daemons == WP_SURVEY_DAEMONS_MAX)
		return NULL;
	(void)snprintf(out->daemons[out->n_daemons].id,
		       sizeof(out->daemons[0].id), "%s", id);
	return &out->daemons[out->n_daemons++];
}

/* Whoever has announced itself, also without a partition so far. */
static enum wp_err ask_workers(struct wp_cli *cli, struct wp_survey *out,
			       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	wp_cmd_str(&cli->cmd, "ZRANGE");
	wp_cmd_str(&cli->cmd, WP_WORKERS_KEY);
	wp_cmd_int(&cli->cmd, 0);
	wp_cmd_int(&cli->cmd, WP_SURVEY_WORKERS_MAX - 1);
	wp_cmd_str(&cli->cmd, "WITHSCORES");
	rc = wp_cli_ask(cli, &reply, err);
	for (size_t i = 0; i + 1 < wp_reply_count(reply); i += 2) {
		const struct wp_reply *id = wp_reply_at(reply, i);
		struct wp_survey_worker *worker =
			find_worker(out, wp_reply_str(id), wp_reply_len(id));

		if (worker != NULL)
			worker->announced_ms =
				wp_reply_int(wp_reply_at(reply, i + 1));
	}
	wp_reply_free(&reply);
	return rc;
}

/* ---- partitions ---- */

static void keep_first(int64_t *first_ms, int64_t at_ms)
{
	if (at_ms > 0 && (*first_ms == 0 || at_ms < *first_ms))
		*first_ms = at_ms;
}

static void add_owner(struct wp_survey *out, const char *owner)
{
	const char *id = strchr(owner, ':');
	struct wp_survey_worker *worker;

	if (id == NULL) {
		out->unowned++;
		return;
	}
	worker = find_worker(out, id + 1, strlen(id + 1));
	if (worker != NULL)
		worker->partitions++;
}

static void add_daemons(struct wp_survey *out, const struct wp_glance *glance)
{
	for (size_t i = 0; i < glance->n_daemons; i++) {
		struct wp_glance_daemon here = wp_glance_daemon(glance, i);
		struct wp_survey_daemon *daemon =
			find_daemon(out, here.incarnation);

		out->connections =
			wp_cli_sum(out->connections, here.connections);
		if (daemon == NULL)
			continue;
		daemon->connections =
			wp_cli_sum(daemon->connections, here.connections);
		daemon->partitions++;
		daemon->is_doomed |= here.is_doomed;
	}
}

static void add_partition(struct wp_survey *out, uint32_t partition,
			  const struct wp_glance *glance)
{
	out->partitions[partition] = (struct wp_survey_partition){
		.added = glance->added,
		.ingress = glance->ingress,
		.first_ms = glance->first_ms,
	};
	add_owner(out, glance->owner);
	out->closed += strcmp(glance->gate, out->redis.run_id) != 0;
	out->ingress += glance->ingress;
	out->added = wp_cli_sum(out->added, glance->added);
	out->marks += glance->marks;
	out->tries += glance->tries;
	out->dead += glance->dead;
	out->hot += glance->hot;
	out->cold += glance->cold;
	out->cold_messages =
		wp_cli_sum(out->cold_messages, glance->cold_messages);
	out->cold_bytes = wp_cli_sum(out->cold_bytes, glance->cold_bytes);
	out->cold_is_about |= glance->cold > WP_GLANCE_SEEN;
	keep_first(&out->first_ms, glance->first_ms);
	keep_first(&out->mark_ms, glance->mark_ms);
	keep_first(&out->expiry_ms, glance->expiry_ms);
	add_daemons(out, glance);
}

/* Take the answer to what was appended for a partition. */
static enum wp_err take_partition(struct wp_cli *cli, struct wp_survey *out,
				  uint32_t partition, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	struct wp_glance glance;
	enum wp_err rc = wp_redis_take(cli->redis, &reply, err);

	if (rc == WP_OK)
		rc = wp_reply_accept(&reply, err);
	if (rc != WP_OK)
		return rc;
	rc = wp_glance_parse(reply, &glance);
	if (rc == WP_OK)
		add_partition(out, partition, &glance);
	else
		(void)wp_error_set(err, rc,
				   "a partition does not say how it is");
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err ask_partitions(struct wp_cli *cli, struct wp_survey *out,
				  uint32_t first, uint32_t end,
				  struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (uint32_t p = first; p < end && rc == WP_OK; p++) {
		wp_glance_build(&cli->cmd, p);
		rc = wp_redis_append(cli->redis, &cli->cmd, err);
	}
	for (uint32_t p = first; p < end && rc == WP_OK; p++)
		rc = take_partition(cli, out, p, err);
	return rc;
}

/* Who is due to be told of mail, of the same partitions. */
static enum wp_err ask_due(struct wp_cli *cli, struct wp_survey *out,
			   uint32_t first, uint32_t end, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	for (uint32_t p = first; p < end; p++)
		wp_push_due_add(&cli->cmd, p, out->now_ms);
	rc = wp_cli_ask(cli, &reply, err);
	for (uint32_t p = first; p < end && rc == WP_OK; p++) {
		struct wp_push_due due;

		if (wp_push_due_parse(reply, p - first, &due) != WP_OK)
			continue;
		out->push_due += due.n;
		if (due.n > 0)
			keep_first(&out->push_first_ms, due.first_ms);
	}
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err ask_all_partitions(struct wp_cli *cli, struct wp_survey *out,
				      struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	out->n_partitions = cli->partitions;
	out->partitions = calloc(cli->partitions, sizeof(*out->partitions));
	if (out->partitions == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	for (uint32_t p = 0; p < cli->partitions && rc == WP_OK; p += AT_ONCE) {
		uint32_t left = cli->partitions - p;
		uint32_t end = p + (left < AT_ONCE ? left : AT_ONCE);

		rc = ask_partitions(cli, out, p, end, err);
		if (rc == WP_OK && cli->conf.push.enabled)
			rc = ask_due(cli, out, p, end, err);
	}
	return rc;
}

/* What daemons say of themselves. */
static enum wp_err ask_daemons(struct wp_cli *cli, struct wp_survey *out,
			       struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < out->n_daemons; i++) {
		struct wp_survey_daemon *daemon = &out->daemons[i];
		struct wp_daemon_said said = { .users = -1 };
		struct wp_reply *reply = NULL;

		wp_presence_said_build(&cli->cmd, daemon->id);
		rc = wp_cli_ask(cli, &reply, err);
		if (rc == WP_OK && wp_presence_said_parse(reply, &said))
			daemon->beat_ms = out->now_ms - said.age_ms;
		daemon->users = said.users;
		wp_reply_free(&reply);
	}
	return rc;
}

enum wp_err wp_survey_make(struct wp_cli *cli, struct wp_survey *out,
			   struct wp_error *err)
{
	enum wp_err rc;

	memset(out, 0, sizeof(*out));
	rc = wp_cli_time(cli, &out->now_ms, err);
	if (rc == WP_OK)
		rc = ask_info(cli, out, err);
	if (rc == WP_OK)
		rc = ask_meta(cli, out, err);
	if (rc == WP_OK)
		rc = ask_workers(cli, out, err);
	if (rc == WP_OK)
		rc = ask_notifiers(cli, out, err);
	if (rc == WP_OK)
		rc = ask_length(cli, WP_INBOX_KEY, &out->inbox, err);
	if (rc == WP_OK)
		rc = ask_length(cli, WP_INBOX_KEY ":dlq", &out->dead_inbox,
				err);
	if (rc == WP_OK)
		rc = ask_length(cli, WP_PUSH_DLQ_KEY, &out->dead_pushes, err);
	if (rc == WP_OK)
		rc = ask_all_partitions(cli, out, err);
	return rc == WP_OK ? ask_daemons(cli, out, err) : rc;
}

void wp_survey_release(struct wp_survey *survey)
{
	if (survey == NULL)
		return;
	free(survey->partitions);
	survey->partitions = NULL;
}
