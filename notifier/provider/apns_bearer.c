/*
 * apns_bearer.c - see apns_bearer.h.
 *
 * How old a token is counts from when we got it by a clock that only rises, so
 * a clock that is put back lets none live longer.
 */
#include "notifier/provider/apns_bearer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/jwt_sign.h"
#include "lib/auth/seal.h"
#include "lib/auth/signing_key.h"
#include "lib/base/log.h"

enum {
	TEXT_MAX = 1024, /* a token of ours has 250 characters */
	KEY_MAX = 14 + WP_BEARER_ID_LEN + WP_BEARER_ID_LEN, /* "wp:push:…" */
	PLACE_MAX = KEY_MAX + 1 + WP_SIGNING_KID_LEN,
	MADE_LEN = sizeof(int64_t),
	PLAIN_MAX = MADE_LEN + TEXT_MAX,
};

struct token {
	char text[TEXT_MAX + 1]; /* "": none */
	int64_t made_s;          /* what it says itself: wall clock */
	int64_t age_s;           /* it was so old ... */
	uint64_t at_ms;          /* ... then, by the clock that rises */
};

struct wp_apns_bearer {
	struct wp_apns_bearer_setup setup;
	struct wp_log log;
	char key[KEY_MAX + 1];
	/* What it is sealed beside: the same, and which private key it is. So
	 * that of a wrong file is gone with the file. */
	char place[PLACE_MAX + 1];
	struct token token;
	uint64_t number; /* of it */
	bool is_shared;  /* it is in Redis, as far as we know */
	char refused[TEXT_MAX + 1];
	bool has_signed;
	uint64_t signed_ms;
	bool has_asked;
	uint64_t asked_ms;
	struct question *question; /* borrowed; NULL: none is under way */
	bool is_beginning;         /* whoever asks hears it at once */
};

/* One round with Redis, whose answer may come when nobody wants to know. */
struct question {
	struct wp_apns_bearer *bearer; /* NULL: it is gone */
	struct wp_bearer_now now;      /* when it began */
	struct token mine;             /* what we would put there */
};

/* ---- tokens ---- */

static int64_t age_of(const struct token *token,
		      const struct wp_bearer_now *now)
{
	return token->age_s + (int64_t)(now->mono_ms - token->at_ms) / 1000;
}

static bool is_usable(const struct wp_apns_bearer *bearer,
		      const struct token *token,
		      const struct wp_bearer_now *now)
{
	return token->text[0] != '\0' &&
	       strcmp(token->text, bearer->refused) != 0 &&
	       age_of(token, now) < WP_BEARER_SPENT_S;
}

static bool may_sign(const struct wp_apns_bearer *bearer,
		     const struct wp_bearer_now *now)
{
	return !bearer->has_signed ||
	       now->mono_ms - bearer->signed_ms >=
		       WP_BEARER_YOUNG_S * UINT64_C(1000);
}

static bool sign(struct wp_apns_bearer *bearer, const struct wp_bearer_now *now,
		 struct token *out)
{
	char claims[64];
	const struct wp_jwt_sign what = {
		.alg = WP_SIGN_ES256,
		.pem = bearer->setup.pem,
		.pem_len = bearer->setup.pem_len,
		.kid = bearer->setup.key,
		.claims = claims,
	};
	struct wp_error err = { .msg = "" };
	struct wp_buf text;
	bool is_good;

	if (!may_sign(bearer, now))
		return false;
	(void)snprintf(claims, sizeof(claims),
		       "{\"iss\":\"%s\",\"iat\":%" PRId64 "}",
		       bearer->setup.team, now->wall_s);
	wp_buf_init(&text, TEXT_MAX);
	text.is_secret = true;
	is_good = wp_jwt_sign(&what, &text, &err) == WP_OK;
	if (is_good) {
		memcpy(out->text, text.data, text.len + 1);
		out->made_s = now->wall_s;
		out->age_s = 0;
		out->at_ms = now->mono_ms;
		bearer->has_signed = true;
		bearer->signed_ms = now->mono_ms;
	} else {
		wp_log(&bearer->log, WP_LOG_ERROR, "no token for Apple",
		       wp_str("team", bearer->setup.team),
		       wp_str("key", bearer->setup.key),
		       wp_str("error", err.msg));
	}
	wp_buf_release(&text);
	return is_good;
}

static void use(struct wp_apns_bearer *bearer, const struct token *token,
		bool is_shared)
{
	bearer->is_shared = is_shared;
	if (strcmp(bearer->token.text, token->text) == 0)
		return; /* and older than it would seem, if a clock was put */
	bearer->token = *token;
	bearer->number++;
}

/* ---- what lies in Redis ---- */

static bool seal(const struct wp_apns_bearer *bearer, const struct token *token,
		 struct wp_cmd *cmd)
{
	const struct wp_seal_place place = { .data = bearer->place,
					     .len = strlen(bearer->place) };
	size_t len = MADE_LEN + strlen(token->text);
	uint8_t plain[PLAIN_MAX], sealed[PLAIN_MAX + WP_SEAL_EXTRA];
	bool is_good;

	for (size_t i = 0; i < MADE_LEN; i++)
		plain[i] = (uint8_t)((uint64_t)token->made_s >> (8 * i));
	memcpy(plain + MADE_LEN, token->text, len - MADE_LEN);
	is_good = wp_seal(bearer->setup.seal, &place, plain, len, sealed) ==
		  WP_OK;
	if (is_good)
		wp_cmd_add(cmd, sealed, len + WP_SEAL_EXTRA);
	explicit_bzero(plain, sizeof(plain));
	return is_good;
}

static bool open_sealed(const struct wp_apns_bearer *bearer,
			const struct wp_reply *reply,
			const struct wp_bearer_now *now, struct token *out)
{
	const struct wp_seal_place place = { .data = bearer->place,
					     .len = strlen(bearer->place) };
	uint8_t plain[PLAIN_MAX + WP_SEAL_EXTRA];
	uint64_t made = 0;
	size_t len = 0;
	bool is_good;

	is_good = wp_reply_len(reply) <= sizeof(plain) &&
		  wp_seal_open(bearer->setup.seal, &place, wp_reply_str(reply),
			       wp_reply_len(reply), plain, &len) == WP_OK &&
		  len > MADE_LEN && len <= PLAIN_MAX;
	if (is_good) {
		for (size_t i = 0; i < MADE_LEN; i++)
			made |= (uint64_t)plain[i] << (8 * i);
		memcpy(out->text, plain + MADE_LEN, len - MADE_LEN);
		out->text[len - MADE_LEN] = '\0';
		out->made_s = (int64_t)made;
		/* Made in a time to come: by somebody whose clock is ahead. */
		out->age_s = now->wall_s > out->made_s
				     ? now->wall_s - out->made_s
				     : 0;
		out->at_ms = now->mono_ms;
	}
	explicit_bzero(plain, sizeof(plain));
	return is_good;
}

/* ---- a round with Redis ---- */

static void question_free(struct question *question)
{
	explicit_bzero(question, sizeof(*question));
	free(question);
}

static void settle(struct question *question)
{
	struct wp_apns_bearer *bearer = question->bearer;

	bearer->question = NULL;
	question_free(question);
	if (!bearer->is_beginning)
		bearer->setup.on_settled(bearer->setup.ctx);
}

/* Nobody to share with: ours, if there is none. */
static void be_alone(struct question *question)
{
	struct wp_apns_bearer *bearer = question->bearer;

	if (question->mine.text[0] == '\0' &&
	    !is_usable(bearer, &bearer->token, &question->now))
		(void)sign(bearer, &question->now, &question->mine);
	if (question->mine.text[0] != '\0')
		use(bearer, &question->mine, false);
	else
		bearer->is_shared = false;
	settle(question);
}

static void send(struct question *question, const struct wp_cmd *cmd,
		 wp_reply_fn fn)
{
	struct wp_apns_bearer *bearer = question->bearer;

	if (bearer->setup.redis(bearer->setup.redis_ctx, cmd, fn, question) !=
	    WP_OK)
		be_alone(question);
}

static void look(struct question *question);

/* OK, or nothing: somebody was first. */
static void on_put(void *ctx, const struct wp_reply *reply)
{
	struct question *question = ctx;

	if (question->bearer == NULL) {
		question_free(question);
	} else if (wp_reply_is(reply, "OK")) {
		use(question->bearer, &question->mine, true);
		settle(question);
	} else if (reply != NULL && wp_reply_type(reply) == WP_REPLY_NIL) {
		look(question);
	} else {
		/* It may be there or not. */
		be_alone(question);
	}
}

/* Ours, if it was never shared, else a new one. */
static void put(struct question *question, bool is_free)
{
	struct wp_apns_bearer *bearer = question->bearer;
	const struct wp_bearer_now *now = &question->now;
	struct wp_cmd cmd;
	int64_t left_s;

	if (!bearer->is_shared && is_usable(bearer, &bearer->token, now) &&
	    age_of(&bearer->token, now) < WP_BEARER_SHARED_S) {
		question->mine = bearer->token;
	} else if (question->mine.text[0] == '\0' &&
		   !sign(bearer, now, &question->mine)) {
		settle(question);
		return;
	}
	left_s = WP_BEARER_SHARED_S - age_of(&question->mine, now);
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "SET");
	wp_cmd_str(&cmd, bearer->key);
	if (seal(bearer, &question->mine, &cmd)) {
		wp_cmd_str(&cmd, "EX");
		wp_cmd_int(&cmd, left_s);
		if (is_free)
			wp_cmd_str(&cmd, "NX");
		send(question, &cmd, on_put);
	} else {
		be_alone(question);
	}
	wp_cmd_release(&cmd);
}

/* A text, or a key of another type. */
static void on_found(struct question *question, const struct wp_reply *reply)
{
	struct wp_apns_bearer *bearer = question->bearer;
	struct token theirs = { .text = "" };

	if (wp_reply_type(reply) == WP_REPLY_STR &&
	    open_sealed(bearer, reply, &question->now, &theirs) &&
	    is_usable(bearer, &theirs, &question->now)) {
		use(bearer, &theirs, true);
		settle(question);
	} else {
		wp_log(&bearer->log, WP_LOG_WARN,
		       "the shared token for Apple is of no use",
		       wp_str("team", bearer->setup.team),
		       wp_str("key", bearer->setup.key));
		put(question, false);
	}
	explicit_bzero(&theirs, sizeof(theirs));
}

static void on_looked(void *ctx, const struct wp_reply *reply)
{
	struct question *question = ctx;

	if (question->bearer == NULL)
		question_free(question);
	else if (reply != NULL && (wp_reply_type(reply) == WP_REPLY_STR ||
				   wp_reply_is_error(reply, "WRONGTYPE")))
		on_found(question, reply);
	else if (reply != NULL && wp_reply_type(reply) == WP_REPLY_NIL)
		put(question, true);
	else
		be_alone(question);
}

static void look(struct question *question)
{
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "GET");
	wp_cmd_str(&cmd, question->bearer->key);
	send(question, &cmd, on_looked);
	wp_cmd_release(&cmd);
}

/* ---- what others see ---- */

struct wp_apns_bearer *
wp_apns_bearer_new(const struct wp_apns_bearer_setup *setup)
{
	struct wp_apns_bearer *bearer = calloc(1, sizeof(*bearer));
	struct wp_signing_public about;

	if (bearer == NULL || wp_signing_open(setup->pem, setup->pem_len,
					      &about, NULL, NULL) != WP_OK) {
		free(bearer);
		return NULL;
	}
	bearer->setup = *setup;
	bearer->log.component = "apns";
	(void)snprintf(bearer->key, sizeof(bearer->key), "wp:push:apns:%s:%s",
		       setup->team, setup->key);
	(void)snprintf(bearer->place, sizeof(bearer->place), "%s|%s",
		       bearer->key, about.kid);
	return bearer;
}

void wp_apns_bearer_free(struct wp_apns_bearer **bearer)
{
	if (*bearer == NULL)
		return;
	if ((*bearer)->question != NULL)
		(*bearer)->question->bearer = NULL;
	explicit_bzero(*bearer, sizeof(**bearer));
	free(*bearer);
	*bearer = NULL;
}

static void ask(struct wp_apns_bearer *bearer, const struct wp_bearer_now *now)
{
	struct question *question;

	if (bearer->question != NULL ||
	    (bearer->has_asked &&
	     now->mono_ms - bearer->asked_ms < WP_BEARER_AGAIN_MS))
		return;
	question = calloc(1, sizeof(*question));
	if (question == NULL)
		return;
	bearer->has_asked = true;
	bearer->asked_ms = now->mono_ms;
	bearer->question = question;
	question->bearer = bearer;
	question->now = *now;
	bearer->is_beginning = true;
	look(question);
	bearer->is_beginning = false;
}

bool wp_apns_bearer_get(struct wp_apns_bearer *bearer,
			const struct wp_bearer_now *now,
			struct wp_bearer_grant *out)
{
	const struct token *token = &bearer->token;

	if (!is_usable(bearer, token, now) || !bearer->is_shared ||
	    age_of(token, now) >= WP_BEARER_SHARED_S)
		ask(bearer, now);
	*out = (struct wp_bearer_grant){ .text = token->text,
					 .number = bearer->number,
					 .age_s = age_of(token, now) };
	return is_usable(bearer, token, now);
}

int64_t wp_apns_bearer_age_s(const struct wp_apns_bearer *bearer,
			     const struct wp_bearer_now *now, uint64_t number)
{
	return number == bearer->number ? age_of(&bearer->token, now)
					: WP_BEARER_SPENT_S;
}

bool wp_apns_bearer_is_coming(const struct wp_apns_bearer *bearer)
{
	return bearer->question != NULL;
}

uint64_t wp_apns_bearer_wait_ms(const struct wp_apns_bearer *bearer,
				const struct wp_bearer_now *now)
{
	uint64_t since_ms = now->mono_ms - bearer->asked_ms;

	if (is_usable(bearer, &bearer->token, now) ||
	    bearer->question != NULL || !bearer->has_asked ||
	    since_ms >= WP_BEARER_AGAIN_MS)
		return 0;
	return WP_BEARER_AGAIN_MS - since_ms;
}

void wp_apns_bearer_renew(struct wp_apns_bearer *bearer,
			  const struct wp_bearer_now *now, uint64_t number)
{
	if (number != bearer->number ||
	    age_of(&bearer->token, now) < WP_BEARER_YOUNG_S)
		return;
	memcpy(bearer->refused, bearer->token.text, sizeof(bearer->refused));
	bearer->has_asked = false;
	ask(bearer, now);
}
