/*
 * device_proof.h - proof that a device has logged in before: whoever has it is
 * counted apart from strangers who guess the password (docs/architecture.md
 * "Logins"; OWASP "device cookies").
 *
 * It is good for one account and device, until the password is changed. It lets
 * nobody in.
 */
#ifndef WP_LIB_AUTH_DEVICE_PROOF_H
#define WP_LIB_AUTH_DEVICE_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/own_key.h"

/* For wp_own_key_make(). */
#define WP_DEVICE_PROOF_PURPOSE "device proof, version 1"

enum {
	WP_DEVICE_PROOF_LEN = 22, /* characters: base64url of 16 bytes */
	WP_DEVICE_ACCOUNT_LEN = 16,
	WP_DEVICE_ID_MAX = 64, /* bytes */
};

struct wp_device {
	const uint8_t *account; /* WP_DEVICE_ACCOUNT_LEN bytes: its id */
	const char *id;         /* of the device, at most WP_DEVICE_ID_MAX */
	int64_t changed_s;      /* when the password was changed */
};

/* May a device be called so? 1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-". */
bool wp_device_id_ok(const char *text, size_t len);

/* Write it and a NUL. */
void wp_device_proof_write(const struct wp_own_key *key,
			   const struct wp_device *device,
			   char out[WP_DEVICE_PROOF_LEN + 1]);

/* Is that the proof? In constant time, but for what cannot be one. */
bool wp_device_proof_is(const struct wp_own_key *key,
			const struct wp_device *device, const char *text,
			size_t len);

#endif /* WP_LIB_AUTH_DEVICE_PROOF_H */
