/*
 * slab.c - chunks that are aligned to their size, so that an object tells where
 * its own begins.
 *
 * A chunk knows by a bit for each place whether it is vacant. Those with room
 * are in a list; one that is full is in none until one of its objects goes.
 */
#include "lib/base/slab.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* Says nothing where there is no AddressSanitizer. */
#include <sanitizer/asan_interface.h>

enum {
	ALIGNMENT = 8,
	WORD_BITS = 64,
	WORDS = WP_SLAB_CHUNK / WP_SLAB_SIZE_MIN / WORD_BITS,
};

struct wp_slab_chunk {
	struct wp_slab_chunk *next; /* of those with room */
	struct wp_slab_chunk *prev;
	size_t n_vacant;
	uint64_t vacant[WORDS]; /* a bit for each place */
	unsigned char places[];
};

enum { ROOM = WP_SLAB_CHUNK - sizeof(struct wp_slab_chunk) };

static struct wp_slab_chunk *chunk_of(void *object)
{
	unsigned char *at = object;

	return (struct wp_slab_chunk *)(at - (uintptr_t)at % WP_SLAB_CHUNK);
}

static void put_in_list(struct wp_slab *slab, struct wp_slab_chunk *chunk)
{
	chunk->prev = NULL;
	chunk->next = slab->open;
	if (chunk->next != NULL)
		chunk->next->prev = chunk;
	slab->open = chunk;
}

static void take_from_list(struct wp_slab *slab, struct wp_slab_chunk *chunk)
{
	if (chunk->next != NULL)
		chunk->next->prev = chunk->prev;
	if (chunk->prev != NULL)
		chunk->prev->next = chunk->next;
	else
		slab->open = chunk->next;
}

/* Zeroed and aligned to its size; NULL when there is none. */
static void *map_chunk(void)
{
	unsigned char *begin =
		mmap(NULL, 2 * (size_t)WP_SLAB_CHUNK, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (begin == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)begin % WP_SLAB_CHUNK;
	if (before > 0)
		(void)munmap(begin, before);
	begin += before;
	(void)munmap(begin + WP_SLAB_CHUNK, WP_SLAB_CHUNK - before);
	return begin;
}

static struct wp_slab_chunk *new_chunk(const struct wp_slab *slab)
{
	struct wp_slab_chunk *chunk = map_chunk();

	if (chunk == NULL)
		return NULL;
	chunk->n_vacant = slab->per_chunk;
	for (size_t i = 0; i < slab->per_chunk; i++)
		chunk->vacant[i / WORD_BITS] |= UINT64_C(1) << i % WORD_BITS;
	ASAN_POISON_MEMORY_REGION(chunk->places, ROOM);
	return chunk;
}

static void free_chunk(struct wp_slab_chunk *chunk)
{
	ASAN_UNPOISON_MEMORY_REGION(chunk->places, ROOM);
	(void)munmap(chunk, WP_SLAB_CHUNK);
}

void wp_slab_init(struct wp_slab *slab, size_t size)
{
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (size < WP_SLAB_SIZE_MIN)
		size = WP_SLAB_SIZE_MIN;
	assert(size <= WP_SLAB_SIZE_MAX);
	*slab = (struct wp_slab){ .size = size, .per_chunk = ROOM / size };
}

void wp_slab_release(struct wp_slab *slab)
{
	assert(slab->n == 0);
	while (slab->open != NULL) {
		struct wp_slab_chunk *chunk = slab->open;

		take_from_list(slab, chunk);
		free_chunk(chunk);
	}
}

/* Take a vacant place, of which there is one. */
static size_t occupy(struct wp_slab_chunk *chunk)
{
	size_t word = 0;
	size_t bit;

	while (chunk->vacant[word] == 0)
		word++;
	bit = (size_t)__builtin_ctzll(chunk->vacant[word]);
	chunk->vacant[word] &= chunk->vacant[word] - 1;
	chunk->n_vacant--;
	return word * WORD_BITS + bit;
}

void *wp_slab_alloc(struct wp_slab *slab)
{
	struct wp_slab_chunk *chunk = slab->open;
	unsigned char *object;

	if (chunk == NULL) {
		chunk = new_chunk(slab);
		if (chunk == NULL)
			return NULL;
		put_in_list(slab, chunk);
	}
	object = chunk->places + occupy(chunk) * slab->size;
	if (chunk->n_vacant == 0)
		take_from_list(slab, chunk);
	slab->n++;
	ASAN_UNPOISON_MEMORY_REGION(object, slab->size);
	return memset(object, 0, slab->size);
}

void wp_slab_free(struct wp_slab *slab, void *object)
{
	struct wp_slab_chunk *chunk = chunk_of(object);
	size_t place;

	if (object == NULL)
		return;
	place = (size_t)((unsigned char *)object - chunk->places) / slab->size;
	assert((chunk->vacant[place / WORD_BITS] >> place % WORD_BITS & 1) ==
	       0);
	ASAN_POISON_MEMORY_REGION(object, slab->size);
	chunk->vacant[place / WORD_BITS] |= UINT64_C(1) << place % WORD_BITS;
	slab->n--;
	if (chunk->n_vacant++ == 0)
		put_in_list(slab, chunk);
	/* The only one with room stays: who comes and goes needs it again. */
	if (chunk->n_vacant < slab->per_chunk ||
	    (slab->open == chunk && chunk->next == NULL))
		return;
	take_from_list(slab, chunk);
	free_chunk(chunk);
}
