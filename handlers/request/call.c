/*
 * call.c - what several handlers do alike: wait without waiting, and read a
 * body.
 *
 * Knows the traps of a body: two types, and a length that may be missing,
 * nonsense or a lie.
 */
#include "handlers/request/call.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/json.h"

#include "handlers/request/metrics.h"

enum {
	ARENA_MAX_BYTES = 1024 * 1024,
	KEEP_BYTES = 128 * 1024, /* of a buffer between two requests */
};

/* ---- a call, from its beginning to its end ---- */

struct wp_call *wp_call_new(struct wp_ctx *ctx)
{
	struct wp_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->ctx = ctx;
	wp_arena_init(&call->arena, ARENA_MAX_BYTES);
	wp_buf_init(&call->body, 0);
	wp_buf_init(&call->scratch, 0);
	wp_resp_init(&call->resp);
	return call;
}

static void forget_state(struct wp_call *call)
{
	if (call->wipe != NULL)
		call->wipe(call->state);
	call->wipe = NULL;
	call->state = NULL;
}

void wp_call_free(struct wp_call **call)
{
	if (*call == NULL)
		return;
	forget_state(*call);
	wp_resp_release(&(*call)->resp);
	wp_buf_release(&(*call)->scratch);
	wp_buf_release(&(*call)->body);
	wp_arena_release(&(*call)->arena);
	free(*call);
	*call = NULL;
}

/* What is in it, and what ceiling a handler gave it. */
static void forget(struct wp_buf *buf)
{
	if (buf->cap > KEEP_BYTES)
		wp_buf_release(buf);
	wp_buf_clear(buf);
	buf->max_bytes = SIZE_MAX;
	buf->is_secret = false;
}

void wp_call_be_secret(struct wp_call *call)
{
	call->arena.is_secret = true;
	call->body.is_secret = true;
	call->scratch.is_secret = true;
	wp_resp_set_secret(&call->resp, true);
}

void wp_call_reset(struct wp_call *call)
{
	forget_state(call);
	wp_arena_reset(&call->arena);
	call->arena.is_secret = false;
	forget(&call->body);
	forget(&call->scratch);
	wp_resp_clear(&call->resp);
	wp_resp_set_secret(&call->resp, false);
	call->caller = (struct wp_identity){ 0 };
	call->endpoint = NULL;
	call->must_judge = false;
	call->is_counted = false;
	call->is_waiting = false;
	call->is_over = false;
}

void wp_call_end(struct wp_call *call)
{
	assert(!call->is_over);
	call->is_over = true;
	call->on_end(call);
}

static bool go_on(struct wp_call *call, bool is_up)
{
	if (!is_up)
		wp_ctx_log_failure(
			call->ctx, "connect",
			wp_backend_why(call->ctx->backend, call->line));
	return call->on_redis(call, is_up);
}

static void on_go(struct wp_backend_guest *guest, bool is_up)
{
	struct wp_call *call =
		(struct wp_call *)((char *)guest -
				   offsetof(struct wp_call, guest));

	if (go_on(call, is_up))
		wp_call_end(call);
}

static bool enter(struct wp_call *call, bool is_let_in)
{
	if (!is_let_in)
		return call->on_redis(call, false);
	call->guest.go = on_go;
	switch (wp_backend_enter(call->ctx->backend, call->line,
				 &call->guest)) {
	case WP_BACKEND_UP:
		return go_on(call, true);
	case WP_BACKEND_WAIT:
		return false;
	default:
		return go_on(call, false);
	}
}

void wp_call_revoked(struct wp_call *call)
{
	wp_metric_add(call->ctx->shared->metrics,
		      WP_H_AUTH_REFUSED + WP_REFUSED_REVOKED, 1);
	wp_resp_clear(&call->resp);
	wp_resp_error(&call->resp, 401, "token_revoked",
		      "the session has ended; log in again");
	call->resp.reason = wp_refused_name(WP_REFUSED_REVOKED);
}

/* It is known by now, or cannot be; then the handler lets go of what it has. */
static bool go_on_judged(struct wp_call *call, enum wp_judgement judgement)
{
	call->must_judge = false;
	if (!call->on_judged(call, judgement == WP_TOKEN_GOOD))
		return false;
	if (judgement == WP_TOKEN_REVOKED)
		wp_call_revoked(call);
	return true;
}

static void on_judged(struct wp_judged *judged, enum wp_judgement judgement)
{
	struct wp_call *call =
		(struct wp_call *)((char *)judged -
				   offsetof(struct wp_call, judged));

	if (go_on_judged(call, judgement))
		wp_call_end(call);
}

/* Go on, after the caller was judged if that is due. */
static bool pass(struct wp_call *call,
		 bool (*step)(struct wp_call *call, bool is_let_in))
{
	enum wp_judgement judgement;

	if (!call->must_judge)
		return step(call, true);
	call->on_judged = step;
	call->judged = (struct wp_judged){
		.who = &call->caller,
		.came_us = call->start_us,
		.go = on_judged,
	};
	judgement = wp_revocations_judge(call->ctx->revocations, &call->judged);
	return judgement == WP_TOKEN_LATER ? false
					   : go_on_judged(call, judgement);
}

bool wp_call_redis(struct wp_call *call, enum wp_line line,
		   bool (*step)(struct wp_call *call, bool is_up))
{
	call->line = line;
	call->on_redis = step;
	return pass(call, enter);
}

static struct wp_call *call_of(struct wp_store_job *job)
{
	return (struct wp_call *)((char *)job - offsetof(struct wp_call, job));
}

static enum wp_err run_job(struct wp_store_job *job, struct wp_store *store,
			   struct wp_error *err)
{
	struct wp_call *call = call_of(job);

	return call->in_store(call, store, err);
}

static void on_job(struct wp_store_job *job, enum wp_err result)
{
	struct wp_call *call = call_of(job);

	if (call->on_store(call, result))
		wp_call_end(call);
}

/* Tells users apart, more or less (FNV-1a). */
static uint32_t hash_of(const struct wp_urn *user)
{
	uint32_t hash = 2166136261;

	for (const char *c = user->text; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619;
	return hash;
}

static bool go_to_store(struct wp_call *call, bool is_let_in)
{
	enum wp_err rc = WP_ERR_UNAVAIL;

	if (is_let_in)
		rc = wp_store_thread_submit(call->ctx->store, &call->job);
	return rc == WP_OK ? false : call->on_store(call, rc);
}

bool wp_call_store_of(struct wp_call *call, const struct wp_urn *who,
		      enum wp_err (*run)(struct wp_call *call,
					 struct wp_store *store,
					 struct wp_error *err),
		      bool (*step)(struct wp_call *call, enum wp_err result))
{
	call->in_store = run;
	call->on_store = step;
	call->job = (struct wp_store_job){
		.user_hash = hash_of(who),
		.run = run_job,
		.done = on_job,
	};
	return pass(call, go_to_store);
}

bool wp_call_store(struct wp_call *call,
		   enum wp_err (*run)(struct wp_call *call,
				      struct wp_store *store,
				      struct wp_error *err),
		   bool (*step)(struct wp_call *call, enum wp_err result))
{
	return wp_call_store_of(call, &call->caller.user, run, step);
}

static struct wp_call *call_at_desk(struct wp_desk_job *job)
{
	return (struct wp_call *)((char *)job -
				  offsetof(struct wp_call, desk_job));
}

static enum wp_err run_at_desk(struct wp_desk_job *job,
			       struct wp_accounts *accounts,
			       struct wp_error *err)
{
	struct wp_call *call = call_at_desk(job);

	return call->at_desk(call, accounts, err);
}

static void on_desk(struct wp_desk_job *job, enum wp_err result)
{
	struct wp_call *call = call_at_desk(job);

	if (job->hashes && job->took_us > 0)
		wp_metric_observe_us(call->ctx->shared->metrics,
				     WP_H_HASH_SECONDS, job->took_us);
	if (call->on_desk(call, result))
		wp_call_end(call);
}

static bool go_to_desk(struct wp_call *call, bool is_let_in)
{
	enum wp_err rc = WP_ERR_UNAVAIL;

	if (is_let_in)
		rc = wp_account_desk_submit(call->ctx->desk, &call->desk_job);
	return rc == WP_OK ? false : call->on_desk(call, rc);
}

bool wp_call_desk(struct wp_call *call, const struct wp_call_work *work)
{
	call->at_desk = work->run;
	call->on_desk = work->step;
	call->desk_job = (struct wp_desk_job){
		.user_hash = hash_of(work->who),
		.hashes = work->hashes,
		.run = run_at_desk,
		.done = on_desk,
	};
	return pass(call, go_to_desk);
}

/* ---- a body ---- */

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* Is text, quoted or not, the word UTF-8? */
static bool is_utf8_name(const char *text)
{
	static const char *const names[] = { "utf-8", "utf8" };
	size_t len;

	if (text[0] == '"')
		text++;
	len = strcspn(text, "\";, \t");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (len == strlen(names[i]) &&
		    strncasecmp(text, names[i], len) == 0)
			return true;
	return false;
}

/* Behind a parameter: at what ends it, outside of quotes. */
static const char *skip_param(const char *text)
{
	bool is_quoted = false;

	for (; *text != '\0' && (is_quoted || strchr(";,", *text) == NULL);
	     text++)
		if (*text == '"')
			is_quoted = !is_quoted;
	return text;
}

/* Is the list nothing but this type again, with commas between? A later nginx
 * joins what the client said twice. */
static bool is_repeated(const char *list, const char *type, size_t len)
{
	while (*list == ',') {
		list = skip_blanks(list + 1);
		if (strncmp(list, type, len) != 0)
			return false;
		list = skip_blanks(list + len);
	}
	return *list == '\0';
}

/*
 * Is the body said to be of a media type? In any case, parameters allowed, but
 * no charset other than UTF-8 (RFC 9110 section 8.3).
 */
static bool is_of_type(const struct wp_req *req, const char *wanted)
{
	static const char charset[] = "charset=";
	const char *type = wp_req_param(req, "CONTENT_TYPE", NULL);
	const char *first;

	if (type == NULL)
		return false;
	first = skip_blanks(type);
	if (strncasecmp(first, wanted, strlen(wanted)) != 0)
		return false;
	type = skip_blanks(first + strlen(wanted));
	while (*type == ';') {
		type = skip_blanks(type + 1);
		if (strncasecmp(type, charset, sizeof(charset) - 1) == 0 &&
		    !is_utf8_name(type + sizeof(charset) - 1))
			return false;
		type = skip_param(type);
	}
	return is_repeated(type, first, (size_t)(type - first));
}

/*
 * Does the body have two types? nginx before 1.23 tells us the first, and each
 * as the client wrote it; a later one joins them, which is of no type that is
 * wanted; lighttpd refuses the request by itself.
 */
static bool has_two_types(const struct wp_req *req)
{
	static const char name[] = "HTTP_CONTENT_TYPE=";
	const char *first = NULL;

	for (const char *const *param = req->io->params; *param != NULL;
	     param++) {
		if (strncmp(*param, name, sizeof(name) - 1) != 0)
			continue;
		if (first != NULL && strcmp(first, *param) != 0)
			return true;
		first = *param;
	}
	return false;
}

/* Digits only; a number that is too large for *out is the largest one. */
static bool parse_length(const char *text, size_t *out)
{
	size_t value = 0;

	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		size_t digit = (size_t)(*text - '0');

		if (*text < '0' || *text > '9')
			return false;
		value = value > (SIZE_MAX - digit) / 10 ? SIZE_MAX
							: value * 10 + digit;
	}
	*out = value;
	return true;
}

/*
 * Read the whole body into body, which is cleared first.
 *
 * Errors:  WP_ERR_INVAL  no usable Content-Length, or fewer bytes than it says
 *          WP_ERR_FULL   more than max_bytes; nothing was read
 *          WP_ERR_NOMEM
 */
static enum wp_err read_body(const struct wp_req *req, size_t max_bytes,
			     struct wp_buf *body, struct wp_error *err)
{
	size_t wanted = 0, count;
	const char *text = wp_req_param(req, "CONTENT_LENGTH", &count);
	char *room;

	wp_buf_clear(body);
	if (count > 1 || !parse_length(text, &wanted))
		return wp_error_set(err, WP_ERR_INVAL,
				    "Content-Length is missing or no number");
	if (wanted > max_bytes)
		return wp_error_set(err, WP_ERR_FULL,
				    "the body has more than %zu bytes",
				    max_bytes);
	room = wp_buf_reserve(body, wanted);
	if (room == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	while (body->len < wanted) {
		ssize_t n = req->io->ops->read(req->io, body->data + body->len,
					       wanted - body->len);

		if (n <= 0)
			return wp_error_set(err, WP_ERR_INVAL,
					    "the body is shorter than its "
					    "Content-Length");
		body->len += (size_t)n;
	}
	body->data[body->len] = '\0';
	return WP_OK;
}

static bool read_typed(struct wp_call *call, const char *type, size_t max_bytes)
{
	struct wp_error err;

	if (has_two_types(&call->req)) {
		wp_resp_error(&call->resp, 400, "bad_request",
			      "the Content-Type header is given twice");
		return false;
	}
	if (!is_of_type(&call->req, type)) {
		(void)wp_error_set(&err, WP_ERR_INVAL,
				   "the body must be sent as Content-Type: "
				   "%s, in UTF-8",
				   type);
		wp_resp_error(&call->resp, 415, "unsupported_media_type",
			      err.msg);
		return false;
	}
	switch (read_body(&call->req, max_bytes, &call->body, &err)) {
	case WP_OK:
		return true;
	case WP_ERR_FULL:
		wp_resp_error(&call->resp, 413, "payload_too_large", err.msg);
		return false;
	case WP_ERR_INVAL:
		wp_resp_error(&call->resp, 400, "bad_request", err.msg);
		return false;
	default:
		wp_resp_internal(&call->resp);
		return false;
	}
}

bool wp_call_read_json(struct wp_call *call, size_t max_bytes)
{
	return read_typed(call, "application/json", max_bytes);
}

bool wp_call_read_form(struct wp_call *call, size_t max_bytes)
{
	return read_typed(call, "application/x-www-form-urlencoded", max_bytes);
}

size_t wp_call_body_max(const struct wp_conf *conf)
{
	size_t max = WP_ACK_BODY_MAX;

	if ((size_t)conf->mailbox.max_envelope_bytes > max)
		max = (size_t)conf->mailbox.max_envelope_bytes;
	if ((size_t)conf->handlers.max_batch_bytes > max)
		max = (size_t)conf->handlers.max_batch_bytes;
	return max;
}

void wp_call_bad_body(struct wp_call *call, const char *code,
		      const char *sentence)
{
	const struct wp_buf *body = &call->body;

	wp_resp_error(&call->resp, 400,
		      wp_json_is_valid(body->data, body->len) ? code
							      : "invalid_json",
		      sentence);
}

void wp_group(const uint32_t *partitions, size_t n, size_t *order)
{
	assert(n <= WP_GROUP_MAX);
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		while (at > 0 && partitions[order[at - 1]] > partitions[i]) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
}

size_t wp_group_len(const uint32_t *partitions, const size_t *order,
		    size_t start, size_t n)
{
	size_t end = start + 1;

	while (end < n && partitions[order[end]] == partitions[order[start]])
		end++;
	return end - start;
}
