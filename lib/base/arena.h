/*
 * arena.h - memory that is freed all at once, when its request ends.
 *
 * Blocks are kept between requests up to a bound, so a busy thread stops
 * calling malloc. Nothing allocated here may outlive wp_arena_reset().
 */
#ifndef WP_LIB_BASE_ARENA_H
#define WP_LIB_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct wp_arena_block;

struct wp_arena {
	struct wp_arena_block *head; /* newest block first */
	size_t used;                 /* bytes handed out since the reset */
	size_t max_bytes;            /* refuse beyond this */
	/* What is in it is wiped before it is forgotten. The owner's to set */
	bool is_secret;
};

/* max_bytes: what one request may take, > 0. */
void wp_arena_init(struct wp_arena *arena, size_t max_bytes);

/* Free everything. */
void wp_arena_release(struct wp_arena *arena);

/* Forget all allocations; keeps the oldest block for the next request. */
void wp_arena_reset(struct wp_arena *arena);

/* Zeroed memory aligned for any type; NULL when out of memory or over bound. */
void *wp_arena_alloc(struct wp_arena *arena, size_t len);

/* Copy of len bytes with a NUL behind them, or NULL. */
char *wp_arena_copy(struct wp_arena *arena, const void *data, size_t len);

#endif /* WP_LIB_BASE_ARENA_H */
