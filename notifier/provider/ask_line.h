/*
 * ask_line.h - attempts that wait for a token of ours, in prepare() of their
 * way (ask.h): in the order in which they came, and a second at most, for what
 * they tell was true a second ago.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_ASK_LINE_H
#define WP_NOTIFIER_ASK_LINE_H

#include <ev.h>

#include "notifier/provider/ask.h"

enum { WP_ASK_LINE_MS = 1000 };

/* Embedded in its provider, which does not move. */
struct wp_ask_line {
	struct ev_loop *loop;
	ev_timer timer; /* until the first has waited for too long */
	struct wp_ask *first;
	struct wp_ask **end;
};

void wp_ask_line_init(struct wp_ask_line *line, struct ev_loop *loop);
/* Those that wait are told nothing. */
void wp_ask_line_stop(struct wp_ask_line *line);

/* One more, whose note is ours until it goes. */
void wp_ask_line_add(struct wp_ask_line *line, struct wp_ask *ask);
/* All of them can be built. Not within a call of prepare(). */
void wp_ask_line_go(struct wp_ask_line *line);
/* There is no token: they come to nothing, as AGAIN. As wp_ask_line_go(). */
void wp_ask_line_end(struct wp_ask_line *line);

/* The same for one that does not wait. */
void wp_ask_line_refuse(struct wp_ask *ask);

#endif /* WP_NOTIFIER_ASK_LINE_H */
