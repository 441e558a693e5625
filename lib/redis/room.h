/*
 * room.h - the memory of answers on one connection.
 *
 * An answer of many elements would be a dozen allocations; here they are pieces
 * of an arena (lib/base/arena.h), which is empty again when the answer has been
 * dealt with. It keeps a little, so that most answers allocate nothing.
 */
#ifndef WP_LIB_REDIS_ROOM_H
#define WP_LIB_REDIS_ROOM_H

#include <stdbool.h>
#include <stddef.h>

struct redisContext;
struct redisReply;
struct wp_reply_room;

/* NULL when memory is exhausted. */
struct wp_reply_room *wp_reply_room_new(void);
/* With all answers that are in it. NULL-safe. */
void wp_reply_room_free(struct wp_reply_room **room);

/* Answers of link are made in there from now on; room outlives link. Nobody
 * frees one: they end with wp_reply_room_clear(). */
void wp_reply_room_use(struct wp_reply_room *room, struct redisContext *link);

/*
 * Put an answer, which is in there, to those before of the same group. False
 * without memory; the group is lost then.
 *
 * n:     answers of the group, > 0
 * *out:  an array of all of them when this is the last one, else NULL
 */
bool wp_reply_room_gather(struct wp_reply_room *room, struct redisReply *reply,
			  size_t n, struct redisReply **out);
/* Is there a part of a group in there? Then it is not cleared yet. */
bool wp_reply_room_is_gathering(const struct wp_reply_room *room);

/* The last answer has been dealt with; none is half read. */
void wp_reply_room_clear(struct wp_reply_room *room);

#endif /* WP_LIB_REDIS_ROOM_H */
