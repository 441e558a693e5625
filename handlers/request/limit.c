/*
 * limit.c - who is charged for what, and what is told of it.
 */
#include "handlers/request/limit.h"

#include <assert.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/live/limiter.h"

/* Answers that cost work and got the caller nothing. */
static bool is_failed(unsigned int status)
{
	return status == 400 || status == 401 || status == 404 ||
	       status == 405 || status == 415;
}

/*
 * Loopback is not limited: a web server behind a proxy that it was not told of
 * says that everybody comes from there, and that is to limit nobody.
 */
bool wp_limit_from(const struct wp_call *call, struct wp_address *out)
{
	return wp_address_read(out,
			       wp_req_param(&call->req, "REMOTE_ADDR", NULL)) &&
	       !out->is_loopback;
}

static void watch(struct wp_call *call, const struct wp_address *address)
{
	struct wp_ctx *ctx = call->ctx;

	if (ctx->conf->run_mode == WP_RUN_PRODUCTION &&
	    wp_alike_note(&ctx->alike, address, wp_mono_ms()))
		wp_log(&ctx->log, WP_LOG_WARN,
		       "all clients look like one: the web server names a "
		       "proxy instead of them, and must be told of it",
		       wp_int("requests", ctx->alike.n));
}

bool wp_limit_begin(struct wp_call *call)
{
	struct wp_ledger_verdict verdict;
	struct wp_address address;
	struct wp_limit_who who;

	if (!wp_limit_from(call, &address))
		return true;
	watch(call, &address);
	who = (struct wp_limit_who){ .name = address.bytes,
				     .len = address.len };
	wp_limiter_look(call->ctx->limiter, WP_LIMIT_FAILED, &who, &verdict);
	if (verdict.is_refused)
		wp_resp_limited(&call->resp, verdict.wait_ns);
	return !verdict.is_refused;
}

void wp_limit_end(struct wp_call *call)
{
	struct wp_ledger_verdict verdict;
	struct wp_address address;
	struct wp_limit_who who;

	if (!is_failed(call->resp.status) || !wp_limit_from(call, &address))
		return;
	who = (struct wp_limit_who){ .name = address.bytes,
				     .len = address.len };
	wp_limiter_owe(call->ctx->limiter, WP_LIMIT_FAILED, &who, 1, &verdict);
}

static void tell(struct wp_call *call, const struct wp_ledger_verdict *verdict)
{
	const struct wp_limit_rate *rate =
		wp_limiter_rate(call->ctx->limiter, call->limit);

	if (rate->unit_ns == 0)
		return;
	call->resp.rate = (struct wp_resp_rate){
		.name = wp_limit_name(call->limit),
		.burst = rate->burst,
		.window_s = wp_limit_window_s(rate),
		.left = verdict->left,
		.full_ns = verdict->full_ns,
	};
}

/*
 * In which partition an address is kept: any will do that is always the same
 * (FNV-1a).
 */
static uint32_t partition_of(const struct wp_call *call,
			     const struct wp_address *address)
{
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < address->len; i++)
		hash = (hash ^ address->bytes[i]) * 16777619;
	return hash % (uint32_t)call->ctx->conf->mailbox.partitions;
}

bool wp_limit_address(struct wp_call *call, enum wp_limit_class class)
{
	struct wp_ledger_verdict verdict;
	struct wp_address address;
	struct wp_limit_who who;

	call->limit = class;
	if (!wp_limit_from(call, &address))
		return true;
	who = (struct wp_limit_who){ .name = address.bytes,
				     .len = address.len };
	wp_limiter_look(call->ctx->limiter, class, &who, &verdict);
	if (verdict.is_refused)
		wp_resp_limited(&call->resp, verdict.wait_ns);
	return !verdict.is_refused;
}

void wp_limit_charge(struct wp_call *call, enum wp_limit_class class)
{
	struct wp_ledger_verdict verdict;
	struct wp_address address;
	struct wp_limit_who who;

	if (call->limit != class || !wp_limit_from(call, &address))
		return;
	who = (struct wp_limit_who){ .name = address.bytes,
				     .len = address.len,
				     .partition =
					     partition_of(call, &address) };
	wp_limiter_owe(call->ctx->limiter, class, &who, 1, &verdict);
}

static struct wp_limit_who whose(const struct wp_box *box)
{
	return (struct wp_limit_who){ .name = box->text,
				      .len = box->len,
				      .partition = box->partition };
}

static struct wp_limit_who identify(const struct wp_call *call,
				    struct wp_box *box)
{
	wp_box_of(box, &call->caller.user,
		  (uint32_t)call->ctx->conf->mailbox.partitions);
	return whose(box);
}

static bool take(struct wp_call *call, enum wp_limit_class class,
		 const struct wp_limit_who *who)
{
	struct wp_ledger_verdict verdict;

	assert(class != WP_LIMIT_NONE); /* whoever is known has one */
	call->limit = class;
	wp_limiter_take(call->ctx->limiter, class, who, 1, &verdict);
	tell(call, &verdict);
	if (verdict.is_refused)
		wp_resp_limited(&call->resp, verdict.wait_ns);
	return !verdict.is_refused;
}

bool wp_limit_caller(struct wp_call *call, enum wp_limit_class class)
{
	struct wp_box box;
	const struct wp_limit_who who = identify(call, &box);

	return take(call, class, &who);
}

bool wp_limit_user(struct wp_call *call, enum wp_limit_class class,
		   const struct wp_box *user)
{
	const struct wp_limit_who who = whose(user);

	return take(call, class, &who);
}

bool wp_limit_session(struct wp_call *call, enum wp_limit_class class,
		      uint32_t partition, const char *id)
{
	const struct wp_limit_who who = { .name = id,
					  .len = strlen(id),
					  .partition = partition };

	return take(call, class, &who);
}

void wp_limit_batch(struct wp_call *call, size_t n)
{
	struct wp_ledger_verdict verdict;
	struct wp_box box;
	const struct wp_limit_who who = identify(call, &box);

	if (n <= 1)
		return;
	wp_limiter_owe(call->ctx->limiter, call->limit, &who, (int64_t)n - 1,
		       &verdict);
	tell(call, &verdict);
}
