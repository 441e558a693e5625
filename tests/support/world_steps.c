/*
 * world_steps.c - what senders, recipients, daemons and workers do.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/random.h"
#include "tests/support/boxes.h"
#include "tests/support/world.h"

enum {
	BATCH_MAX = 100,
	DAY_MS = 24 * 3600 * 1000,
	INCARNATION_SIZE = WP_INCARNATION_MAX + 1,
	CONNECTIONS_PER_USER = 3,
	PAGE_MAX = 500,
};

/* Any field and digest will do that differ where those of submit.c do. */
void wp_world_set_key(struct wp_submission *one, const char *key)
{
	uint8_t hash[WP_SHA256_LEN];
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_printf(&text, "%s %s", one->envelope.recipient.text, key);
	wp_sha256(text.data, text.len, hash);
	memcpy(one->field, hash, sizeof(one->field));
	text.len = 0;
	wp_buf_printf(&text, "%" PRId64 " ", one->expires_in_ms);
	wp_buf_add(&text, one->json->data + one->json_at, one->json_len);
	wp_sha256(text.data, text.len, hash);
	memcpy(one->digest, hash, sizeof(one->digest));
	wp_buf_release(&text);
	one->has_key = true;
}

static void make_one(const struct wp_world_mail *mail, struct wp_buf *json,
		     struct wp_submission *one)
{
	const char *to = mail->to != NULL ? mail->to : WP_BOB;
	uint32_t partition =
		mail->partition != 0 ? mail->partition : WP_WORLD_PARTITION;

	*one = (struct wp_submission){
		.envelope = {
			.recipient = wp_test_box(partition, to),
			.band = mail->band,
			.is_ephemeral = mail->is_ephemeral,
		},
		.json = json,
		.json_at = json->len,
		.json_len = strlen(mail->json),
		.expires_in_ms =
			mail->expires_in_ms != 0 ? mail->expires_in_ms : DAY_MS,
	};
	wp_buf_add_str(json, mail->json);
	if (mail->key != NULL)
		wp_world_set_key(one, mail->key);
}

void wp_world_send(struct wp_world *w, const struct wp_world_mail *mails,
		   size_t n, struct wp_send_result *results)
{
	struct wp_submission all[BATCH_MAX];
	const struct wp_submission *list[BATCH_MAX];
	struct wp_reply *reply;
	struct wp_buf json;

	assert_in_range(n, 1, BATCH_MAX);
	wp_buf_init(&json, 0);
	for (size_t i = 0; i < n; i++) {
		make_one(&mails[i], &json, &all[i]);
		list[i] = &all[i];
	}
	wp_send_build(&w->cmd,
		      &(struct wp_send_target){ &w->conf,
						wp_redis_run_id(w->redis),
						w->memory_percent },
		      list, n);
	wp_buf_release(&json);
	reply = wp_world_do(w);
	wp_send_parse(reply, list, n, results);
	wp_reply_free(&reply);
}

struct wp_msgid wp_world_post(struct wp_world *w, struct wp_world_mail mail)
{
	struct wp_send_result result;

	wp_world_send(w, &mail, 1, &result);
	assert_int_equal(result.status, WP_SEND_ACCEPTED);
	return result.id;
}

struct wp_msgid wp_world_deliver(struct wp_world *w, const char *json)
{
	struct wp_msgid id =
		wp_world_post(w, (struct wp_world_mail){ .json = json });

	assert_int_equal(wp_world_route(w).routed, 1);
	return id;
}

struct wp_lease wp_world_lease(const char *owner)
{
	return (struct wp_lease){
		.partition = WP_WORLD_PARTITION,
		.owner = owner,
		.ms = 60000,
	};
}

struct wp_route_ask wp_world_ask(const struct wp_world *w)
{
	return (struct wp_route_ask){
		.lease = wp_world_lease(w->owner),
		.may_have_tries = true,
		.from = "",
	};
}

struct wp_reply *wp_world_route_as(struct wp_world *w,
				   const struct wp_route_ask *ask)
{
	char token[WP_ROUTE_TOKEN_LEN + 1];
	const struct wp_route_call call = { &w->conf, wp_redis_run_id(w->redis),
					    token };

	wp_random_hex(token, WP_ROUTE_TOKEN_LEN / 2);
	wp_route_build(&w->cmd, &call, ask, 1);
	return wp_world_do(w);
}

struct wp_route_result wp_world_route(struct wp_world *w)
{
	const struct wp_route_ask ask = wp_world_ask(w);
	struct wp_reply *reply = wp_world_route_as(w, &ask);
	struct wp_route_result result;

	wp_route_parse(reply, 0, &result);
	assert_int_not_equal(result.status, WP_ROUTE_REFUSED);
	if (result.status == WP_ROUTE_FAULT)
		fail_msg("route died: %s", result.error);
	wp_reply_free(&reply);
	result.error = ""; /* the two were borrowed */
	result.reply = NULL;
	return result;
}

void wp_world_join(struct wp_world *w, const char *incarnation)
{
	struct wp_reply *reply;

	wp_presence_join_build(&w->cmd, WP_WORLD_PARTITION, incarnation);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

int64_t wp_world_connect(struct wp_world *w, const char *connection)
{
	char incarnation[INCARNATION_SIZE] = "";
	const struct wp_presence_teller by = {
		.incarnation = incarnation,
		.protocol = "ws",
		.max_per_user = CONNECTIONS_PER_USER,
	};
	const struct wp_presence_connect what = {
		.partition = w->box.partition,
		.urn = w->box.text,
		.urn_len = w->box.len,
		.connection = connection,
		.device = "",
		.chat = "",
	};
	struct wp_presence_connected connected;
	struct wp_reply *reply;

	strncat(incarnation, connection, strcspn(connection, "."));
	wp_presence_connect_build(&w->cmd, wp_redis_run_id(w->redis), &by,
				  &what, 1);
	reply = wp_world_do(w);
	assert_int_equal(wp_presence_connect_parse(reply, 0, &connected),
			 WP_OK);
	assert_false(connected.is_gone);
	wp_reply_free(&reply);
	return connected.pending;
}

void wp_world_disconnect(struct wp_world *w, const char *connection)
{
	struct wp_reply *reply;

	wp_presence_disconnect_build(&w->cmd, &w->conf, &w->box, connection, 0);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

static void add_name(struct wp_buf *names, const char *json, size_t len)
{
	if (names->len > 0)
		wp_buf_add_char(names, ' ');
	wp_buf_add(names, json, len);
}

static void expect_names(struct wp_buf *names, const char *want)
{
	assert_string_equal(names->data != NULL ? names->data : "", want);
	wp_buf_release(names);
}

void wp_world_expect_page(struct wp_world *w, const char *want, size_t limit,
			  const struct wp_msgid *after)
{
	struct wp_pull_request req = {
		.box = &w->box,
		.limit = limit,
	};
	struct wp_pull_page *page = NULL;
	struct wp_error err = { 0 };
	struct wp_buf names;

	if (after != NULL)
		wp_msgid_behind(after, req.from);
	if (wp_pull(&page, w->redis, w->store, &req, &err) != WP_OK)
		fail_msg("no page: %s", err.msg);
	wp_buf_init(&names, 0);
	for (size_t i = 0; i < wp_pull_page_count(page); i++) {
		enum wp_band band;
		const struct wp_pull_row *row =
			wp_pull_page_row(page, i, &band);

		add_name(&names, row->json, row->json_len);
	}
	if (wp_pull_page_has_more(page))
		wp_buf_add_char(&names, '+');
	wp_pull_page_free(&page);
	expect_names(&names, want);
}

void wp_world_expect_pull(struct wp_world *w, const char *want)
{
	wp_world_expect_page(w, want, PAGE_MAX, NULL);
}

enum wp_err wp_world_ack(struct wp_world *w, const struct wp_msgid *ids,
			 size_t n)
{
	struct wp_msgid copies[BATCH_MAX];
	struct wp_ack_ids acked = { .ids = copies, .n = n };

	assert_in_range(n, 0, BATCH_MAX);
	for (size_t i = 0; i < n; i++)
		copies[i] = ids[i];
	return wp_ack(w->redis, w->store, &w->box, &acked, NULL);
}

void wp_world_ack_one(struct wp_world *w, struct wp_msgid id)
{
	assert_int_equal(wp_world_ack(w, &id, 1), WP_OK);
}

static bool name_on_row(void *ctx, const struct wp_store_row *row)
{
	add_name(ctx, row->json, row->json_len);
	return true;
}

void wp_world_expect_cold(struct wp_world *w, const char *want)
{
	struct wp_buf names;
	const struct wp_store_read read = {
		.box = &w->box,
		.now_ms = wp_wall_ms(),
		.on_row = name_on_row,
		.ctx = &names,
	};

	wp_buf_init(&names, 0);
	assert_int_equal(wp_store_read(w->spy.real, &read, NULL), WP_OK);
	expect_names(&names, want);
}

struct wp_migrate_ctx wp_world_migration(struct wp_world *w)
{
	return (struct wp_migrate_ctx){
		.redis = w->redis,
		.store = w->store,
		.lease_ms = w->conf.worker.lease_ms,
		.max_envelope = w->conf.mailbox.max_envelope_bytes,
	};
}

enum wp_err wp_world_move(const struct wp_migrate_ctx *ctx, const char *owner,
			  const struct wp_box *box, int64_t *moved_out)
{
	struct wp_migrate_user one = {
		.box = *box,
		.owner = owner,
	};

	*moved_out = 0;
	do {
		enum wp_err rc = wp_migrate_turn(ctx, &one, 1, NULL);

		assert_int_equal(rc == WP_ERR_UNAVAIL,
				 one.err.code == WP_ERR_UNAVAIL);
		*moved_out += one.moved;
	} while (one.err.code == WP_OK && !one.is_done);
	return one.err.code;
}

enum wp_err wp_world_migrate(struct wp_world *w, int64_t *moved_out)
{
	struct wp_migrate_ctx ctx = wp_world_migration(w);
	int64_t moved = 0;
	enum wp_err rc = wp_world_move(&ctx, w->owner, &w->box, &moved);

	if (moved_out != NULL)
		*moved_out = moved;
	return rc;
}
