/*
 * ack.c - deleting messages: hot queue, cold store, hint, in this order.
 *
 * The order is what keeps an acked message from coming back while a migrator
 * copies it (docs/architecture.md "Acknowledging").
 */
#include "lib/mailbox/ack.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/mailbox/partition.h"
#include "lib/mailbox/scripts.h"

/*
 * ---- the ids ----  All or nothing: one id that is no UUID, and nothing must
 * be deleted. Ids that cannot be this user's are unknown ids, and those are
 * ignored.
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
	struct wp_json_slice key;
	bool is_seen = false;

	wp_json_object_begin(js);
	while (wp_json_object_next(js, &key)) {
		if (!wp_json_slice_is(&key, "messageIds")) {
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
	/* Each takes up 36 bytes of text at least, and its quotes. */
	size_t max = len / (WP_MSGID_LEN + 2) + 1;
	struct wp_json js;

	*out = (struct wp_ack_ids){ 0 };
	out->ids =
		calloc(max < WP_ACK_MAX ? max : WP_ACK_MAX, sizeof(*out->ids));
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

static size_t count_band(const struct wp_store_ack *ack, enum wp_band band)
{
	size_t n = 0;

	for (size_t i = 0; i < ack->n; i++)
		n += ack->ids[i].band == band;
	return n;
}

static void add_band(struct wp_cmd *cmd, const struct wp_store_ack *ack,
		     enum wp_band band)
{
	char text[WP_ENTRY_ID_MAX];

	for (size_t i = 0; i < ack->n; i++) {
		if (ack->ids[i].band != band)
			continue;
		wp_entry_id_format(&ack->ids[i].entry, text);
		wp_cmd_str(cmd, text);
	}
}

static void ask_hot(const struct wp_store_ack *ack, const char *run_id,
		    struct wp_cmd *cmd)
{
	const struct wp_box *box = ack->box;

	wp_cmd_script(cmd, WP_SCRIPT_ACK, box->partition);
	wp_cmd_str(cmd, run_id);
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_int(cmd, (int64_t)count_band(ack, WP_BAND_STANDARD));
	add_band(cmd, ack, WP_BAND_STANDARD);
	add_band(cmd, ack, WP_BAND_HIGH);
}

static void ask_hint(const struct wp_ack_walk *walk, const char *run_id,
		     struct wp_cmd *cmd)
{
	const struct wp_box *box = walk->cold.box;
	const struct wp_store_rest *rest = &walk->cold.rest;

	if (!rest->is_empty || !walk->may_clear) {
		wp_cold_size_begin(cmd, box->partition);
		wp_cold_size_add(cmd, box, &rest->size);
		return;
	}
	wp_cmd_script(cmd, WP_SCRIPT_HINT_CLEAR, box->partition);
	wp_cmd_str(cmd, run_id);
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_str(cmd, walk->token);
}

static int compare_ids(const void *a, const void *b)
{
	const struct wp_msgid *left = a, *right = b;

	return wp_entry_id_cmp(&left->entry, &right->entry);
}

/* Mostly they are in order: as a pull gave them. */
static void put_in_order(const struct wp_ack_ids *ids)
{
	for (size_t i = 1; i < ids->n; i++) {
		if (compare_ids(&ids->ids[i - 1], &ids->ids[i]) <= 0)
			continue;
		qsort(ids->ids, ids->n, sizeof(*ids->ids), compare_ids);
		return;
	}
}

void wp_ack_begin(struct wp_ack_walk *walk, const struct wp_box *box,
		  const struct wp_ack_ids *ids)
{
	put_in_order(ids);
	*walk = (struct wp_ack_walk){
		.step = WP_ACK_HOT,
		.cold = { .box = box, .ids = ids->ids, .n = ids->n },
	};
}

void wp_ack_ask(const struct wp_ack_walk *walk, const char *run_id,
		struct wp_cmd *cmd)
{
	assert(walk->step == WP_ACK_HOT || walk->step == WP_ACK_HINT);
	if (walk->step == WP_ACK_HOT)
		ask_hot(&walk->cold, run_id, cmd);
	else
		ask_hint(walk, run_id, cmd);
}

/* {gate, hint, deleted, now}; a hint begins with its token, then a blank */
enum { AT_DELETED = 2, AT_NOW, ACK_ANSWER_LEN };

static void tell_waits(const struct wp_ack_walk *walk,
		       const struct wp_reply *reply)
{
	enum { US_PER_MS = 1000 };
	int64_t now_ms = wp_reply_int(wp_reply_at(reply, AT_NOW));

	if (wp_reply_int(wp_reply_at(reply, AT_DELETED)) !=
	    (int64_t)walk->cold.n)
		return;
	for (size_t i = 0; i < walk->cold.n; i++) {
		int64_t ms = now_ms - (int64_t)walk->cold.ids[i].entry.ms;

		/* Redis' clock may have been set back. */
		wp_metric_observe_us(walk->waits.metrics, walk->waits.index,
				     ms > 0 ? (uint64_t)ms * US_PER_MS : 0);
	}
}

void wp_ack_told(struct wp_ack_walk *walk, const struct wp_reply *reply,
		 bool is_other)
{
	const struct wp_reply *hint = wp_reply_at(reply, 1);
	const char *text = wp_reply_str(hint);
	size_t len = strcspn(text, " ");
	bool is_gate_open = wp_reply_int(wp_reply_at(reply, 0)) == 1;

	assert(walk->step == WP_ACK_HOT);
	walk->step = WP_ACK_FAILED;
	if (wp_reply_count(reply) != ACK_ANSWER_LEN ||
	    wp_reply_type(hint) != WP_REPLY_STR || len > WP_TOKEN_MAX)
		return;
	tell_waits(walk, reply);
	memcpy(walk->token, text, len);
	walk->token[len] = '\0';
	walk->may_clear = is_gate_open && len > 0 && !is_other;
	if (is_gate_open && wp_reply_len(hint) == 0 && !is_other)
		walk->step = WP_ACK_DONE;
	else
		walk->step = WP_ACK_COLD;
}

void wp_ack_stored(struct wp_ack_walk *walk, enum wp_err outcome)
{
	assert(walk->step == WP_ACK_COLD);
	walk->step = outcome == WP_OK ? WP_ACK_HINT : WP_ACK_FAILED;
}

/* ---- with clients that wait ---- */

struct waiting {
	struct wp_ack_walk walk;
	struct wp_redis *redis;
	struct wp_cmd cmd;
	char run_id[64]; /* the Redis that the hint came from */
};

static enum wp_err do_hot(struct waiting *w, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	uint64_t epoch;
	enum wp_err rc = wp_redis_connect(w->redis, err);

	if (rc != WP_OK)
		return rc;
	epoch = wp_redis_epoch(w->redis);
	(void)snprintf(w->run_id, sizeof(w->run_id), "%s",
		       wp_redis_run_id(w->redis));
	wp_ack_ask(&w->walk, w->run_id, &w->cmd);
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	if (rc == WP_OK) {
		wp_ack_told(&w->walk, reply, epoch != wp_redis_epoch(w->redis));
		if (w->walk.step == WP_ACK_FAILED)
			rc = wp_error_set(err, WP_ERR_UNAVAIL,
					  "Redis gave no usable answer to an "
					  "ack");
	}
	wp_reply_free(&reply);
	return rc;
}

static void do_hint(struct waiting *w)
{
	struct wp_reply *reply = NULL;

	wp_ack_ask(&w->walk, w->run_id, &w->cmd);
	/* A hint that stays costs an empty read until the next ack, no more. */
	if (wp_redis_do(w->redis, &w->cmd, &reply, NULL) == WP_OK)
		wp_reply_free(&reply);
}

enum wp_err wp_ack(struct wp_redis *redis, struct wp_store *store,
		   const struct wp_box *box, const struct wp_ack_ids *ids,
		   struct wp_error *err)
{
	struct waiting w = { .redis = redis };
	enum wp_err rc;

	if (ids->n == 0)
		return WP_OK;
	wp_ack_begin(&w.walk, box, ids);
	wp_cmd_init(&w.cmd);
	rc = do_hot(&w, err);
	if (rc == WP_OK && w.walk.step == WP_ACK_COLD) {
		rc = wp_store_ack(store, &w.walk.cold, err);
		wp_ack_stored(&w.walk, rc);
	}
	if (rc == WP_OK && w.walk.step == WP_ACK_HINT)
		do_hint(&w);
	wp_cmd_release(&w.cmd);
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
	struct waiting w = { .redis = redis };
	enum wp_err rc;

	expire->deleted = 0;
	wp_ack_begin(&w.walk, expire->box, &none);
	wp_cmd_init(&w.cmd);
	rc = do_hot(&w, err);
	if (rc == WP_OK)
		rc = delete_expired(store, expire, err);
	if (rc == WP_OK) {
		w.walk.step = WP_ACK_HINT;
		w.walk.cold.rest = expire->rest;
		do_hint(&w);
	}
	wp_cmd_release(&w.cmd);
	return rc == WP_OK ? WP_OK : WP_ERR_UNAVAIL;
}
