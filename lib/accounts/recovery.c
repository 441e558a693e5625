/*
 * recovery.c - codes that are typed by hand.
 */
#include "lib/accounts/recovery.h"

#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/random.h"

enum { DIGIT_BITS = 5, DIGITS = 1 << DIGIT_BITS };

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

void wp_recovery_make(char code[WP_RECOVERY_CODE_LEN + 1],
		      uint8_t hash[WP_RECOVERY_HASH_LEN])
{
	uint8_t random[WP_RECOVERY_CODE_LEN];

	_Static_assert(WP_RECOVERY_CODE_LEN * DIGIT_BITS >= 128, "128 bits");
	_Static_assert((int)WP_RECOVERY_HASH_LEN == (int)WP_SHA256_LEN,
		       "one digest");
	wp_random_bytes(random, sizeof(random));
	for (size_t i = 0; i < WP_RECOVERY_CODE_LEN; i++)
		code[i] = alphabet[random[i] % DIGITS];
	code[WP_RECOVERY_CODE_LEN] = '\0';
	explicit_bzero(random, sizeof(random));
	wp_sha256(code, WP_RECOVERY_CODE_LEN, hash);
}

enum wp_err wp_recovery_hash(const char *text, size_t len,
			     uint8_t hash[WP_RECOVERY_HASH_LEN])
{
	char code[WP_RECOVERY_CODE_LEN];
	size_t n = 0;
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < len && rc == WP_OK; i++) {
		char c = text[i];

		if (c == ' ' || c == '-')
			continue;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '\0' || strchr(alphabet, c) == NULL ||
		    n == WP_RECOVERY_CODE_LEN)
			rc = WP_ERR_INVAL;
		else
			code[n++] = c;
	}
	if (n != WP_RECOVERY_CODE_LEN)
		rc = WP_ERR_INVAL;
	if (rc == WP_OK)
		wp_sha256(code, n, hash);
	explicit_bzero(code, sizeof(code));
	return rc;
}
