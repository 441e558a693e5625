/*
 * refresh_token.c - see refresh_token.h. Numbers lie there with the highest
 * byte first.
 */
#include "lib/auth/refresh_token.h"

#include <string.h>

#include "lib/base/encode.h"

#define PREFIX "wpr_"

enum {
	PREFIX_LEN = sizeof(PREFIX) - 1,
	PARTITION_AT = 0,
	SESSION_AT = 2,
	GENERATION_AT = SESSION_AT + WP_REFRESH_SESSION_LEN,
	MAC_AT = GENERATION_AT + 4,
	BYTES = MAC_AT + WP_OWN_MAC_LEN,
};

_Static_assert(PREFIX_LEN + (BYTES * 4 + 2) / 3 == WP_REFRESH_TOKEN_LEN,
	       "its length");

void wp_refresh_token_write(const struct wp_own_key *key,
			    const struct wp_refresh_token *token,
			    char out[WP_REFRESH_TOKEN_LEN + 1])
{
	uint8_t bytes[BYTES];

	bytes[PARTITION_AT] = (uint8_t)(token->partition >> 8);
	bytes[PARTITION_AT + 1] = (uint8_t)token->partition;
	memcpy(bytes + SESSION_AT, token->session, sizeof(token->session));
	for (int i = 0; i < 4; i++)
		bytes[GENERATION_AT + i] =
			(uint8_t)(token->generation >> (24 - 8 * i));
	wp_own_mac(key, bytes, MAC_AT, bytes + MAC_AT);
	memcpy(out, PREFIX, PREFIX_LEN);
	out[PREFIX_LEN +
	    wp_base64url_encode(bytes, sizeof(bytes), out + PREFIX_LEN)] = '\0';
}

enum wp_err wp_refresh_token_read(const struct wp_own_key *key,
				  const char *text, size_t len,
				  struct wp_refresh_token *out)
{
	uint8_t bytes[WP_REFRESH_TOKEN_LEN]; /* decoding never grows */
	size_t n = 0;

	if (len != WP_REFRESH_TOKEN_LEN ||
	    memcmp(text, PREFIX, PREFIX_LEN) != 0 ||
	    !wp_base64url_decode(text + PREFIX_LEN, len - PREFIX_LEN, bytes,
				 &n) ||
	    n != BYTES || !wp_own_mac_is(key, bytes, MAC_AT, bytes + MAC_AT))
		return WP_ERR_DENIED;
	out->partition =
		(uint16_t)(bytes[PARTITION_AT] << 8 | bytes[PARTITION_AT + 1]);
	memcpy(out->session, bytes + SESSION_AT, sizeof(out->session));
	out->generation = 0;
	for (int i = 0; i < 4; i++)
		out->generation =
			out->generation << 8 | bytes[GENERATION_AT + i];
	return WP_OK;
}
