/*
 * bench.c - `waypost bench`: a load that is safe to put on a deployment,
 * through its front door, and what came of it.
 *
 * Users that nobody is send to others of that kind, who pull and ack. Each has
 * one request under way, so the load is bounded by how many there are; who is
 * refused for having sent too much waits a second, as a client should. When the
 * time is over the receivers go on until nothing of theirs waits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "lib/net/transfer.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"
#include "tools/waypost/keys/sign.h"
#include "tools/waypost/load/bench_report.h"

enum {
	CONNECT_MS = 5000,
	TOTAL_MS = 30 * 1000,
	BODY_MAX = 16 << 20,
	REFUSED_PAUSE_MS = 1000,
	EMPTY_PAUSE_MS = 20,
	TICK_MS = 5,
	DRAIN_MS = 30 * 1000,
	LIFE_BEHIND_S = 120, /* of a token, behind the end */
	NAME_BYTES = 8,
	URN_MAX = 64,
	PATH_MAX_LEN = 512,
	MS_PER_S = 1000,
	/* Who has as many connections as requests waits for none. */
	CONNECTIONS_MAX = 2 * WP_CLI_BENCH_USERS_MAX,
};

enum stage { SENDING, PULLING, ACKING };

struct bench;

struct user {
	struct bench *bench;
	char urn[URN_MAX];
	struct wp_buf bearer; /* "Bearer …" */
	const char *to;       /* of a sender */
	enum stage stage;     /* of what is under way, or comes next */
	bool is_busy;
	uint64_t rests_until_ms;
	uint64_t began_us;
	struct wp_buf ids; /* of a receiver: the body of the next ack */
	size_t n_ids;
};

struct bench {
	const struct wp_cli *cli;
	const char *base;
	struct wp_transfers *set;
	struct user *users; /* senders, then receivers */
	size_t n_senders;
	size_t n_users;
	size_t n_under_way; /* accepted, and not acked */
	struct wp_bench_report report;
};

/* ---- what comes ---- */

static void rest(struct user *user, uint64_t ms)
{
	user->rests_until_ms = wp_mono_ms() + ms;
}

static void note_refusal(struct user *user,
			 const struct wp_transfer_answer *answer)
{
	struct wp_bench_report *report = &user->bench->report;

	if (answer->end != WP_TRANSFER_ANSWERED)
		report->unanswered++;
	else if (answer->status > 0 && answer->status < WP_BENCH_STATUS_MAX)
		report->answers[answer->status]++;
	rest(user, REFUSED_PAUSE_MS);
}

/* The time that it was sent at is what it begins with. */
static bool read_sent_us(struct json_object *message, uint64_t *out)
{
	struct json_object *envelope = NULL, *data = NULL;
	uint8_t bytes[WP_CLI_BENCH_SIZE_MAX];
	size_t len = 0;

	if (!json_object_object_get_ex(message, "envelope", &envelope) ||
	    !json_object_object_get_ex(envelope, "encryptedData", &data) ||
	    wp_base64_decoded_max((size_t)json_object_get_string_len(data)) >
		    sizeof(bytes) ||
	    !wp_base64_decode(json_object_get_string(data),
			      (size_t)json_object_get_string_len(data), bytes,
			      &len) ||
	    len < sizeof(*out))
		return false;
	memcpy(out, bytes, sizeof(*out));
	return true;
}

static void take_message(struct user *user, struct json_object *message)
{
	struct json_object *id = NULL;
	uint64_t sent_us, now_us = wp_mono_us();

	if (!json_object_object_get_ex(message, "id", &id) ||
	    !json_object_is_type(id, json_type_string) ||
	    !read_sent_us(message, &sent_us))
		return;
	wp_bench_note(&user->bench->report.pulled,
		      now_us > sent_us ? now_us - sent_us : 0);
	wp_buf_add_str(&user->ids, user->n_ids > 0 ? ",\"" : "\"");
	wp_buf_add_str(&user->ids, json_object_get_string(id));
	wp_buf_add_char(&user->ids, '"');
	user->n_ids++;
}

static void take_page(struct user *user,
		      const struct wp_transfer_answer *answer)
{
	struct json_object *page = json_tokener_parse(answer->body);
	struct json_object *list = NULL;
	size_t n = 0;

	wp_buf_clear(&user->ids);
	user->n_ids = 0;
	wp_buf_add_str(&user->ids, "{\"messageIds\":[");
	if (json_object_object_get_ex(page, "messages", &list) &&
	    json_object_is_type(list, json_type_array))
		n = json_object_array_length(list);
	for (size_t i = 0; i < n; i++)
		take_message(user, json_object_array_get_idx(list, i));
	wp_buf_add_str(&user->ids, "]}");
	json_object_put(page);
	if (user->n_ids > 0)
		user->stage = ACKING;
	else
		rest(user, EMPTY_PAUSE_MS);
}

static void on_end(void *ctx, const struct wp_transfer_answer *answer)
{
	struct user *user = ctx;
	struct bench *bench = user->bench;
	bool is_answered = answer->end == WP_TRANSFER_ANSWERED;

	user->is_busy = false;
	if (user->stage == SENDING && is_answered && answer->status == 202) {
		wp_bench_note(&bench->report.accepted,
			      wp_mono_us() - user->began_us);
		bench->n_under_way++;
	} else if (user->stage == PULLING && is_answered &&
		   answer->status == 200) {
		take_page(user, answer);
	} else if (user->stage == ACKING && is_answered &&
		   answer->status == 204) {
		bench->n_under_way -= user->n_ids < bench->n_under_way
					      ? user->n_ids
					      : bench->n_under_way;
		user->stage = PULLING;
	} else {
		note_refusal(user, answer);
	}
}

/* ---- what goes ---- */

static void write_message(struct user *user, struct wp_buf *out)
{
	uint8_t bytes[WP_CLI_BENCH_SIZE_MAX];
	size_t len = (size_t)user->bench->cli->args.size;

	wp_random_bytes(bytes, len);
	memcpy(bytes, &user->began_us, sizeof(user->began_us));
	wp_buf_printf(out, "{\"recipientId\":\"%s\",\"encryptedData\":\"",
		      user->to);
	wp_buf_add_base64(out, bytes, len);
	wp_buf_add_str(out, "\"}");
}

static enum wp_err begin(struct user *user, struct wp_error *err)
{
	static const char *const paths[] = {
		[SENDING] = "/api/send",
		[PULLING] = "/api/messages?limit=100",
		[ACKING] = "/api/messages/ack",
	};
	const struct wp_transfer_header headers[] = {
		{ "Authorization", user->bearer.data },
		{ "Content-Type", "application/json" },
	};
	char url[PATH_MAX_LEN + sizeof("/api/messages?limit=100")];
	struct wp_transfer_request request = { .url = url,
					       .headers = headers,
					       .n_headers = 2 };
	struct wp_buf body;
	enum wp_err rc;

	(void)snprintf(url, sizeof(url), "%s%s", user->bench->base,
		       paths[user->stage]);
	wp_buf_init(&body, 0);
	user->began_us = wp_mono_us();
	if (user->stage == SENDING)
		write_message(user, &body);
	else if (user->stage == ACKING)
		wp_buf_add(&body, user->ids.data, user->ids.len);
	request.body = body.data;
	request.len = body.len;
	user->is_busy = true;
	rc = body.failed ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
			 : wp_transfers_begin(user->bench->set, &request,
					      on_end, user, err);
	wp_buf_release(&body);
	return rc;
}

static enum wp_err begin_all(struct bench *bench, size_t from,
			     struct wp_error *err)
{
	uint64_t now_ms = wp_mono_ms();
	enum wp_err rc = WP_OK;

	for (size_t i = from; rc == WP_OK && i < bench->n_users; i++) {
		struct user *user = &bench->users[i];

		if (!user->is_busy && user->rests_until_ms <= now_ms)
			rc = begin(user, err);
	}
	return rc;
}

static void turn(struct bench *bench)
{
	wp_transfers_run(bench->set);
	wp_transfers_wait(bench->set, NULL, 0, TICK_MS);
}

/* Is a sender still waiting to hear? */
static bool sends(const struct bench *bench)
{
	for (size_t i = 0; i < bench->n_senders; i++)
		if (bench->users[i].is_busy)
			return true;
	return false;
}

static enum wp_err load(struct bench *bench, struct wp_error *err)
{
	uint64_t began_ms = wp_mono_ms();
	uint64_t ends_ms =
		began_ms + (uint64_t)bench->cli->args.for_s * MS_PER_S;
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && wp_mono_ms() < ends_ms) {
		rc = begin_all(bench, 0, err);
		turn(bench);
	}
	bench->report.ms = wp_mono_ms() - began_ms;
	ends_ms = wp_mono_ms() + DRAIN_MS;
	while (rc == WP_OK && wp_mono_ms() < ends_ms &&
	       (sends(bench) || bench->n_under_way > 0)) {
		rc = begin_all(bench, bench->n_senders, err);
		turn(bench);
	}
	return rc;
}

/* ---- who takes part ---- */

static enum wp_err make_user(struct bench *bench, size_t i,
			     struct wp_error *err)
{
	struct user *user = &bench->users[i];
	const struct wp_cli_sign what = {
		.sub = user->urn,
		.for_s = bench->cli->args.for_s + LIFE_BEHIND_S,
	};
	char name[2 * NAME_BYTES + 1];

	user->bench = bench;
	user->stage = i < bench->n_senders ? SENDING : PULLING;
	wp_buf_init(&user->ids, 0);
	wp_buf_init(&user->bearer, 0);
	user->bearer.is_secret = true;
	wp_random_hex(name, NAME_BYTES);
	(void)snprintf(user->urn, sizeof(user->urn), "urn:sm:canary:%s", name);
	if (i < bench->n_senders)
		user->to = bench->users[bench->n_senders +
					i % (bench->n_users - bench->n_senders)]
				   .urn;
	wp_buf_add_str(&user->bearer, "Bearer ");
	return wp_cli_sign(&bench->cli->conf, &what, &user->bearer, err);
}

static enum wp_err begin_bench(struct bench *bench, struct wp_error *err)
{
	const struct wp_transfer_rules rules = {
		.agent = "waypost",
		.ca_file = bench->cli->conf.auth.ca_file,
		.connect_ms = CONNECT_MS,
		.total_ms = TOTAL_MS,
		.body_max = BODY_MAX,
		.allows_plain = true,
		.connections = CONNECTIONS_MAX,
	};
	enum wp_err rc = WP_OK;

	bench->users = calloc(bench->n_users, sizeof(*bench->users));
	bench->set = wp_transfers_new(&rules);
	if (bench->users == NULL || bench->set == NULL ||
	    !wp_bench_report_begin(&bench->report))
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	for (size_t i = 0; rc == WP_OK && i < bench->n_users; i++)
		rc = make_user(bench, i, err);
	return rc;
}

static void end_bench(struct bench *bench)
{
	wp_transfers_free(&bench->set);
	for (size_t i = 0; bench->users != NULL && i < bench->n_users; i++) {
		wp_buf_release(&bench->users[i].bearer);
		wp_buf_release(&bench->users[i].ids);
	}
	free(bench->users);
	wp_bench_report_release(&bench->report);
}

static enum wp_err judge(const struct wp_cli *cli, const char *base,
			 struct wp_error *err)
{
	if (base[0] == '\0')
		return wp_error_set(err, WP_ERR_INVAL,
				    "bench: where the deployment is from "
				    "outside is not said; set public_url, or "
				    "say --url");
	if (strlen(base) >= PATH_MAX_LEN || base[strlen(base) - 1] == '/')
		return wp_error_set(err, WP_ERR_INVAL,
				    "bench: the address must be like "
				    "https://example.org");
	if (cli->conf.run_mode == WP_RUN_PRODUCTION && !cli->args.is_sure)
		return wp_error_set(err, WP_ERR_DENIED,
				    "bench: this is a production deployment, "
				    "and users will notice; say --yes if you "
				    "mean it");
	return WP_OK;
}

enum wp_err wp_cli_bench(const struct wp_cli *cli, struct wp_error *err)
{
	struct bench bench = {
		.cli = cli,
		.base = cli->args.url != NULL ? cli->args.url
					      : cli->conf.public_url,
		.n_senders = (size_t)cli->args.senders,
		.n_users = (size_t)(cli->args.senders + cli->args.receivers),
	};
	enum wp_err rc = judge(cli, bench.base, err);
	struct wp_style style;
	struct wp_buf out;

	if (rc == WP_OK)
		rc = begin_bench(&bench, err);
	if (rc == WP_OK)
		rc = load(&bench, err);
	if (rc == WP_OK) {
		wp_buf_init(&out, 0);
		wp_style_of(&style, STDOUT_FILENO, cli->args.is_utc);
		wp_bench_report_write(&bench.report, &style, cli->args.is_json,
				      &out);
		rc = wp_cli_put_out(&out, err);
	}
	if (rc == WP_OK && bench.n_under_way > 0)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "bench: %zu messages that were accepted did "
				  "not arrive",
				  bench.n_under_way);
	if (rc == WP_OK && bench.report.accepted.count == 0)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "bench: nothing was accepted");
	end_bench(&bench);
	return rc;
}
