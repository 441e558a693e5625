/* A refresh token from a stranger: what is read is what we wrote. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/refresh_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct wp_own_key *key, const char *text, size_t len)
{
	char again[WP_REFRESH_TOKEN_LEN + 1];
	struct wp_refresh_token token;

	if (wp_refresh_token_read(key, text, len, &token) != WP_OK)
		return;
	wp_refresh_token_write(key, &token, again);
	if (len != WP_REFRESH_TOKEN_LEN || memcmp(again, text, len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* to the byte, for the sanitizer */
	struct wp_refresh_token token;
	char sound[WP_REFRESH_TOKEN_LEN + 1];
	static struct wp_own_key key;
	static bool has_key;
	size_t at;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	if (!has_key)
		wp_own_key_make(&key, "a secret for nothing but fuzzing",
				WP_REFRESH_TOKEN_PURPOSE);
	has_key = true;
	judge(&key, text, size);
	/* A sound one, with what comes in the place of a part of it. */
	memset(&token, 0, sizeof(token));
	memcpy(token.session, data,
	       size < sizeof(token.session) ? size : sizeof(token.session));
	wp_refresh_token_write(&key, &token, sound);
	judge(&key, sound, WP_REFRESH_TOKEN_LEN);
	at = size == 0 ? 0 : data[0] % WP_REFRESH_TOKEN_LEN;
	for (size_t i = 1; i < size && at < WP_REFRESH_TOKEN_LEN; i++)
		sound[at++] = text[i];
	judge(&key, sound, WP_REFRESH_TOKEN_LEN);
	free(text);
	return 0;
}
