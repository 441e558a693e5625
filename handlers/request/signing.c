/*
 * signing.c - see signing.h.
 */
#include "handlers/request/signing.h"

#include "lib/auth/device_proof.h"
#include "lib/auth/refresh_token.h"

enum wp_err wp_sessions_init(struct wp_sessions *sessions,
			     const struct wp_conf *conf, struct wp_error *err)
{
	const struct wp_signer_conf signer = {
		.key_dir = conf->auth.key_dir,
		.name = conf->accounts.issuer,
		.lifetime_s = conf->accounts.access_token_seconds,
	};

	*sessions = (struct wp_sessions){ .is_on = conf->accounts.enabled };
	wp_buf_init(&sessions->published, 0);
	if (!sessions->is_on)
		return WP_OK;
	wp_own_key_make(&sessions->refresh_key, conf->auth.store_secret,
			WP_REFRESH_TOKEN_PURPOSE);
	wp_own_key_make(&sessions->proof_key, conf->auth.store_secret,
			WP_DEVICE_PROOF_PURPOSE);
	wp_own_key_make(&sessions->mark_key, conf->auth.store_secret,
			WP_ACCOUNT_MARK_PURPOSE);
	sessions->signer = wp_signer_new(&signer);
	if (sessions->signer == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

void wp_sessions_release(struct wp_sessions *sessions)
{
	wp_own_key_forget(&sessions->refresh_key);
	wp_own_key_forget(&sessions->proof_key);
	wp_own_key_forget(&sessions->mark_key);
	wp_signer_free(&sessions->signer);
	wp_buf_release(&sessions->published);
}
