/*
 * key_wait.c - a timer that runs while somebody waits, and looks at the files
 * of those issuers whose keys are waited for.
 */
#include "lib/live/key_wait.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/sys/issuers.h"

enum {
	LOOK_MS = 20,
	/* waypost-keys may just have been starting. */
	ASK_MS = 200,
	MS_PER_S = 1000,
};

struct wp_key_wait {
	struct ev_loop *loop;
	struct wp_auth *auth;
	ev_timer timer;
	struct wp_key_waiter *first;
	size_t n;
	uint64_t asked_ms[WP_ISSUERS_ALL + 1]; /* of each issuer; 0: never */
};

static void put(struct wp_key_wait *wait, struct wp_key_waiter *waiter)
{
	waiter->next = wait->first;
	waiter->link = &wait->first;
	if (waiter->next != NULL)
		waiter->next->link = &waiter->next;
	wait->first = waiter;
	wait->n++;
}

static void take(struct wp_key_wait *wait, struct wp_key_waiter *waiter)
{
	assert(waiter->link != NULL);
	*waiter->link = waiter->next;
	if (waiter->next != NULL)
		waiter->next->link = waiter->link;
	waiter->next = NULL;
	waiter->link = NULL;
	wait->n--;
}

static void ask(struct wp_key_wait *wait, size_t issuer, uint64_t now_ms)
{
	uint64_t *asked_ms = &wait->asked_ms[issuer];

	if (*asked_ms != 0 && now_ms - *asked_ms < ASK_MS)
		return;
	*asked_ms = now_ms;
	wp_auth_ask(wait->auth, issuer);
}

/*
 * Try those again whose issuer has another file, and those whose time is over.
 * A list of its own, so that who comes meanwhile is not tried with them; who
 * goes meanwhile takes himself out of whichever list he is in.
 */
static void try_again(struct wp_key_wait *wait, const bool *is_new,
		      uint64_t now_ms)
{
	struct wp_key_waiter *rest = wait->first;
	struct wp_key_waiter *waiter;

	wait->first = NULL;
	if (rest != NULL)
		rest->link = &rest;
	while ((waiter = rest) != NULL) {
		bool is_over = now_ms >= waiter->until_ms;
		size_t issuer = waiter->issuer;

		take(wait, waiter);
		if ((!is_over && !is_new[issuer]) ||
		    (waiter->again(waiter, is_over) && !is_over))
			put(wait, waiter);
	}
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_key_wait *wait = timer->data;
	bool is_waited_for[WP_ISSUERS_ALL + 1] = { false };
	bool is_new[WP_ISSUERS_ALL + 1] = { false };
	uint64_t now_ms = wp_mono_ms();

	(void)events;
	for (struct wp_key_waiter *w = wait->first; w != NULL; w = w->next)
		is_waited_for[w->issuer] = true;
	for (size_t i = 1; i <= WP_ISSUERS_ALL; i++) {
		if (!is_waited_for[i])
			continue;
		is_new[i] = wp_auth_look_again(wait->auth, i);
		ask(wait, i, now_ms);
	}
	try_again(wait, is_new, now_ms);
	if (wait->n == 0)
		ev_timer_stop(loop, timer);
}

enum wp_err wp_key_wait_new(struct wp_key_wait **out, struct ev_loop *loop,
			    struct wp_auth *auth, struct wp_error *err)
{
	struct wp_key_wait *wait = calloc(1, sizeof(*wait));

	if (wait == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	wait->loop = loop;
	wait->auth = auth;
	ev_timer_init(&wait->timer, on_timer, (double)LOOK_MS / MS_PER_S,
		      (double)LOOK_MS / MS_PER_S);
	wait->timer.data = wait;
	*out = wait;
	return WP_OK;
}

void wp_key_wait_free(struct wp_key_wait **wait)
{
	if (wait == NULL || *wait == NULL)
		return;
	ev_timer_stop((*wait)->loop, &(*wait)->timer);
	while ((*wait)->first != NULL)
		take(*wait, (*wait)->first);
	free(*wait);
	*wait = NULL;
}

void wp_key_wait_use(struct wp_key_wait *wait, struct wp_auth *auth)
{
	const bool is_new[WP_ISSUERS_ALL + 1] = { false };

	wait->auth = auth;
	for (size_t i = 0; i <= WP_ISSUERS_ALL; i++)
		wait->asked_ms[i] = 0;
	/* Their numbers are of the issuers that were. */
	for (struct wp_key_waiter *w = wait->first; w != NULL; w = w->next)
		w->until_ms = 0;
	try_again(wait, is_new, wp_mono_ms());
}

static bool is_same(const struct wp_address *a, const struct wp_address *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/*
 * Loopback is whom a web server names that was not told of its proxy: that is
 * to hold nobody up (handlers/request/limit.c).
 */
static bool has_place(const struct wp_key_wait *wait,
		      const struct wp_key_waiter *waiter)
{
	size_t n_of_one = 0, n_logouts = 0;

	for (const struct wp_key_waiter *w = wait->first; w != NULL;
	     w = w->next) {
		n_of_one += is_same(&w->from, &waiter->from);
		n_logouts += w->is_logout;
	}
	if (waiter->is_logout && n_logouts >= WP_KEY_WAITERS_LOGOUTS)
		return false;
	if (waiter->from.len > 0 && !waiter->from.is_loopback &&
	    n_of_one >= WP_KEY_WAITERS_OF_ONE)
		return false;
	return wait->n < WP_KEY_WAITERS_MAX;
}

bool wp_key_wait_add(struct wp_key_wait *wait, struct wp_key_waiter *waiter,
		     size_t issuer, uint64_t ms)
{
	uint64_t now_ms = wp_mono_ms();

	if (!has_place(wait, waiter))
		return false;
	waiter->issuer = issuer;
	waiter->until_ms = now_ms + ms;
	put(wait, waiter);
	ask(wait, issuer, now_ms);
	/* Whatever the loop thinks of the time, it has not come yet. */
	if (!ev_is_active(&wait->timer))
		ev_timer_again(wait->loop, &wait->timer);
	return true;
}

void wp_key_wait_remove(struct wp_key_wait *wait, struct wp_key_waiter *waiter)
{
	if (waiter->link != NULL)
		take(wait, waiter);
}
