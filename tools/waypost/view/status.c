/*
 * status.c - `waypost status`: how the whole deployment is doing, on one
 * screen, and at its end whether all is well.
 *
 * Redis alone is asked, so it sees all hosts of the deployment. What only the
 * programs know (how late the sweep of the store is) they say by their metrics.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/clients.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/cli/table.h"
#include "tools/waypost/view/survey.h"

enum {
	MS_PER_S = 1000,
	PERCENT = 100,
	ROUTING_MS = 30 * MS_PER_S, /* older than that in ingress is not well */
	MOVING_MS = 120 * MS_PER_S, /* later than that a mark is stuck */
	EXPIRING_MS = 15 * 60 * MS_PER_S, /* as the doctor has it */
	TELLING_MS = 60 * MS_PER_S,
	PROBLEMS_MAX = 16,
	PROBLEM_MAX = 160,
	LISTED_MAX = 8, /* workers and daemons, for a screen */
	STORE_SHOWN = 8,
};

struct problems {
	char list[PROBLEMS_MAX][PROBLEM_MAX];
	size_t n;
};

static void add_problem(struct problems *out, const char *fmt, ...)
	WP_PRINTF(2, 3);

static void add_problem(struct problems *out, const char *fmt, ...)
{
	va_list args;

	if (out->n == PROBLEMS_MAX)
		return;
	va_start(args, fmt);
	(void)vsnprintf(out->list[out->n++], PROBLEM_MAX, fmt, args);
	va_end(args);
}

/* ---- what is not well ---- */

static int64_t percent_used(const struct wp_survey *survey)
{
	if (survey->redis.max_bytes <= 0)
		return 0;
	return survey->redis.used_bytes * PERCENT / survey->redis.max_bytes;
}

static void judge_redis(const struct wp_cli *cli,
			const struct wp_survey *survey, struct problems *out)
{
	bool is_production = strcmp(survey->mode, "production") == 0;
	int64_t high = cli->conf.redis.memory_high_percent;

	if (strcmp(survey->redis.role, "master") != 0)
		add_problem(out, "Redis is no master: it takes no writes");
	if (is_production && survey->redis.max_bytes <= 0)
		add_problem(out, "Redis has no maxmemory: the kernel is its "
				 "limit");
	if (percent_used(survey) >= high)
		add_problem(out,
			    "Redis is at %" PRId64 "%% of its memory; at "
			    "%" PRId64 "%% sends are refused",
			    percent_used(survey), high);
	if (is_production && !survey->redis.has_aof)
		add_problem(out, "Redis has no append-only file");
	if (survey->redis.has_aof && !survey->redis.writes_aof)
		add_problem(out, "Redis cannot write its append-only file");
}

/* Since when, or 0 when it is not too long ago. */
static int64_t late_s(const struct wp_survey *survey, int64_t at_ms,
		      int64_t bound_ms)
{
	int64_t late_ms = survey->now_ms - at_ms;

	return at_ms > 0 && late_ms > bound_ms ? late_ms / MS_PER_S : 0;
}

static void judge_work(const struct wp_survey *survey, struct problems *out)
{
	int64_t routing = late_s(survey, survey->first_ms, ROUTING_MS);
	int64_t moving = late_s(survey, survey->mark_ms, MOVING_MS);
	int64_t expired = late_s(survey, survey->expiry_ms, EXPIRING_MS);

	if (survey->n_workers == 0)
		add_problem(out, "no worker is there: nothing is routed");
	else if (survey->unowned > 0)
		add_problem(out, "%" PRId64 " partitions have no owner",
			    survey->unowned);
	if (survey->closed > 0)
		add_problem(out,
			    "%" PRId64 " partitions accept nothing: they are "
			    "not reconciled with this life of Redis",
			    survey->closed);
	if (routing > 0)
		add_problem(out,
			    "a message waits to be routed for %" PRId64 " s",
			    routing);
	if (moving > 0)
		add_problem(out,
			    "somebody should have been moved to disk "
			    "%" PRId64 " s ago",
			    moving);
	if (expired > 0)
		add_problem(out,
			    "what expired %" PRId64 " s ago is not deleted: "
			    "look at Redis' clock, then waypost expire "
			    "--confirm",
			    expired);
	if (survey->dead + survey->dead_inbox > 0)
		add_problem(out, "%" PRId64 " dead letters: waypost dlq list",
			    survey->dead + survey->dead_inbox);
	for (size_t i = 0; i < survey->n_daemons; i++)
		if (survey->daemons[i].is_doomed)
			add_problem(out,
				    "a daemon has been silent for too long, "
				    "and its users are taken offline: %.8s",
				    survey->daemons[i].id);
}

static void judge_pushes(const struct wp_cli *cli,
			 const struct wp_survey *survey, struct problems *out)
{
	int64_t telling = late_s(survey, survey->push_first_ms, TELLING_MS);

	if (!cli->conf.push.enabled)
		return;
	if (survey->notifiers == 0)
		add_problem(out, "no notifier is there: nobody is told");
	if (telling > 0)
		add_problem(out,
			    "somebody should have been told by push %" PRId64
			    " s ago",
			    telling);
}

/* ---- for people ---- */

/* A line: what it is about, and a sentence that is built in between. */
struct lines {
	struct wp_cli_table table;
	struct wp_style style;
	struct wp_buf text;
};

static void end_row(struct lines *lines, const char *about,
		    enum wp_colour colour)
{
	wp_cli_table_text(&lines->table, about);
	wp_cli_table_bytes(&lines->table,
			   lines->text.len > 0 ? lines->text.data : "",
			   lines->text.len);
	wp_cli_table_paint(&lines->table, colour);
	wp_buf_clear(&lines->text);
}

static void say_count(struct lines *lines, int64_t n, const char *of_what)
{
	wp_style_count(&lines->style, &lines->text, n);
	wp_buf_add_str(&lines->text, of_what);
}

static void say_redis(struct lines *lines, const struct wp_survey *survey)
{
	wp_buf_printf(&lines->text, "%s, %s, up ", survey->redis.version,
		      survey->redis.role);
	wp_style_span(&lines->style, &lines->text,
		      survey->redis.uptime_s * MS_PER_S);
	wp_buf_add_str(&lines->text, "; ");
	say_count(lines, survey->redis.clients, " clients, ");
	say_count(lines, survey->redis.ops_per_s, " commands/s");
	end_row(lines, "redis", WP_PLAIN);
	wp_style_size(&lines->style, &lines->text, survey->redis.used_bytes);
	wp_buf_add_str(&lines->text, " of ");
	if (survey->redis.max_bytes > 0)
		wp_style_size(&lines->style, &lines->text,
			      survey->redis.max_bytes);
	else
		wp_buf_add_str(&lines->text, "no limit");
	wp_buf_printf(&lines->text, " (%" PRId64 "%%)", percent_used(survey));
	end_row(lines, "memory", WP_PLAIN);
	wp_buf_add_str(&lines->text, !survey->redis.has_aof ? "off"
				     : survey->redis.writes_aof
					     ? "in order"
					     : "cannot be written");
	wp_buf_add_str(&lines->text, "; last snapshot ");
	wp_style_time(&lines->style, &lines->text, survey->redis.saved_ms);
	end_row(lines, "append-only file", WP_PLAIN);
}

static void say_messages(struct lines *lines, const struct wp_survey *survey)
{
	say_count(lines, survey->ingress, " wait to be routed");
	if (survey->first_ms > 0) {
		wp_buf_add_str(&lines->text, ", the oldest came ");
		wp_style_time(&lines->style, &lines->text, survey->first_ms);
	}
	wp_buf_add_str(&lines->text, "; ");
	say_count(lines, survey->tries, " tried in vain so far; ");
	say_count(lines, survey->inbox, " in the inbox");
	end_row(lines, "messages", WP_PLAIN);
	say_count(lines, survey->hot, " in memory, ");
	say_count(lines, survey->cold, " on disk, ");
	say_count(lines, survey->marks, " to be moved there");
	end_row(lines, "mailboxes", WP_PLAIN);
	say_count(lines, survey->dead, " of messages, ");
	say_count(lines, survey->dead_inbox, " of the inbox, ");
	say_count(lines, survey->dead_pushes, " of pushes");
	end_row(lines, "dead letters", WP_PLAIN);
}

static void say_store(struct lines *lines, const struct wp_cli *cli,
		      const struct wp_survey *survey)
{
	wp_buf_printf(&lines->text, "%s %.*s, %s", cli->conf.store.backend,
		      STORE_SHOWN,
		      survey->store[0] != '\0' ? survey->store : "none yet",
		      survey->cold_is_about ? "about " : "");
	say_count(lines, survey->cold_messages, " messages, ");
	wp_style_size(&lines->style, &lines->text, survey->cold_bytes);
	end_row(lines, "store", WP_PLAIN);
}

static void say_pushes(struct lines *lines, const struct wp_cli *cli,
		       const struct wp_survey *survey)
{
	if (!cli->conf.push.enabled) {
		wp_buf_add_str(&lines->text, "off");
	} else {
		say_count(lines, survey->push_due, " users are due, ");
		say_count(lines, survey->notifiers, " notifiers");
	}
	end_row(lines, "pushes", WP_PLAIN);
}

static void say_worker(struct lines *lines,
		       const struct wp_survey_worker *worker)
{
	wp_buf_printf(&lines->text, "%s, ", worker->id);
	say_count(lines, worker->partitions, " partitions, announced ");
	wp_style_time(&lines->style, &lines->text, worker->announced_ms);
	end_row(lines, "worker", WP_PLAIN);
}

static void say_daemon(struct lines *lines,
		       const struct wp_survey_daemon *daemon)
{
	wp_buf_printf(&lines->text, "%s, ", daemon->id);
	say_count(lines, daemon->connections, " connections");
	if (daemon->users >= 0) {
		wp_buf_add_str(&lines->text, " of ");
		say_count(lines, daemon->users, " users, heartbeat ");
		wp_style_time(&lines->style, &lines->text, daemon->beat_ms);
	}
	if (daemon->is_doomed)
		wp_buf_add_str(&lines->text, ", silent for too long");
	end_row(lines, "daemon", daemon->is_doomed ? WP_WARN : WP_PLAIN);
}

static void say_program(struct lines *lines,
			const struct wp_client_program *program, bool differ)
{
	wp_buf_printf(&lines->text, "%s %s, ", program->name, program->version);
	say_count(lines, program->connections, " connections to Redis, since ");
	wp_style_span(&lines->style, &lines->text, program->since_s * MS_PER_S);
	wp_buf_add_str(&lines->text, ", last word ");
	wp_style_span(&lines->style, &lines->text, program->quiet_s * MS_PER_S);
	wp_buf_add_str(&lines->text, " ago");
	end_row(lines, "program", differ ? WP_WARN : WP_PLAIN);
}

static void say_programs(struct lines *lines, const struct wp_clients *clients)
{
	bool differ = wp_clients_differ(clients);

	for (size_t i = 0; i < clients->n; i++)
		say_program(lines, &clients->list[i], differ);
	if (differ) {
		wp_buf_add_str(&lines->text, "not all programs are of one: "
					     "right during an upgrade only");
		end_row(lines, "versions", WP_WARN);
	} else if (!clients->is_told) {
		wp_buf_add_str(&lines->text, "Redis does not tell this user "
					     "(+client|list)");
		end_row(lines, "versions", WP_DIM);
	}
}

static void say_others(struct lines *lines, size_t n, const char *about)
{
	if (n <= LISTED_MAX)
		return;
	wp_buf_printf(&lines->text, "and %zu others", n - LISTED_MAX);
	end_row(lines, about, WP_DIM);
}

static void say_who(struct lines *lines, const struct wp_survey *survey)
{
	for (size_t i = 0; i < survey->n_workers && i < LISTED_MAX; i++)
		say_worker(lines, &survey->workers[i]);
	say_others(lines, survey->n_workers, "worker");
	for (size_t i = 0; i < survey->n_daemons && i < LISTED_MAX; i++)
		say_daemon(lines, &survey->daemons[i]);
	say_others(lines, survey->n_daemons, "daemon");
}

static void add_screen(struct wp_buf *out, const struct wp_cli *cli,
		       const struct wp_survey *survey,
		       const struct wp_clients *clients,
		       const struct problems *problems)
{
	static const struct wp_column columns[] = { { .title = NULL },
						    { .title = NULL } };
	struct lines lines;

	wp_buf_init(&lines.text, 0);
	wp_style_of(&lines.style, STDOUT_FILENO, cli->args.is_utc);
	lines.style.now_ms = survey->now_ms;
	wp_cli_table_begin(&lines.table, &lines.style, columns, 2);
	wp_buf_printf(&lines.text, "%s, layout %s, %" PRIu32 " partitions",
		      survey->mode, survey->layout, survey->n_partitions);
	end_row(&lines, "deployment", WP_PLAIN);
	say_redis(&lines, survey);
	say_store(&lines, cli, survey);
	say_messages(&lines, survey);
	say_pushes(&lines, cli, survey);
	say_count(&lines, survey->connections, "");
	end_row(&lines, "connections", WP_PLAIN);
	say_who(&lines, survey);
	say_programs(&lines, clients);
	for (size_t i = 0; i < problems->n; i++) {
		wp_buf_add_str(&lines.text, problems->list[i]);
		end_row(&lines, "not well", WP_BAD);
	}
	out->failed |= lines.text.failed;
	wp_buf_release(&lines.text);
	wp_cli_table_end(&lines.table, out);
	if (problems->n == 0)
		wp_buf_printf(out, "%sall well%s\n",
			      wp_colour_code(&lines.style, WP_GOOD),
			      wp_colour_code(&lines.style, WP_PLAIN));
}

/* ---- for programs ---- */

static struct json_object *redis_object(const struct wp_survey *survey)
{
	struct json_object *object = json_object_new_object();

	wp_cli_add_text(&object, "version", survey->redis.version);
	wp_cli_add_text(&object, "role", survey->redis.role);
	wp_cli_add_int(&object, "uptimeSeconds", survey->redis.uptime_s);
	wp_cli_add_int(&object, "usedBytes", survey->redis.used_bytes);
	wp_cli_add_int(&object, "maxBytes", survey->redis.max_bytes);
	wp_cli_add_bool(&object, "appendOnlyFile", survey->redis.has_aof);
	wp_cli_add_bool(&object, "appendOnlyFileWrites",
			survey->redis.writes_aof);
	wp_cli_add_time(&object, "lastSnapshot", survey->redis.saved_ms);
	wp_cli_add_int(&object, "clients", survey->redis.clients);
	wp_cli_add_int(&object, "commandsPerSecond", survey->redis.ops_per_s);
	return object;
}

static struct json_object *worker_array(const struct wp_survey *survey)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < survey->n_workers; i++) {
		const struct wp_survey_worker *worker = &survey->workers[i];
		struct json_object *object = json_object_new_object();

		wp_cli_add_text(&object, "id", worker->id);
		wp_cli_add_int(&object, "partitions", worker->partitions);
		wp_cli_add_time(&object, "announced", worker->announced_ms);
		wp_cli_append(&array, object);
	}
	return array;
}

static struct json_object *daemon_array(const struct wp_survey *survey)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < survey->n_daemons; i++) {
		const struct wp_survey_daemon *daemon = &survey->daemons[i];
		struct json_object *object = json_object_new_object();

		wp_cli_add_text(&object, "id", daemon->id);
		wp_cli_add_int(&object, "connections", daemon->connections);
		if (daemon->users < 0)
			wp_cli_add_text(&object, "users", ""); /* null */
		else
			wp_cli_add_int(&object, "users", daemon->users);
		wp_cli_add_time(&object, "heartbeat", daemon->beat_ms);
		wp_cli_add_int(&object, "partitions", daemon->partitions);
		wp_cli_add_bool(&object, "silent", daemon->is_doomed);
		wp_cli_append(&array, object);
	}
	return array;
}

static struct json_object *program_array(const struct wp_clients *clients)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < clients->n; i++) {
		const struct wp_client_program *program = &clients->list[i];
		struct json_object *object = json_object_new_object();

		wp_cli_add_text(&object, "name", program->name);
		wp_cli_add_text(&object, "version", program->version);
		wp_cli_add_int(&object, "connections", program->connections);
		wp_cli_add_int(&object, "sinceSeconds", program->since_s);
		wp_cli_add_int(&object, "quietSeconds", program->quiet_s);
		wp_cli_append(&array, object);
	}
	return array;
}

static struct json_object *problem_array(const struct problems *problems)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < problems->n; i++)
		wp_cli_append(&array, wp_cli_text(problems->list[i],
						  strlen(problems->list[i])));
	return array;
}

static void add_numbers(struct json_object **object, const struct wp_cli *cli,
			const struct wp_survey *survey)
{
	wp_cli_add_int(object, "partitions", survey->n_partitions);
	wp_cli_add_int(object, "partitionsUnowned", survey->unowned);
	wp_cli_add_int(object, "partitionsClosed", survey->closed);
	wp_cli_add_int(object, "ingressEntries", survey->ingress);
	wp_cli_add_time(object, "ingressOldest", survey->first_ms);
	wp_cli_add_int(object, "ingressAdded", survey->added);
	wp_cli_add_int(object, "retrying", survey->tries);
	wp_cli_add_int(object, "inboxEntries", survey->inbox);
	wp_cli_add_int(object, "hotMailboxes", survey->hot);
	wp_cli_add_int(object, "coldMailboxes", survey->cold);
	wp_cli_add_int(object, "coldMessages", survey->cold_messages);
	wp_cli_add_int(object, "coldBytes", survey->cold_bytes);
	wp_cli_add_bool(object, "coldIsEstimated", survey->cold_is_about);
	wp_cli_add_time(object, "expiryFirst", survey->expiry_ms);
	wp_cli_add_int(object, "migrationMarks", survey->marks);
	wp_cli_add_time(object, "migrationFirstDue", survey->mark_ms);
	wp_cli_add_int(object, "deadLetters", survey->dead);
	wp_cli_add_int(object, "deadLettersInbox", survey->dead_inbox);
	wp_cli_add_int(object, "deadLettersPush", survey->dead_pushes);
	wp_cli_add_bool(object, "pushEnabled", cli->conf.push.enabled);
	wp_cli_add_int(object, "pushDue", survey->push_due);
	wp_cli_add_int(object, "notifiers", survey->notifiers);
	wp_cli_add_int(object, "connections", survey->connections);
}

static void add_object(struct wp_buf *out, const struct wp_cli *cli,
		       const struct wp_survey *survey,
		       const struct wp_clients *clients,
		       const struct problems *problems)
{
	struct json_object *object = json_object_new_object();

	wp_cli_add_bool(&object, "ok", problems->n == 0);
	wp_cli_add(&object, "problems", problem_array(problems));
	wp_cli_add_time(&object, "time", survey->now_ms);
	wp_cli_add_text(&object, "mode", survey->mode);
	wp_cli_add_text(&object, "layout", survey->layout);
	wp_cli_add_text(&object, "storeBackend", cli->conf.store.backend);
	wp_cli_add_text(&object, "store", survey->store);
	wp_cli_add(&object, "redis", redis_object(survey));
	add_numbers(&object, cli, survey);
	wp_cli_add(&object, "workers", worker_array(survey));
	wp_cli_add(&object, "daemons", daemon_array(survey));
	wp_cli_add(&object, "programs", program_array(clients));
	wp_cli_add_bool(&object, "versionsDiffer", wp_clients_differ(clients));
	wp_cli_put_object(out, &object);
	wp_buf_add_char(out, '\n');
}

enum wp_err wp_cli_status(struct wp_cli *cli, struct wp_error *err)
{
	struct problems problems = { .n = 0 };
	struct wp_clients clients;
	struct wp_survey survey;
	struct wp_buf out;
	enum wp_err rc = wp_survey_make(cli, &survey, err);

	if (rc == WP_OK)
		rc = wp_clients_ask(cli, &clients, err);
	if (rc != WP_OK)
		goto out;
	judge_redis(cli, &survey, &problems);
	judge_work(&survey, &problems);
	judge_pushes(cli, &survey, &problems);
	wp_buf_init(&out, 0);
	if (cli->args.is_json)
		add_object(&out, cli, &survey, &clients, &problems);
	else
		add_screen(&out, cli, &survey, &clients, &problems);
	rc = wp_cli_put_out(&out, err);
	if (rc == WP_OK && problems.n > 0)
		rc = wp_error_set(err, WP_ERR_CONFLICT, "not all is well");
out:
	wp_survey_release(&survey);
	return rc;
}
