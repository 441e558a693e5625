/*
 * ack.c - deleting messages: hot queue, cold store, hint, in this order.
 *
 * The order is what keeps an acked message from coming back while a migrator
 * copies it (docs/architecture.md "Acknowledging").
 */
#include "lib/mailbox/ack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/scripts.h"

/* ---- the ids ----
 *
 * All or nothing: one id that is no UUID, and nothing must be deleted. Ids that
 * cannot be this user's are unknown ids, and those are ignored.
 */

static const char not_an_array[] = "messageIds must be an array of strings";
static const char not_an_id[] = "every element of messageIds must be a UUID";

void wp_ack_ids_release(struct wp_ack_ids *ids)
{
	if (ids == NULL)
		return;
	free(ids->ids);
	*ids = (struct wp_ack_ids){ 0 };
}

static enum wp_msgid_kind parse_slice(const struct wp_json_slice *slice,
				      struct wp_msgid *id)
{
	enum wp_msgid_kind kind = WP_MSGID_NONE;
	struct wp_buf text;

	if (!slice->has_escapes)
		return wp_msgid_parse(id, slice->data, slice->len);
	/* The ceiling stops a text that is too long to be an id. */
	wp_buf_init(&text, WP_MSGID_LEN);
	wp_json_decode(slice, &text);
	if (!text.failed)
		kind = wp_msgid_parse(id, text.data, text.len);
	wp_buf_release(&text);
	return kind;
}

static void read_id(struct wp_json *js, struct wp_ack_ids *out,
		    uint32_t partition)
{
	struct wp_json_slice slice = { 0 };
	struct wp_msgid id = { 0 };
	enum wp_msgid_kind kind;

	if (wp_json_peek(js) != WP_JSON_STRING) {
		wp_json_fail(js, not_an_array);
		return;
	}
	if (!wp_json_string(js, &slice))
		return;
	kind = parse_slice(&slice, &id);
	if (kind == WP_MSGID_NONE)
		wp_json_fail(js, not_an_id);
	else if (kind == WP_MSGID_OURS && id.partition == partition)
		out->ids[out->n++] = id;
}

static void read_ids(struct wp_json *js, struct wp_ack_ids *out,
		     uint32_t partition)
{
	size_t n = 0;

	if (wp_json_peek(js) != WP_JSON_ARRAY) {
		wp_json_fail(js, not_an_array);
		return;
	}
	wp_json_array_begin(js);
	while (wp_json_array_next(js)) {
		if (n++ == WP_ACK_MAX)
			wp_json_fail(js, "messageIds has more than 1000 "
					 "elements");
		else
			read_id(js, out, partition);
	}
}

static void read_body(struct wp_json *js, struct wp_ack_ids *out,
		      uint32_t partition)
{
	struct wp_json_key key;
	bool is_seen = false;

	wp_json_object_begin(js);
	while (wp_json_object_next(js, &key)) {
		if (!wp_json_key_is(&key, "messageIds")) {
			wp_json_skip(js, NULL);
		} else if (is_seen) {
			wp_json_fail(js, "messageIds is given twice");
		} else {
			is_seen = true;
			read_ids(js, out, partition);
		}
	}
	wp_json_end(js);
	if (js->err == NULL && !is_seen)
		wp_json_fail(js, "messageIds is missing");
}

enum wp_err wp_ack_ids_read(struct wp_ack_ids *out, const char *json,
			    size_t len, uint32_t partition,
			    struct wp_error *err)
{
	struct wp_json js;

	*out = (struct wp_ack_ids){ 0 };
	out->ids = calloc(WP_ACK_MAX, sizeof(*out->ids));
	if (out->ids == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	wp_json_init(&js, json, len);
	read_body(&js, out, partition);
	if (js.err != NULL) {
		wp_ack_ids_release(out);
		return wp_error_set(err, WP_ERR_INVAL, "%s", js.err);
	}
	return WP_OK;
}

/* ---- the steps ---- */

static size_t count_band(const struct wp_ack_ids *ids, enum wp_band band)
{
	size_t n = 0;

	for (size_t i = 0; i < ids->n; i++)
		n += ids->ids[i].band == band;
	return n;
}

static void add_band(struct wp_cmd *cmd, const struct wp_ack_ids *ids,
		     enum wp_band band)
{
	char text[WP_ENTRY_ID_MAX];

	for (size_t i = 0; i < ids->n; i++) {
		if (ids->ids[i].band != band)
			continue;
		wp_entry_id_format(&ids->ids[i].entry, text);
		wp_cmd_str(cmd, text);
	}
}

void wp_ack_build(struct wp_cmd *cmd, const char *run_id,
		  const struct wp_box *box, const struct wp_ack_ids *ids)
{
	wp_cmd_script(cmd, WP_SCRIPT_ACK, box->partition);
	wp_cmd_str(cmd, run_id);
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_int(cmd, (int64_t)count_band(ids, WP_BAND_STANDARD));
	add_band(cmd, ids, WP_BAND_STANDARD);
	add_band(cmd, ids, WP_BAND_HIGH);
}

/* {gate, token, deleted} */
enum { ACK_ANSWER_LEN = 3 };

enum wp_err wp_ack_parse(const struct wp_reply *reply, struct wp_ack_hint *out)
{
	const struct wp_reply *token = wp_reply_at(reply, 1);
	size_t token_len = wp_reply_len(token);
	bool is_gate_open = wp_reply_int(wp_reply_at(reply, 0)) == 1;

	*out = (struct wp_ack_hint){ 0 };
	if (wp_reply_count(reply) != ACK_ANSWER_LEN ||
	    wp_reply_type(token) != WP_REPLY_STR || token_len > WP_TOKEN_MAX)
		return WP_ERR_UNAVAIL;
	memcpy(out->token, wp_reply_str(token), token_len);
	out->ask_cold = !is_gate_open || token_len > 0;
	out->may_clear = is_gate_open && token_len > 0;
	out->deleted = wp_reply_int(wp_reply_at(reply, 2));
	return WP_OK;
}

void wp_ack_settle_build(struct wp_cmd *cmd, const char *run_id,
			 const struct wp_box *box,
			 const struct wp_ack_hint *hint,
			 const struct wp_store_rest *rest)
{
	if (!rest->is_empty || !hint->may_clear) {
		wp_cold_size_begin(cmd, box->partition);
		wp_cold_size_add(cmd, box, &rest->size);
		return;
	}
	wp_cmd_script(cmd, WP_SCRIPT_HINT_CLEAR, box->partition);
	wp_cmd_str(cmd, run_id);
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_str(cmd, hint->token);
}

/* One ack on its way through the steps. */
struct ack_walk {
	struct wp_redis *redis;
	const struct wp_box *box;
	struct wp_cmd cmd;
	struct wp_ack_hint hint;
	char run_id[64]; /* the Redis that the hint came from */
};

static enum wp_err delete_hot(struct ack_walk *walk,
			      const struct wp_ack_ids *ids,
			      struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	uint64_t epoch;
	enum wp_err rc = wp_redis_connect(walk->redis, err);

	if (rc != WP_OK)
		goto out;
	epoch = wp_redis_epoch(walk->redis);
	(void)snprintf(walk->run_id, sizeof(walk->run_id), "%s",
		       wp_redis_run_id(walk->redis));
	wp_ack_build(&walk->cmd, walk->run_id, walk->box, ids);
	rc = wp_redis_do(walk->redis, &walk->cmd, &reply, err);
	if (rc != WP_OK)
		goto out;
	rc = wp_ack_parse(reply, &walk->hint);
	if (rc != WP_OK)
		wp_error_set(err, rc, "Redis gave no usable answer to an ack");
	/* Another Redis answered than the one whose run_id was sent along. */
	if (epoch != wp_redis_epoch(walk->redis)) {
		walk->hint.ask_cold = true;
		walk->hint.may_clear = false;
	}
out:
	wp_reply_free(&reply);
	return rc;
}

static void settle(struct ack_walk *walk, const struct wp_store_rest *rest)
{
	struct wp_reply *reply = NULL;

	wp_ack_settle_build(&walk->cmd, walk->run_id, walk->box, &walk->hint,
			    rest);
	/* A hint that stays costs an empty read until the next ack, no more. */
	if (wp_redis_do(walk->redis, &walk->cmd, &reply, NULL) == WP_OK)
		wp_reply_free(&reply);
}

enum wp_err wp_ack(struct wp_redis *redis, struct wp_store *store,
		   const struct wp_box *box, const struct wp_ack_ids *ids,
		   struct wp_error *err)
{
	struct ack_walk walk = { .redis = redis, .box = box };
	struct wp_store_ack ack = {
		.box = box,
		.ids = ids->ids,
		.n = ids->n,
	};
	enum wp_err rc;

	if (ids->n == 0)
		return WP_OK;
	wp_cmd_init(&walk.cmd);
	rc = delete_hot(&walk, ids, err);
	if (rc == WP_OK && walk.hint.ask_cold) {
		rc = wp_store_ack(store, &ack, err);
		if (rc == WP_OK)
			settle(&walk, &ack.rest);
	}
	wp_cmd_release(&walk.cmd);
	/* Whatever went wrong, the caller can only repeat the whole ack. */
	return rc == WP_OK ? WP_OK : WP_ERR_UNAVAIL;
}

/*
 * A bounded number of transactions of a bounded size: nobody waits long for the
 * store, and nobody's mailbox keeps those of others waiting. What is left has
 * its turn at the next sweep.
 */
static enum wp_err delete_expired(struct wp_store *store,
				  struct wp_store_expire *expire,
				  struct wp_error *err)
{
	int64_t deleted = 0;
	int turns = 0;
	bool is_more;
	enum wp_err rc;

	do {
		expire->deleted = 0;
		rc = wp_store_expire(store, expire, err);
		if (rc == WP_OK)
			deleted += expire->deleted;
		is_more = expire->deleted == WP_EXPIRE_MAX_ROWS;
	} while (rc == WP_OK && is_more && ++turns < WP_EXPIRE_MAX_TURNS);
	expire->deleted = deleted;
	return rc;
}

enum wp_err wp_ack_expired(struct wp_redis *redis, struct wp_store *store,
			   struct wp_store_expire *expire, struct wp_error *err)
{
	const struct wp_ack_ids none = { .n = 0 };
	struct ack_walk walk = { .redis = redis, .box = expire->box };
	enum wp_err rc;

	expire->deleted = 0;
	wp_cmd_init(&walk.cmd);
	rc = delete_hot(&walk, &none, err);
	if (rc == WP_OK)
		rc = delete_expired(store, expire, err);
	if (rc == WP_OK)
		settle(&walk, &expire->rest);
	wp_cmd_release(&walk.cmd);
	return rc == WP_OK ? WP_OK : WP_ERR_UNAVAIL;
}
