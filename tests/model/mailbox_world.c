/*
 * mailbox_world.c - what happens to a mailbox from outside: sends, presence,
 * time, and Redis that comes back as another one.
 */
#include "tests/model/mailbox.h"

#include "tests/model/mailbox_trace.h"

static bool breaks(const struct wp_model_fan *fan, enum wp_model_rule rule)
{
	return wp_model_is(fan->model, rule);
}

/* send.lua; refused while the gate is closed. The clock never helps: the next
 * free id is the lowest one that XADD would give. */
static void send_message(struct wp_model_fan *fan)
{
	const struct wp_model_state *from = fan->from;
	unsigned id = from->last;
	struct wp_model_state *state;

	if (__builtin_popcount(from->accepted) == fan->model->bounds.messages ||
	    !(from->gate || breaks(fan, WP_MODEL_SEND_CLOSED)))
		return;
	while (from->accepted >> id & 1)
		id++;
	state = wp_model_fork(fan);
	state->accepted |= (uint8_t)(1U << id);
	state->ingress |= (uint8_t)(1U << id);
	state->last = (uint8_t)(id + 1);
	wp_model_commit(fan, WP_MODEL_ACT_SEND, 0, (uint8_t)(1U << id),
			id < from->top ? UINT32_C(1) << WP_MODEL_S6 : 0);
}

/* Time passes, for one message; earlier ones do not expire first. */
static void expire(struct wp_model_fan *fan)
{
	const struct wp_model_state *from = fan->from;
	uint8_t stored = from->ingress | from->hot | from->cold;
	uint8_t open = wp_model_minus(stored & fan->model->bounds.expiring,
				      from->expired);

	for (; open; open = wp_model_minus(open, wp_model_lowest(open))) {
		struct wp_model_state *state = wp_model_fork(fan);

		state->expired |= wp_model_lowest(open);
		wp_model_commit(fan, WP_MODEL_ACT_EXPIRE, 0,
				wp_model_lowest(open), 0);
	}
}

/* sweep.lua: what has expired leaves hot, and the mark goes with the last. */
static void sweep_hot(struct wp_model_fan *fan)
{
	uint8_t swept = fan->from->hot & fan->from->expired;
	struct wp_model_state *state;

	if (!swept)
		return;
	state = wp_model_fork(fan);
	state->hot = wp_model_minus(state->hot, swept);
	if (!state->hot)
		state->mark = 0;
	wp_model_commit(fan, WP_MODEL_ACT_SWEEP_HOT, 0, swept, 0);
}

/*
 * Expired rows are swept (docs/architecture.md "Expiry"), without a look at the
 * hint.
 */
static void sweep(struct wp_model_fan *fan)
{
	const struct wp_model_state *from = fan->from;
	uint8_t swept = from->cold & from->expired;
	struct wp_model_state *state;

	if (from->is_sweeping) {
		state = wp_model_fork(fan);
		state->is_sweeping = 0;
		wp_model_clear_hint(state);
		wp_model_commit(fan, WP_MODEL_ACT_SWEEP_CLEAR, 0, 0, 0);
	}
	if (!swept)
		return;
	state = wp_model_fork(fan);
	state->cold = wp_model_minus(state->cold, swept);
	if (breaks(fan, WP_MODEL_SWEEP_CLEARS) && !state->cold)
		state->is_sweeping = 1;
	wp_model_commit(fan, WP_MODEL_ACT_SWEEP, 0, swept, 0);
}

/* connect.lua: the answer makes the daemon poke, if anything may wait. */
static void connect_client(struct wp_model_fan *fan)
{
	const struct wp_model_state *from = fan->from;
	struct wp_model_state *state = wp_model_fork(fan);
	uint8_t hot = from->hot;
	bool is_unknown = !from->gate && !breaks(fan, WP_MODEL_CONNECT_CLOSED);
	bool may_be_cold = (from->hint || is_unknown) &&
			   !breaks(fan, WP_MODEL_CONNECT_HOT_ONLY);

	if (breaks(fan, WP_MODEL_CONNECT_ONE_BAND))
		hot = wp_model_minus(hot, fan->model->bounds.high);
	if (!from->returns)
		state->moves--;
	state->returns = 0;
	state->online = 1;
	state->poke = hot || may_be_cold;
	wp_model_commit(fan,
			from->returns ? WP_MODEL_ACT_RECONNECT
				      : WP_MODEL_ACT_CONNECT,
			0, 0, 0);
}

/* disconnect.lua or reap.lua, for the last connection of the user */
static void disconnect_client(struct wp_model_fan *fan)
{
	struct wp_model_state *state = wp_model_fork(fan);
	uint8_t seen = state->hot;

	if (breaks(fan, WP_MODEL_DISCONNECT_ONE_BAND))
		seen = wp_model_minus(seen, fan->model->bounds.high);
	state->moves--;
	state->online = 0;
	state->returns = 0;
	state->poke = 0;
	state->next = 0;
	state->promised = 0;
	if (seen && !breaks(fan, WP_MODEL_DISCONNECT_UNMARKED))
		state->mark = 1;
	wp_model_commit(fan, WP_MODEL_ACT_DISCONNECT, 0, 0, 0);
}

/* Another run_id: the gate, and what acks and cursors know, are of before. */
static void begin_life(const struct wp_model_fan *fan,
		       struct wp_model_state *state)
{
	state->gate = 0;
	for (size_t i = 0; i < WP_MODEL_WORKERS; i++)
		if (!breaks(fan, WP_MODEL_CURSOR_OUTLIVES))
			state->workers[i].cursor = 0;
	for (size_t i = 0; i < WP_MODEL_ACKS; i++)
		if (state->ack[i].token)
			state->ack[i].is_of_before = 1;
}

/* What is read is read by the connection that has prepared it. */
static void lose_connection(struct wp_model_worker *worker)
{
	if (worker->at == WP_MODEL_AT_READ)
		*worker = (struct wp_model_worker){
			.at = worker->owns ? WP_MODEL_OWNER : WP_MODEL_IDLE,
			.owns = worker->owns,
			.is_newer = worker->is_newer,
		};
}

/* Redis restarts from its append-only file; daemons register again later. */
static void restart(struct wp_model_fan *fan)
{
	struct wp_model_state *state = wp_model_fork(fan);

	state->restarts--;
	begin_life(fan, state);
	for (size_t i = 0; i < WP_MODEL_WORKERS; i++) {
		lose_connection(&state->workers[i]);
		if (state->workers[i].at > WP_MODEL_AT_TRIM)
			state->workers[i].straddles = 1;
	}
	wp_model_commit(fan, WP_MODEL_ACT_RESTART, 0, 0, 0);
}

/* Of a worker whose Redis is gone, with all leases in it. */
static void lose_redis(struct wp_model_worker *worker, bool comes_back)
{
	bool is_walking = worker->at > WP_MODEL_AT_TRIM ||
			  worker->at == WP_MODEL_AT_PREPARE ||
			  worker->at == WP_MODEL_AT_TAKE;
	uint8_t cursor = worker->cursor;

	lose_connection(worker);
	if (!comes_back || !is_walking)
		wp_model_lose_lease(worker);
	worker->cursor = cursor;
	worker->has_passed = 0;
	worker->straddles = worker->at > WP_MODEL_AT_TRIM ||
			    worker->at == WP_MODEL_AT_APPEND;
}

/*
 * Redis comes back empty, and its clock is behind. Lease tokens count from 1
 * again, so a walk under way may find its owner value valid again.
 */
static void lose_memory(struct wp_model_fan *fan, bool owner_comes_back)
{
	struct wp_model_state *state = wp_model_fork(fan);

	state->losses--;
	begin_life(fan, state);
	state->lost |= wp_model_minus(state->accepted, state->cold);
	state->ingress = 0;
	state->hot = 0;
	state->last = 0;
	state->hint = 0;
	state->tokens = 0;
	state->mark = 0;
	state->returns |= state->online;
	state->online = 0;
	state->promised = 0;
	state->poke = 0;
	for (size_t i = 0; i < WP_MODEL_WORKERS; i++)
		lose_redis(&state->workers[i], owner_comes_back);
	wp_model_commit(fan, WP_MODEL_ACT_LOSS, 0, 0, 0);
}

void wp_model_world_steps(struct wp_model_fan *fan)
{
	const struct wp_model_state *from = fan->from;

	send_message(fan);
	expire(fan);
	sweep_hot(fan);
	sweep(fan);
	if (!from->online && (from->moves || from->returns))
		connect_client(fan);
	if ((from->online || from->returns) && from->moves)
		disconnect_client(fan);
	if (from->restarts)
		restart(fan);
	if (from->losses) {
		lose_memory(fan, false);
		lose_memory(fan, true);
	}
}
