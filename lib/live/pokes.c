/*
 * pokes.c - coalescing and spreading.
 *
 * Knows users and time. Knows nothing about frames: what a poke looks like and
 * whether one is waiting in a socket's queue already is its callback's affair.
 */
#include "lib/live/pokes.h"

#include <stdlib.h>

#include <ev.h>

enum {
	COOLING_MS = 3,
	SPREAD_TICK_MS = 100,
	SPREAD_TICKS = 50, /* five seconds */
	SPREAD_LEAST = 50, /* per tick: a few users need not wait */
	FIRST_CAP = 64,
};

struct wp_pokes {
	struct ev_loop *loop;
	struct wp_hub *hub;
	struct wp_live_counts counts;
	wp_poke_fn fn;
	void *ctx;

	ev_timer cooling_timer;
	struct wp_user **cooling; /* pinned: poked a moment ago */
	size_t n_cooling;
	size_t cap_cooling;

	ev_timer spread_timer;
	uint64_t *later; /* numbers of connections */
	size_t later_head;
	size_t n_later;
	size_t cap_later;
	size_t portion;
};

static void poke_members(struct wp_pokes *pokes, struct wp_user *user)
{
	struct wp_member *next;

	/* A connection that cannot take it may leave the list. */
	for (struct wp_member *m = user->members; m != NULL; m = next) {
		next = m->next;
		pokes->fn(pokes->ctx, m);
	}
}

/* Who was poked again meanwhile gets one poke for all and stays in the list. */
static void on_cooled(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_pokes *pokes = timer->data;
	size_t kept = 0;

	(void)events;
	for (size_t i = 0; i < pokes->n_cooling; i++) {
		struct wp_user *user = pokes->cooling[i];

		if (user->pokes.is_owed) {
			user->pokes.is_owed = false;
			poke_members(pokes, user);
			pokes->cooling[kept++] = user;
		} else {
			user->pokes.is_cooling = false;
			wp_hub_unpin(pokes->hub, user);
		}
	}
	pokes->n_cooling = kept;
	if (kept == 0)
		ev_timer_stop(loop, timer);
}

static void on_spread(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_pokes *pokes = timer->data;
	size_t end = pokes->later_head + pokes->portion;

	(void)events;
	if (end > pokes->n_later)
		end = pokes->n_later;
	for (; pokes->later_head < end; pokes->later_head++) {
		struct wp_member *member = wp_hub_find(
			pokes->hub, pokes->later[pokes->later_head]);

		if (member != NULL && member->user != NULL)
			pokes->fn(pokes->ctx, member);
	}
	if (pokes->later_head < pokes->n_later)
		return;
	ev_timer_stop(loop, timer);
	free(pokes->later);
	pokes->later = NULL;
	pokes->later_head = 0;
	pokes->n_later = 0;
	pokes->cap_later = 0;
}

struct wp_pokes *wp_pokes_new(struct ev_loop *loop, struct wp_hub *hub,
			      const struct wp_live_counts *counts,
			      wp_poke_fn fn, void *ctx)
{
	struct wp_pokes *pokes = calloc(1, sizeof(*pokes));

	if (pokes == NULL)
		return NULL;
	pokes->loop = loop;
	pokes->hub = hub;
	pokes->counts = *counts;
	pokes->fn = fn;
	pokes->ctx = ctx;
	ev_timer_init(&pokes->cooling_timer, on_cooled, COOLING_MS / 1e3,
		      COOLING_MS / 1e3);
	pokes->cooling_timer.data = pokes;
	ev_timer_init(&pokes->spread_timer, on_spread, 0.,
		      SPREAD_TICK_MS / 1e3);
	pokes->spread_timer.data = pokes;
	return pokes;
}

void wp_pokes_free(struct wp_pokes **pokes)
{
	struct wp_pokes *p = *pokes;

	*pokes = NULL;
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n_cooling; i++)
		wp_hub_unpin(p->hub, p->cooling[i]);
	ev_timer_stop(p->loop, &p->cooling_timer);
	ev_timer_stop(p->loop, &p->spread_timer);
	free(p->cooling);
	free(p->later);
	free(p);
}

/* False when there is no memory: then nothing is coalesced for this user. */
static bool begin_cooling(struct wp_pokes *pokes, struct wp_user *user)
{
	if (pokes->n_cooling == pokes->cap_cooling) {
		size_t cap = pokes->cap_cooling == 0 ? FIRST_CAP
						     : pokes->cap_cooling * 2;
		struct wp_user **list =
			realloc(pokes->cooling, cap * sizeof(struct wp_user *));

		if (list == NULL)
			return false;
		pokes->cooling = list;
		pokes->cap_cooling = cap;
	}
	wp_hub_pin(user);
	user->pokes.is_cooling = true;
	pokes->cooling[pokes->n_cooling++] = user;
	if (!ev_is_active(&pokes->cooling_timer))
		ev_timer_again(pokes->loop, &pokes->cooling_timer);
	return true;
}

void wp_pokes_user(struct wp_pokes *pokes, struct wp_user *user)
{
	if (user->pokes.is_cooling) {
		if (user->pokes.is_owed)
			wp_metric_add(pokes->counts.metrics,
				      pokes->counts.coalesced, 1);
		user->pokes.is_owed = true;
		return;
	}
	(void)begin_cooling(pokes, user); /* poked either way */
	poke_members(pokes, user);
}

void wp_pokes_later(struct wp_pokes *pokes, const struct wp_member *member)
{
	if (pokes->n_later == pokes->cap_later) {
		size_t cap = pokes->cap_later == 0 ? FIRST_CAP
						   : pokes->cap_later * 2;
		uint64_t *list =
			realloc(pokes->later, cap * sizeof(*pokes->later));

		if (list == NULL) {
			struct wp_member *now =
				wp_hub_find(pokes->hub, member->number);

			if (now != NULL)
				pokes->fn(pokes->ctx, now);
			return;
		}
		pokes->later = list;
		pokes->cap_later = cap;
	}
	pokes->later[pokes->n_later++] = member->number;
	pokes->portion = pokes->n_later / SPREAD_TICKS + 1;
	if (pokes->portion < SPREAD_LEAST)
		pokes->portion = SPREAD_LEAST;
	if (!ev_is_active(&pokes->spread_timer)) {
		ev_timer_set(&pokes->spread_timer, 0., SPREAD_TICK_MS / 1e3);
		ev_timer_start(pokes->loop, &pokes->spread_timer);
	}
}
