/*
 * mailbox_property.c - what must hold, in states and in answers.
 */
#include "tests/model/mailbox.h"

const char *const wp_model_property_names[WP_MODEL_PROPERTIES] = {
	[WP_MODEL_S1] = "S1 accepted, not acked, and lost",
	[WP_MODEL_S2] = "S2 first delivered out of order",
	[WP_MODEL_S3] = "S3 acked, and stored for good",
	[WP_MODEL_S3S] = "S3s acked, and returned by a later pull",
	[WP_MODEL_S4] = "S4 stranded, or a poke is owed",
	[WP_MODEL_S5A] = "S5a newer answered without older",
	[WP_MODEL_S5B] = "S5b stored, and missing in an answer",
	[WP_MODEL_S5C] = "S5c answer out of order",
	[WP_MODEL_S6] = "S6 new id not above the cold store's",
	[WP_MODEL_S7] = "S7 ephemeral in the cold store",
	[WP_MODEL_S8] = "S8 expired, and answered",
	[WP_MODEL_LIVE] = "LIVE never settles again",
};

static uint32_t bit(enum wp_model_property property)
{
	return UINT32_C(1) << property;
}

/* May be missing without anybody having broken a promise. */
static uint8_t excused(const struct wp_model_case *model,
		       const struct wp_model_state *state)
{
	uint8_t stored = state->ingress | state->hot | state->cold;

	return state->expired | state->lost |
	       wp_model_minus(model->bounds.ephemeral,
			      stored | state->promised);
}

bool wp_model_is_settled(const struct wp_model_state *state)
{
	bool is_busy = state->ingress || state->mark || !state->gate ||
		       (state->poke && state->online) || state->next ||
		       state->returns || state->is_sweeping;

	for (size_t i = 0; i < WP_MODEL_WORKERS; i++)
		is_busy |= state->workers[i].at > WP_MODEL_OWNER;
	for (size_t i = 0; i < WP_MODEL_PULLS; i++)
		is_busy |= state->pull[i].at != WP_MODEL_NO_PULL;
	for (size_t i = 0; i < WP_MODEL_ACKS; i++)
		is_busy |= state->ack[i].at != WP_MODEL_NO_ACK;
	return !is_busy;
}

static uint32_t judge_settled(const struct wp_model_case *model,
			      const struct wp_model_state *state)
{
	uint8_t done = state->ackreq | state->expired;
	uint32_t violated = 0;

	if (wp_model_minus((state->hot | state->cold) & state->acked,
			   state->expired))
		violated |= bit(WP_MODEL_S3);
	if (state->online &&
	    wp_model_minus(state->accepted, state->delivered | state->ackreq |
						    excused(model, state)))
		violated |= bit(WP_MODEL_S4);
	if (!state->online && wp_model_minus(state->hot, done))
		violated |= bit(WP_MODEL_S4);
	if (!state->hint && wp_model_minus(state->cold, state->hot | done))
		violated |= bit(WP_MODEL_S4);
	return violated;
}

uint32_t wp_model_judge_state(const struct wp_model_case *model,
			      const struct wp_model_state *state)
{
	uint8_t stored = state->ingress | state->hot | state->cold;
	uint32_t violated = 0;

	if (wp_model_minus(state->accepted,
			   state->ackreq | stored | excused(model, state)))
		violated |= bit(WP_MODEL_S1);
	if (state->cold & model->bounds.ephemeral)
		violated |= bit(WP_MODEL_S7);
	if (wp_model_is_settled(state))
		violated |= judge_settled(model, state);
	return violated;
}

/* Ids of the band that id number i belongs to. */
static uint8_t band_of(const struct wp_model_case *model, unsigned i)
{
	uint8_t high = model->bounds.high;

	return high >> i & 1 ? high : wp_model_minus(UINT8_MAX, high);
}

/* High comes before standard; inside a band the older one first. */
static uint8_t upto_position(const struct wp_model_case *model, unsigned i)
{
	uint8_t band = band_of(model, i);
	uint8_t before = wp_model_upto(i) & band;

	return band == model->bounds.high ? before
					  : before | model->bounds.high;
}

uint8_t wp_model_beyond(const struct wp_model_case *model, uint8_t position)
{
	if (position == 0)
		return UINT8_MAX;
	return wp_model_minus(UINT8_MAX, upto_position(model, position - 1U));
}

uint8_t wp_model_page(const struct wp_model_case *model, uint8_t all,
		      uint8_t *next)
{
	uint8_t high = all & model->bounds.high;
	uint8_t left = all;
	uint8_t page = 0;

	*next = 0;
	for (unsigned n = 0; left && n < model->bounds.limit; n++) {
		uint8_t id = wp_model_lowest(high ? high : left);

		if (wp_model_is(model, WP_MODEL_PULL_MIXES_BANDS))
			id = wp_model_lowest(left);
		page |= id;
		high = wp_model_minus(high, id);
		left = wp_model_minus(left, id);
		*next = (uint8_t)(__builtin_ctz(id) + 1);
	}
	if (model->bounds.limit == 0)
		return all;
	if (left == 0)
		*next = 0;
	return page;
}

/* Is something older than id x of the same band missing? */
static uint32_t judge_order(const struct wp_model_case *model,
			    const struct wp_model_state *state,
			    const struct wp_model_pull *pull, uint8_t page,
			    unsigned x)
{
	uint8_t older = wp_model_minus(wp_model_upto(x) & band_of(model, x),
				       (uint8_t)(1U << x));
	/* What is ephemeral may be overtaken on its way to being dropped. */
	uint8_t missing =
		wp_model_minus(state->accepted & older,
			       page | state->ackreq | excused(model, state) |
				       model->bounds.ephemeral);
	uint32_t violated = 0;

	if (missing & wp_model_beyond(model, pull->after))
		violated |= bit(WP_MODEL_S5A);
	if (!(state->delivered >> x & 1) &&
	    wp_model_minus(missing, state->delivered))
		violated |= bit(WP_MODEL_S2);
	return violated;
}

uint32_t wp_model_judge_answer(const struct wp_model_case *model,
			       const struct wp_model_state *state,
			       const struct wp_model_pull *pull, uint8_t page,
			       uint8_t next)
{
	uint8_t owed = wp_model_minus(pull->owed,
				      page | state->ackreq | state->expired);
	uint32_t violated = 0;

	/* What was lost is nobody's order any more. */
	for (unsigned x = 0; x < 8; x++)
		if (wp_model_minus(page, state->lost) >> x & 1)
			violated |= judge_order(model, state, pull, page, x);
	if (next)
		owed = wp_model_minus(owed, wp_model_beyond(model, next));
	if (owed)
		violated |= bit(WP_MODEL_S5B);
	if (page & pull->past)
		violated |= bit(WP_MODEL_S3S);
	if (page & pull->expired)
		violated |= bit(WP_MODEL_S8);
	return violated;
}
