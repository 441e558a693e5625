/* credentials.c - see credentials.h. */
#include "notifier/provider/credentials.h"

#include "lib/auth/signing_key.h"
#include "lib/sys/secret_file.h"

enum { KEY_FILE_MAX = 4096 /* one has 257 bytes */ };

static enum wp_err unfit(const struct wp_push_app *app, enum wp_err rc,
			 const char *why, struct wp_error *err)
{
	const char *option =
		app->kind == WP_PUSH_FCM ? "credentials_file" : "key_file";

	return wp_error_set(err, rc, "push.apps: %s of %.60s: %.150s", option,
			    app->name, why);
}

enum wp_err wp_credentials_fcm(const struct wp_push_app *app,
			       struct wp_google_account *out,
			       struct wp_error *err)
{
	const struct wp_secret_file file = {
		.path = app->credentials_file,
		.max_bytes = WP_GOOGLE_FILE_MAX,
		.most = "16 KiB",
	};
	struct wp_error why = { .msg = "" };
	struct wp_buf text;
	enum wp_err rc;

	*out = (struct wp_google_account){ .email = "" };
	wp_buf_init(&text, 0);
	text.is_secret = true;
	rc = wp_secret_file_read(&file, &text, NULL, &why);
	if (rc == WP_OK)
		rc = wp_google_account_read(out, text.data, text.len,
					    app->base != NULL, &why);
	wp_buf_release(&text);
	return rc == WP_OK ? WP_OK : unfit(app, rc, why.msg, err);
}

enum wp_err wp_credentials_apns(const struct wp_push_app *app,
				struct wp_buf *out, struct wp_error *err)
{
	const struct wp_secret_file file = {
		.path = app->key_file,
		.max_bytes = KEY_FILE_MAX,
		.most = "4 KiB",
	};
	struct wp_signing_public about;
	struct wp_error why = { .msg = "" };
	enum wp_err rc = wp_secret_file_read(&file, out, NULL, &why);

	if (rc == WP_OK)
		rc = wp_signing_open(out->data, out->len, &about, NULL, &why);
	if (rc == WP_OK && about.alg != WP_SIGN_ES256)
		rc = wp_error_set(&why, WP_ERR_INVAL,
				  "it is no private key on P-256");
	return rc == WP_OK ? WP_OK : unfit(app, rc, why.msg, err);
}

static enum wp_err check_one(const struct wp_push_app *app,
			     struct wp_error *err)
{
	struct wp_google_account account;
	struct wp_buf pem;
	enum wp_err rc;

	if (app->kind == WP_PUSH_FCM) {
		rc = wp_credentials_fcm(app, &account, err);
		wp_google_account_release(&account);
		return rc;
	}
	wp_buf_init(&pem, 0);
	pem.is_secret = true;
	rc = wp_credentials_apns(app, &pem, err);
	wp_buf_release(&pem);
	return rc;
}

enum wp_err wp_credentials_check(const struct wp_conf *conf,
				 struct wp_error *err)
{
	struct wp_push_apps *apps = NULL;
	enum wp_err rc = wp_push_apps_new(&apps, conf, err);

	for (size_t i = 0; rc == WP_OK && i < apps->n; i++)
		rc = check_one(&apps->items[i], err);
	wp_push_apps_free(&apps);
	return rc;
}
