/*
 * push.c - words of the calls about pushes, and what their answers mean.
 *
 * Knows argument orders and result shapes. What is told to whom, and by whom,
 * is not known here.
 */
#include "lib/mailbox/push.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/mailbox/scripts.h"

enum { RULES_MAX = 48 };

void wp_push_add(struct wp_cmd *cmd, const struct wp_conf *conf)
{
	char rules[RULES_MAX] = "-";

	if (conf->push.enabled)
		(void)snprintf(rules, sizeof(rules), "%" PRId64 ",%" PRId64,
			       conf->push.grace_ms, conf->push.inactive_ms);
	wp_cmd_str(cmd, rules);
}

void wp_push_announce_build(struct wp_cmd *cmd, const char *notifier,
			    int64_t ttl_ms, bool is_leaving)
{
	wp_cmd_script_key(cmd, WP_SCRIPT_WORKERS, WP_NOTIFIERS_KEY);
	wp_cmd_str(cmd, notifier);
	wp_cmd_int(cmd, ttl_ms);
	wp_cmd_str(cmd, is_leaving ? "1" : "0");
}

static void add_claim(struct wp_cmd *cmd, const char *claim)
{
	assert(claim[0] != '\0' && strlen(claim) <= WP_PUSH_CLAIM_MAX);
	wp_cmd_str(cmd, claim);
}

static void add_box(struct wp_cmd *cmd, const struct wp_box *box)
{
	wp_cmd_add(cmd, box->text, box->len);
}

/* ---- strict reading ---- */

static bool read_count(const struct wp_reply *reply, int64_t *out)
{
	*out = wp_reply_int(reply);
	return wp_reply_type(reply) == WP_REPLY_INT && *out >= 0;
}

static bool read_flag(const struct wp_reply *reply, bool *out)
{
	int64_t value;
	bool is_number = read_count(reply, &value);

	*out = value == 1;
	return is_number && value <= 1;
}

/* What wp_reply_int() makes 0 of is no number, unless it is "0". */
static bool read_time(const struct wp_reply *reply, int64_t *out)
{
	*out = wp_reply_int(reply);
	return wp_reply_type(reply) == WP_REPLY_STR &&
	       (*out > 0 || wp_reply_is(reply, "0"));
}

static bool read_id(const struct wp_reply *reply, struct wp_entry_id *out)
{
	return wp_entry_id_parse(out, wp_reply_str(reply), wp_reply_len(reply));
}

/* ---- taking ---- */

void wp_push_look_build(struct wp_cmd *cmd, const uint32_t *partitions,
			size_t n)
{
	assert(n > 0 && n <= WP_PUSH_LOOK_MAX);
	wp_cmd_script_of(cmd, WP_SCRIPT_PUSH_LOOK, n);
	for (size_t i = 0; i < n; i++)
		wp_cmd_prefix(cmd, partitions[i]);
}

enum wp_err wp_push_look_parse(const struct wp_reply *reply, size_t n,
			       bool *is_due)
{
	const char *text = wp_reply_str(reply);

	if (wp_reply_type(reply) != WP_REPLY_STR || wp_reply_len(reply) != n ||
	    strspn(text, "01") != n)
		return WP_ERR_UNAVAIL;
	for (size_t i = 0; i < n; i++)
		is_due[i] = text[i] == '1';
	return WP_OK;
}

void wp_push_take_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			const struct wp_push_take *take)
{
	assert(take->max > 0 && take->max <= WP_PUSH_TAKE_MAX);
	assert(take->claim_ms > 0);
	wp_cmd_script(cmd, WP_SCRIPT_PUSH_TAKE, take->partition);
	wp_cmd_str(cmd, take->run_id);
	wp_cmd_int(cmd, take->max);
	wp_cmd_int(cmd, take->claim_ms);
	wp_cmd_int(cmd, conf->push.inactive_ms);
	add_claim(cmd, take->claim);
}

enum {
	TAKEN_BOX_AT = 3, /* {"ok", now_ms, lapsed, box…} */
	/* {urn, what, want, n, is_high, connections, seen, {device…},
	 * {name, value…}} */
	BOX_WORDS = 9,
};

enum wp_err wp_push_take_parse(const struct wp_reply *reply,
			       struct wp_push_taken *out)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);
	size_t count = wp_reply_count(reply);

	*out = (struct wp_push_taken){ 0 };
	if (wp_reply_is(status, "gate"))
		return WP_ERR_STALE;
	if (!wp_reply_is(status, "ok") || count < TAKEN_BOX_AT ||
	    count - TAKEN_BOX_AT > WP_PUSH_TAKE_MAX ||
	    !read_time(wp_reply_at(reply, 1), &out->now_ms) ||
	    !read_count(wp_reply_at(reply, 2), &out->lapsed))
		return WP_ERR_UNAVAIL;
	out->n = count - TAKEN_BOX_AT;
	return WP_OK;
}

static bool read_what(const struct wp_reply *reply, enum wp_push_what *out)
{
	static const char *const words[] = {
		[WP_PUSH_TELL] = "tell",
		[WP_PUSH_CLEAR] = "clear",
		[WP_PUSH_ONCE] = "once",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		*out = (enum wp_push_what)i;
		if (wp_reply_is(reply, words[i]))
			return true;
	}
	return false;
}

static bool are_texts(const struct wp_reply *list)
{
	size_t n = wp_reply_count(list);
	bool is_text = wp_reply_type(list) == WP_REPLY_ARRAY;

	for (size_t i = 0; i < n; i++)
		is_text &= wp_reply_type(wp_reply_at(list, i)) == WP_REPLY_STR;
	return is_text;
}

enum wp_err wp_push_taken_box(const struct wp_reply *reply, size_t i,
			      uint32_t partition, struct wp_push_box *out)
{
	const struct wp_reply *box = wp_reply_at(reply, TAKEN_BOX_AT + i);
	const struct wp_reply *urn = wp_reply_at(box, 0);
	const struct wp_reply *seen = wp_reply_at(box, 6);

	*out = (struct wp_push_box){
		.devices = wp_reply_at(box, 7),
		.fields = wp_reply_at(box, 8),
	};
	if (wp_reply_count(box) != BOX_WORDS ||
	    wp_box_reread(&out->box, partition, wp_reply_str(urn),
			  wp_reply_len(urn)) != WP_OK ||
	    !read_what(wp_reply_at(box, 1), &out->what) ||
	    !read_id(wp_reply_at(box, 2), &out->want) ||
	    !read_count(wp_reply_at(box, 3), &out->waiting) ||
	    !read_flag(wp_reply_at(box, 4), &out->is_high) ||
	    !read_count(wp_reply_at(box, 5), &out->connections) ||
	    !(wp_reply_is(seen, "") || read_time(seen, &out->seen_s)) ||
	    !are_texts(out->devices) || !are_texts(out->fields) ||
	    wp_reply_count(out->fields) % 2 != 0)
		return WP_ERR_PROTO;
	return WP_OK;
}

const char *wp_push_field(const struct wp_push_box *box, const char *name)
{
	for (size_t i = 0; i < wp_reply_count(box->fields); i += 2)
		if (wp_reply_is(wp_reply_at(box->fields, i), name))
			return wp_reply_str(wp_reply_at(box->fields, i + 1));
	return NULL;
}

/* ---- before a late request ---- */

void wp_push_check_build(struct wp_cmd *cmd, const char *run_id,
			 const struct wp_box *box, const char *claim)
{
	wp_cmd_script(cmd, WP_SCRIPT_PUSH_CHECK, box->partition);
	wp_cmd_str(cmd, run_id);
	add_box(cmd, box);
	add_claim(cmd, claim);
}

enum { CHECKED_WORDS = 3 };

enum wp_err wp_push_check_parse(const struct wp_reply *reply,
				struct wp_push_checked *out)
{
	*out = (struct wp_push_checked){ 0 };
	if (wp_reply_count(reply) == CHECKED_WORDS &&
	    read_flag(wp_reply_at(reply, 0), &out->is_ours) &&
	    read_count(wp_reply_at(reply, 1), &out->waiting) &&
	    read_id(wp_reply_at(reply, 2), &out->want))
		return WP_OK;
	*out = (struct wp_push_checked){ 0 };
	return WP_ERR_UNAVAIL;
}

/* ---- what became of it ---- */

static void add_next(struct wp_cmd *cmd, const struct wp_push_done *done)
{
	if (done->next == WP_PUSH_LATER)
		wp_cmd_int(cmd, done->next_ms);
	else
		wp_cmd_str(cmd, done->next == WP_PUSH_DROP ? "drop" : "");
}

/* Is a field a script's own? */
static bool is_kept(const char *name)
{
	static const char *const own[] = { "id",    "claim", "busy",
					   "woken", "once",  "touched" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strcmp(name, own[i]) == 0)
			return true;
	return false;
}

void wp_push_done_build(struct wp_cmd *cmd, const struct wp_push_done *done)
{
	static const char *const waits[2][2] = { { "", "c" }, { "o", "oc" } };
	char want[WP_ENTRY_ID_MAX];

	assert(done->next != WP_PUSH_DROP || done->n == 0);
	assert(done->next == WP_PUSH_LATER ||
	       (!done->once_waits && !done->clear_waits));
	wp_entry_id_format(&done->want, want);
	wp_cmd_script(cmd, WP_SCRIPT_PUSH_DONE, done->box->partition);
	add_box(cmd, done->box);
	add_claim(cmd, done->claim);
	wp_cmd_str(cmd, want);
	add_next(cmd, done);
	wp_cmd_str(cmd, done->once);
	wp_cmd_str(cmd, waits[done->once_waits][done->clear_waits]);
	for (size_t i = 0; i < done->n; i++) {
		assert(!is_kept(done->fields[i].name));
		wp_cmd_str(cmd, done->fields[i].name);
		wp_cmd_str(cmd, done->fields[i].value);
	}
}

void wp_push_wake_build(struct wp_cmd *cmd, const struct wp_box *box,
			const char *once)
{
	assert(strlen(once) <= WP_PUSH_ONCE_MAX);
	wp_cmd_script(cmd, WP_SCRIPT_PUSH_WAKE, box->partition);
	add_box(cmd, box);
	wp_cmd_str(cmd, once);
	wp_cmd_str(cmd, "");
	wp_cmd_str(cmd, "");
}

void wp_push_registered_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			      const struct wp_box *box, bool is_new)
{
	wp_cmd_script(cmd, WP_SCRIPT_PUSH_WAKE, box->partition);
	add_box(cmd, box);
	wp_cmd_str(cmd, "");
	wp_push_add(cmd, conf);
	wp_cmd_str(cmd, is_new ? "1" : "");
}

void wp_push_once_test(char out[WP_PUSH_ONCE_MAX + 1], const char *device)
{
	(void)snprintf(out, WP_PUSH_ONCE_MAX + 1, "%s:test", device);
}

void wp_push_once_code(char out[WP_PUSH_ONCE_MAX + 1], const char *device)
{
	(void)snprintf(out, WP_PUSH_ONCE_MAX + 1, "%s:code", device);
}
