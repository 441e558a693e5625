/*
 * token_cache.c - sets of four places, of which the one that was used least
 * lately gives way.
 *
 * Only good tokens take a place, so nobody without one puts others out, and
 * whose tokens share a set is decided by a secret, so nobody can aim at one.
 * Texts are compared in constant time, and wiped when they go.
 */
#include "lib/auth/token_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/random.h"
#include "lib/base/siphash.h"

enum {
	WAYS = 4,
	SETS = WP_TOKEN_CACHE_PLACES / WAYS,
	/* The end of a signature: tells tokens apart, whoever made them. */
	TAIL_BYTES = 16,
};

/* A token that is good, and whose it is. */
struct known {
	struct wp_identity who;
	int64_t since_s;
	uint32_t generation; /* of the keys */
	size_t len;
	char text[];
};

struct place {
	struct known *known; /* owned; NULL: nobody's */
	uint32_t tag;        /* of its hash: others need not be looked at */
	uint32_t used_at;    /* on a clock of uses, which may wrap */
};

struct wp_token_cache {
	const struct wp_auth *auth;
	uint64_t hits;
	uint8_t secret[WP_SIPHASH_KEY_LEN];
	uint32_t uses;
	struct place places[WP_TOKEN_CACHE_PLACES];
};

/* Where a token may be. */
struct spot {
	struct place *set; /* NULL: it is none that can be kept */
	struct place *found;
	uint32_t tag;
};

static void forget(struct place *place)
{
	struct known *known = place->known;

	if (known != NULL)
		explicit_bzero(known, sizeof(*known) + known->len);
	free(known);
	*place = (struct place){ 0 };
}

static bool is_of(const struct place *place, uint32_t tag,
		  const struct wp_token *token)
{
	return place->known != NULL && place->tag == tag &&
	       place->known->len == token->len &&
	       wp_equal_ct(place->known->text, token->text, token->len);
}

static void look_up(struct wp_token_cache *cache, const struct wp_token *token,
		    struct spot *out)
{
	uint64_t hash;

	*out = (struct spot){ 0 };
	if (token->text == NULL || token->len < TAIL_BYTES ||
	    token->len > WP_TOKEN_CACHE_BYTES)
		return;
	hash = wp_siphash(cache->secret, token->text + token->len - TAIL_BYTES,
			  TAIL_BYTES);
	out->set = &cache->places[hash % SETS * WAYS];
	out->tag = (uint32_t)(hash >> 32);
	for (size_t i = 0; i < WAYS && out->found == NULL; i++)
		if (is_of(&out->set[i], out->tag, token))
			out->found = &out->set[i];
}

static bool is_good(const struct known *known, int64_t now_s,
		    uint32_t generation)
{
	return known->generation == generation && now_s >= known->since_s &&
	       now_s < known->who.expires_s;
}

/* Nobody's, or of whoever gives way. */
static struct place *make_room(const struct wp_token_cache *cache,
			       struct place *set)
{
	struct place *place = &set[0];

	for (size_t i = 1; i < WAYS && place->known != NULL; i++)
		if (set[i].known == NULL ||
		    cache->uses - set[i].used_at > cache->uses - place->used_at)
			place = &set[i];
	forget(place);
	return place;
}

/* Without memory it is not. */
static void remember(struct wp_token_cache *cache, const struct spot *spot,
		     const struct wp_token *token, const struct known *as)
{
	struct known *known = malloc(sizeof(*known) + token->len);
	struct place *place;

	if (known == NULL)
		return;
	*known = *as;
	known->len = token->len;
	memcpy(known->text, token->text, token->len);
	place = make_room(cache, spot->set);
	*place = (struct place){ known, spot->tag, ++cache->uses };
}

enum wp_err wp_token_cache_verify(struct wp_token_cache *cache,
				  const struct wp_token *token, int64_t now_s,
				  struct wp_identity *out, struct wp_error *err)
{
	uint32_t generation = wp_auth_generation(cache->auth);
	struct spot spot;
	enum wp_err rc;

	look_up(cache, token, &spot);
	if (spot.found != NULL &&
	    is_good(spot.found->known, now_s, generation)) {
		cache->hits++;
		spot.found->used_at = ++cache->uses;
		*out = spot.found->known->who;
		return WP_OK;
	}
	if (spot.found != NULL)
		forget(spot.found);
	rc = wp_auth_verify(cache->auth, token, now_s, out, err);
	if (spot.set != NULL && rc == WP_OK)
		remember(cache, &spot, token,
			 &(struct known){ .who = *out,
					  .since_s = now_s,
					  .generation = generation });
	return rc;
}

uint64_t wp_token_cache_hits(const struct wp_token_cache *cache)
{
	return cache->hits;
}

enum wp_err wp_token_cache_new(struct wp_token_cache **out,
			       const struct wp_auth *auth, struct wp_error *err)
{
	struct wp_token_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	cache->auth = auth;
	wp_random_bytes(cache->secret, sizeof(cache->secret));
	*out = cache;
	return WP_OK;
}

void wp_token_cache_free(struct wp_token_cache **cache)
{
	if (*cache == NULL)
		return;
	for (size_t i = 0; i < WP_TOKEN_CACHE_PLACES; i++)
		forget(&(*cache)->places[i]);
	free(*cache);
	*cache = NULL;
}
