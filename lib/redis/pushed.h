/*
 * pushed.h - what was published, read where it lies: a busy channel has many
 * messages in one read, and none of them is worth a tree of answers.
 */
#ifndef WP_LIB_REDIS_PUSHED_H
#define WP_LIB_REDIS_PUSHED_H

#include <stddef.h>

/*
 * A message on a subscribed channel. Names and data come from strangers and may
 * hold any byte; all are borrowed, and not terminated.
 */
struct wp_pushed {
	const char *pattern; /* NULL: the channel was subscribed by its name */
	size_t pattern_len;
	const char *channel;
	size_t channel_len;
	const char *data;
	size_t len;
};

enum wp_pushed_read {
	WP_PUSHED_ONE,   /* a whole message */
	WP_PUSHED_PART,  /* it may become one: there are too few bytes */
	WP_PUSHED_OTHER, /* something else: an answer, an error */
};

/*
 * Read a message from the first of len bytes: *out points into them.
 *
 * used:    with WP_PUSHED_ONE how many bytes it has
 * Source:  Redis, "Pub/Sub": format of pushed messages (RESP2)
 */
enum wp_pushed_read wp_pushed_read(struct wp_pushed *out, const char *bytes,
				   size_t len, size_t *used);

#endif /* WP_LIB_REDIS_PUSHED_H */
