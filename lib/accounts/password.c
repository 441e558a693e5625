/*
 * password.c - Argon2id by libargon2, with one lane and no threads of its own.
 */
#include "lib/accounts/password.h"

#include <string.h>

#include <argon2.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"

/* Less is a thousandth of what a hash costs at least, and is left out. */
enum { REST_MIN_KIB = 8 };

void wp_password_pepper(struct wp_password_pepper *out,
			const char *store_secret)
{
	static const char purpose[] = "password pepper, version 1";

	_Static_assert(sizeof(out->key) == WP_SHA256_LEN, "one HMAC");
	wp_hmac_sha256(store_secret, strlen(store_secret), purpose,
		       sizeof(purpose) - 1, out->key);
}

void wp_password_pepper_mark(const struct wp_password_pepper *pepper,
			     char out[WP_PEPPER_MARK_LEN + 1])
{
	static const char purpose[] = "mark of the pepper, version 1";
	uint8_t mark[WP_SHA256_LEN];

	wp_hmac_sha256(pepper->key, sizeof(pepper->key), purpose,
		       sizeof(purpose) - 1, mark);
	wp_hex_write(out, mark, WP_PEPPER_MARK_LEN / 2);
}

/* The library takes what it only reads by pointers that could write. */
static uint8_t *unconst(const void *data)
{
	union {
		const void *in;
		uint8_t *out;
	} both = { .in = data };

	return both.out;
}

static enum wp_err hash(struct wp_password *kept,
			const struct wp_password_way *way, const char *text,
			size_t len, struct wp_error *err)
{
	argon2_context context = {
		.out = kept->tag,
		.outlen = sizeof(kept->tag),
		/* No flag asks it to wipe this: it is the caller's. */
		.pwd = unconst(text),
		.pwdlen = (uint32_t)len,
		.salt = kept->salt,
		.saltlen = sizeof(kept->salt),
		.secret = unconst(way->pepper.key),
		.secretlen = sizeof(way->pepper.key),
		.t_cost = kept->cost.passes,
		.m_cost = kept->cost.memory_kib,
		.lanes = 1,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	int rc = len <= UINT32_MAX ? argon2id_ctx(&context)
				   : ARGON2_PWD_TOO_LONG;

	if (rc == ARGON2_OK)
		return WP_OK;
	return wp_error_set(err,
			    rc == ARGON2_MEMORY_ALLOCATION_ERROR ? WP_ERR_NOMEM
								 : WP_ERR_INVAL,
			    "a password cannot be hashed: %s",
			    argon2_error_message(rc));
}

enum wp_err wp_password_make(struct wp_password *out,
			     const struct wp_password_way *way,
			     const char *text, size_t len, struct wp_error *err)
{
	*out = (struct wp_password){ .cost = way->cost };
	wp_random_bytes(out->salt, sizeof(out->salt));
	return hash(out, way, text, len, err);
}

static bool is_sound(const struct wp_password_cost *cost)
{
	return cost->memory_kib >= WP_PASSWORD_MEMORY_MIN_KIB &&
	       cost->memory_kib <= WP_PASSWORD_MEMORY_MAX_KIB &&
	       cost->passes >= 1 && cost->passes <= WP_PASSWORD_PASSES_MAX;
}

/* As an account has it that is deleted. */
static bool is_none(const struct wp_password *kept)
{
	return kept->cost.memory_kib == 0 && kept->cost.passes == 0;
}

bool wp_password_cost_rest(const struct wp_password_cost *kept,
			   const struct wp_password_cost *way,
			   struct wp_password_cost *rest_out)
{
	uint64_t done = (uint64_t)kept->memory_kib * kept->passes;
	uint64_t whole = (uint64_t)way->memory_kib * way->passes;
	uint64_t rest = whole > done ? whole - done : 0;
	uint64_t passes;

	if (rest < REST_MIN_KIB)
		return false;
	passes = (rest + way->memory_kib - 1) / way->memory_kib;
	*rest_out = (struct wp_password_cost){
		.memory_kib = (uint32_t)(rest / passes),
		.passes = (uint32_t)passes,
	};
	return true;
}

/*
 * The hash was of a cost of before, and took less time than one for a name that
 * nobody has: the difference told who has an account (docs/decisions/0035).
 */
static enum wp_err make_up(const struct wp_password_cost *kept,
			   const struct wp_password_way *way, const char *text,
			   size_t len, struct wp_error *err)
{
	struct wp_password waste = { .cost = { 0 } };
	enum wp_err rc = WP_OK;

	if (wp_password_cost_rest(kept, &way->cost, &waste.cost))
		rc = hash(&waste, way, text, len, err);
	explicit_bzero(&waste, sizeof(waste));
	return rc;
}

enum wp_err wp_password_check(const struct wp_password *kept,
			      const struct wp_password_way *way,
			      const char *text, size_t len, bool *is_right_out,
			      struct wp_error *err)
{
	struct wp_password again = { .cost = way->cost };
	uint8_t nothing[WP_PASSWORD_TAG_LEN] = { 0 };
	bool is_same;
	enum wp_err rc;

	*is_right_out = false;
	if (kept != NULL && is_none(kept))
		kept = NULL;
	/* The salt of nobody is as good as any. */
	if (kept != NULL)
		again.cost = kept->cost;
	if (!is_sound(&again.cost))
		return wp_error_set(err, WP_ERR_INVAL,
				    "what is kept of a password is damaged");
	if (kept != NULL)
		memcpy(again.salt, kept->salt, sizeof(again.salt));
	rc = hash(&again, way, text, len, err);
	if (rc == WP_OK)
		rc = make_up(&again.cost, way, text, len, err);
	is_same = wp_equal_ct(again.tag, kept != NULL ? kept->tag : nothing,
			      sizeof(again.tag));
	*is_right_out = rc == WP_OK && is_same && kept != NULL;
	explicit_bzero(&again, sizeof(again));
	return rc;
}

bool wp_password_is_old(const struct wp_password *kept,
			const struct wp_password_way *way)
{
	return kept->cost.memory_kib != way->cost.memory_kib ||
	       kept->cost.passes != way->cost.passes;
}
