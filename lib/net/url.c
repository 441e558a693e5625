/* url.c - URLs taken apart by libcurl. */
#include "lib/net/url.h"

#include <string.h>

#include <curl/curl.h>

/* As every URL is (RFC 3986 section 2). */
static bool is_visible(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '\\')
			return false;
	return true;
}

/*
 * libcurl takes one to three slashes for the two that belong there (RFC 3986
 * section 3.2).
 */
static bool has_authority(const char *text)
{
	const char *rest = strstr(text, "://");

	return rest != NULL && rest[3] != '/' &&
	       ((size_t)(rest - text) == strcspn(text, "/:"));
}

static bool has(CURLU *parts, CURLUPart what)
{
	char *text = NULL;
	bool is_there = curl_url_get(parts, what, &text, 0) == CURLUE_OK;

	curl_free(text);
	return is_there;
}

bool wp_url_look(const char *text, struct wp_url_look *out)
{
	CURLU *parts = NULL;
	char *scheme = NULL;
	bool is_good;

	if (!is_visible(text) || !has_authority(text))
		return false;
	parts = curl_url();
	is_good = parts != NULL &&
		  curl_url_set(parts, CURLUPART_URL, text,
			       CURLU_NON_SUPPORT_SCHEME |
				       CURLU_DISALLOW_USER) == CURLUE_OK &&
		  curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) ==
			  CURLUE_OK &&
		  (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
	if (is_good && out != NULL)
		*out = (struct wp_url_look){
			.has_query = has(parts, CURLUPART_QUERY),
			.has_fragment = has(parts, CURLUPART_FRAGMENT),
		};
	curl_free(scheme);
	curl_url_cleanup(parts);
	return is_good;
}
