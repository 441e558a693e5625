/*
 * mailbox_ack.c - deleting messages (lib/mailbox/ack.c): A1 is ack.lua, A2
 * wp_store_ack(), A3 hint_clear.lua. The 204 may be sent after A2.
 */
#include "tests/model/mailbox.h"

#include "tests/model/mailbox_trace.h"

enum { ANY_TOKEN = 0xfe };

static bool breaks(const struct wp_model_fan *fan, enum wp_model_rule rule)
{
	return wp_model_is(fan->model, rule);
}

/* The 204. */
static void finish(struct wp_model_state *state, unsigned i)
{
	state->acked |= state->ack[i].ids;
	state->ack[i] = (struct wp_model_ack){ 0 };
}

/* ack.lua, the second half: the hint. Returns whether A2 is needed. */
static bool read_hint(const struct wp_model_fan *fan,
		      const struct wp_model_state *state,
		      struct wp_model_ack *ack)
{
	bool is_closed = !state->gate && !breaks(fan, WP_MODEL_ACK_CLOSED);

	if (state->gate || breaks(fan, WP_MODEL_CLEAR_UNGATED))
		ack->token = state->hint;
	else if (breaks(fan, WP_MODEL_CLEAR_CLOSED))
		ack->token = ANY_TOKEN;
	if (breaks(fan, WP_MODEL_CLEAR_NEVER))
		ack->token = 0;
	return state->hint || is_closed ||
	       breaks(fan, WP_MODEL_ACK_ALWAYS_COLD);
}

/* ack.lua, the first half: the copies in Redis. */
static void delete_hot(const struct wp_model_fan *fan,
		       struct wp_model_state *state, uint8_t ids)
{
	state->hot = wp_model_minus(state->hot, ids);
	if (!breaks(fan, WP_MODEL_ACK_LEAVES_INGRESS))
		state->ingress = wp_model_minus(state->ingress, ids);
}

/* A1: ack.lua */
static void begin(struct wp_model_fan *fan, unsigned i, uint8_t ids)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_ack *ack = &state->ack[i];
	bool is_delete_first = breaks(fan, WP_MODEL_ACK_DELETE_THEN_HINT);
	bool is_hint_first = breaks(fan, WP_MODEL_ACK_HINT_FIRST);
	bool is_cold_first = breaks(fan, WP_MODEL_ACK_COLD_FIRST);
	bool asks = false;

	state->acks--;
	state->ackreq |= ids;
	ack->ids = ids;
	if (!is_delete_first)
		asks = read_hint(fan, state, ack);
	if (!is_hint_first && !is_cold_first)
		delete_hot(fan, state, ids);
	if (is_delete_first || is_hint_first || (is_cold_first && !asks))
		ack->at = WP_MODEL_ACK_AT_HOT;
	else if (asks)
		ack->at = WP_MODEL_ACK_AT_COLD;
	else
		finish(state, i);
	wp_model_commit(fan, WP_MODEL_ACT_ACK, i, ids, 0);
}

static void begin_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_state *from = fan->from;
	/* A sender knows the ids of what he sends to himself. */
	uint8_t known =
		fan->model->bounds.knows ? from->accepted : from->delivered;
	uint8_t open = wp_model_minus(known, from->acked);
	uint8_t rest = open;

	if (!from->acks)
		return;
	for (; rest; rest = wp_model_minus(rest, wp_model_lowest(rest)))
		begin(fan, i, wp_model_lowest(rest));
	if (open & (open - 1))
		begin(fan, i, open);
}

/* Where A1 is two commands: the second one. */
static void second_half(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_ack *ack = &state->ack[i];
	uint8_t ids = ack->ids;
	bool asks = ack->token != 0;

	if (breaks(fan, WP_MODEL_ACK_DELETE_THEN_HINT))
		asks = read_hint(fan, state, ack);
	else
		delete_hot(fan, state, ids);
	if (asks && !breaks(fan, WP_MODEL_ACK_COLD_FIRST))
		ack->at = WP_MODEL_ACK_AT_COLD;
	else
		finish(state, i);
	wp_model_commit(fan, WP_MODEL_ACT_ACK_HOT, i, ids, 0);
}

/* A2: wp_store_ack() */
static void delete_cold(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_ack *ack = &state->ack[i];
	uint8_t ids = ack->ids;
	bool is_bumped =
		(state->cold & ids) || !breaks(fan, WP_MODEL_BUMP_IF_DELETED);
	uint8_t left;

	state->cold = wp_model_minus(state->cold, ids);
	left = state->cold;
	if (breaks(fan, WP_MODEL_ACK_ONE_BAND))
		left = wp_model_minus(left, fan->model->bounds.high);
	if (is_bumped)
		wp_model_bump(state);
	if (breaks(fan, WP_MODEL_BOX_DROPPED) && !state->cold)
		state->has_box = 0;
	if (breaks(fan, WP_MODEL_ACK_COLD_FIRST))
		ack->at = WP_MODEL_ACK_AT_HOT;
	else if (!left && ack->token)
		ack->at = WP_MODEL_ACK_AT_CLEAR;
	else
		finish(state, i);
	wp_model_commit(fan, WP_MODEL_ACT_ACK_COLD, i, ids, 0);
}

/* A3: hint_clear.lua */
static void clear(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	const struct wp_model_ack *ack = &state->ack[i];
	bool is_this_life =
		(!ack->is_of_before || breaks(fan, WP_MODEL_CLEAR_ANY_LIFE)) &&
		(state->gate || breaks(fan, WP_MODEL_CLEAR_UNGATED));

	if (is_this_life &&
	    (ack->token == state->hint || ack->token == ANY_TOKEN ||
	     breaks(fan, WP_MODEL_CLEAR_BLINDLY)))
		wp_model_clear_hint(state);
	finish(state, i);
	wp_model_commit(fan, WP_MODEL_ACT_ACK_CLEAR, i, 0, 0);
}

/* The handler dies: no 204, and the client repeats the ack if it likes. */
static void give_up(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);

	state->breaks--;
	state->ack[i] = (struct wp_model_ack){ 0 };
	wp_model_commit(fan, WP_MODEL_ACT_ACK_BREAK, i, 0, 0);
}

void wp_model_ack_steps(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_ack *ack = &fan->from->ack[i];

	if (ack->at != WP_MODEL_NO_ACK && fan->from->breaks)
		give_up(fan, i);
	switch (ack->at) {
	case WP_MODEL_NO_ACK:
		begin_steps(fan, i);
		break;
	case WP_MODEL_ACK_AT_HOT:
		second_half(fan, i);
		break;
	case WP_MODEL_ACK_AT_COLD:
		delete_cold(fan, i);
		break;
	default:
		clear(fan, i);
		break;
	}
}
