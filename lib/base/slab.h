/*
 * slab.h - many objects of one size: none costs more than its bytes, and what
 * else comes and goes in memory leaves no holes between them.
 *
 * They lie in chunks that come from the system and go back to it when they are
 * empty, but for one. Pages that were never needed cost nothing.
 */
#ifndef WP_LIB_BASE_SLAB_H
#define WP_LIB_BASE_SLAB_H

#include <stddef.h>

#include "lib/base/err.h"

enum {
	WP_SLAB_CHUNK = 64 * 1024,
	WP_SLAB_SIZE_MIN = 32, /* bytes of an object */
	WP_SLAB_SIZE_MAX = 1024,
};

struct wp_slab_chunk;

/* Private but for n. */
struct wp_slab {
	size_t size;
	size_t per_chunk;
	struct wp_slab_chunk *open; /* those with room */
	size_t n;                   /* objects */
};

/* size: of an object, which is aligned to 8 bytes. Allocates nothing. */
void wp_slab_init(struct wp_slab *slab, size_t size);
/* No object may be left. */
void wp_slab_release(struct wp_slab *slab);

/* Zeroed memory for one, or NULL. */
void *wp_slab_alloc(struct wp_slab *slab) WP_MUST_USE;
/* NULL-safe. */
void wp_slab_free(struct wp_slab *slab, void *object);

#endif /* WP_LIB_BASE_SLAB_H */
