/*
 * room.c - hiredis' makers of answers, on an arena.
 *
 * Knows the shape of a redisReply and how a reader asks for one. Without memory
 * a maker returns NULL, and the reader says so.
 */
#include "lib/redis/room.h"

#include <stdint.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "lib/base/arena.h"

struct wp_reply_room {
	struct wp_arena arena;
	redisReplyObjectFunctions makers;
	struct redisReply *group; /* not whole yet; in the arena, or NULL */
};

/* A reply of this task's type, in its place of the array that it is part of. */
static struct redisReply *make(const redisReadTask *task)
{
	struct wp_reply_room *room = task->privdata;
	struct redisReply *reply = wp_arena_alloc(&room->arena, sizeof(*reply));

	if (reply == NULL)
		return NULL;
	reply->type = task->type;
	if (task->parent != NULL)
		((struct redisReply *)task->parent->obj)->element[task->idx] =
			reply;
	return reply;
}

static void *make_string(const redisReadTask *task, char *text, size_t len)
{
	struct wp_reply_room *room = task->privdata;
	struct redisReply *reply = make(task);

	if (reply == NULL)
		return NULL;
	reply->str = wp_arena_copy(&room->arena, text, len);
	reply->len = len;
	return reply->str == NULL ? NULL : reply;
}

/* In what hiredis counts elements, since 1.0; Debian 12 has the one before. */
#if HIREDIS_MAJOR >= 1
typedef size_t wp_element_count;
#else
typedef int wp_element_count;
#endif

static void *make_array(const redisReadTask *task, wp_element_count n)
{
	struct wp_reply_room *room = task->privdata;
	struct redisReply *reply = make(task);

	if (reply == NULL || n <= 0)
		return reply;
	reply->element = wp_arena_alloc(&room->arena,
					(size_t)n * sizeof(*reply->element));
	reply->elements = (size_t)n;
	return reply->element == NULL ? NULL : reply;
}

static void *make_integer(const redisReadTask *task, long long value)
{
	struct redisReply *reply = make(task);

	if (reply != NULL)
		reply->integer = value;
	return reply;
}

static void *make_nil(const redisReadTask *task)
{
	struct redisReply *reply = make(task);

	if (reply != NULL)
		reply->type = REDIS_REPLY_NIL; /* the task was of something */
	return reply;
}

static void free_nothing(void *reply)
{
	(void)reply; /* the arena ends all of them */
}

struct wp_reply_room *wp_reply_room_new(void)
{
	struct wp_reply_room *room = calloc(1, sizeof(*room));

	if (room == NULL)
		return NULL;
	/* Redis may say what it likes, as ever: the arena has no bound. */
	wp_arena_init(&room->arena, SIZE_MAX);
	room->makers = (redisReplyObjectFunctions){
		.createString = make_string,
		.createArray = make_array,
		.createInteger = make_integer,
		.createNil = make_nil,
		.freeObject = free_nothing,
	};
	return room;
}

void wp_reply_room_free(struct wp_reply_room **room)
{
	if (*room != NULL)
		wp_arena_release(&(*room)->arena);
	free(*room);
	*room = NULL;
}

void wp_reply_room_use(struct wp_reply_room *room, struct redisContext *link)
{
	link->reader->fn = &room->makers;
	link->reader->privdata = room;
}

bool wp_reply_room_gather(struct wp_reply_room *room, struct redisReply *reply,
			  size_t n, struct redisReply **out)
{
	struct redisReply *group = room->group;

	*out = NULL;
	if (group == NULL) {
		group = wp_arena_alloc(&room->arena, sizeof(*group));
		if (group == NULL)
			return false;
		group->type = REDIS_REPLY_ARRAY;
		group->element = wp_arena_alloc(
			&room->arena, n * sizeof(struct redisReply *));
		if (group->element == NULL)
			return false;
		room->group = group;
	}
	group->element[group->elements++] = reply;
	if (group->elements < n)
		return true;
	room->group = NULL;
	*out = group;
	return true;
}

bool wp_reply_room_is_gathering(const struct wp_reply_room *room)
{
	return room->group != NULL;
}

void wp_reply_room_clear(struct wp_reply_room *room)
{
	room->group = NULL;
	wp_arena_reset(&room->arena);
}
