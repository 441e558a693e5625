/*
 * token_cache.c - one place for each token, by the end of its signature: who
 * comes later takes the place.
 *
 * Only good tokens take a place, so nobody without one puts others out. Texts
 * are compared in constant time, and wiped when they go.
 */
#include "lib/auth/token_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/digest.h"

/* 2^64 by the golden ratio: spreads what it is multiplied with. */
#define SPREAD UINT64_C(0x9e3779b97f4a7c15)

struct slot {
	char *text; /* owned; NULL: nobody's */
	size_t len;
	int64_t since_s;
	uint32_t generation; /* of the keys */
	struct wp_identity who;
};

struct wp_token_cache {
	const struct wp_auth *auth;
	uint64_t hits;
	struct slot slots[WP_TOKEN_CACHE_SLOTS];
};

static void forget(struct slot *slot)
{
	if (slot->text != NULL)
		explicit_bzero(slot->text, slot->len);
	free(slot->text);
	*slot = (struct slot){ 0 };
}

/* The place of a token; NULL when it is none that can be kept. */
static struct slot *slot_of(struct wp_token_cache *cache,
			    const struct wp_token *token)
{
	uint64_t tail;

	if (token->text == NULL || token->len < sizeof(tail) ||
	    token->len > WP_TOKEN_CACHE_BYTES)
		return NULL;
	memcpy(&tail, token->text + token->len - sizeof(tail), sizeof(tail));
	return &cache->slots[(tail * SPREAD >> 32) % WP_TOKEN_CACHE_SLOTS];
}

static bool is_known(const struct slot *slot, const struct wp_token *token,
		     int64_t now_s, uint32_t generation)
{
	return slot->text != NULL && slot->len == token->len &&
	       slot->generation == generation &&
	       wp_equal_ct(slot->text, token->text, token->len) &&
	       now_s >= slot->since_s && now_s < slot->who.expires_s;
}

/* Without memory it is not. */
static void remember(struct slot *slot, const struct wp_token *token,
		     int64_t now_s, uint32_t generation,
		     const struct wp_identity *who)
{
	char *text = malloc(token->len);

	forget(slot);
	if (text == NULL)
		return;
	memcpy(text, token->text, token->len);
	*slot = (struct slot){
		.text = text,
		.len = token->len,
		.since_s = now_s,
		.generation = generation,
		.who = *who,
	};
}

enum wp_err wp_token_cache_verify(struct wp_token_cache *cache,
				  const struct wp_token *token, int64_t now_s,
				  struct wp_identity *out, struct wp_error *err)
{
	uint32_t generation = wp_auth_generation(cache->auth);
	struct slot *slot = slot_of(cache, token);
	enum wp_err rc;

	if (slot != NULL && is_known(slot, token, now_s, generation)) {
		cache->hits++;
		*out = slot->who;
		return WP_OK;
	}
	rc = wp_auth_verify(cache->auth, token, now_s, out, err);
	if (slot != NULL && rc == WP_OK)
		remember(slot, token, now_s, generation, out);
	return rc;
}

uint64_t wp_token_cache_hits(const struct wp_token_cache *cache)
{
	return cache->hits;
}

enum wp_err wp_token_cache_new(struct wp_token_cache **out,
			       const struct wp_auth *auth, struct wp_error *err)
{
	/* Pages that nobody's token came to take no memory. */
	struct wp_token_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	cache->auth = auth;
	*out = cache;
	return WP_OK;
}

void wp_token_cache_free(struct wp_token_cache **cache)
{
	if (*cache == NULL)
		return;
	for (size_t i = 0; i < WP_TOKEN_CACHE_SLOTS; i++)
		forget(&(*cache)->slots[i]);
	free(*cache);
	*cache = NULL;
}
