/*
 * credentials.h - what somebody writes who wants to come in: the bodies of all
 * endpoints of accounts.
 *
 * Passwords and codes are in here and nowhere else: they are wiped with it, and
 * the body that they were read from is wiped as soon as it was read.
 */
#ifndef WP_HANDLERS_ACCOUNTS_CREDENTIALS_H
#define WP_HANDLERS_ACCOUNTS_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/accounts/password_rules.h"

struct wp_call;

enum {
	WP_CREDENTIALS_BODY_MAX = 8192,
	WP_CREDENTIALS_TEXT_MAX = WP_PASSWORD_BYTES_MAX,
};

/* Members of a body; bits of a set. */
enum wp_credential {
	WP_C_USERNAME = 1 << 0,
	WP_C_PASSWORD = 1 << 1,
	WP_C_OLD_PASSWORD = 1 << 2,
	WP_C_NEW_PASSWORD = 1 << 3,
	WP_C_CODE = 1 << 4,
	WP_C_INVITE = 1 << 5,
	WP_C_DEVICE_ID = 1 << 6,
	WP_C_DEVICE_NAME = 1 << 7,
	WP_C_DEVICE_PROOF = 1 << 8,
	WP_C_REFRESH_IN = 1 << 9,
	WP_C_ROLE = 1 << 10,
	WP_C_STATE = 1 << 11,
	/*
	 * And no others: who orders something for somebody else is told what
	 * would not be done of it.
	 */
	WP_C_ONLY = 1 << 12,
};

/* A text of any bytes that are UTF-8, NUL among them; NULL: not given. */
struct wp_credential_text {
	char *data; /* with a NUL behind it */
	size_t len;
};

struct wp_credentials {
	struct wp_credential_text username;
	struct wp_credential_text password; /* oldPassword as well */
	struct wp_credential_text new_password;
	struct wp_credential_text code;
	struct wp_credential_text invite;
	struct wp_credential_text device_id; /* [A-Za-z0-9._-], 1 to 64 */
	struct wp_credential_text device_name;
	struct wp_credential_text device_proof;
	struct wp_credential_text refresh_in; /* "body" or "cookie" */
	struct wp_credential_text role;
	struct wp_credential_text state;
};

/*
 * Read the body of a call into memory of its arena. Members of neither set are
 * passed over, unless WP_C_ONLY is in one.
 *
 * needed, allowed:  sets of enum wp_credential
 * Returns:          false when call->resp holds the error, which quotes nothing
 */
bool wp_credentials_read(struct wp_call *call, unsigned int needed,
			 unsigned int allowed, struct wp_credentials *out);

/* Forget what is secret in there; may be done twice. */
void wp_credentials_wipe(struct wp_credentials *credentials);

#endif /* WP_HANDLERS_ACCOUNTS_CREDENTIALS_H */
