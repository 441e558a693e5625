/*
 * handle_health.c - GET /healthz and /readyz: for load balancers and
 * monitoring, without a token.
 *
 * Healthy means that this process answers. Ready means that a send would be
 * accepted and a pull answered: a Redis that takes writes, the cold store, and
 * a worker that has opened the gates of the partitions since Redis was started
 * (docs/architecture.md "After Redis lost its memory"). It is found out at most
 * once a second and process: on_writes(), on_store() and on_gate() are the
 * steps of a look, each of which begins the next one or ends it.
 */
#include "handlers/request/call.h"

#include "lib/base/clock.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/msgid.h"
#include "lib/redis/info.h"

bool wp_handle_healthz(struct wp_call *call)
{
	wp_resp_text(&call->resp, 200, "OK");
	return true;
}

static bool respond(struct wp_call *call, const struct wp_error *verdict)
{
	if (verdict->code == WP_OK)
		wp_resp_text(&call->resp, 200, "READY");
	else
		wp_resp_error(&call->resp, 503, "not_ready", verdict->msg);
	return true;
}

/* The look is over. */
static bool conclude(struct wp_call *call, const struct wp_error *verdict)
{
	struct wp_ready *ready = &call->ctx->ready;
	struct wp_call *asker;

	wp_ready_note(ready, wp_mono_ms(), verdict);
	while ((asker = ready->askers) != NULL) {
		ready->askers = asker->next;
		ready->n_askers--;
		respond(asker, verdict);
		wp_call_end(asker);
	}
	return respond(call, verdict);
}

static bool conclude_bad(struct wp_call *call, const char *sentence)
{
	struct wp_error verdict;

	(void)wp_error_set(&verdict, WP_ERR_UNAVAIL, "%s", sentence);
	return conclude(call, &verdict);
}

/* What exactly is wrong is in the log; others than we may read the answer. */
static bool fail(struct wp_call *call, const char *sentence, const char *why)
{
	wp_ctx_log_failure(call->ctx, "readyz", why);
	return conclude_bad(call, sentence);
}

/* ---- the gates ---- */

static const char lost[] = "the connection to Redis was lost";

static void on_gate(void *ctx, const struct wp_reply *reply);

static bool ask_gates(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	enum wp_err rc = WP_OK;
	uint32_t i = 0;

	while (rc == WP_OK &&
	       wp_gate_watch_ask(&ctx->ready.gates, i, &ctx->cmd)) {
		rc = wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd,
				   on_gate, call);
		i += rc == WP_OK;
	}
	if (i == 0)
		return fail(call, "Redis does not answer", lost);
	/* A slice that was cut short is a shorter one. */
	ctx->ready.gates.len = i;
	return false;
}

static bool take_gate(struct wp_call *call, const struct wp_reply *reply)
{
	struct wp_error verdict;

	switch (wp_gate_watch_told(&call->ctx->ready.gates, reply, &verdict)) {
	case WP_GATES_WAIT:
		return false;
	case WP_GATES_ASK:
		return ask_gates(call);
	default:
		return reply == NULL ? fail(call, "Redis does not answer", lost)
				     : conclude(call, &verdict);
	}
}

static void on_gate(void *ctx, const struct wp_reply *reply)
{
	if (take_gate(ctx, reply))
		wp_call_end(ctx);
}

/* ---- the cold store ---- */

/* On a thread of the store. */
static enum wp_err look_at_store(struct wp_call *call, struct wp_store *store,
				 struct wp_error *err)
{
	struct wp_entry_id top;

	(void)call;
	return wp_store_top(store, 0, &top, err);
}

static bool begin_gates(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return conclude_bad(call, "Redis cannot be used");
	wp_gate_watch_begin(&ctx->ready.gates,
			    wp_backend_run_id(ctx->backend, WP_LINE_SHORT),
			    (uint32_t)ctx->conf->mailbox.partitions);
	return ask_gates(call);
}

static bool on_store(struct wp_call *call, enum wp_err result)
{
	if (result != WP_OK)
		return conclude_bad(call, "the cold store does not answer");
	return wp_call_redis(call, WP_LINE_SHORT, begin_gates);
}

/* ---- Redis ---- */

static bool take_writes(struct wp_call *call, const struct wp_reply *reply)
{
	struct wp_error err;

	if (wp_reply_is(reply, "ok"))
		return wp_call_store(call, look_at_store, on_store);
	(void)wp_error_set(&err, WP_ERR_UNAVAIL, "Redis says %.120s",
			   wp_reply_str(reply));
	return fail(call, "Redis takes no messages",
		    reply == NULL ? lost : err.msg);
}

static void on_writes(void *ctx, const struct wp_reply *reply)
{
	if (take_writes(ctx, reply))
		wp_call_end(ctx);
}

/* Would a send be taken? */
static bool ask_writes(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;

	if (!is_up)
		return conclude_bad(call, "Redis cannot be used");
	if (wp_memory_is_high(ctx->conf,
			      wp_backend_memory_percent(ctx->backend)))
		return conclude_bad(call, "Redis is at its memory mark and "
					  "takes no messages");
	wp_cmd_script_key(&ctx->cmd, WP_SCRIPT_READY, "wp:meta");
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_writes,
			  call) != WP_OK)
		return fail(call, "Redis takes no messages", lost);
	return false;
}

bool wp_handle_readyz(struct wp_call *call)
{
	struct wp_ready *ready = &call->ctx->ready;
	struct wp_error verdict = { 0 };
	struct wp_auth *auth = call->ctx->shared->auth;
	uint64_t now_ms = wp_mono_ms();

	wp_auth_look(auth, now_ms);
	if (!wp_auth_has_keys(auth)) {
		(void)wp_error_set(&verdict, WP_ERR_UNAVAIL,
				   "no key that verifies tokens is known");
		return respond(call, &verdict);
	}
	switch (wp_ready_ask(ready, now_ms, &verdict)) {
	case WP_READY_LOOK:
		wp_ready_begin(ready, now_ms);
		return wp_call_redis(call, WP_LINE_SHORT, ask_writes);
	case WP_READY_WAIT:
		call->next = ready->askers;
		ready->askers = call;
		ready->n_askers++;
		return false;
	default:
		return respond(call, &verdict);
	}
}
