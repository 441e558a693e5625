/* auth.issuers, an element to a line: taken apart soundly, or a sentence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/sys/issuers.h"

enum { LINES_MAX = WP_ISSUERS_MAX + 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int claim)
{
	if (!claim)
		abort();
}

static void check_one(const struct wp_issuer *one, enum wp_run_mode mode)
{
	need(wp_issuer_url_fault(one->text, mode) == NULL);
	need(one->jwks_url == NULL ||
	     wp_issuer_url_fault(one->jwks_url, mode) == NULL);
	need(one->audience == NULL || one->audience[0] != '\0');
	need(one->ns[0] != '\0' && strchr(one->ns, ':') == NULL);
	need(one->claims.n >= 1 && one->claims.n <= WP_ISSUER_CLAIMS_MAX);
	if (mode == WP_RUN_PRODUCTION)
		need(strncmp(one->text, "https://", 8) == 0);
}

/* Two that may name one caller would read each other's mailboxes. */
static void check_all(const struct wp_issuers *issuers, enum wp_run_mode mode)
{
	need(issuers->n <= WP_ISSUERS_MAX);
	for (size_t i = 0; i < issuers->n; i++) {
		const struct wp_issuer *one = &issuers->items[i];

		check_one(one, mode);
		need(!one->has_any_urn || issuers->n == 1);
		for (size_t k = 0; k < i; k++)
			need(strcmp(one->text, issuers->items[k].text) != 0 &&
			     strcmp(one->ns, issuers->items[k].ns) != 0);
	}
}

static void check(char **lines, size_t n, enum wp_run_mode mode)
{
	static const char head[] = "auth.issuers: ";
	static char sub[] = "sub", empty[] = "";
	static char *claims[] = { sub, NULL };
	struct wp_issuers *issuers = NULL;
	struct wp_conf conf = { .run_mode = mode };
	struct wp_error err = { 0 };
	enum wp_err rc;

	conf.auth.issuer = empty;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 1;
	conf.auth.issuers.items = lines;
	conf.auth.issuers.n = n;
	rc = wp_issuers_new(&issuers, &conf, &err);
	if (rc == WP_OK)
		check_all(issuers, mode);
	else
		need(rc == WP_ERR_INVAL &&
		     strncmp(err.msg, head, sizeof(head) - 1) == 0);
	wp_issuers_free(&issuers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *lines[LINES_MAX + 1] = { 0 };
	char *rest = text;
	size_t n = 0;

	need(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	while (rest != NULL && n < LINES_MAX)
		lines[n++] = strsep(&rest, "\n");
	check(lines, n, WP_RUN_LOCAL);
	check(lines, n, WP_RUN_PRODUCTION);
	free(text);
	return 0;
}
