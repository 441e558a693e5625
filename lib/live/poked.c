/*
 * poked.c - names of a turn of the loop, looked up together.
 */
#include "lib/live/poked.h"

#include <string.h>

void wp_poked_flush(struct wp_poked *poked)
{
	size_t n = poked->n;

	poked->n = 0;
	wp_hub_look_ahead(poked->hub, poked->names, n);
	for (size_t i = 0; i < n; i++) {
		struct wp_user *user = wp_hub_user(
			poked->hub, poked->names[i].text, poked->names[i].len);

		if (user == NULL)
			continue;
		wp_beat_note_poke(poked->beat, &user->beat);
		wp_hub_poke(poked->hub, user);
	}
}

static void on_check(struct ev_loop *loop, ev_check *check, int events)
{
	(void)loop;
	(void)events;
	wp_poked_flush(check->data);
}

void wp_poked_add(struct wp_poked *poked, const struct wp_poke *poke)
{
	char *copy = poked->texts[poked->n];

	if (poke->len > WP_URN_MAX)
		return; /* nobody has such a name */
	memcpy(copy, poke->text, poke->len);
	poked->names[poked->n++] =
		(struct wp_hub_name){ .text = copy, .len = poke->len };
	if (poked->n == WP_HUB_NAMES_MAX)
		wp_poked_flush(poked);
}

void wp_poked_init(struct wp_poked *poked, struct ev_loop *loop,
		   struct wp_hub *hub, const struct wp_beat *beat)
{
	poked->loop = loop;
	poked->hub = hub;
	poked->beat = beat;
	poked->n = 0;
	ev_check_init(&poked->check, on_check);
	/* Behind what is read, before the turn of who is poked. */
	ev_set_priority(&poked->check, EV_MINPRI + 1);
	poked->check.data = poked;
}

void wp_poked_start(struct wp_poked *poked)
{
	ev_check_start(poked->loop, &poked->check);
}

void wp_poked_stop(struct wp_poked *poked)
{
	ev_check_stop(poked->loop, &poked->check);
}
