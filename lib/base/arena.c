/*
 * arena.c - blocks that grow by doubling and die together.
 *
 * Knows alignment and the bound. Knows nothing about who shares the memory: an
 * arena belongs to one request in one thread.
 */
#include "lib/base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 16 * 1024, ALIGN = alignof(max_align_t) };

/* No request comes near it, and no sum of sizes below it overflows. */
#define MAX_BYTES ((size_t)PTRDIFF_MAX / 4)

struct wp_arena_block {
	struct wp_arena_block *older;
	size_t cap;
	size_t used;
	alignas(max_align_t) unsigned char data[];
};

static size_t round_up(size_t len)
{
	return (len + ALIGN - 1) / ALIGN * ALIGN;
}

void wp_arena_init(struct wp_arena *arena, size_t max_bytes)
{
	assert(max_bytes > 0);
	if (max_bytes > MAX_BYTES)
		max_bytes = MAX_BYTES;
	/* Every piece is rounded up, so the bound must be too. */
	*arena = (struct wp_arena){ .max_bytes = round_up(max_bytes) };
}

static void wipe(const struct wp_arena *arena, struct wp_arena_block *block)
{
	if (arena->is_secret)
		explicit_bzero(block->data, block->used);
}

void wp_arena_release(struct wp_arena *arena)
{
	if (arena == NULL)
		return;
	while (arena->head != NULL) {
		struct wp_arena_block *older = arena->head->older;

		wipe(arena, arena->head);
		free(arena->head);
		arena->head = older;
	}
	arena->used = 0;
}

void wp_arena_reset(struct wp_arena *arena)
{
	while (arena->head != NULL && arena->head->older != NULL) {
		struct wp_arena_block *older = arena->head->older;

		wipe(arena, arena->head);
		free(arena->head);
		arena->head = older;
	}
	if (arena->head != NULL) {
		wipe(arena, arena->head);
		arena->head->used = 0;
	}
	arena->used = 0;
}

/* Put a block with room for len in front; false when memory is exhausted. */
static bool add_block(struct wp_arena *arena, size_t len)
{
	size_t cap = arena->head == NULL ? FIRST_BLOCK : arena->head->cap * 2;
	struct wp_arena_block *block;

	if (cap > arena->max_bytes)
		cap = arena->max_bytes;
	if (cap < len)
		cap = len;
	block = malloc(sizeof(*block) + cap);
	if (block == NULL)
		return false;
	block->older = arena->head;
	block->cap = cap;
	block->used = 0;
	arena->head = block;
	return true;
}

/* Memory as it is. */
static void *take(struct wp_arena *arena, size_t len)
{
	struct wp_arena_block *block = arena->head;
	void *data;

	if (len > arena->max_bytes - arena->used)
		return NULL;
	/* Nothing is handed out twice, not even an empty piece. */
	len = len == 0 ? ALIGN : round_up(len);
	if (len > arena->max_bytes - arena->used)
		return NULL;
	if (block == NULL || block->cap - block->used < len) {
		if (!add_block(arena, len))
			return NULL;
		block = arena->head;
	}
	data = block->data + block->used;
	block->used += len;
	arena->used += len;
	return data;
}

void *wp_arena_alloc(struct wp_arena *arena, size_t len)
{
	void *data = take(arena, len);

	if (data != NULL)
		memset(data, 0, len);
	return data;
}

char *wp_arena_copy(struct wp_arena *arena, const void *data, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		return NULL;
	copy = take(arena, len + 1);
	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}
