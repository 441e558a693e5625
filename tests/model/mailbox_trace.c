/*
 * mailbox_trace.c - a way through the model, in words.
 */
#include "tests/model/mailbox_trace.h"

#include <stdio.h>

#include "tests/model/mailbox.h"

enum actor { NOBODY, WORKER, PULL, ACK };

static const struct act {
	enum actor actor;
	const char *text;
	bool has_set;
} acts[WP_MODEL_ACTS] = {
	[WP_MODEL_ACT_SEND] = { NOBODY, "send.lua accepts", true },
	[WP_MODEL_ACT_EXPIRE] = { NOBODY, "time passes; expired:", true },
	[WP_MODEL_ACT_SWEEP] = { NOBODY, "sweep deletes expired rows", true },
	[WP_MODEL_ACT_SWEEP_HOT] = { NOBODY, "sweep deletes from hot", true },
	[WP_MODEL_ACT_SWEEP_CLEAR] = { NOBODY, "sweep clears the hint", false },
	[WP_MODEL_ACT_CONNECT] = { NOBODY, "connect.lua", false },
	[WP_MODEL_ACT_RECONNECT] = { NOBODY, "connect.lua, again", false },
	[WP_MODEL_ACT_DISCONNECT] = { NOBODY, "disconnect.lua, the last one",
				      false },
	[WP_MODEL_ACT_LOSS] = { NOBODY, "REDIS COMES BACK EMPTY", false },
	[WP_MODEL_ACT_RESTART] = { NOBODY, "REDIS RESTARTS", false },
	[WP_MODEL_ACT_LAPSE] = { WORKER, "STALLS, its lease runs out", false },
	[WP_MODEL_ACT_CRASH] = { WORKER, "CRASHES", false },
	[WP_MODEL_ACT_ACQUIRE] = { WORKER, "lease_acquire.lua", false },
	[WP_MODEL_ACT_ROUTE] = { WORKER, "route.lua:", true },
	[WP_MODEL_ACT_ROUTE_DROP] = { WORKER, "route.lua drops", true },
	[WP_MODEL_ACT_ROUTE_CUT] = { WORKER, "route.lua is CUT OFF at", true },
	[WP_MODEL_ACT_LOOK] = { WORKER, "route.lua passes what is newer",
				false },
	[WP_MODEL_ACT_VERSION] = { WORKER, "M1 reads the version", false },
	[WP_MODEL_ACT_PREPARE] = { WORKER, "M2 prepare.lua", false },
	[WP_MODEL_ACT_PREPARE_NONE] = { WORKER, "M2 prepare.lua: nothing to do",
					false },
	[WP_MODEL_ACT_READ] = { WORKER, "M2 reads hot", true },
	[WP_MODEL_ACT_HINT] = { WORKER, "sets the hint", false },
	[WP_MODEL_ACT_APPEND] = { WORKER, "M3 appends to cold", true },
	[WP_MODEL_ACT_APPEND_REFUSED] = { WORKER, "M3 is refused", false },
	[WP_MODEL_ACT_TRIM] = { WORKER, "M4 trim.lua removes", true },
	[WP_MODEL_ACT_TAKE] = { WORKER, "N2 route.lua hands over", true },
	[WP_MODEL_ACT_LANDED] = { WORKER, "N4 landed.lua removes", true },
	[WP_MODEL_ACT_TOP] = { WORKER, "R1 reads the highest cold id", false },
	[WP_MODEL_ACT_RAISE] = { WORKER, "R2 ingress_raise.lua", false },
	[WP_MODEL_ACT_USERS] = { WORKER, "R3 sees cold rows", true },
	[WP_MODEL_ACT_HINTS] = { WORKER, "R4 hint_set.lua", false },
	[WP_MODEL_ACT_OPEN] = { WORKER, "R5 gate_open.lua", false },
	[WP_MODEL_ACT_PULL] = { PULL, "begins; sees in hot", true },
	[WP_MODEL_ACT_PULL_COLD] = { PULL, "reads in cold", true },
	[WP_MODEL_ACT_PULL_HOT] = { PULL, "reads in hot", true },
	[WP_MODEL_ACT_PULL_HINT] = { PULL, "reads the hint", false },
	[WP_MODEL_ACT_PULL_AGAIN] = { PULL, "sees another hint, again", false },
	[WP_MODEL_ACT_PULL_CLEAR] = { PULL, "clears the hint", false },
	[WP_MODEL_ACT_ANSWER] = { PULL, "answers", true },
	[WP_MODEL_ACT_ACK] = { ACK, "A1", true },
	[WP_MODEL_ACT_ACK_HOT] = { ACK, "A1, second command", true },
	[WP_MODEL_ACT_ACK_COLD] = { ACK, "A2 deletes in cold", true },
	[WP_MODEL_ACT_ACK_CLEAR] = { ACK, "A3 hint_clear.lua", false },
	[WP_MODEL_ACT_ACK_BREAK] = { ACK, "its handler CRASHES", false },
};

/* Who is where, after all that changed places for a canonical form. */
struct names {
	unsigned of[ACK + 1][2];
};

static void follow(struct names *names, uint8_t swap)
{
	static const uint8_t bits[] = {
		[WORKER] = WP_MODEL_SWAP_WORKERS,
		[PULL] = WP_MODEL_SWAP_PULLS,
		[ACK] = WP_MODEL_SWAP_ACKS,
	};

	for (int actor = WORKER; actor <= ACK; actor++) {
		unsigned first = names->of[actor][0];

		if (!(swap & bits[actor]))
			continue;
		names->of[actor][0] = names->of[actor][1];
		names->of[actor][1] = first;
	}
}

static void print_set(const struct wp_model_case *model, uint8_t set)
{
	const char *gap = "";

	printf("{");
	for (unsigned i = 0; i < 8; i++) {
		if (!(set >> i & 1))
			continue;
		printf("%sm%u%s%s", gap, i + 1,
		       model->bounds.high >> i & 1 ? "!" : "",
		       model->bounds.ephemeral >> i & 1 ? "~" : "");
		gap = " ";
	}
	printf("}");
}

static void print_actor(enum actor actor, unsigned who)
{
	static const char *const kinds[] = {
		[NOBODY] = "",
		[WORKER] = "worker ",
		[PULL] = "pull ",
		[ACK] = "ack ",
	};

	printf("%s", kinds[actor]);
	if (actor != NOBODY)
		printf("%c: ", 'A' + (int)who);
}

static void print_state(const struct wp_model_case *model,
			const struct wp_model_state *state)
{
	printf("\n        hot ");
	print_set(model, state->hot);
	printf(" cold ");
	print_set(model, state->cold);
	printf(" acked ");
	print_set(model, state->acked);
	printf("%s%s%s%s\n", state->hint ? " hint" : "",
	       state->mark ? " marked" : "", state->online ? " online" : "",
	       state->gate ? "" : " gate closed");
}

void wp_model_print_trace(const struct wp_model_case *model,
			  const struct wp_model_result *result)
{
	/* Idle pulls and acks come first: the last of a pair is the first. */
	struct names names = {
		.of = { { 0, 1 }, { 0, 1 }, { 1, 0 }, { 1, 0 } },
	};

	for (size_t i = 0; i < result->n; i++) {
		const struct wp_model_edge *step = &result->steps[i];
		const struct act *act = &acts[step->label.act];

		printf("    %2zu  ", i + 1);
		print_actor(act->actor,
			    names.of[act->actor][step->label.who & 1]);
		printf("%s ", act->text);
		if (act->has_set)
			print_set(model, step->label.set);
		print_state(model, &step->to);
		follow(&names, step->label.swap);
	}
}
