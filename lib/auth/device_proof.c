/*
 * device_proof.c - see device_proof.h.
 */
#include "lib/auth/device_proof.h"

#include <assert.h>
#include <string.h>

#include "lib/base/encode.h"

enum {
	/* account, time, device: all but the last are of one length */
	TIME_LEN = 8,
	TEXT_MAX = WP_DEVICE_ACCOUNT_LEN + TIME_LEN + WP_DEVICE_ID_MAX,
};

bool wp_device_id_ok(const char *text, size_t len)
{
	static const char marks[] = "._-";

	if (len == 0 || len > WP_DEVICE_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') ||
		      memchr(marks, c, sizeof(marks) - 1) != NULL))
			return false;
	}
	return true;
}

static size_t write_text(const struct wp_device *device, uint8_t out[TEXT_MAX])
{
	uint8_t *to = out;
	size_t id_len = strlen(device->id);

	assert(id_len <= WP_DEVICE_ID_MAX);
	memcpy(to, device->account, WP_DEVICE_ACCOUNT_LEN);
	to += WP_DEVICE_ACCOUNT_LEN;
	for (int i = 0; i < TIME_LEN; i++)
		*to++ = (uint8_t)((uint64_t)device->changed_s >> (56 - 8 * i));
	memcpy(to, device->id, id_len);
	return (size_t)(to - out) + id_len;
}

void wp_device_proof_write(const struct wp_own_key *key,
			   const struct wp_device *device,
			   char out[WP_DEVICE_PROOF_LEN + 1])
{
	uint8_t text[TEXT_MAX];
	uint8_t mac[WP_OWN_MAC_LEN];

	wp_own_mac(key, text, write_text(device, text), mac);
	out[wp_base64url_encode(mac, sizeof(mac), out)] = '\0';
}

bool wp_device_proof_is(const struct wp_own_key *key,
			const struct wp_device *device, const char *text,
			size_t len)
{
	uint8_t want[TEXT_MAX];
	uint8_t mac[WP_DEVICE_PROOF_LEN]; /* decoding never grows */
	size_t n = 0;

	return len == WP_DEVICE_PROOF_LEN &&
	       wp_base64url_decode(text, len, mac, &n) && n == WP_OWN_MAC_LEN &&
	       wp_own_mac_is(key, want, write_text(device, want), mac);
}
