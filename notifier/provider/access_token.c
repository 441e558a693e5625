/* access_token.c - see access_token.h. */
#include "notifier/provider/access_token.h"

#include <stdlib.h>

#include "lib/auth/signing_key.h"
#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/net/fetch.h"
#include "notifier/provider/verdict.h"

struct wp_access_token {
	struct wp_access_token_setup setup;
	struct wp_log log;
	struct wp_google_token now; /* all zero: none */
	uint64_t number;            /* of it, or of the last there was */
	struct wp_backoff backoff;
	uint64_t not_before_ms; /* the next request */
	bool is_coming;
	int64_t asked_s; /* wall clock, when it is coming */
};

static int64_t wall_s(void)
{
	return wp_wall_ms() / 1000;
}

static bool is_usable(const struct wp_access_token *token)
{
	return token->now.text[0] != '\0' &&
	       wall_s() < token->now.good_until_s + WP_GOOGLE_EARLY_S -
				  WP_ACCESS_SPENT_S;
}

/* ---- answers ---- */

/* {"error":"invalid_grant",…}: its word, if it is one. */
static void read_word(const struct wp_transfer_answer *answer,
		      struct wp_judgement *out)
{
	struct wp_json_slice name, word = { .data = "" };
	struct wp_json js;

	*out = (struct wp_judgement){ .reason = "" };
	wp_json_init(&js, answer->body, answer->len);
	(void)wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &name)) {
		if (wp_json_slice_is(&name, "error"))
			(void)wp_json_string(&js, &word);
		else
			(void)wp_json_raw(&js, NULL);
	}
	if (wp_json_end(&js))
		wp_judge_word(out, &word);
}

/* It is told at most once a second, and a minute apart when it lasts. */
static void complain(struct wp_access_token *token,
		     const struct wp_transfer_answer *answer, const char *why)
{
	struct wp_judgement said = { .reason = "" };
	bool is_ours = answer != NULL && answer->status >= 400 &&
		       answer->status < 500 && answer->status != 429;

	if (answer != NULL && answer->status != 200)
		read_word(answer, &said);
	wp_log(&token->log, is_ours ? WP_LOG_ERROR : WP_LOG_WARN,
	       "no access token from Google", wp_str("kind", "fcm"),
	       wp_str("app", token->setup.app),
	       wp_int("status", answer != NULL ? answer->status : 0),
	       wp_str("reason", said.reason), wp_str("error", why));
}

static void fail(struct wp_access_token *token,
		 const struct wp_transfer_answer *answer, const char *why)
{
	token->not_before_ms =
		wp_mono_ms() + wp_backoff_next_ms(&token->backoff);
	complain(token, answer, why);
}

static void on_end(void *ctx, const struct wp_transfer_answer *answer)
{
	struct wp_access_token *token = ctx;
	struct wp_error err = { .msg = "" };
	bool is_good = false;

	token->is_coming = false;
	if (answer->end != WP_TRANSFER_ANSWERED)
		fail(token, answer, answer->why);
	else if (answer->status != 200)
		fail(token, answer, "it was refused");
	/* Its life began when we asked, at the latest. */
	else if (wp_google_token_read(&token->now, answer->body, answer->len,
				      token->asked_s, &err) != WP_OK)
		fail(token, answer, err.msg);
	else
		is_good = true;
	if (is_good) {
		token->number++;
		wp_backoff_reset(&token->backoff);
	}
	token->setup.on_settled(token->setup.ctx, is_good);
}

/* ---- asking ---- */

static enum wp_err begin(struct wp_access_token *token, struct wp_error *err)
{
	static const struct wp_transfer_header headers[] = {
		{ "Content-Type", "application/x-www-form-urlencoded" },
	};
	struct wp_transfer_request request = {
		.url = token->setup.account->token_uri,
		.headers = headers,
		.n_headers = 1,
	};
	struct wp_buf body;
	enum wp_err rc;

	wp_buf_init(&body, 0);
	token->asked_s = wall_s();
	rc = wp_google_ask(token->setup.account, token->setup.scope,
			   token->asked_s, &body, err);
	request.body = body.data;
	request.len = body.len;
	if (rc == WP_OK)
		rc = wp_fetch_begin(token->setup.pool, &request, on_end, token,
				    err);
	wp_signing_forget(&body);
	return rc;
}

static void ask(struct wp_access_token *token)
{
	struct wp_error err = { .msg = "" };

	if (token->is_coming || wp_mono_ms() < token->not_before_ms)
		return;
	if (begin(token, &err) == WP_OK)
		token->is_coming = true;
	else
		fail(token, NULL, err.msg);
}

struct wp_access_token *
wp_access_token_new(const struct wp_access_token_setup *setup)
{
	struct wp_access_token *token = calloc(1, sizeof(*token));

	if (token == NULL)
		return NULL;
	token->setup = *setup;
	token->log.component = "access token";
	wp_backoff_init(&token->backoff, WP_ACCESS_FIRST_MS, WP_ACCESS_CAP_MS);
	return token;
}

bool wp_access_token_get(struct wp_access_token *token,
			 struct wp_access_grant *out)
{
	bool has_one = is_usable(token);

	if (!has_one || wall_s() >= token->now.good_until_s)
		ask(token);
	*out = (struct wp_access_grant){ .text = token->now.text,
					 .number = token->number };
	return has_one;
}

bool wp_access_token_is_coming(const struct wp_access_token *token)
{
	return token->is_coming;
}

void wp_access_token_renew(struct wp_access_token *token, uint64_t number)
{
	if (number != token->number || token->now.text[0] == '\0')
		return;
	wp_google_token_forget(&token->now);
	ask(token);
}

uint64_t wp_access_token_wait_ms(const struct wp_access_token *token,
				 uint64_t now_ms)
{
	if (is_usable(token) || token->is_coming ||
	    now_ms >= token->not_before_ms)
		return 0;
	return token->not_before_ms - now_ms;
}

void wp_access_token_free(struct wp_access_token **token)
{
	if (*token == NULL)
		return;
	wp_google_token_forget(&(*token)->now);
	free(*token);
	*token = NULL;
}
