/*
 * drain.c - who is told to connect again when, and closed when.
 *
 * Nothing is kept for a connection: it is told its time in the order of slots,
 * and kept is only where in that order each step begins. Who has left since is
 * not there any more when its step comes, and nobody takes its slot, because
 * nobody is accepted.
 */
#include "ws-daemon/drain.h"

#include <inttypes.h>
#include <stdlib.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"

enum {
	STEP_MS = 20,
	/* For a client to be back before it is closed: a fifth of the spread,
	 * so that a short one stays short. */
	LINGER_PART = 5,
	LINGER_MAX_MS = 1000,
};

struct wp_drain {
	struct wp_drain_setup setup;
	ev_timer timer;
	uint64_t begin_ms;
	size_t n_steps;
	size_t next; /* step that is not closed yet */
	/* The slots of step i: from begins[i] to before begins[i + 1]. */
	size_t begins[];
};

int64_t wp_drain_linger_ms(int64_t spread_ms)
{
	int64_t part_ms = spread_ms / LINGER_PART;

	return part_ms < LINGER_MAX_MS ? part_ms : LINGER_MAX_MS;
}

/* NULL when nobody in this slot is open. */
static struct wp_conn *open_at(const struct wp_drain *drain, size_t slot)
{
	struct wp_member *member =
		wp_hub_at(drain->setup.parts->live.hub, slot);
	struct wp_conn *conn = member == NULL ? NULL : wp_conn_of(member);

	return conn != NULL && conn->session.state == WP_SESSION_OPEN ? conn
								      : NULL;
}

static size_t slots_of(const struct wp_drain *drain)
{
	return wp_hub_slots(drain->setup.parts->live.hub);
}

static void tell(struct wp_conn *conn, uint64_t after_ms)
{
	wp_buf_printf(&conn->parts->scratch,
		      "{\"type\":\"reconnect\",\"afterMs\":%" PRIu64 "}",
		      after_ms);
	wp_conn_send_scratch(conn);
}

static void tell_all(struct wp_drain *drain)
{
	uint64_t spread_ms = (uint64_t)drain->setup.spread_ms;
	size_t n = slots_of(drain), n_open = 0, rank = 0, step = 0;

	for (size_t slot = 0; slot < n; slot++)
		n_open += open_at(drain, slot) != NULL;
	for (size_t slot = 0; slot < n && n_open > 0; slot++) {
		struct wp_conn *conn = open_at(drain, slot);

		if (conn == NULL)
			continue;
		while (step <= rank * drain->n_steps / n_open)
			drain->begins[step++] = slot;
		tell(conn, rank * spread_ms / n_open);
		rank++;
	}
	while (step <= drain->n_steps)
		drain->begins[step++] = n;
}

static void close_step(const struct wp_drain *drain, size_t step)
{
	for (size_t slot = drain->begins[step]; slot < drain->begins[step + 1];
	     slot++) {
		struct wp_conn *conn = open_at(drain, slot);

		if (conn != NULL)
			wp_conn_close(conn, WP_CLOSE_RESTART,
				      WP_M_CLOSE_SHUTDOWN);
	}
}

static void on_step(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_drain *drain = timer->data;
	const struct wp_drain_setup *setup = &drain->setup;
	uint64_t past_ms = wp_mono_ms() - drain->begin_ms;
	uint64_t linger_ms = (uint64_t)wp_drain_linger_ms(setup->spread_ms);

	(void)events;
	while (drain->next < drain->n_steps &&
	       past_ms >= (drain->next + 1) * STEP_MS + linger_ms)
		close_step(drain, drain->next++);
	if (drain->next < drain->n_steps)
		return;
	ev_timer_stop(loop, timer);
	setup->on_over(setup->ctx);
}

enum wp_err wp_drain_new(struct wp_drain **out,
			 const struct wp_drain_setup *setup)
{
	size_t n_steps = ((size_t)setup->spread_ms + STEP_MS - 1) / STEP_MS;
	struct wp_drain *drain = calloc(
		1, sizeof(*drain) + (n_steps + 1) * sizeof(drain->begins[0]));

	if (drain == NULL)
		return WP_ERR_NOMEM;
	drain->setup = *setup;
	drain->begin_ms = wp_mono_ms();
	drain->n_steps = n_steps;
	tell_all(drain);
	ev_timer_init(&drain->timer, on_step, STEP_MS / 1e3, STEP_MS / 1e3);
	drain->timer.data = drain;
	ev_timer_start(setup->parts->turn.loop, &drain->timer);
	*out = drain;
	return WP_OK;
}

void wp_drain_free(struct wp_drain **drain)
{
	if (*drain == NULL)
		return;
	ev_timer_stop((*drain)->setup.parts->turn.loop, &(*drain)->timer);
	free(*drain);
	*drain = NULL;
}

void wp_drain_tell_late(const struct wp_drain *drain, struct wp_conn *conn)
{
	uint64_t past_ms = wp_mono_ms() - drain->begin_ms;
	uint64_t spread_ms = (uint64_t)drain->setup.spread_ms;
	uint32_t left_ms =
		past_ms < spread_ms ? (uint32_t)(spread_ms - past_ms) : 0;

	tell(conn, left_ms == 0 ? 0 : wp_random_below(left_ms));
}
