/* outcome.c - verdicts, one by one. */
#include "notifier/outcome.h"

#include <string.h>

#include "lib/base/random.h"

enum { MS_PER_S = 1000 };

static int64_t spread(int64_t most)
{
	return wp_random_below((uint32_t)most + 1);
}

struct wp_delivery_end wp_outcome_soon(void)
{
	return (struct wp_delivery_end){
		.what = WP_DELIVERY_PUT_OFF,
		.after_ms =
			WP_OUTCOME_SLOT_MIN_MS +
			spread(WP_OUTCOME_SLOT_MAX_MS - WP_OUTCOME_SLOT_MIN_MS),
	};
}

struct wp_delivery_end wp_outcome_crowded(void)
{
	struct wp_delivery_end end = wp_outcome_soon();

	end.is_crowded = true;
	return end;
}

struct wp_delivery_end wp_outcome_shut(uint64_t wait_ms)
{
	return (struct wp_delivery_end){
		.what = WP_DELIVERY_PUT_OFF,
		.after_ms =
			(int64_t)wait_ms + spread(WP_OUTCOME_REOPEN_SPREAD_MS),
	};
}

static uint64_t shut_ms(const struct wp_outcome_of *of)
{
	return wp_lane_shut_ms(of->lane, of->now_us);
}

static void mark(const struct wp_outcome_of *of, enum wp_push_state state,
		 const char *reason)
{
	wp_results_mark(of->results, of->target, state, reason, of->now_ms);
}

/* A token that looks bad, or is it us? */
static struct wp_delivery_end suspect(const struct wp_outcome_of *of,
				      const struct wp_judgement *judgement)
{
	const struct wp_target *target = of->target;
	struct wp_delivery_end end = {
		.what = WP_DELIVERY_FAILED,
		.after_ms = (int64_t)WP_OUTCOME_SUSPECT_S * MS_PER_S,
	};

	if (of->is_guarded)
		return wp_outcome_shut(shut_ms(of));
	if (target->state == WP_PUSH_SUSPECT &&
	    wp_lane_may_drop(of->lane, target->marked_s,
			     of->now_ms / MS_PER_S)) {
		mark(of, WP_PUSH_GONE, judgement->reason);
		end.what = WP_DELIVERY_GONE;
	} else {
		mark(of, WP_PUSH_SUSPECT, judgement->reason);
	}
	return end;
}

/* A bot that takes nothing any more is gone in the end. */
static struct wp_delivery_end refused(const struct wp_outcome_of *of)
{
	static const char refusing[] = "refusing";
	const struct wp_target *target = of->target;
	struct wp_delivery_end end = { .what = WP_DELIVERY_REFUSED };

	if (target->kind != WP_PUSH_WEBHOOK)
		return end;
	if (target->state == WP_PUSH_SUSPECT &&
	    of->now_ms / MS_PER_S - target->marked_s >= WP_OUTCOME_REFUSING_S) {
		mark(of, WP_PUSH_GONE, refusing);
		end.what = WP_DELIVERY_GONE;
	} else {
		mark(of, WP_PUSH_SUSPECT, refusing);
	}
	return end;
}

/* It is the provider, not the device. */
static struct wp_delivery_end later(const struct wp_outcome_of *of,
				    const struct wp_judgement *judgement)
{
	uint64_t asked_ms = (uint64_t)judgement->after_s * MS_PER_S;
	uint64_t wait_ms = shut_ms(of);

	return wp_outcome_shut(wait_ms > asked_ms ? wait_ms : asked_ms);
}

static struct wp_delivery_end meaning(const struct wp_outcome_of *of,
				      const struct wp_judgement *judgement)
{
	switch (judgement->verdict) {
	case WP_VERDICT_ACCEPTED:
		if (of->target->state == WP_PUSH_SUSPECT)
			mark(of, WP_PUSH_ACTIVE, "");
		return (struct wp_delivery_end){
			.what = WP_DELIVERY_ACCEPTED,
			.may_show = true,
		};
	case WP_VERDICT_GONE:
		mark(of, WP_PUSH_GONE, judgement->reason);
		return (struct wp_delivery_end){ .what = WP_DELIVERY_GONE };
	case WP_VERDICT_SUSPECT:
		return suspect(of, judgement);
	case WP_VERDICT_REFUSED:
		return refused(of);
	case WP_VERDICT_RETRY:
		/* Nobody knows: the answer may be what was lost. */
		return (struct wp_delivery_end){
			.what = WP_DELIVERY_FAILED,
			.after_ms = judgement->after_s * MS_PER_S,
			.may_show = true,
		};
	case WP_VERDICT_LATER:
	case WP_VERDICT_CONFIG:
		return later(of, judgement);
	case WP_VERDICT_AGAIN:
		break;
	}
	return wp_outcome_soon();
}

static void note_result(const struct wp_outcome_of *of,
			const struct wp_delivery_end *end)
{
	if (end->what == WP_DELIVERY_PUT_OFF ||
	    of->target->kind >= WP_PUSH_DEVICE_KINDS)
		return;
	wp_results_add(of->results, of->target,
		       end->what == WP_DELIVERY_ACCEPTED ? WP_PUSH_ACCEPTED
							 : WP_PUSH_FAILED,
		       of->now_ms);
}

struct wp_delivery_end wp_outcome(const struct wp_outcome_of *of,
				  const struct wp_judgement *judgement)
{
	struct wp_delivery_end end = meaning(of, judgement);

	memcpy(end.reason, judgement->reason, sizeof(end.reason));
	note_result(of, &end);
	return end;
}
