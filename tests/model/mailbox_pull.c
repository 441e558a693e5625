/*
 * mailbox_pull.c - reading a mailbox (lib/mailbox/pull.c): one look at hot or
 * two, then at the hint (lib/mailbox/hot_walk.c), then wp_store_read(), then
 * the answer travels.
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

/* Rules under which the hint is read when the pull begins, and not again. */
static bool is_hint_first(const struct wp_model_fan *fan)
{
	return breaks(fan, WP_MODEL_PULL_COLD_FIRST) ||
	       breaks(fan, WP_MODEL_PULL_HINT_FIRST) ||
	       breaks(fan, WP_MODEL_PULL_FIRST_HINT);
}

static void see_hint(const struct wp_model_fan *fan,
		     const struct wp_model_state *state,
		     struct wp_model_pull *pull)
{
	pull->asks = sees_hint(fan, state);
	if (breaks(fan, WP_MODEL_PULL_CLEARS) ||
	    breaks(fan, WP_MODEL_PULL_REVALIDATE))
		pull->token = state->hint;
	pull->at = (uint8_t)second_step(fan, pull->asks);
}

/* The first look; rest: what it leaves to the second, 0 when there is none */
static void begin(struct wp_model_fan *fan, struct wp_model_state *state,
		  unsigned i, uint8_t after, uint8_t rest)
{
	struct wp_model_pull *pull = &state->pull[i];

	*pull = (struct wp_model_pull){
		.past = state->acked,
		.expired = state->expired,
		.after = after,
		.at = WP_MODEL_PULL_AT_HINT,
		.rest = rest,
	};
	pull->owed = wp_model_minus(state->hot | state->cold,
				    state->expired | state->ackreq) &
		     wp_model_beyond(fan->model, after);
	if (is_hint_first(fan))
		see_hint(fan, state, pull);
	if (!breaks(fan, WP_MODEL_PULL_COLD_FIRST) &&
	    !breaks(fan, WP_MODEL_PULL_HINT_FIRST))
		pull->got = visible_hot(fan, state, pull);
	if (rest) {
		pull->got = wp_model_minus(pull->got, rest);
		pull->at = WP_MODEL_PULL_AT_REST;
	}
	pull->owed = wp_model_minus(pull->owed, pull->got);
	wp_model_commit(fan, WP_MODEL_ACT_PULL, i, pull->got, 0);
}

/* The second look */
static void read_rest(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);
	struct wp_model_pull *pull = &state->pull[i];

	pull->got |= visible_hot(fan, state, pull) & pull->rest;
	pull->owed = wp_model_minus(pull->owed, pull->got);
	pull->rest = 0;
	pull->at = is_hint_first(fan) ? (uint8_t)second_step(fan, pull->asks)
				      : WP_MODEL_PULL_AT_HINT;
	wp_model_commit(fan, WP_MODEL_ACT_PULL_HOT, i, state->hot, 0);
}

static void read_hint(struct wp_model_fan *fan, unsigned i)
{
	struct wp_model_state *state = wp_model_fork(fan);

	see_hint(fan, state, &state->pull[i]);
	wp_model_commit(fan, WP_MODEL_ACT_PULL_HINT, i, 0, 0);
}

static void begin_steps_with(struct wp_model_fan *fan, unsigned i, uint8_t rest)
{
	const struct wp_model_state *from = fan->from;
	struct wp_model_state *state;

	if (from->poke && from->online) {
		/* A client forgets the poke when its pull starts. */
		state = wp_model_fork(fan);
		state->poke = 0;
		begin(fan, state, i, 0, rest);
	}
	if (from->next) {
		state = wp_model_fork(fan);
		state->next = 0;
		begin(fan, state, i, from->next, rest);
	}
	if (from->pulls) {
		state = wp_model_fork(fan);
		state->pulls--;
		begin(fan, state, i, 0, rest);
	}
}

/* Places beyond all ids: the end of a band, and before its start. */
enum { END = 0, START = 9, PLACES };

/* A look stops in a band at an entry that it has seen, or at its end; or others
 * are served before it comes to the band. */
static bool may_stop_at(const struct wp_model_fan *fan, uint8_t band,
			uint8_t place)
{
	return place == END || (fan->model->bounds.walks &&
				(place == START ||
				 (fan->from->hot & band) >> (place - 1U) & 1));
}

static uint8_t rest_of(const struct wp_model_fan *fan, uint8_t band,
		       uint8_t place)
{
	if (place == END || place == START)
		return place == END ? 0 : band;
	return wp_model_beyond(fan->model, place) & band;
}

static void begin_steps(struct wp_model_fan *fan, unsigned i)
{
	const uint8_t high = fan->model->bounds.high;
	const uint8_t standard = wp_model_minus(UINT8_MAX, high);

	for (uint8_t a = 0; a < PLACES; a++)
		for (uint8_t b = 0; b < PLACES; b++)
			if (may_stop_at(fan, high, a) &&
			    may_stop_at(fan, standard, b))
				begin_steps_with(
					fan, i,
					rest_of(fan, high, a) |
						rest_of(fan, standard, b));
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
	case WP_MODEL_PULL_AT_HINT:
		read_hint(fan, i);
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
