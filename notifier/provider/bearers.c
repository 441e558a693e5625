/* bearers.c - a few entries, searched one by one. */
#include "notifier/provider/bearers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/signing_key.h"
#include "lib/base/buf.h"

struct wp_bearer_entry {
	struct wp_bearer_entry *next;
	char team[WP_BEARER_ID_LEN + 1];
	char key[WP_BEARER_ID_LEN + 1];
	struct wp_buf pem; /* owned, secret */
	struct wp_apns_bearer *bearer;
	struct wp_bearer_user *users; /* at least one */
};

struct wp_bearers {
	struct wp_bearers_setup setup;
	struct wp_own_key seal;
	struct wp_bearer_entry *first;
};

struct wp_bearers *wp_bearers_new(const struct wp_bearers_setup *setup)
{
	struct wp_bearers *bearers = calloc(1, sizeof(*bearers));

	if (bearers == NULL)
		return NULL;
	bearers->setup = *setup;
	bearers->setup.store_secret = NULL;
	wp_own_key_make(&bearers->seal, setup->store_secret, WP_BEARER_PURPOSE);
	return bearers;
}

void wp_bearers_free(struct wp_bearers **bearers)
{
	if (*bearers == NULL)
		return;
	assert((*bearers)->first == NULL);
	wp_own_key_forget(&(*bearers)->seal);
	free(*bearers);
	*bearers = NULL;
}

static void on_settled(void *ctx)
{
	struct wp_bearer_entry *entry = ctx;

	for (struct wp_bearer_user *user = entry->users; user != NULL;
	     user = user->next)
		user->on_settled(user->ctx);
}

static void entry_free(struct wp_bearer_entry *entry)
{
	wp_apns_bearer_free(&entry->bearer);
	wp_signing_forget(&entry->pem);
	free(entry);
}

static struct wp_bearer_entry *entry_new(struct wp_bearers *bearers,
					 const struct wp_bearer_of *of)
{
	struct wp_bearer_entry *entry = calloc(1, sizeof(*entry));
	struct wp_apns_bearer_setup setup = {
		.seal = &bearers->seal,
		.redis = bearers->setup.redis,
		.redis_ctx = bearers->setup.redis_ctx,
		.on_settled = on_settled,
	};

	if (entry == NULL)
		return NULL;
	assert(strlen(of->team) == WP_BEARER_ID_LEN &&
	       strlen(of->key) == WP_BEARER_ID_LEN);
	memcpy(entry->team, of->team, sizeof(entry->team));
	memcpy(entry->key, of->key, sizeof(entry->key));
	wp_buf_init(&entry->pem, 0);
	wp_buf_add(&entry->pem, of->pem, of->pem_len);
	setup.team = entry->team;
	setup.key = entry->key;
	setup.pem = entry->pem.data;
	setup.pem_len = entry->pem.len;
	setup.ctx = entry;
	if (!entry->pem.failed)
		entry->bearer = wp_apns_bearer_new(&setup);
	if (entry->bearer == NULL) {
		entry_free(entry);
		return NULL;
	}
	entry->next = bearers->first;
	bearers->first = entry;
	return entry;
}

static struct wp_bearer_entry *find(const struct wp_bearers *bearers,
				    const struct wp_bearer_of *of)
{
	struct wp_bearer_entry *entry = bearers->first;

	while (entry != NULL &&
	       (strcmp(entry->team, of->team) != 0 ||
		strcmp(entry->key, of->key) != 0 ||
		entry->pem.len != of->pem_len ||
		memcmp(entry->pem.data, of->pem, of->pem_len) != 0))
		entry = entry->next;
	return entry;
}

enum wp_err wp_bearers_take(struct wp_bearers *bearers,
			    const struct wp_bearer_of *of,
			    struct wp_bearer_user *user, struct wp_error *err)
{
	struct wp_bearer_entry *entry = find(bearers, of);

	if (entry == NULL)
		entry = entry_new(bearers, of);
	if (entry == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	user->entry = entry;
	user->next = entry->users;
	entry->users = user;
	return WP_OK;
}

void wp_bearers_give_back(struct wp_bearers *bearers,
			  struct wp_bearer_user *user)
{
	struct wp_bearer_entry *entry = user->entry;
	struct wp_bearer_entry **place = &bearers->first;
	struct wp_bearer_user **at;

	if (entry == NULL)
		return;
	at = &entry->users;
	while (*at != user)
		at = &(*at)->next;
	*at = user->next;
	user->entry = NULL;
	if (entry->users != NULL)
		return;
	while (*place != entry)
		place = &(*place)->next;
	*place = entry->next;
	entry_free(entry);
}

struct wp_apns_bearer *wp_bearer_of(const struct wp_bearer_user *user)
{
	return user->entry->bearer;
}
