/*
 * ears.c - one mark per user, and the line of those who wait.
 *
 * A mark says that Redis was asked, not that it has answered: who wants to be
 * sure waits until all that was asked so far is answered. That is more than he
 * needs and never less, whatever came and went meanwhile.
 */
#include "lib/live/ears.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64, WAITERS_KEPT = 4096 };

void wp_ears_init(struct wp_ears *ears, struct wp_hub *hub,
		  const struct wp_ears_hooks *hooks)
{
	*ears = (struct wp_ears){ .hub = hub, .hooks = *hooks };
}

void wp_ears_release(struct wp_ears *ears)
{
	free(ears->waiters);
	ears->waiters = NULL;
	ears->n = 0;
}

/* ---- the line ---- */

static bool has_room(struct wp_ears *ears)
{
	size_t cap = ears->cap == 0 ? FIRST_CAP : ears->cap * 2;
	struct wp_ears_waiter *waiters;

	if (ears->head + ears->n < ears->cap)
		return true;
	if (ears->head > 0 && ears->head >= ears->n) {
		memmove(ears->waiters, ears->waiters + ears->head,
			ears->n * sizeof(*waiters));
		ears->head = 0;
		return true;
	}
	waiters = realloc(ears->waiters, cap * sizeof(*waiters));
	if (waiters == NULL)
		return false;
	ears->waiters = waiters;
	ears->cap = cap;
	return true;
}

static struct wp_ears_waiter take_first(struct wp_ears *ears)
{
	struct wp_ears_waiter first = ears->waiters[ears->head++];

	if (--ears->n > 0)
		return first;
	ears->head = 0;
	if (ears->cap > WAITERS_KEPT) {
		free(ears->waiters);
		ears->waiters = NULL;
		ears->cap = 0;
	}
	return first;
}

/* NULL when it has left, or is about to. */
static struct wp_member *find(const struct wp_ears *ears,
			      const struct wp_ears_waiter *waiter)
{
	struct wp_member *member = wp_hub_find(ears->hub, waiter->number);

	return member != NULL && member->user != NULL ? member : NULL;
}

/* ---- who is heard ---- */

/* False: the feed is lost, or is given up for want of room, and all begin
 * anew. */
static bool ask(struct wp_ears *ears, struct wp_user *user)
{
	enum wp_err rc;

	if (user->is_heard)
		return true;
	rc = wp_feed_hear(ears->feed, user->text, user->len);
	user->is_heard = rc == WP_OK;
	if (rc != WP_OK && rc != WP_ERR_UNAVAIL)
		wp_feed_reset(ears->feed);
	return user->is_heard;
}

/* Behind all who wait already; false as above. */
static bool join_line(struct wp_ears *ears, const struct wp_ears_waiter *waiter)
{
	if (!has_room(ears)) {
		wp_feed_reset(ears->feed);
		return false;
	}
	ears->waiters[ears->head + ears->n++] = *waiter;
	return true;
}

void wp_ears_open(struct wp_ears *ears, const struct wp_member *member)
{
	if (ears->feed != NULL)
		(void)ask(ears, member->user); /* else when it is registered */
}

void wp_ears_close(struct wp_ears *ears, const struct wp_member *member)
{
	struct wp_user *user = member->user;

	if (ears->feed == NULL || user->members != member ||
	    member->next != NULL)
		return;
	user->is_heard = false;
	/* One of two names may have been asked for, whatever the mark says. */
	wp_feed_unhear(ears->feed, user->text, user->len);
}

void wp_ears_await(struct wp_ears *ears, struct wp_member *member,
		   int64_t pending)
{
	struct wp_ears_waiter waiter = { .number = member->number,
					 .pending = pending };

	if (ears->feed == NULL) {
		ears->hooks.on_heard(ears->hooks.ctx, member, pending);
		return;
	}
	if (!ask(ears, member->user)) {
		ears->hooks.on_unheard(ears->hooks.ctx, member);
		return;
	}
	waiter.request = wp_feed_asked(ears->feed);
	if (wp_feed_answered(ears->feed) >= waiter.request)
		ears->hooks.on_heard(ears->hooks.ctx, member, pending);
	else if (!join_line(ears, &waiter))
		ears->hooks.on_unheard(ears->hooks.ctx, member);
}

void wp_ears_answered(struct wp_ears *ears)
{
	uint64_t answered;

	if (ears->feed == NULL)
		return;
	answered = wp_feed_answered(ears->feed);
	while (ears->n > 0 && ears->waiters[ears->head].request <= answered) {
		const struct wp_ears_waiter waiter = take_first(ears);
		struct wp_member *member = find(ears, &waiter);

		if (member != NULL)
			ears->hooks.on_heard(ears->hooks.ctx, member,
					     waiter.pending);
	}
}

void wp_ears_give_up(struct wp_ears *ears)
{
	/* Nobody comes to the line meanwhile. */
	while (ears->n > 0) {
		const struct wp_ears_waiter waiter = take_first(ears);
		struct wp_member *member = find(ears, &waiter);

		if (member != NULL)
			ears->hooks.on_unheard(ears->hooks.ctx, member);
	}
}

void wp_ears_forget(struct wp_ears *ears)
{
	if (ears->feed == NULL)
		return;
	for (size_t i = 0; i < wp_hub_slots(ears->hub); i++) {
		struct wp_member *member = wp_hub_at(ears->hub, i);

		if (member != NULL && member->user != NULL)
			member->user->is_heard = false;
	}
	wp_ears_give_up(ears);
}
