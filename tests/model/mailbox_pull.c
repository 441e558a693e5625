/*
 * mailbox_pull.c - reading a mailbox (lib/mailbox/pull.c): pull.lua, then
 * wp_store_read(), then the answer travels.
 */
#include "tests/model/mailbox.h"

#include "tests/model/mailbox_trace.h"

static bool breaks(const struct wp_model_fan *fan, enum wp_model_rule rule)
{
	return wp_model_is(fan->model, rule);
}

static uint8_t visible_hot(const struct wp_model_fan *fan,
			   const struct wp_model_state *state,
			   const struct wp_model_pull *pull)
{
	uint8_t hidden =
		breaks(fan, WP_MODEL_PULL_HOT_EXPIRED) ? 0 : pull->expired;

	return wp_model_minus(state->hot, hidden) &
	       wp_model_beyond(fan->model, pull->after);
}

static uint8_t visible_cold(const struct wp_model_fan *fan,
			    const struct wp_model_state *state,
			    const struct wp_model_pull *pull)
{
	uint8_t hidden =
		breaks(fan, WP_MODEL_PULL_COLD_EXPIRED) ? 0 : pull->expired;

	return wp_model_minus(state->cold, hidden) &
	       wp_model_beyond(fan->model, pull->after);
}

/* Where a pull goes after it has seen the hint. */
static enum wp_model_pull_at second_step(const struct wp_model_fan *fan,
					 bool asks)
{
	if (breaks(fan, WP_MODEL_PULL_COLD_FIRST))
		return asks ? WP_MODEL_PULL_AT_COLD_EARLY
			    : WP_MODEL_PULL_AT_HOT_LATE;
	if (breaks(fan, WP_MODEL_PULL_HINT_FIRST))
		return WP_MODEL_PULL_AT_HOT;
	return asks ? WP_MODEL_PULL_AT_COLD : WP_MODEL_PULL_AT_ANSWER;
}

static bool sees_hint(const struct wp_model_fan *fan,
		      const struct wp_model_state *state)
{
	return state->hint ||
	       (!state->gate && !breaks(fan, WP_MODEL_PULL_CLOSED));
}

/* pull.lua, its first call; place: where that stops, or 0 */
static void begin(struct wp_model_fan *fan, struct wp_model_state *state,
		  unsigned i, uint8_t after, uint8_t place)
{
	struct wp_model_pull *pull = &state->pull[i];

	*pull = (struct wp_model_pull){
		.past = state->acked,
		.expired = state->expired,
		.after = after,
		.asks = sees_hint(fan, state),
		.place = place,
	};
	pull->owed = wp_model_minus(state->hot | state->cold,
				    state->expired | state->ackreq) &
		     wp_model_beyond(fan->model, after);
	if (breaks(fan, WP_MODEL_PULL_CLEARS) ||
	    breaks(fan, WP_MODEL_PULL_REVALIDATE))
		pull->token = state->hint;
	pull->at = (uint8_t)second_step(fan, pull->asks);
	if (!breaks(fan, WP_MODEL_PULL_COLD_FIRST) &&
	    !breaks(fan, WP_MODEL_PULL_HINT_FIRST))
		pull->got = visible_hot(fan, state, pull);
	if (place) {
		pull->got = wp_model_minus(pull->got,
					   wp_model_beyond(fan->model, place));
		pull->at = WP_MODEL_PULL_AT_REST;
	}
	pull->owed = wp_model_minus(pull->owed, pull->got);
	wp_model_commit(fan, WP_MODEL_ACT_PULL, i, pull->got, 0);
}

/* pull.lua, its second call */
static void read_rest(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_pull *pull = &state->pull[i];

	pull->got |= visible_hot(fan, state, pull) &
		     wp_model_beyond(fan->model, pull->place);
	pull->owed = wp_model_minus(pull->owed, pull->got);
	if (!breaks(fan, WP_MODEL_PULL_FIRST_HINT))
		pull->asks |= sees_hint(fan, state);
	pull->place = 0;
	pull->at = (uint8_t)second_step(fan, pull->asks);
	wp_model_commit(fan, WP_MODEL_ACT_PULL_HOT, i, state->hot, 0);
}

/* A call stops at an entry that it has seen. */
static bool may_stop_at(const struct wp_model_fan *fan, uint8_t place)
{
	return place == 0 ||
	       (fan->model->bounds.walks && fan->from->hot >> (place - 1U) & 1);
}

static void begin_steps_at(struct wp_model_fan *fan, unsigned i, uint8_t place)
{
	const struct wp_model_state *from = fan->from;
	struct wp_model_state *state;

	if (from->poke && from->online) {
		/* A client forgets the poke when its pull starts. */
		state = wp_model_fork(fan);
		state->poke = 0;
		begin(fan, state, i, 0, place);
	}
	if (from->next &&
	    (place == 0 ||
	     wp_model_beyond(fan->model, from->next) >> (place - 1U) & 1)) {
		state = wp_model_fork(fan);
		state->next = 0;
		begin(fan, state, i, from->next, place);
	}
	if (from->pulls) {
		state = wp_model_fork(fan);
		state->pulls--;
		begin(fan, state, i, 0, place);
	}
}

static void begin_steps(struct wp_model_fan *fan, unsigned i)
{
	for (uint8_t place = 0; place <= 8; place++)
		if (may_stop_at(fan, place))
			begin_steps_at(fan, i, place);
}

/* wp_store_read(), then the merge of both tiers */
static void read_cold(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_pull *pull = &state->pull[i];
	uint8_t rows = visible_cold(fan, state, pull);
	uint8_t only_hot = wp_model_minus(pull->got, rows);
	uint32_t violated = 0;

	/* cold, then hot: wrong when cold has a newer one than hot has */
	if (breaks(fan, WP_MODEL_PULL_CONCATENATES) && only_hot &&
	    rows > wp_model_lowest(only_hot))
		violated = UINT32_C(1) << WP_MODEL_S5C;
	pull->got |= rows;
	pull->owed = wp_model_minus(pull->owed, pull->got);
	pull->at = WP_MODEL_PULL_AT_ANSWER;
	if (breaks(fan, WP_MODEL_PULL_CLEARS) && pull->token && !state->cold)
		pull->at = WP_MODEL_PULL_AT_CLEAR;
	else
		pull->token = 0;
	wp_model_commit(fan, WP_MODEL_ACT_PULL_COLD, i, rows, violated);
}

static void clear(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_pull *pull = &state->pull[i];

	if (pull->token == state->hint)
		wp_model_clear_hint(state);
	pull->token = 0;
	pull->at = WP_MODEL_PULL_AT_ANSWER;
	wp_model_commit(fan, WP_MODEL_ACT_PULL_CLEAR, i, 0, 0);
}

/* The hot queue after the hint, or after the cold store. */
static void read_hot(struct wp_model_fan *fan, unsigned i, bool is_late)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_pull *pull = &state->pull[i];

	pull->got |= visible_hot(fan, state, pull);
	pull->owed = wp_model_minus(pull->owed, pull->got);
	pull->token = 0;
	pull->at = pull->asks && !is_late ? WP_MODEL_PULL_AT_COLD
					  : WP_MODEL_PULL_AT_ANSWER;
	wp_model_commit(fan, WP_MODEL_ACT_PULL_HOT, i, state->hot, 0);
}

static void read_cold_early(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_pull *pull = &state->pull[i];

	pull->got = visible_cold(fan, state, pull);
	pull->at = WP_MODEL_PULL_AT_HOT_LATE;
	wp_model_commit(fan, WP_MODEL_ACT_PULL_COLD, i, pull->got, 0);
}

static void read_hot_late(struct wp_model_fan *fan, unsigned i)
{
	const struct wp_model_pull *pull = &fan->from->pull[i];
	struct wp_model_state *state;

	if (!breaks(fan, WP_MODEL_PULL_REVALIDATE) ||
	    pull->token == fan->from->hint) {
		read_hot(fan, i, true);
		return;
	}
	state = wp_model_fork(fan);
	state->pull[i].got = 0;
	state->pull[i].token = state->hint;
	state->pull[i].at = (uint8_t)second_step(fan, state->hint != 0);
	wp_model_commit(fan, WP_MODEL_ACT_PULL_AGAIN, i, 0, 0);
}

static void answer(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_pull pull = state->pull[i];
	uint8_t next;
	uint8_t page = wp_model_page(fan->model, pull.got, &next);
	uint32_t violated =
		wp_model_judge_answer(fan->model, state, &pull, page, next);

	state->delivered |= page;
	if (next)
		state->next = next;
	state->pull[i] = (struct wp_model_pull){ 0 };
	wp_model_commit(fan, WP_MODEL_ACT_ANSWER, i, page, violated);
}

void wp_model_pull_steps(struct wp_model_fan *fan, unsigned i)
{
	switch (fan->from->pull[i].at) {
	case WP_MODEL_NO_PULL:
		begin_steps(fan, i);
		break;
	case WP_MODEL_PULL_AT_REST:
		read_rest(fan, i);
		break;
	case WP_MODEL_PULL_AT_COLD:
		read_cold(fan, i);
		break;
	case WP_MODEL_PULL_AT_HOT:
		read_hot(fan, i, false);
		break;
	case WP_MODEL_PULL_AT_COLD_EARLY:
		read_cold_early(fan, i);
		break;
	case WP_MODEL_PULL_AT_HOT_LATE:
		read_hot_late(fan, i);
		break;
	case WP_MODEL_PULL_AT_CLEAR:
		clear(fan, i);
		break;
	default:
		answer(fan, i);
		break;
	}
}
