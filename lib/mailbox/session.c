/*
 * session.c - words of the calls about sessions, and what the answers mean.
 *
 * Knows neither the store nor tokens. A claim is made here and nowhere else,
 * at random, so that none is ever used twice.
 */
#include "lib/mailbox/session.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"

enum { LIST_KEY_MAX = WP_URN_MAX + 40 };

void wp_session_ref_make(struct wp_session_ref *out, const struct wp_box *user)
{
	out->partition = user->partition;
	wp_random_hex(out->id, WP_SESSION_LEN);
}

void wp_session_refresh_build(struct wp_cmd *cmd, const char *run_id,
			      const struct wp_session_ref *session,
			      int64_t generation,
			      const struct wp_session_spans *spans)
{
	char claim[WP_SESSION_CLAIM_DIGITS + 1];

	wp_random_hex(claim, WP_SESSION_CLAIM_DIGITS / 2);
	wp_cmd_script(cmd, WP_SCRIPT_SESSION_REFRESH, session->partition);
	wp_cmd_str(cmd, run_id);
	wp_cmd_str(cmd, session->id);
	wp_cmd_int(cmd, generation);
	wp_cmd_str(cmd, claim);
	wp_cmd_int(cmd, WP_SESSION_GRACE_MS);
	wp_cmd_int(cmd, spans->idle_s);
	wp_cmd_int(cmd, spans->lives_s);
}

/* False when it does not fit; out is a text in any case. */
static bool copy(char *out, size_t size, const struct wp_reply *text)
{
	size_t len = wp_reply_len(text);

	out[0] = '\0';
	if (len >= size)
		return false;
	memcpy(out, wp_reply_str(text), len + 1);
	return true;
}

/* {word, generation, urn, device, day} */
static enum wp_err parse_given(const struct wp_reply *reply,
			       struct wp_session_refreshed *out)
{
	const struct wp_reply *urn = wp_reply_at(reply, 2);

	out->generation = wp_reply_int(wp_reply_at(reply, 1));
	out->day = wp_reply_int(wp_reply_at(reply, 4));
	if (out->generation < 0 ||
	    out->generation > WP_SESSION_GENERATION_MAX ||
	    wp_urn_reread(&out->user, wp_reply_str(urn), wp_reply_len(urn)) !=
		    WP_OK ||
	    !copy(out->device, sizeof(out->device), wp_reply_at(reply, 3)))
		return WP_ERR_UNAVAIL;
	return WP_OK;
}

enum wp_err wp_session_refresh_parse(const struct wp_reply *reply,
				     struct wp_session_refreshed *out)
{
	const struct wp_reply *word = wp_reply_at(reply, 0);

	memset(out, 0, sizeof(*out));
	if (wp_reply_is(word, "reused")) {
		out->verdict = WP_SESSION_REUSED;
		return WP_OK;
	}
	if (wp_reply_is(word, "ask")) {
		out->verdict = WP_SESSION_ASK;
		return copy(out->claim, sizeof(out->claim),
			    wp_reply_at(reply, 1))
			       ? WP_OK
			       : WP_ERR_UNAVAIL;
	}
	if (wp_reply_is(word, "rotated"))
		out->verdict = WP_SESSION_ROTATED;
	else if (wp_reply_is(word, "again"))
		out->verdict = WP_SESSION_AGAIN;
	else if (wp_reply_is(word, "kept"))
		out->verdict = WP_SESSION_KEPT;
	else
		return WP_ERR_UNAVAIL;
	return parse_given(reply, out);
}

void wp_session_settle_build(struct wp_cmd *cmd,
			     const struct wp_session_ref *session,
			     const struct wp_session_claim *claim,
			     const struct wp_session_facts *facts)
{
	wp_cmd_script(cmd, WP_SCRIPT_SESSION_SETTLE, session->partition);
	wp_cmd_str(cmd, claim->run_id);
	wp_cmd_str(cmd, session->id);
	wp_cmd_str(cmd, claim->claim);
	wp_cmd_int(cmd, claim->generation);
	wp_cmd_add(cmd, facts->user->text, facts->user->len);
	wp_cmd_int(cmd, facts->ends_s);
	wp_cmd_int(cmd, facts->spans.idle_s);
	wp_cmd_str(cmd, facts->device);
	wp_cmd_int(cmd, facts->day);
	wp_cmd_int(cmd, facts->max_sessions);
	wp_cmd_int(cmd, facts->spans.lives_s);
}

void wp_session_seen_build(struct wp_cmd *cmd,
			   const struct wp_session_ref *session,
			   int64_t generation)
{
	wp_cmd_script(cmd, WP_SCRIPT_SESSION_SEEN, session->partition);
	wp_cmd_str(cmd, session->id);
	wp_cmd_int(cmd, generation);
	wp_cmd_str(cmd, "");
}

void wp_session_day_build(struct wp_cmd *cmd,
			  const struct wp_session_ref *session, int64_t day)
{
	wp_cmd_script(cmd, WP_SCRIPT_SESSION_SEEN, session->partition);
	wp_cmd_str(cmd, session->id);
	wp_cmd_str(cmd, "");
	wp_cmd_int(cmd, day);
}

void wp_session_end_begin(struct wp_cmd *cmd, uint32_t partition,
			  const struct wp_urn *user)
{
	wp_cmd_script(cmd, WP_SCRIPT_SESSION_END, partition);
	wp_cmd_str(cmd, user == NULL ? "" : user->text);
}

enum wp_err wp_session_end_parse(const struct wp_reply *reply, int64_t *lives_s)
{
	const struct wp_reply *lives = wp_reply_at(reply, 1);

	*lives_s = 0;
	if (wp_reply_type(reply) != WP_REPLY_ARRAY ||
	    wp_reply_type(lives) != WP_REPLY_INT)
		return WP_ERR_UNAVAIL;
	*lives_s = wp_reply_int(lives);
	return WP_OK;
}

void wp_session_close_build(struct wp_cmd *cmd, const struct wp_box *user,
			    int64_t max)
{
	wp_cmd_script(cmd, WP_SCRIPT_SESSION_CLOSE, user->partition);
	wp_cmd_str(cmd, user->text);
	wp_cmd_int(cmd, max);
}

void wp_session_end_anywhere_build(struct wp_cmd *cmd,
				   const struct wp_session_ref *first,
				   uint32_t n)
{
	assert(n > 0 && n <= WP_SESSION_END_AT_ONCE);
	wp_cmd_clear(cmd);
	for (uint32_t i = 0; i < n; i++) {
		wp_cmd_script_next(cmd, WP_SCRIPT_SESSION_END,
				   first->partition + i);
		wp_cmd_str(cmd, "");
		wp_cmd_str(cmd, first->id);
		wp_cmd_end(cmd);
	}
}

enum wp_err wp_session_end_anywhere_parse(const struct wp_reply *reply,
					  size_t *n_out, int64_t *lives_s)
{
	size_t n = wp_reply_count(reply);

	*n_out = 0;
	*lives_s = 0;
	for (size_t i = 0; i < n; i++) {
		const struct wp_reply *one = wp_reply_at(reply, i);
		int64_t one_s;

		if (wp_session_end_parse(one, &one_s) != WP_OK)
			return WP_ERR_UNAVAIL;
		*n_out += wp_reply_int(wp_reply_at(one, 0)) > 0;
		if (*lives_s < one_s)
			*lives_s = one_s;
	}
	return n > 0 ? WP_OK : WP_ERR_UNAVAIL;
}

void wp_session_list_build(struct wp_cmd *cmd, const struct wp_box *user,
			   int64_t max)
{
	char key[LIST_KEY_MAX];

	(void)snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:sessions:%s",
		       user->partition, user->text);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "ZREVRANGE");
	wp_cmd_str(cmd, key);
	wp_cmd_int(cmd, 0);
	wp_cmd_int(cmd, max - 1);
}
