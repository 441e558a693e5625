/*
 * fake.h - a request and its answer as bytes in memory, and the little world
 * that a handler needs: settings, a key, and a Redis that is not there.
 *
 * Include it after the includes of cmocka.
 */
#ifndef WP_TESTS_UNIT_HANDLERS_FAKE_H
#define WP_TESTS_UNIT_HANDLERS_FAKE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/token.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"

#include "handlers/request/ctx.h"
#include "handlers/request/req.h"
#include "handlers/serve.h"

enum { FAKE_PARAMS_MAX = 24 };

struct fake {
	struct wp_io io;
	char *texts[FAKE_PARAMS_MAX + 1]; /* owned */
	size_t n;
	const char *body;
	size_t body_len;
	size_t body_at;
	size_t piece; /* most bytes of one read; 0 = no bound */
	struct wp_buf out;
	bool is_gone; /* nobody takes the answer */
};

static inline ssize_t fake_read(struct wp_io *io, void *data, size_t len)
{
	struct fake *fake = (struct fake *)io;
	size_t left = fake->body_len - fake->body_at;

	if (len > left)
		len = left;
	if (fake->piece > 0 && len > fake->piece)
		len = fake->piece;
	if (len > 0)
		memcpy(data, fake->body + fake->body_at, len);
	fake->body_at += len;
	return (ssize_t)len;
}

static inline bool fake_write(struct wp_io *io, const void *data, size_t len)
{
	struct fake *fake = (struct fake *)io;

	if (fake->is_gone)
		return false;
	wp_buf_add(&fake->out, data, len);
	return true;
}

static inline void fake_init(struct fake *fake)
{
	static const struct wp_io_ops ops = { fake_read, fake_write, NULL };

	*fake = (struct fake){ .io = { .ops = &ops } };
	fake->io.params = (const char *const *)fake->texts;
	wp_buf_init(&fake->out, 0);
}

static inline void fake_release(struct fake *fake)
{
	for (size_t i = 0; i < fake->n; i++)
		free(fake->texts[i]);
	wp_buf_release(&fake->out);
}

/* Add "NAME=value". */
static inline void fake_param(struct fake *fake, const char *text)
{
	if (fake->n < FAKE_PARAMS_MAX)
		fake->texts[fake->n++] = strdup(text);
}

static inline void fake_body(struct fake *fake, const char *body, size_t len)
{
	char text[64];

	fake->body = body;
	fake->body_len = len;
	(void)snprintf(text, sizeof(text), "CONTENT_LENGTH=%zu", len);
	fake_param(fake, text);
}

/* A request as nginx hands it over. */
static inline void fake_request(struct fake *fake, const char *method,
				const char *uri)
{
	char text[4096];

	fake_init(fake);
	(void)snprintf(text, sizeof(text), "REQUEST_METHOD=%s", method);
	fake_param(fake, text);
	(void)snprintf(text, sizeof(text), "REQUEST_URI=%s", uri);
	fake_param(fake, text);
}

/* Status of the answer; 0 when there is none. */
static inline unsigned int fake_status(const struct fake *fake)
{
	unsigned int status = 0;

	if (fake->out.data != NULL)
		(void)sscanf(fake->out.data, "Status: %u ", &status);
	return status;
}

/* Is "Name: value" one of the header lines? */
static inline bool fake_has(const struct fake *fake, const char *line)
{
	char text[512];
	const char *end = strstr(fake->out.data, "\r\n\r\n");
	const char *found;

	(void)snprintf(text, sizeof(text), "\r\n%s\r\n", line);
	found = strstr(fake->out.data, text);
	return found != NULL && found <= end;
}

/* Is there any header of this name ("Retry-After")? */
static inline bool fake_has_name(const struct fake *fake, const char *name)
{
	char text[128];
	const char *end = strstr(fake->out.data, "\r\n\r\n");
	const char *found;

	(void)snprintf(text, sizeof(text), "\r\n%s: ", name);
	found = strstr(fake->out.data, text);
	return found != NULL && found < end;
}

static inline const char *fake_answer(const struct fake *fake)
{
	return strstr(fake->out.data, "\r\n\r\n") + 4;
}

static inline bool fake_has_code(const struct fake *fake, const char *code)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "\"code\":\"%s\"}", code);
	return strstr(fake_answer(fake), text) != NULL;
}

/* ---- the world around it ---- */

struct fake_world {
	struct wp_conf conf;
	struct wp_auth *auth;
	struct wp_apikey_file *apikeys;
	struct wp_shared shared;
	struct wp_ctx ctx;
};

static char fake_secret[] = "0123456789abcdef0123456789abcdef";
static char fake_nowhere[] = "unix:/nonexistent/redis.sock";
static char fake_origin[] = "https://app.example";
static char fake_sub[] = "sub";
static char fake_empty[] = "";
static char fake_sqlite[] = "sqlite";
static char fake_db[] = "/nonexistent/waypost.db";
static char *fake_origins[] = { fake_origin, NULL };
static char fake_no_send[] = "send=off", fake_no_pull[] = "pull=off";
static char fake_no_ack[] = "ack=off", fake_no_presence[] = "presence=off";
static char fake_no_ticket[] = "ticket=off", fake_no_failed[] = "failed=off";
static char *fake_no_limits[] = { fake_no_send,   fake_no_pull,
				  fake_no_ack,    fake_no_presence,
				  fake_no_ticket, fake_no_failed };
static char *fake_claims[] = { fake_sub, NULL };

static inline void fake_conf(struct wp_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->log.slow_ms = 600000;
	conf->redis.address = fake_nowhere;
	conf->redis.username = fake_empty;
	conf->redis.password = fake_empty;
	conf->redis.connect_timeout_ms = 100;
	conf->redis.command_timeout_ms = 100;
	conf->redis.memory_high_percent = 80;
	conf->handlers.metrics_listen = fake_empty;
	conf->mailbox.partitions = 8;
	conf->mailbox.max_envelope_bytes = 2048;
	conf->mailbox.ingress_high_mark = 100;
	conf->mailbox.max_waiting = 100;
	conf->mailbox.max_waiting_bytes = 100 * 2048;
	conf->mailbox.max_expiry_seconds = 1000;
	conf->mailbox.idempotency_hours = 24;
	conf->auth.jwt_secret = fake_secret;
	conf->auth.jwt_secret_previous = fake_empty;
	conf->auth.store_secret = fake_secret;
	conf->auth.identity_claims.items = fake_claims;
	conf->auth.identity_claims.n = 1;
	conf->auth.issuer = fake_empty;
	conf->auth.audience = fake_empty;
	conf->auth.leeway_seconds = 30;
	conf->auth.max_token_bytes = 8192;
	conf->auth.api_keys_file = fake_empty;
	conf->cors.allowed_origins.items = fake_origins;
	conf->cors.allowed_origins.n = 1;
	conf->cors.allow_credentials = true;
	conf->cors.max_age_seconds = 600;
	conf->limits.rates.items = fake_no_limits;
	conf->limits.rates.n =
		sizeof(fake_no_limits) / sizeof(fake_no_limits[0]);
	conf->handlers.max_batch_bytes = 8192;
	conf->store.backend = fake_sqlite;
	conf->store.sqlite_path = fake_db;
	conf->store.busy_timeout_ms = 100;
}

/* All but ctx: what there is before a fork. */
static inline bool fake_world_begin(struct fake_world *world)
{
	fake_conf(&world->conf);
	world->ctx = (struct wp_ctx){ 0 };
	world->auth = NULL;
	world->apikeys = NULL;
	if (wp_auth_new(&world->auth, &world->conf, NULL) != WP_OK ||
	    wp_apikey_file_new(&world->apikeys, "", NULL) != WP_OK)
		return false;
	wp_shared_init(&world->shared, &world->conf, world->auth,
		       world->apikeys, NULL);
	return true;
}

enum { FAKE_TRUST_MS = 3600000 };

/* There is no Redis to read from what was revoked: nothing was. */
static inline bool fake_ctx_init(struct wp_ctx *ctx, struct wp_shared *shared)
{
	if (wp_ctx_init(ctx, shared, NULL) != WP_OK)
		return false;
	wp_revocations_trust(ctx->revocations, wp_mono_ms() + FAKE_TRUST_MS);
	return true;
}

static inline bool fake_world_init(struct fake_world *world)
{
	return fake_world_begin(world) &&
	       fake_ctx_init(&world->ctx, &world->shared);
}

static inline void fake_world_release(struct fake_world *world)
{
	wp_ctx_release(&world->ctx);
	wp_apikey_file_free(&world->apikeys);
	wp_auth_free(&world->auth);
}

static inline void fake_serve(struct wp_ctx *ctx, struct wp_io *io)
{
	if (!wp_serve(ctx, io))
		abort();
}

/* Append a token of alice, good for an hour. */
static inline void fake_add_token(struct wp_buf *out)
{
	static const char header[] = "{\"alg\":\"HS256\"}";
	uint8_t mac[WP_SHA256_LEN];
	char payload[128], text[256];
	size_t start = out->len;
	int len;

	wp_buf_add(out, text,
		   wp_base64url_encode(header, sizeof(header) - 1, text));
	len = snprintf(payload, sizeof(payload),
		       "{\"sub\":\"alice\",\"exp\":%lld}",
		       (long long)(wp_wall_ms() / 1000 + 3600));
	wp_buf_add_char(out, '.');
	wp_buf_add(out, text, wp_base64url_encode(payload, (size_t)len, text));
	wp_hmac_sha256(fake_secret, strlen(fake_secret), out->data + start,
		       out->len - start, mac);
	wp_buf_add_char(out, '.');
	wp_buf_add(out, text, wp_base64url_encode(mac, sizeof(mac), text));
}

static inline void fake_login(struct fake *fake)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "HTTP_AUTHORIZATION=Bearer ");
	fake_add_token(&text);
	fake_param(fake, text.data);
	wp_buf_release(&text);
}

#endif /* WP_TESTS_UNIT_HANDLERS_FAKE_H */
