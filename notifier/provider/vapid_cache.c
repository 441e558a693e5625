/* vapid_cache.c - a few hundred texts, searched one by one. */
#include "notifier/provider/vapid_cache.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	char *origin; /* owned; NULL: free */
	struct wp_buf text;
	int64_t made_s;
	uint64_t used; /* when, in calls */
};

struct wp_vapid_cache {
	const struct wp_vapid *vapid;
	const char *subject;
	uint64_t calls;
	struct entry entries[WP_VAPID_ORIGINS_MAX];
};

struct wp_vapid_cache *wp_vapid_cache_new(const struct wp_vapid *vapid,
					  const char *subject)
{
	struct wp_vapid_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	cache->vapid = vapid;
	cache->subject = subject;
	return cache;
}

static void forget(struct entry *entry)
{
	free(entry->origin);
	entry->origin = NULL;
	wp_buf_release(&entry->text);
}

void wp_vapid_cache_free(struct wp_vapid_cache **cache)
{
	if (*cache == NULL)
		return;
	for (size_t i = 0; i < WP_VAPID_ORIGINS_MAX; i++)
		forget(&(*cache)->entries[i]);
	free(*cache);
	*cache = NULL;
}

/* That of the origin, else one that is free, else the one to give up. */
static struct entry *find(struct wp_vapid_cache *cache, const char *origin)
{
	struct entry *oldest = &cache->entries[0];

	for (size_t i = 0; i < WP_VAPID_ORIGINS_MAX; i++) {
		struct entry *entry = &cache->entries[i];

		if (entry->origin != NULL && strcmp(entry->origin, origin) == 0)
			return entry;
		if (entry->used < oldest->used)
			oldest = entry;
	}
	return oldest;
}

static enum wp_err make(const struct wp_vapid_cache *cache, const char *origin,
			int64_t now_s, struct entry *out, struct wp_error *err)
{
	const struct wp_vapid_claims claims = {
		.origin = origin,
		.subject = cache->subject,
		.now_s = now_s,
	};

	forget(out);
	wp_buf_init(&out->text, 0);
	out->origin = strdup(origin);
	out->made_s = now_s;
	if (out->origin == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return wp_vapid_sign(cache->vapid, &claims, &out->text, err);
}

const char *wp_vapid_cache_get(struct wp_vapid_cache *cache, const char *origin,
			       int64_t now_s, struct wp_error *err)
{
	struct entry *entry = find(cache, origin);
	bool is_good = entry->origin != NULL &&
		       strcmp(entry->origin, origin) == 0 &&
		       now_s >= entry->made_s &&
		       now_s - entry->made_s < WP_VAPID_KEPT_S;

	if (!is_good && make(cache, origin, now_s, entry, err) != WP_OK) {
		forget(entry);
		return NULL;
	}
	entry->used = ++cache->calls;
	return entry->text.data;
}
