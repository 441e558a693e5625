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
			.is_https = strcmp(scheme, "https") == 0,
			.has_query = has(parts, CURLUPART_QUERY),
			.has_fragment = has(parts, CURLUPART_FRAGMENT),
		};
	curl_free(scheme);
	curl_url_cleanup(parts);
	return is_good;
}

/* ---- of a server of mail ---- */

/* A part, for curl_free(); NULL when it is not there. */
static char *part_of(CURLU *url, CURLUPart what)
{
	char *text = NULL;

	return curl_url_get(url, what, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool is_here(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 &&
		strspn(host, "0123456789.") == strlen(host));
}

bool wp_url_mail(const char *text, struct wp_url_mail *out)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL;
	bool is_good = false;

	*out = (struct wp_url_mail){ .is_tls = false };
	/* libcurl takes fewer slashes, and any character. */
	if (url == NULL ||
	    (strncmp(text, "smtp://", 7) != 0 &&
	     strncmp(text, "smtps://", 8) != 0) ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789.:/[]_-") != strlen(text) ||
	    curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) !=
		    CURLUE_OK)
		goto out;
	scheme = part_of(url, CURLUPART_SCHEME);
	host = part_of(url, CURLUPART_HOST);
	is_good = scheme != NULL && host != NULL;
	if (is_good) {
		out->is_tls = strcmp(scheme, "smtps") == 0;
		out->is_loopback = is_here(host);
	}
out:
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(url);
	return is_good;
}
