/*
 * gather.c - who waits, what goes into the next call, and handing out what came
 * of it.
 *
 * Knows nothing about what is in a send but its partition and its length. The
 * call is made when the loop is about to wait, behind all that its turn
 * brought; answers only make room for it.
 */
#include "lib/live/gather.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include <ev.h>

#include "lib/base/clock.h"

/* Sends of one caller to one partition. */
struct part {
	struct wp_sends *sends;
	size_t at;
	size_t n;
};

struct call {
	struct wp_gather *gather;
	bool is_under_way;
	size_t n_parts;
	size_t n; /* sends */
	size_t bytes;
	struct part parts[WP_GATHER_CALL_MAX]; /* by partition */
	const struct wp_submission *list[WP_GATHER_CALL_MAX];
};

struct wp_gather {
	struct ev_loop *loop; /* borrowed */
	struct wp_gather_hooks hooks;
	struct wp_cmd cmd;
	/* Who waits, first in, first out. */
	struct wp_sends *first;
	struct wp_sends **last;
	size_t n_waiting; /* sends */
	size_t bytes_waiting;
	bool is_down; /* nobody may come in */
	ev_prepare prepare;
	struct call calls[WP_GATHER_CALLS];
};

/* ---- who waits ---- */

static void add_last(struct wp_gather *gather, struct wp_sends *sends)
{
	sends->next = NULL;
	*gather->last = sends;
	gather->last = &sends->next;
}

static struct wp_sends *take_first(struct wp_gather *gather)
{
	struct wp_sends *sends = gather->first;

	gather->first = sends->next;
	if (gather->first == NULL)
		gather->last = &gather->first;
	return sends;
}

static void put_first(struct wp_gather *gather, struct wp_sends *sends)
{
	sends->next = gather->first;
	if (gather->first == NULL)
		gather->last = &sends->next;
	gather->first = sends;
}

/* Of sends from..to-1. */
static size_t bytes_of(const struct wp_sends *sends, size_t from, size_t to)
{
	size_t bytes = 0;

	for (size_t i = from; i < to; i++)
		bytes += sends->list[i]->json_len;
	return bytes;
}

/* Those up to this one wait no more. */
static void pass(struct wp_gather *gather, struct wp_sends *sends, size_t to)
{
	gather->n_waiting -= to - sends->at;
	gather->bytes_waiting -= bytes_of(sends, sends->at, to);
	sends->at = to;
}

/* It may be gone afterwards. */
static void end_if_done(struct wp_sends *sends)
{
	if (sends->at == sends->n && sends->n_due == 0)
		sends->done(sends);
}

/* These were not sent; with a key they may be repeats of what was accepted. */
static void not_sent(const struct wp_sends *sends, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		sends->results[i] = (struct wp_send_result){
			.status = sends->list[i]->has_key ? WP_SEND_UNKNOWN
							  : WP_SEND_OVERLOADED,
		};
}

/* What is left of these. They are in no list, and may be gone afterwards. */
static void turn_away(struct wp_gather *gather, struct wp_sends *sends)
{
	not_sent(sends, sends->at, sends->n);
	pass(gather, sends, sends->n);
	end_if_done(sends);
}

/* Nobody may come in meanwhile. */
static void turn_all_away(struct wp_gather *gather)
{
	assert(gather->is_down);
	while (gather->first != NULL)
		turn_away(gather, take_first(gather));
}

/* ---- what goes into a call ---- */

/* How many of those that wait, from the first on, share a partition? */
static size_t part_len(const struct wp_sends *sends)
{
	const struct wp_submission *const *list = sends->list + sends->at;
	size_t left = sends->n - sends->at;
	size_t n = 1;

	while (n < left && list[n]->envelope.recipient.partition ==
				   list[0]->envelope.recipient.partition)
		n++;
	return n;
}

static uint32_t partition_of(const struct part *part)
{
	return part->sends->list[part->at]->envelope.recipient.partition;
}

/* Behind all others of its partition. */
static void add_part(struct call *call, const struct part *part)
{
	size_t at = call->n_parts++;

	while (at > 0 &&
	       partition_of(&call->parts[at - 1]) > partition_of(part)) {
		call->parts[at] = call->parts[at - 1];
		at--;
	}
	call->parts[at] = *part;
}

/* Take the next part of these; false when it has no room. */
static bool take_part(struct call *call, struct wp_sends *sends)
{
	const struct part part = { .sends = sends,
				   .at = sends->at,
				   .n = part_len(sends) };
	size_t bytes = bytes_of(sends, part.at, part.at + part.n);

	if (call->n > 0 && (call->n + part.n > WP_GATHER_CALL_MAX ||
			    call->bytes + bytes > WP_GATHER_CALL_BYTES))
		return false;
	add_part(call, &part);
	call->n += part.n;
	call->bytes += bytes;
	pass(call->gather, sends, part.at + part.n);
	sends->n_due++;
	return true;
}

/* A turn of one caller; false when the call has no more room. */
static bool take_turn(struct call *call, struct wp_sends *sends)
{
	size_t n = call->n;
	bool has_room = true;

	while (has_room && sends->at < sends->n &&
	       call->n - n < WP_GATHER_TURN_MAX)
		has_room = take_part(call, sends);
	if (sends->at == sends->n)
		return has_room;
	/* Who found no room at all has not had its turn. */
	if (call->n == n)
		put_first(call->gather, sends);
	else
		add_last(call->gather, sends);
	return has_room;
}

static void fill(struct call *call, uint64_t patience_ms)
{
	struct wp_gather *gather = call->gather;
	uint64_t now_ms = wp_mono_ms();
	bool has_room = true;

	call->n_parts = 0;
	call->n = 0;
	call->bytes = 0;
	while (has_room && gather->first != NULL) {
		struct wp_sends *sends = take_first(gather);

		if (sends->since_ms + patience_ms < now_ms)
			turn_away(gather, sends);
		else
			has_room = take_turn(call, sends);
	}
}

/* ---- the call ---- */

/* Before any of its parts is told: who is told may free what is asked. */
static void parse(const struct call *call, const struct wp_reply *reply)
{
	struct wp_send_result results[WP_GATHER_CALL_MAX];
	size_t at = 0;

	wp_send_parse(reply, call->list, call->n, results);
	for (size_t i = 0; i < call->n_parts; i++) {
		const struct part *part = &call->parts[i];

		for (size_t k = 0; k < part->n; k++)
			part->sends->results[part->at + k] = results[at++];
	}
}

/* Its parts have results; who has all of his is told. */
static void tell(const struct call *call)
{
	for (size_t i = 0; i < call->n_parts; i++) {
		struct wp_sends *sends = call->parts[i].sends;

		sends->n_due--;
		end_if_done(sends);
	}
}

static void on_answer(void *ctx, const struct wp_reply *reply)
{
	struct call *call = ctx;
	struct wp_gather *gather = call->gather;

	parse(call, reply);
	call->is_under_way = false;
	if (reply == NULL)
		gather->hooks.lost(gather->hooks.ctx);
	tell(call);
	if (gather->first != NULL)
		ev_prepare_start(gather->loop, &gather->prepare);
}

/* This call could not set out, so no other could. */
static void fail(const struct call *call)
{
	struct wp_gather *gather = call->gather;

	for (size_t i = 0; i < call->n_parts; i++) {
		const struct part *part = &call->parts[i];

		not_sent(part->sends, part->at, part->at + part->n);
	}
	gather->is_down = true;
	tell(call);
	turn_all_away(gather);
	gather->is_down = false;
}

static bool set_out(struct call *call, const struct wp_send_target *target)
{
	struct wp_gather *gather = call->gather;
	size_t n = 0;

	for (size_t i = 0; i < call->n_parts; i++) {
		const struct part *part = &call->parts[i];

		for (size_t k = 0; k < part->n; k++)
			call->list[n++] = part->sends->list[part->at + k];
	}
	wp_send_build(&gather->cmd, target, call->list, call->n);
	call->is_under_way = gather->hooks.call(gather->hooks.ctx, &gather->cmd,
						on_answer, call) == WP_OK;
	return call->is_under_way;
}

static struct call *idle_call(struct wp_gather *gather)
{
	for (size_t i = 0; i < WP_GATHER_CALLS; i++)
		if (!gather->calls[i].is_under_way)
			return &gather->calls[i];
	return NULL;
}

static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct wp_gather *gather = prepare->data;
	struct wp_send_target target = { 0 };
	struct call *call;

	(void)events;
	ev_prepare_stop(loop, prepare);
	gather->hooks.target(gather->hooks.ctx, &target);
	while (gather->first != NULL && (call = idle_call(gather)) != NULL) {
		fill(call, (uint64_t)target.conf->redis.command_timeout_ms);
		if (call->n > 0 && !set_out(call, &target))
			fail(call);
	}
}

/* ---- for its users ---- */

enum wp_err wp_gather_new(struct wp_gather **out, struct ev_loop *loop,
			  const struct wp_gather_hooks *hooks,
			  struct wp_error *err)
{
	struct wp_gather *gather = calloc(1, sizeof(*gather));

	if (gather == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	gather->loop = loop;
	gather->hooks = *hooks;
	gather->last = &gather->first;
	wp_cmd_init(&gather->cmd);
	ev_prepare_init(&gather->prepare, on_prepare);
	gather->prepare.data = gather;
	for (size_t i = 0; i < WP_GATHER_CALLS; i++)
		gather->calls[i].gather = gather;
	*out = gather;
	return WP_OK;
}

void wp_gather_stop(struct wp_gather *gather)
{
	if (gather == NULL)
		return;
	gather->is_down = true;
	ev_prepare_stop(gather->loop, &gather->prepare);
	turn_all_away(gather);
}

void wp_gather_free(struct wp_gather **gather_ptr)
{
	struct wp_gather *gather = *gather_ptr;

	if (gather == NULL)
		return;
	for (size_t i = 0; i < WP_GATHER_CALLS; i++)
		assert(!gather->calls[i].is_under_way);
	wp_gather_stop(gather);
	wp_cmd_release(&gather->cmd);
	free(gather);
	*gather_ptr = NULL;
}

enum wp_err wp_gather_submit(struct wp_gather *gather, struct wp_sends *sends)
{
	size_t bytes = bytes_of(sends, 0, sends->n);

	assert(sends->n >= 1 && sends->n <= WP_GATHER_CALL_MAX);
	if (gather->is_down)
		return WP_ERR_UNAVAIL;
	if (sends->n > WP_GATHER_WAITING_MAX - gather->n_waiting ||
	    bytes > WP_GATHER_WAITING_BYTES - gather->bytes_waiting)
		return WP_ERR_FULL;
	sends->at = 0;
	sends->n_due = 0;
	sends->since_ms = wp_mono_ms();
	gather->n_waiting += sends->n;
	gather->bytes_waiting += bytes;
	add_last(gather, sends);
	if (idle_call(gather) != NULL)
		ev_prepare_start(gather->loop, &gather->prepare);
	return WP_OK;
}
