/*
 * issue.c - which key signs now, and a token signed with it.
 *
 * The PEM is read for each token: 0.4 ms, for one token in ten minutes of a
 * client.
 */
#include "lib/auth/issue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/jwt_sign.h"
#include "lib/auth/signing.h"
#include "lib/auth/signing_key.h"
#include "lib/base/random.h"
#include "lib/sys/folder.h"

enum { JTI_BYTES = 16, PEM_MAX = 16384, NEVER = -1 };

struct wp_signer {
	struct wp_signer_conf conf;
	int64_t looked_s;          /* NEVER: not yet */
	struct wp_signing_key key; /* whose PEM is here; created_s 0: none */
	enum wp_sign_alg alg;
	struct wp_buf pem;
	/* What the last look said, for those who come within its second. */
	struct wp_error problem;
};

struct wp_signer *wp_signer_new(const struct wp_signer_conf *conf)
{
	struct wp_signer *signer = calloc(1, sizeof(*signer));

	if (signer == NULL)
		return NULL;
	signer->conf = *conf;
	signer->looked_s = NEVER;
	wp_buf_init(&signer->pem, 0);
	return signer;
}

static void forget_key(struct wp_signer *signer)
{
	wp_signing_forget(&signer->pem);
	wp_buf_init(&signer->pem, 0);
	memset(&signer->key, 0, sizeof(signer->key));
}

void wp_signer_free(struct wp_signer **signer)
{
	if (signer == NULL || *signer == NULL)
		return;
	wp_signing_forget(&(*signer)->pem);
	free(*signer);
	*signer = NULL;
}

/* ---- the key ---- */

static enum wp_err read_key(struct wp_signer *signer,
			    const struct wp_folder *folder,
			    const struct wp_signing_key *key,
			    struct wp_error *err)
{
	char name[WP_SIGNING_NAME_MAX];
	const struct wp_folder_read what = {
		.name = name,
		.max_bytes = PEM_MAX,
		.is_secret = true,
	};
	struct wp_signing_public about;
	enum wp_err rc;

	wp_signing_name(key, name);
	forget_key(signer);
	/* It never moves while it is read, so no copy of it stays behind. */
	if (wp_buf_reserve(&signer->pem, PEM_MAX + BUFSIZ) == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_folder_read(folder, &what, &signer->pem, err);
	if (rc == WP_OK)
		rc = wp_signing_open(signer->pem.data, signer->pem.len, &about,
				     NULL, err);
	if (rc == WP_OK && strcmp(about.kid, key->kid) != 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "its kid is not that of its name");
	if (rc != WP_OK) {
		struct wp_error why = *err;

		forget_key(signer);
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "signing key %s: %.150s", name, why.msg);
	}
	signer->key = *key;
	signer->alg = about.alg;
	return WP_OK;
}

static enum wp_err look(struct wp_signer *signer, int64_t now_s,
			struct wp_error *err)
{
	struct wp_folder folder = WP_FOLDER_NONE;
	const struct wp_signing_key *key;
	struct wp_signing_ring ring;
	enum wp_err rc;
	size_t i;

	rc = wp_folder_open(&folder, signer->conf.key_dir, err);
	if (rc == WP_OK)
		rc = wp_signing_read(&ring, folder.fd, err);
	if (rc != WP_OK) {
		err->code = rc = WP_ERR_UNAVAIL;
		goto out;
	}
	i = wp_signing_current(&ring, now_s);
	if (i == ring.n) {
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "there is no signing key in auth.key_dir");
		goto out;
	}
	key = &ring.keys[i];
	if (signer->key.created_s != key->created_s ||
	    strcmp(signer->key.kid, key->kid) != 0)
		rc = read_key(signer, &folder, key, err);
out:
	wp_folder_close(&folder);
	if (rc != WP_OK)
		forget_key(signer);
	return rc;
}

enum wp_err wp_signer_look(struct wp_signer *signer, int64_t now_s,
			   struct wp_error *err)
{
	struct wp_error why = { .code = WP_OK };

	if (signer->looked_s != now_s) {
		signer->looked_s = now_s;
		(void)look(signer, now_s, &why);
		signer->problem = why;
	}
	if (signer->problem.code == WP_OK)
		return WP_OK;
	return wp_error_set(err, signer->problem.code, "%s",
			    signer->problem.msg);
}

/* ---- the token ---- */

static void add_text(struct wp_buf *out, const char *name, const char *text)
{
	wp_buf_printf(out, "\"%s\":", name);
	wp_buf_add_json(out, text, strlen(text));
	wp_buf_add_char(out, ',');
}

static void add_claims(const struct wp_signer *signer, int64_t now_s,
		       const struct wp_issue *what, struct wp_buf *out)
{
	char id[2 * JTI_BYTES + 1];

	wp_random_hex(id, JTI_BYTES);
	wp_buf_add_char(out, '{');
	add_text(out, "iss", signer->conf.name);
	add_text(out, "sub", what->user->text);
	add_text(out, "jti", id);
	add_text(out, "sid", what->session);
	add_text(out, "device_id", what->device);
	wp_buf_printf(out,
		      "\"aud\":[\"waypost\"],\"iat\":%" PRId64
		      ",\"exp\":%" PRId64 ",\"gen\":%" PRIu32 "}",
		      now_s, now_s + signer->conf.lifetime_s, what->generation);
}

enum wp_err wp_signer_sign(struct wp_signer *signer, int64_t now_s,
			   const struct wp_issue *what, struct wp_buf *out,
			   struct wp_error *err)
{
	enum wp_err rc = wp_signer_look(signer, now_s, err);
	struct wp_jwt_sign sign;
	struct wp_buf claims;

	if (rc != WP_OK)
		return rc;
	wp_buf_init(&claims, 0);
	add_claims(signer, now_s, what, &claims);
	sign = (struct wp_jwt_sign){
		.alg = signer->alg,
		.pem = signer->pem.data,
		.pem_len = signer->pem.len,
		.kid = signer->key.kid,
		.claims = claims.data,
	};
	if (claims.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		rc = wp_jwt_sign(&sign, out, err);
	wp_buf_release(&claims);
	return rc;
}
